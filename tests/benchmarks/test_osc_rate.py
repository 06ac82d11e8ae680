"""What is sent over OSC is even, within its ranges, smooth and hardly late, in a few seconds of it; and that the
benchmark would notice if it were not."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.affect import Reading, State
from realtime.outputs import Status
from tests.benchmarks.osc_rate import AXES, READINGS_HZ, Heard, measure


def test_what_is_received_is_even_within_its_ranges_smooth_and_at_each_reading_within_a_hop():
    rate_hz = 60.0
    heard, targets = measure(8.0, rate_hz)
    assert heard.outside() == []
    assert "nobody listens" in targets
    times, _ = heard.curve("valence")
    # A busy machine leaves ticks out, and never adds any.
    assert float(np.median(np.diff(times))) == pytest.approx(1.0 / rate_hz, abs=0.005)
    assert len(times) <= 1.02 * rate_hz * (times[-1] - times[0]) + 1
    for axis in AXES:
        times, values = heard.curve(axis)
        steps = np.abs(np.diff(values))[np.diff(times) < 1.0 / READINGS_HZ]
        assert 0.0 < steps.max() <= np.abs(np.diff(heard.raw(axis)[1])).max()
        delays_s, away = heard.delays_s(axis)
        assert len(delays_s) > 10 * away
        assert 0.0 < float(np.median(delays_s)) <= heard.hop_s


def made(values_at: dict[float, float], readings: dict[float, float]) -> Heard:
    """Valence as it would be received at these moments, for readings of it that came at these."""
    heard = Heard()
    heard.messages["/moodring/valence"] = [(at_s, [value]) for at_s, value in values_at.items()]
    for at_s, value in readings.items():
        point = Reading(at_s, State.LIVE, 5.0 + 4.0 * value, 1.0, 5.0, 1.0, 8, -20.0, 140.0, "test")
        heard.readings.append((at_s, point))
    return heard


def test_the_delay_is_from_a_reading_to_where_the_curve_is_at_it_and_stays():
    curve = {tick / 50.0: min(1.0, max(0.0, (tick / 50.0 - 1.0) / 0.24)) for tick in range(200)}
    delays_s, away = made(curve, {0.0: 0.0, 1.001: 1.0, 3.0: 0.5}).delays_s("valence")
    assert delays_s == pytest.approx([0.239])
    assert away == 0


def test_where_the_next_reading_comes_before_the_delay_is_that_of_the_line():
    curve = {tick / 50.0: tick / 50.0 for tick in range(11)} | {0.2 + tick / 50.0: 0.2 for tick in range(1, 50)}
    delays_s, away = made(curve, {0.001: 0.25, 0.2: 0.2}).delays_s("valence")
    assert delays_s == pytest.approx([0.249])
    assert away == 0


def test_a_reading_that_the_curve_does_not_move_towards_is_counted_apart():
    heard = made({tick / 50.0: 0.5 for tick in range(200)}, {0.0: 0.0, 1.0: 1.0, 2.0: 1.0})
    delays_s, away = heard.delays_s("valence")
    assert (len(delays_s), away) == (0, 2)


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("/moodring/valence", [1.1]),
        ("/moodring/all", [0.0, 0.0, 0.1, 0.1, 0.0, 4.0, 0.5, 1.0, "live"]),
        ("/moodring/note", [60, 128]),
        ("/moodring/state", ["asleep"]),
        ("/moodring/mood", [0.0]),
        ("/moodring/note", [60]),
        ("/moodring/hue", [math.nan]),
    ],
)
def test_what_is_not_as_listed_is_found(path: str, values: list[float | int | str]):
    heard = Heard()
    heard.messages[path] = [(0.0, values)]
    assert len(heard.outside()) == 1
    heard.write(Reading(0.0, State.LIVE, 5.0, 1.0, 5.0, 1.0, 8, -20.0, 140.0, "test"), Status("test"))
    heard.close()
