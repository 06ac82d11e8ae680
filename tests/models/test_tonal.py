"""Keys and chords: what music in a known key gives, and what transposition must not change."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.windows import chords, heard, line, window, windows

from models.features import Window
from models.features.heard import hear
from models.features.pitch_classes import (
    ALBRECHT_SHANAHAN,
    CHORDS,
    CONSONANCE,
    KRUMHANSL_KESSLER,
    KeyProfile,
    distribution,
    fit_chords,
    fit_keys,
)
from models.features.tonal import TONAL, segments

C_MAJOR_SCALE = [60, 62, 64, 65, 67, 69, 71, 72]
A_HARMONIC_MINOR_SCALE = [57, 59, 60, 62, 64, 65, 68, 69]
#: I–IV–V–I in C major and i–iv–V–i in A minor.
MAJOR_CADENCE = [[48, 60, 64, 67], [53, 60, 65, 69], [55, 59, 62, 67], [48, 60, 64, 67]]
MINOR_CADENCE = [[45, 60, 64, 69], [50, 57, 62, 65], [52, 56, 59, 64], [45, 60, 64, 69]]

PROFILES = pytest.mark.parametrize("profile", [KRUMHANSL_KESSLER, ALBRECHT_SHANAHAN], ids=["kk", "as"])


def shares(pitches: list[int]) -> np.ndarray:
    return np.bincount(np.array(pitches) % 12, minlength=12) / len(pitches)


@PROFILES
@pytest.mark.parametrize(
    ("pitches", "tonic", "is_major"),
    [
        (C_MAJOR_SCALE, 0, True),
        ([pitch for chord in MAJOR_CADENCE for pitch in chord], 0, True),
        (A_HARMONIC_MINOR_SCALE, 9, False),
        ([pitch for chord in MINOR_CADENCE for pitch in chord], 9, False),
        ([62, 66, 69], 2, True),
        ([62, 65, 69], 2, False),
    ],
)
def test_the_key_is_that_of_the_music(profile: KeyProfile, pitches: list[int], tonic: int, is_major: bool) -> None:
    fit = fit_keys(shares(pitches), profile)
    assert fit.tonics.argmax() == tonic
    assert (fit.major.max() > fit.minor.max()) == is_major


@PROFILES
def test_a_profile_fits_its_own_key_perfectly(profile: KeyProfile) -> None:
    numbers = fit_keys(profile.minor[7] - profile.minor[7].min(), profile).numbers()
    assert numbers["minor"] == pytest.approx(1.0)
    assert numbers["best"] == pytest.approx(1.0)
    assert numbers["mode"] < 0 < numbers["lead"] < numbers["lead_over_third"]


def test_correlations_are_pearsons() -> None:
    weights = shares(C_MAJOR_SCALE)
    published = [6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88]
    fit = fit_keys(weights, KRUMHANSL_KESSLER)
    for tonic in range(12):
        assert fit.major[tonic] == pytest.approx(np.corrcoef(weights, np.roll(published, tonic))[0, 1])


def test_where_keys_fit_alike_the_degrees_are_their_mean() -> None:
    fit = fit_keys(np.full(12, 1 / 12), ALBRECHT_SHANAHAN)
    np.testing.assert_allclose(fit.degrees(shares([60])), np.full(12, 1 / 12))
    assert set(fit.numbers()) >= {"best", "lead"}
    assert fit.numbers()["lead"] == 0.0


def test_interval_classes_are_shares_of_all_pairs() -> None:
    fifth = distribution(shares([60, 67]))
    assert fifth["interval_class_0"] == pytest.approx(0.5)
    assert fifth["interval_class_5"] == pytest.approx(0.5)
    assert fifth["consonance"] == pytest.approx(CONSONANCE[5] / 2)
    tritone = distribution(shares([60, 66]))
    assert tritone["interval_class_6"] == pytest.approx(0.5)
    chromatic = distribution(np.full(12, 1 / 12))
    assert sum(chromatic[f"interval_class_{size}"] for size in range(7)) == pytest.approx(1.0)
    assert chromatic["entropy"] == pytest.approx(np.log(12))


def test_fourier_magnitudes_tell_even_divisions_of_the_octave() -> None:
    assert distribution(shares([60, 64, 68]))["dft_3"] == pytest.approx(1.0)
    assert distribution(shares([60, 63, 66, 69]))["dft_4"] == pytest.approx(1.0)
    assert distribution(shares([60, 62, 64, 66, 68, 70]))["dft_6"] == pytest.approx(1.0)
    assert distribution(shares([60, 66]))["dft_1"] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("name", CHORDS)
def test_a_chord_fits_its_own_type_on_any_root(name: str) -> None:
    for root in range(12):
        weights = shares([root + interval for interval in CHORDS[name]])[None]
        assert fit_chords(weights)[0, list(CHORDS).index(name)] == pytest.approx(1.0)


def test_a_major_cadence_is_major_and_stands_on_its_tonic() -> None:
    major = heard(TONAL, window(chords(MAJOR_CADENCE), 4.0, 8.0))
    minor = heard(TONAL, window(chords(MINOR_CADENCE), 4.0, 8.0))
    for prefix in ("kk", "as", "on_as"):
        assert major[f"{prefix}_major_lead"] > 0 > minor[f"{prefix}_major_lead"]
        assert major[f"{prefix}_mode"] > 0 > minor[f"{prefix}_mode"]
        assert major[f"{prefix}_major_share"] > 0.5 > minor[f"{prefix}_major_share"]
    # Triads with their root doubled: (2, 1, 1) against (1, 1, 1).
    assert major["chord_major"] == major["instant_major"] == pytest.approx(4 / np.sqrt(18))
    assert (major["chord_major_share"], minor["chord_minor_share"]) == (1.0, 0.75)
    # The bass holds I, IV, V, I; the top 5, 6, 5, 5 in major.
    assert (major["bass_degree_1"], major["bass_degree_4"], major["bass_degree_5"]) == (0.5, 0.25, 0.25)
    assert (major["top_degree_5"], major["top_degree_6"]) == (0.75, 0.25)
    assert (major["above_bass_4"], major["above_bass_7"], major["above_bass_3"]) == (1.0, 1.0, 0.0)
    assert major["as_degree_flat_3"] == 0.0 < minor["as_degree_flat_3"]


def test_a_broken_chord_is_a_chord_within_a_second_but_not_at_once() -> None:
    broken = heard(TONAL, window(line([60, 64, 67, 72] * 8, 0.25), 8.0, 8.0))
    assert broken["chord_major"] > 0.9
    assert broken["instant_major"] == pytest.approx(1 / np.sqrt(3))


def test_seconds_are_counted_from_the_windows_end() -> None:
    notes = chords([[60], [64], [67]])
    whole = hear(window(notes, 3.0, 8.0))
    shifted = hear(window(notes, 3.5, 8.0))
    assert whole is not None
    assert shifted is not None
    assert [np.flatnonzero(second).tolist() for second in segments(whole)] == [[0], [4], [7]]
    assert [np.flatnonzero(second).tolist() for second in segments(shifted)] == [[0], [0, 4], [4, 7], [7]]


@settings(max_examples=100)
@given(windows(low=24, high=96), st.integers(-24, 24))
def test_transposition_changes_nothing(given_window: Window, semitones: int) -> None:
    moved = given_window.notes.copy()
    moved["pitch"] += semitones
    transposed = Window(moved, given_window.end_s, given_window.length_s)
    np.testing.assert_allclose(TONAL.compute(transposed), TONAL.compute(given_window), atol=1e-4)


@given(windows(low=24, high=96, channels=(0,)))
def test_the_octave_of_the_inner_notes_does_not_change_the_key(given_window: Window) -> None:
    moved = given_window.notes.copy()
    moved["pitch"][::2] += 12
    keys = [n for n, name in enumerate(TONAL.names) if name.startswith(("kk_", "as_", "on_", "dft", "interval"))]
    octaves = TONAL.compute(Window(moved, given_window.end_s, given_window.length_s))
    np.testing.assert_allclose(octaves[keys], TONAL.compute(given_window)[keys], atol=1e-4)
