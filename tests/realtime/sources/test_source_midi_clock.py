"""A MIDI clock gives the tempo, exactly, steadily, and no longer than it runs."""

from __future__ import annotations

from collections.abc import Iterable

import mido
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.events import Tempo
from realtime.sources.midi_clock import MidiClock

TICK = mido.Message("clock")
STOP, START, CONTINUE = mido.Message("stop"), mido.Message("start"), mido.Message("continue")


def ticks(bpm: float, beats: float, start_s: float = 0.0) -> list[float]:
    return [start_s + number * 60 / bpm / 24 for number in range(round(24 * beats) + 1)]


def hear(clock: MidiClock, times_s: Iterable[float]) -> list[Tempo]:
    return [tempo for time_s in times_s for tempo in clock.hear(TICK, time_s)]


@pytest.mark.parametrize("bpm", [20.5, 60.0, 97.3, 120.0, 174.0, 299.0, 395.0])
def test_steady_ticks_give_their_tempo_once_a_beat_has_been_heard(bpm: float) -> None:
    (tempo,) = hear(MidiClock(), ticks(bpm, 8, 3.0))
    assert tempo.time_s == pytest.approx(3.0 + 60 / bpm)
    assert tempo.bpm == pytest.approx(bpm)


@given(st.floats(20.5, 300), st.integers(0, 2**32 - 1))
def test_uneven_ticks_give_the_tempo_within_one_per_cent(bpm: float, seed: int) -> None:
    """Three milliseconds early or late, from two beats and a second on."""
    even = np.array(ticks(bpm, 12, 1.0))
    uneven = even + np.random.default_rng(seed).uniform(-0.003, 0.003, len(even))
    clock, told = MidiClock(), None
    for number, time_s in enumerate(np.maximum.accumulate(uneven)):
        for tempo in clock.hear(TICK, time_s):
            told = tempo.bpm
        if number >= 48 and time_s >= 2.0:
            assert told == pytest.approx(bpm, rel=0.01)


def test_a_tick_that_comes_late_hardly_matters() -> None:
    times = ticks(120, 8)
    times[100] += 0.018
    (tempo,) = hear(MidiClock(), times)
    assert tempo.bpm == pytest.approx(120)


def test_a_new_tempo_is_told_and_holds_from_two_beats_on() -> None:
    clock = MidiClock()
    hear(clock, ticks(120, 4))
    told = hear(clock, ticks(90, 2, 2.0)[1:])
    assert told[-1].bpm == pytest.approx(90, rel=0.006)
    assert hear(clock, ticks(90, 4, 2.0 + 2 * 60 / 90)[1:])[1:] == []


def test_a_change_of_less_than_half_a_per_cent_is_not_told() -> None:
    clock = MidiClock()
    hear(clock, ticks(120, 4))
    assert hear(clock, ticks(120.5, 4, 2.0)[1:]) == []
    assert hear(clock, ticks(121.5, 4, 2.0 + 4 * 60 / 120.5)[1:]) != []


def test_half_a_second_without_ticks_ends_the_tempo() -> None:
    clock = MidiClock()
    hear(clock, ticks(120, 2))
    assert clock.advance(1.5) == []
    assert clock.advance(1.51) == [Tempo(1.51, None)]
    assert clock.advance(9.0) == []
    assert hear(clock, ticks(120, 0.9, 9.0)) == []
    assert [tempo.bpm for tempo in hear(clock, ticks(120, 2, 20.0))] == [pytest.approx(120)]


def test_the_gap_is_noticed_by_the_next_message_too() -> None:
    clock = MidiClock()
    hear(clock, ticks(120, 2))
    assert clock.hear(mido.Message("note_on", note=60), 2.0) == [Tempo(2.0, None)]


def test_a_stop_ends_the_tempo_although_the_ticks_go_on() -> None:
    clock = MidiClock()
    hear(clock, ticks(120, 2))
    assert clock.hear(STOP, 1.0) == [Tempo(1.0, None)]
    assert clock.hear(STOP, 1.0) == []
    assert hear(clock, ticks(120, 4, 1.0)) == []


@pytest.mark.parametrize("message", [START, CONTINUE], ids=str)
def test_after_a_stop_the_song_goes_on_when_it_is_told_to(message: mido.Message) -> None:
    clock = MidiClock()
    clock.hear(STOP, 0.0)
    assert clock.hear(message, 1.0) == []
    (tempo,) = hear(clock, ticks(100, 2, 1.0))
    assert tempo == Tempo(pytest.approx(1.6), pytest.approx(100))


def test_a_start_after_which_no_tick_comes_ends_the_tempo() -> None:
    clock = MidiClock()
    hear(clock, ticks(120, 2))
    assert clock.hear(START, 1.2) == []
    assert clock.advance(1.7) == []
    assert clock.advance(1.8) == [Tempo(1.8, None)]


@pytest.mark.parametrize("bpm", [19.0, 410.0])
def test_what_nobody_plays_is_no_tempo(bpm: float) -> None:
    assert hear(MidiClock(), ticks(bpm, 8)) == []


def test_ticks_that_all_come_at_once_are_no_tempo() -> None:
    assert hear(MidiClock(), [1.0] * 100) == []
    assert hear(MidiClock(), [1.0 - number / 100 for number in range(100)]) == []


def test_a_reset_is_as_good_as_new() -> None:
    clock = MidiClock()
    hear(clock, ticks(120, 2))
    assert clock.hear(mido.Message("reset"), 1.0) == []
    assert clock.advance(9.0) == []
    assert [tempo.bpm for tempo in hear(clock, ticks(120, 2, 9.0))] == [pytest.approx(120)]
