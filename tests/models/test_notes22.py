"""The twenty-two features: against numbers computed another way, and what must hold for any window."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from models.errors import UsageError
from models.features import Window, feature_set
from models.features.notes22 import NOTES22, PITCH_CLASSES
from models.notes import DRUM_CHANNEL, NOTE_DTYPE

#: Hand-made windows and their features. ``notes22_by_hand.py`` beside it computed them: exact fractions straight from
#: the definition, ``statistics.pstdev`` for spreads, the tempo as the window was written to have it. It shares no code
#: with the package.
REFERENCE: list[dict[str, Any]] = json.loads((Path(__file__).parent / "reference" / "notes22.json").read_text())

INDEX = {name: number for number, name in enumerate(NOTES22.names)}
CLASSES = slice(INDEX["pitch_class_c"], INDEX["pitch_class_b"] + 1)
#: What only notes with a pitch have a say in.
TONAL = [n for name, n in INDEX.items() if name not in ("tempo", "note_density")]


def window(rows: list[tuple[float, float, int, int, int]], end_s: float, length_s: float = 10.0, **more: Any) -> Window:
    notes = np.array([tuple(row) for row in rows], NOTE_DTYPE)
    return Window(notes[np.lexsort((notes["pitch"], notes["onset_s"]))], end_s, length_s, **more)


@st.composite
def windows(draw: st.DrawFn, *, channels: tuple[int, ...] = (0, 1, 9), low: int = 0, high: int = 127) -> Window:
    """Notes that sound in the ten seconds before some moment after the tenth, on a grid of 1/64 s."""
    end = draw(st.integers(640, 6400))
    rows = []
    for _ in range(draw(st.integers(0, 25))):
        onset = draw(st.integers(max(end - 900, 0), end))
        offset = draw(st.integers(max(onset, end - 639), end))
        pitch = draw(st.integers(low, high))
        rows.append((onset / 64, offset / 64, pitch, draw(st.integers(1, 127)), draw(st.sampled_from(channels))))
    return window(rows, end / 64)


def is_heard(given_window: Window) -> bool:
    return np.count_nonzero(given_window.notes["channel"] != DRUM_CHANNEL) >= 2


def test_the_features_are_those_of_the_study_in_its_order() -> None:
    classes = [f"pitch_class_{name}" for name in PITCH_CLASSES]
    assert list(NOTES22.names) == [
        *("pitch_mean", "pitch_std", "duration_mean", "duration_std", "velocity_mean", "velocity_std", "tempo"),
        *classes,
        *("note_density", "interval_mean", "interval_std"),
    ]
    assert (classes[0], classes[9], classes[11]) == ("pitch_class_c", "pitch_class_a", "pitch_class_b")
    assert len(NOTES22.names) == 22
    assert feature_set("notes22") is NOTES22


def test_an_unknown_feature_set_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match=r"^unknown feature set 'notes23'; this version knows .*notes22"):
        feature_set("notes23")


@pytest.mark.parametrize("case", REFERENCE, ids=lambda case: case["name"])
def test_features_are_those_computed_by_hand(case: dict[str, Any]) -> None:
    computed = NOTES22.compute(window(case["notes"], case["end_s"], case["length_s"]))
    expected = np.array(case["expected"])
    assert computed.dtype == np.float32
    assert computed.shape == (22,)
    # The tempo is found on a grid whose steps are one per cent.
    tempo = INDEX["tempo"]
    assert computed[tempo] == pytest.approx(expected[tempo], rel=0.03)
    np.testing.assert_allclose(np.delete(computed, tempo), np.delete(expected, tempo), rtol=1e-6, atol=1e-6)


def test_an_exact_tempo_overrides_the_estimated_one() -> None:
    rows = [tuple(row) for row in REFERENCE[0]["notes"]]
    estimated = NOTES22.compute(window(rows, 20.0))
    exact = NOTES22.compute(window(rows, 20.0, tempo_bpm=97.5))
    assert exact[INDEX["tempo"]] == np.float32(97.5)
    np.testing.assert_array_equal(np.delete(exact, INDEX["tempo"]), np.delete(estimated, INDEX["tempo"]))


@given(windows(low=24, high=96), st.integers(-24, 24))
def test_transposition_moves_the_mean_pitch_and_turns_the_pitch_classes(heard: Window, semitones: int) -> None:
    assume(is_heard(heard))
    moved = heard.notes.copy()
    moved["pitch"] += semitones
    before = NOTES22.compute(heard)
    after = NOTES22.compute(Window(moved, heard.end_s, heard.length_s))
    assert after[0] == pytest.approx(before[0] + semitones, abs=1e-4)
    np.testing.assert_allclose(after[CLASSES], np.roll(before[CLASSES], semitones), atol=1e-6)
    rest = [n for n in range(22) if n != INDEX["pitch_mean"] and not CLASSES.start <= n < CLASSES.stop]
    np.testing.assert_allclose(after[rest], before[rest], rtol=1e-5, atol=1e-5)


@given(windows(), st.integers(0, 3600))
def test_when_the_window_lies_in_the_stream_does_not_matter(heard: Window, later_s: int) -> None:
    moved = heard.notes.copy()
    moved["onset_s"] += later_s
    moved["offset_s"] += later_s
    np.testing.assert_array_equal(
        NOTES22.compute(Window(moved, heard.end_s + later_s, heard.length_s)), NOTES22.compute(heard)
    )


@given(windows())
def test_pitch_classes_are_shares(heard: Window) -> None:
    shares = NOTES22.compute(heard)[CLASSES]
    assert shares.sum() == pytest.approx(1.0 if is_heard(heard) else 0.0, abs=1e-5)


@given(windows(channels=(0, 3)), windows(channels=(9,)))
def test_drums_count_for_tempo_and_density_alone(heard: Window, drums: Window) -> None:
    assume(is_heard(heard))
    beats = drums.notes.copy()
    beats["onset_s"] += heard.end_s - drums.end_s
    beats["offset_s"] += heard.end_s - drums.end_s
    together = np.concatenate([heard.notes, beats])
    together = together[np.lexsort((together["pitch"], together["onset_s"]))]
    without = NOTES22.compute(heard)
    both = NOTES22.compute(Window(together, heard.end_s, heard.length_s))
    np.testing.assert_array_equal(both[TONAL], without[TONAL])
    begun = np.count_nonzero(beats["onset_s"] >= heard.end_s - heard.length_s)
    assert both[INDEX["note_density"]] == pytest.approx(without[INDEX["note_density"]] + begun / 10.0, abs=1e-5)


def test_drums_alone_make_the_tempo() -> None:
    """A held fifth says nothing about the tempo; the drums under it do."""
    held = [(1.0, 20.0, 48, 80, 0), (1.0, 20.0, 55, 80, 0)]
    drums = [(10.0 + beat / 2, 10.1 + beat / 2, 36, 100, DRUM_CHANNEL) for beat in range(20)]
    assert NOTES22.compute(window(held, 20.0))[INDEX["tempo"]] == 0.0
    assert NOTES22.compute(window(held + drums, 20.0))[INDEX["tempo"]] == pytest.approx(120.0, rel=0.03)


@given(windows(), st.integers(0, 1))
def test_fewer_than_two_pitched_notes_are_the_mask(heard: Window, kept: int) -> None:
    pitched = np.flatnonzero(heard.notes["channel"] != DRUM_CHANNEL)
    few = np.delete(heard.notes, pitched[kept:])
    assert not NOTES22.compute(Window(few, heard.end_s, heard.length_s)).any()


@given(windows())
def test_two_pitched_notes_are_never_the_mask(heard: Window) -> None:
    assume(is_heard(heard))
    assert NOTES22.compute(heard).any()


@given(windows())
def test_every_feature_is_a_number_in_the_range_it_gives(heard: Window) -> None:
    computed = NOTES22.compute(heard)
    for feature, value in zip(NOTES22.features, computed, strict=True):
        assert np.isfinite(value), feature.name
        assert feature.low - 1e-4 <= value <= feature.high + 1e-4, feature.name
    assert computed[INDEX["duration_mean"]] <= heard.length_s
    assert computed[INDEX["duration_std"]] <= heard.length_s / 2 + 1e-4
