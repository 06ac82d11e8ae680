"""Which reading has a sound is told by what was printed, and when."""

from __future__ import annotations

import numpy as np
import pytest

from tests.benchmarks.sound_to_reading import Printed, delays


def printed(at_s: float, *, level_db: float, latency_ms: float, notes: int) -> Printed:
    return Printed(at_s, {"level_db": level_db, "latency_ms": latency_ms, "notes": notes})


READINGS = [
    printed(9.95, level_db=-120.0, latency_ms=150.0, notes=3),
    printed(10.05, level_db=-120.0, latency_ms=150.0, notes=3),
    printed(10.15, level_db=-20.0, latency_ms=160.0, notes=3),
    printed(10.25, level_db=-20.0, latency_ms=170.0, notes=3),
    printed(10.35, level_db=-20.0, latency_ms=180.0, notes=5),
]


def test_a_sound_is_first_in_the_level_then_held_and_then_a_note():
    found = delays([10.0], READINGS)
    assert found.level == pytest.approx([150.0])
    assert found.held == pytest.approx([250.0])
    assert found.reported == pytest.approx([170.0])
    assert found.note == pytest.approx([350.0])


def test_a_sound_that_nothing_was_printed_of_counts_as_not_found():
    found = delays([10.0, 20.0], READINGS)
    assert np.isnan([found.level[1], found.held[1], found.note[1], found.reported[1]]).all()


def test_what_is_unknown_while_the_input_is_away_is_no_sound():
    lost = Printed(10.02, {"level_db": None, "latency_ms": None, "notes": 0})
    assert delays([10.0], [READINGS[0], lost, *READINGS[1:]]) == delays([10.0], READINGS)
