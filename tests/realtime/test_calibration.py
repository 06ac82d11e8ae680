"""The noise of a room is learned outright when asked to, and what is not louder is silence from then on."""

from __future__ import annotations

import numpy as np
import pytest

from models.affect import Reading, State
from realtime.events import Lost, Sound
from realtime.level import MOST_ROOM_DB
from realtime.tracker import EmotionTracker

RATE = 22_050


def noise(length_s: float, level_db: float, seed: int = 1) -> Sound:
    samples = np.random.default_rng(seed).normal(0.0, 10 ** (level_db / 20), round(length_s * RATE))
    return Sound(samples.astype(np.float32), RATE)


def chord(length_s: float) -> Sound:
    time_s = np.arange(round(length_s * RATE)) / RATE
    samples = sum(np.sin(2 * np.pi * hz * time_s) for hz in (261.6, 329.6, 392.0)) * 0.1 * np.exp(-3 * (time_s % 0.5))
    return Sound(samples.astype(np.float32), RATE)


def last_states(readings: list[Reading], seconds: float) -> set[State]:
    return {reading.state for reading in readings if reading.time > readings[-1].time - seconds}


def test_the_noise_of_a_loud_room_is_silence_once_it_is_known():
    unknowing, knowing = EmotionTracker("notes"), EmotionTracker("notes")
    knowing.calibrate()
    assert knowing.is_calibrating
    assert last_states(unknowing.push([noise(12.0, -40.0)]), 3.0) != {State.SILENCE}
    heard = knowing.push([noise(5.0, -40.0), noise(7.0, -40.0, seed=2)])
    assert {reading.state for reading in heard if reading.time <= 4.5} == {State.WARMING}
    assert last_states(heard, 3.0) == {State.SILENCE}
    assert not knowing.is_calibrating
    assert knowing.room_db == pytest.approx(-40.0, abs=1.0)


def test_music_above_the_noise_is_heard_and_a_device_that_returns_keeps_the_room():
    tracker = EmotionTracker("notes")
    tracker.calibrate()
    tracker.push([noise(5.5, -40.0)])
    assert last_states(tracker.push([chord(6.0)]), 3.0) == {State.LIVE}
    tracker.push([Lost(tracker.time_s)])
    assert last_states(tracker.push([noise(6.0, -40.0, seed=3)]), 2.0) == {State.SILENCE}
    assert tracker.room_db == pytest.approx(-40.0, abs=1.0)


def test_music_that_was_taken_for_the_room_does_not_shut_out_music():
    tracker = EmotionTracker("notes")
    tracker.calibrate()
    tracker.push([noise(5.5, -10.0)])
    assert tracker.room_db == MOST_ROOM_DB
    assert last_states(tracker.push([chord(6.0)]), 3.0) == {State.LIVE}


@pytest.mark.parametrize("count", [30, 97])
def test_it_does_not_depend_on_the_blocks(count: int):
    whole, pieces = EmotionTracker("notes"), EmotionTracker("notes")
    sound = np.concatenate([noise(6.0, -45.0).samples, chord(4.0).samples])
    for tracker in (whole, pieces):
        tracker.calibrate()
    expected = whole.push([Sound(sound, RATE)])
    got = [r for block in np.array_split(sound, count) for r in pieces.push([Sound(block, RATE)])]
    assert [(r.time, r.state, r.valence) for r in got] == [(r.time, r.state, r.valence) for r in expected]
