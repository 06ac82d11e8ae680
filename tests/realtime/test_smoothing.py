"""Smoothing: how fast each setting follows, at every rate alike, and what it leaves alone."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.affect import Reading, State
from models.errors import UsageError
from realtime.smoothing import SETTINGS, Smoother

READING = Reading(0.0, State.LIVE, 3.0, 1.0, 7.0, 1.5, 14, -23.1, 142.0, "audio")
FOLLOWING = SETTINGS[1:]


def jump(rate_hz: float, seconds: float = 12.0) -> list[Reading]:
    """Valence leaps from 3 to 5 and arousal from 7 to 5 right after the first reading."""
    times = np.arange(round(rate_hz * seconds) + 1) / rate_hz
    later = replace(READING, valence=5.0, valence_std=2.0, arousal=5.0)
    return [replace(later, time=float(time)) if time else READING for time in times]


def wave(rate_hz: float, seconds: float = 30.0) -> list[Reading]:
    """Valence swings by 2 about the middle once in ten seconds."""
    times = np.arange(round(rate_hz * seconds) + 1) / rate_hz
    return [replace(READING, time=float(t), valence=5.0 + 2.0 * math.sin(0.2 * math.pi * t)) for t in times]


def smoothed(setting: str, readings: list[Reading]) -> list[Reading]:
    smoother = Smoother(setting)
    return [smoother.smooth(reading) for reading in readings]


@pytest.mark.parametrize("rate_hz", [2.0, 10.0, 50.0, 500.0])
@pytest.mark.parametrize(("setting", "seconds"), [("calm", 5.93), ("normal", 1.98), ("nervous", 0.5)])
def test_a_jump_has_come_through_to_nine_tenths_after(setting: str, seconds: float, rate_hz: float):
    after = smoothed(setting, jump(rate_hz))
    first = math.ceil(seconds * rate_hz) / rate_hz
    assert next(r.time for r in after if r.valence >= 4.8) == pytest.approx(first, abs=0.011)
    assert next(r.time for r in after if r.arousal <= 5.2) == pytest.approx(first, abs=0.011)


@pytest.mark.parametrize("setting", FOLLOWING)
def test_a_large_jump_comes_through_faster_than_a_small_one(setting: str):
    small = smoothed(setting, [READING] + [replace(READING, time=t / 10, valence=3.2) for t in range(1, 4)])
    large = smoothed(setting, [READING] + [replace(READING, time=t / 10, valence=8.0) for t in range(1, 4)])
    assert (large[-1].valence - 3.0) / 5.0 > 1.05 * (small[-1].valence - 3.0) / 0.2


@pytest.mark.parametrize(("rate_hz", "on_the_wave"), [(2.0, 0.25), (10.0, 0.05)])
@pytest.mark.parametrize("setting", FOLLOWING)
def test_the_curve_is_the_same_at_every_rate(setting: str, rate_hz: float, on_the_wave: float):
    """Exactly so after a jump; on a wave, that moves by up to 0.6 between two readings at 2 Hz, nearly so."""
    for music, tolerance in ((jump, 1e-9), (wave, on_the_wave)):
        fine = {round(r.time, 6): r for r in smoothed(setting, music(50.0))}
        for reading in smoothed(setting, music(rate_hz)):
            at_once = fine[round(reading.time, 6)]
            assert reading.valence == pytest.approx(at_once.valence, abs=tolerance)
            assert reading.arousal == pytest.approx(at_once.arousal, abs=tolerance)
            assert reading.valence_std == pytest.approx(at_once.valence_std, abs=tolerance)


def test_noise_is_reduced():
    noise = np.random.default_rng(1).normal(0.0, 0.2, 600)
    readings = [replace(READING, time=i / 10, valence=5.0 + value) for i, value in enumerate(noise)]
    left = {s: float(np.std([r.valence for r in smoothed(s, readings)][50:])) for s in FOLLOWING}
    assert left["calm"] < left["normal"] < left["nervous"] < 0.14
    assert left["calm"] < 0.06


def test_off_returns_the_reading_itself():
    smoother = Smoother("off")
    assert all(smoother.smooth(reading) is reading for reading in jump(2.0))


def test_only_the_four_values_change():
    *_, raw = jump(10.0, 1.0)
    *_, after = smoothed("calm", jump(10.0, 1.0))
    assert replace(after, valence=5.0, valence_std=2.0, arousal=5.0, arousal_std=1.5) == raw


@pytest.mark.parametrize("state", [State.WARMING, State.SILENCE, State.LOST])
def test_what_is_not_live_passes_and_the_filter_begins_anew(state: State):
    smoother = Smoother("calm")
    for reading in jump(10.0, 1.0):
        smoother.smooth(reading)
    quiet = replace(READING, time=1.1, state=state, valence=9.0)
    assert smoother.smooth(quiet) is quiet
    live = replace(READING, time=1.2, valence=8.0)
    assert smoother.smooth(live) == live


def test_an_axis_without_a_value_begins_anew_and_leaves_the_other_alone():
    with_gap = jump(10.0, 1.0)
    with_gap[5] = replace(with_gap[5], valence=math.nan)
    whole, after = smoothed("calm", jump(10.0, 1.0)), smoothed("calm", with_gap)
    assert math.isnan(after[5].valence)
    assert after[6].valence == with_gap[6].valence
    assert [r.arousal for r in after] == [r.arousal for r in whole]


def test_a_spread_that_is_not_known_leaves_its_axis_alone():
    whole = smoothed("calm", jump(10.0, 1.0))
    after = smoothed("calm", [replace(reading, valence_std=math.nan) for reading in jump(10.0, 1.0)])
    assert all(math.isnan(reading.valence_std) for reading in after)
    assert [reading.valence for reading in after] == [reading.valence for reading in whole]


def test_time_that_goes_back_begins_anew():
    smoother = Smoother("calm")
    for reading in jump(10.0, 1.0):
        smoother.smooth(reading)
    again = replace(READING, time=0.5, valence=8.0)
    assert smoother.smooth(again) == again


def test_two_readings_of_one_moment_are_one():
    first, second = smoothed("normal", [READING, replace(READING, valence=9.0)])
    assert second.valence == first.valence == 3.0


RATING = st.floats(1.0, 9.0)
STEP = st.tuples(st.floats(0.0, 5.0), RATING, RATING, RATING, RATING)


@given(st.sampled_from(FOLLOWING), st.lists(STEP, min_size=1, max_size=30))
def test_no_value_leaves_the_range_of_the_raw_ones(setting: str, steps: list[tuple[float, ...]]):
    time, readings = 0.0, []
    for elapsed, valence, valence_std, arousal, arousal_std in steps:
        time += elapsed
        readings.append(Reading(time, State.LIVE, valence, valence_std, arousal, arousal_std, 1, None, None, ""))
    after = smoothed(setting, readings)
    assert after == smoothed(setting, readings)
    for name in ("valence", "valence_std", "arousal", "arousal_std"):
        for end in range(1, len(readings) + 1):
            raw = [getattr(reading, name) for reading in readings[:end]]
            assert min(raw) <= getattr(after[end - 1], name) <= max(raw)


def test_an_unknown_setting_is_told_the_choices():
    with pytest.raises(UsageError, match="one of off, calm, normal, nervous, not 'jumpy'"):
        Smoother("jumpy")
