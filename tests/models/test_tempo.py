"""The tempo of a metronome is found, whatever it plays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.tempo import CHORD_S, estimate_tempo, merge_chords

ONSETS = st.lists(st.floats(0.0, 10.0), max_size=60).map(lambda onsets: np.array(sorted(onsets)))


def beats(bpm: float, length_s: float = 10.0) -> np.ndarray:
    return np.arange(0.0, length_s, 60.0 / bpm)


@pytest.mark.parametrize("bpm", [60, 90, 120, 140])
def test_a_metronome_is_found(bpm: float) -> None:
    assert estimate_tempo(beats(bpm)) == pytest.approx(bpm, rel=0.03)


@pytest.mark.parametrize("bpm", [60, 90, 120, 140])
def test_chords_count_as_one_beat_each(bpm: float) -> None:
    """Four fingers that land within 30 ms of one another, and the hand itself within 10 ms of the beat."""
    rng = np.random.default_rng(int(bpm))
    hands = beats(bpm) + rng.uniform(-0.01, 0.01, len(beats(bpm)))
    fingers = hands[:, None] + rng.uniform(0.0, 0.03, (len(hands), 4))
    assert estimate_tempo(np.sort(fingers.ravel())) == pytest.approx(bpm, rel=0.03)


@pytest.mark.parametrize("bpm", [60, 90, 120, 140])
def test_a_missed_beat_does_not_hide_the_tempo(bpm: float) -> None:
    assert estimate_tempo(np.delete(beats(bpm), [2, 5])) == pytest.approx(bpm, rel=0.03)


@pytest.mark.parametrize("onsets", [[], [3.0], [3.0, 3.0, 3.02], [0.0, 2.5, 5.0]])
def test_without_two_events_within_two_seconds_the_tempo_is_unknown(onsets: list[float]) -> None:
    assert estimate_tempo(np.array(onsets)) == 0.0


@given(ONSETS)
def test_a_tempo_is_unknown_or_in_range(onsets: np.ndarray) -> None:
    tempo = estimate_tempo(onsets)
    assert tempo == 0.0 or 30.0 - 1e-9 <= tempo <= 300.0 + 1e-9


@given(st.lists(st.integers(0, 1280), max_size=60), st.integers(0, 1000))
def test_when_the_music_began_does_not_matter(ticks: list[int], later_s: int) -> None:
    """On a grid of 1/128 s, which a float holds exactly."""
    onsets = np.array(sorted(ticks)) / 128
    assert estimate_tempo(onsets + later_s) == estimate_tempo(onsets)


@given(ONSETS)
def test_events_lie_apart_and_every_onset_belongs_to_one(onsets: np.ndarray) -> None:
    events = merge_chords(onsets)
    assert np.all(np.diff(events) > CHORD_S)
    assert set(events) <= set(onsets)
    for onset in onsets:
        assert np.any((events <= onset) & (onset - events <= CHORD_S))
