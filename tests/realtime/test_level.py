"""Level in dB re full scale, and a gate that does not chatter."""

from __future__ import annotations

import numpy as np
import pytest

from realtime.level import (
    ABOVE_NOISE_DB,
    CLOSE_DB,
    HOLD_S,
    MOST_NOISE_DB,
    OPEN_DB,
    SILENCE_DB,
    STEADY_DB,
    STEADY_S,
    LevelGate,
    power_to_db,
)

HOP_S = 0.05
HOP = 1_102


def hop(level_db: float) -> np.ndarray:
    """A square wave, whose RMS is its amplitude."""
    return np.where(np.arange(HOP) % 2, 1.0, -1.0).astype(np.float32) * np.float32(10 ** (level_db / 20))


def opened(gate: LevelGate, *levels_db: float) -> list[bool]:
    return [gate.push(hop(level)) for level in levels_db]


@pytest.mark.parametrize("level_db", [0.0, -6.0, -23.0, -60.0, -100.0])
def test_the_level_is_that_of_the_sound(level_db: float) -> None:
    gate = LevelGate(HOP_S)
    opened(gate, *[level_db] * 8)
    assert gate.level_db == pytest.approx(level_db, abs=0.01)


def test_a_full_scale_sine_is_three_decibels_below_full_scale() -> None:
    gate = LevelGate(HOP_S)
    gate.push(np.sin(2 * np.pi * np.arange(1_000) / 100).astype(np.float32))
    assert gate.level_db == pytest.approx(-3.01, abs=0.01)


def test_digital_silence_is_minus_120() -> None:
    gate = LevelGate(HOP_S)
    assert gate.level_db == SILENCE_DB == -120.0
    gate.push(np.zeros(HOP, np.float32))
    assert gate.level_db == -120.0
    assert power_to_db(0.0) == power_to_db(1e-30) == -120.0


def test_the_level_forgets_after_four_tenths_of_a_second() -> None:
    gate = LevelGate(HOP_S)
    opened(gate, *[-10.0] * 8, *[-120.0] * 7)
    assert gate.level_db == pytest.approx(-10.0 - 10 * np.log10(8), abs=0.01)
    opened(gate, -120.0)
    assert gate.level_db == pytest.approx(-120.0, abs=0.01)


def test_the_gate_opens_at_minus_60_and_not_before() -> None:
    gate = LevelGate(HOP_S)
    assert opened(gate, -120.0, -70.0, OPEN_DB - 0.5, OPEN_DB + 0.5) == [False, False, False, True]


def test_between_the_thresholds_the_gate_stays_as_it_was() -> None:
    between = [(OPEN_DB + CLOSE_DB) / 2] * 40
    assert not any(opened(LevelGate(HOP_S), *between))
    gate = LevelGate(HOP_S)
    opened(gate, -20.0)
    assert all(opened(gate, *between))


def test_the_gate_holds_for_half_a_second_and_closes() -> None:
    gate = LevelGate(HOP_S)
    opened(gate, -20.0)
    kept = opened(gate, *[CLOSE_DB - 1.0] * 20)
    assert kept == sorted(kept, reverse=True)
    assert sum(kept) * HOP_S == pytest.approx(HOLD_S, abs=HOP_S + 1e-9)


def test_a_sound_within_the_hold_begins_it_anew() -> None:
    gate = LevelGate(HOP_S)
    opened(gate, -20.0)
    assert all(opened(gate, *[*[-90.0] * 9, -64.0] * 4))


STEADY_HOPS = round(STEADY_S / HOP_S)


def test_a_hum_above_the_gate_closes_it_once_it_has_not_changed_for_three_seconds() -> None:
    gate = LevelGate(HOP_S)
    heard = opened(gate, *[-52.0, -53.0] * STEADY_HOPS)
    assert all(heard[:STEADY_HOPS])
    assert not any(heard[STEADY_HOPS + round(HOLD_S / HOP_S) + 1 :])
    assert gate.noise_db == pytest.approx(-52.0, abs=0.01)


def test_music_opens_the_gate_above_the_hum_and_the_hum_after_it_does_not() -> None:
    gate = LevelGate(HOP_S)
    opened(gate, *[-52.0] * (STEADY_HOPS + 40))
    assert opened(gate, -52.0 + ABOVE_NOISE_DB - 0.5, -52.0 + ABOVE_NOISE_DB + 0.5) == [False, True]
    after = opened(gate, *[-52.0] * 20)
    assert sum(after) * HOP_S == pytest.approx(HOLD_S, abs=HOP_S + 1e-9)


def test_a_quieter_room_is_learned_anew() -> None:
    gate = LevelGate(HOP_S)
    opened(gate, *[-52.0] * STEADY_HOPS, *[-90.0] * STEADY_HOPS)
    assert opened(gate, OPEN_DB + 0.5) == [True]


@pytest.mark.parametrize("levels", [(MOST_NOISE_DB + 1.0,) * 2, (-55.0, -55.0 - STEADY_DB - 1.0)])
def test_a_held_note_and_quiet_music_are_no_noise(levels: tuple[float, float]) -> None:
    """The first is too loud for noise, the second moves too much."""
    gate = LevelGate(HOP_S)
    assert all(opened(gate, *levels * 2 * STEADY_HOPS))
    assert gate.noise_db == SILENCE_DB


def test_reset_is_as_good_as_new() -> None:
    gate = LevelGate(HOP_S)
    opened(gate, *[-55.0] * STEADY_HOPS)
    gate.reset()
    assert gate.level_db == gate.noise_db == SILENCE_DB
    assert opened(gate, -64.0) == [False]
