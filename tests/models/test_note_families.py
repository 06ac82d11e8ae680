"""What holds for every feature set that is computed from notes alone."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.windows import chords, line, window, windows

from models.features import FeatureSet, Window, feature_set
from models.notes import DRUM_CHANNEL, NOTE_DTYPE

NAMES = ("tonal", "rhythm", "velocity", "register")


@pytest.fixture(params=NAMES)
def family(request: pytest.FixtureRequest) -> FeatureSet:
    return feature_set(request.param)


def test_a_set_goes_by_the_name_it_is_asked_for(family: FeatureSet) -> None:
    assert family is feature_set(family.name)
    assert family.name in NAMES


def test_asking_for_a_set_loads_no_other() -> None:
    asked = "import sys; from models.features import feature_set; feature_set('velocity'); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout.split()
    assert "models.features.velocity" in loaded
    assert not {"models.features.tonal", "models.features.rhythm", "models.features.notes22"} & set(loaded)


def test_names_are_unique_and_every_feature_has_a_unit_and_a_range(family: FeatureSet) -> None:
    assert len(set(family.names)) == len(family.names)
    assert all(feature.unit and feature.low < feature.high for feature in family.features)


@settings(max_examples=60)
@given(heard=windows())
def test_every_feature_is_a_number_in_the_range_it_gives(heard: Window) -> None:
    for family in map(feature_set, NAMES):
        computed = family.compute(heard)
        assert computed.dtype == np.float32
        assert computed.shape == (len(family.features),)
        for feature, value in zip(family.features, computed, strict=True):
            assert np.isfinite(value), feature.name
            assert feature.low - 1e-4 <= value <= feature.high + 1e-4, (feature.name, value)
        assert computed.any()


@settings(max_examples=30)
@given(several=st.lists(windows(), min_size=2, max_size=4))
def test_a_window_is_the_same_whatever_windows_it_is_computed_with(several: list[Window]) -> None:
    alike = [Window(one.notes, one.end_s, 20.0) for one in several]
    several += [*alike, Window(several[0].notes[:1], 30.0, 10.0), *alike]
    for family in map(feature_set, NAMES):
        together = family.compute_all(several)
        assert together.tobytes() == np.stack([family.compute(alone) for alone in several]).tobytes(), family.name


@pytest.mark.parametrize(
    "given_window",
    [
        window([(0.0, 0.0, 60, 1, 0), (0.0, 0.0, 60, 1, 0)], 0.0),
        window([(5.0, 5.0, 60, 0, 0), (5.0, 5.0, 60, 0, 0)], 5.0),
        window([(0.0, 30.0, 0, 127, 0), (0.0, 30.0, 127, 127, 0)], 30.0, 8.0),
        window([(n / 200, 1.0, 60 + n % 2, n % 128, 0) for n in range(200)], 1.0),
        window([(20.0, 20.0, pitch, 64, 0) for pitch in range(128)], 20.0),
        window([*line([60, 64], 0.2), *[(n / 10, n / 10, 36, 90, DRUM_CHANNEL) for n in range(100)]], 10.0),
    ],
    ids=["the stream's first moment", "no time, no velocity", "held", "dense", "everything at the end", "drums"],
)
def test_odd_windows_give_numbers_in_range(family: FeatureSet, given_window: Window) -> None:
    for feature, value in zip(family.features, family.compute(given_window), strict=True):
        assert feature.low - 1e-4 <= value <= feature.high + 1e-4, (feature.name, value)


@settings(max_examples=60)
@given(windows(), st.integers(0, 36_000))
def test_when_the_window_lies_in_the_stream_does_not_matter(heard: Window, later_tenths: int) -> None:
    moved = heard.notes.copy()
    moved["onset_s"] += later_tenths / 10
    moved["offset_s"] += later_tenths / 10
    later = Window(moved, heard.end_s + later_tenths / 10, heard.length_s)
    for family in map(feature_set, NAMES):
        np.testing.assert_allclose(family.compute(later), family.compute(heard), atol=1e-4, err_msg=family.name)


@given(windows(), st.integers(0, 1))
def test_fewer_than_two_pitched_notes_are_the_mask(heard: Window, kept: int) -> None:
    pitched = np.flatnonzero(heard.notes["channel"] != DRUM_CHANNEL)
    few = Window(np.delete(heard.notes, pitched[kept:]), heard.end_s, heard.length_s)
    for family in map(feature_set, NAMES):
        assert not family.compute(few).any()
        assert len(family.compute(few)) == len(family.features)


def test_no_notes_are_the_mask(family: FeatureSet) -> None:
    assert not family.compute(Window(np.zeros(0, NOTE_DTYPE), 30.0, 10.0)).any()


@given(windows(channels=(0, 3)), st.integers(1, 20))
def test_drums_count_for_rhythm_alone(heard: Window, strokes: int) -> None:
    beats = np.zeros(strokes, NOTE_DTYPE)
    beats["onset_s"] = heard.end_s - np.linspace(3.0, 0.5, strokes)
    beats["offset_s"] = heard.end_s
    beats["pitch"], beats["velocity"], beats["channel"] = 36, 127, DRUM_CHANNEL
    together = np.concatenate([heard.notes, beats])
    both = Window(together[np.argsort(together["onset_s"], kind="stable")], heard.end_s, heard.length_s)
    for name in ("tonal", "velocity", "register"):
        np.testing.assert_array_equal(feature_set(name).compute(both), feature_set(name).compute(heard))
    note_rate = feature_set("rhythm").names.index("note_rate")
    assert feature_set("rhythm").compute(both)[note_rate] > feature_set("rhythm").compute(heard)[note_rate]


def test_what_sounded_before_the_window_began_does_not_matter(family: FeatureSet) -> None:
    """Two notes are held into the window; whether they began just before it or long before is not heard."""
    inside = [(20.0 + n / 2, 20.4 + n / 2, 64 + n, 80, 0) for n in range(10)]
    held = [[(onset, 22.0, 48, 70, 0), (onset, 23.0, 55, 70, 0)] for onset in (19.9, 3.0)]
    late, early = (window(inside + notes, 26.0, 8.0) for notes in held)
    just_before, long_before = (family.compute(Window(w.notes, 28.0, 8.0)) for w in (late, early))
    np.testing.assert_array_equal(just_before, long_before)


def test_the_notes_given_stay_as_they_are(family: FeatureSet) -> None:
    given_window = window(chords([[60, 64, 67], [55, 62, 71]]), 2.0)
    before = given_window.notes.copy()
    family.compute(given_window)
    np.testing.assert_array_equal(given_window.notes, before)
