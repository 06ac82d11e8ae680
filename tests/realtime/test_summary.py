"""One estimate out of many readings: those that knew more of the music count more."""

from __future__ import annotations

import numpy as np
import pytest

from models.affect import Reading, State
from realtime.summary import summarize, weights


def reading(time: float, valence: float, state: State = State.LIVE) -> Reading:
    return Reading(time, state, valence, 1.0, 10.0 - valence, 2.0, 5, None, None, "some")


def test_a_reading_counts_by_how_full_its_window_was() -> None:
    counted = weights(np.array([0.5, 1.0, 5.0, 10.0, 60.0]), window_s=10.0)
    np.testing.assert_allclose(counted, [0.05**8, 0.1**8, 0.5**8, 1.0, 1.0])


def test_the_summary_is_the_weighted_mean() -> None:
    summary = summarize([reading(1.0, 3.0), reading(2.0, 8.0)], window_s=10.0)
    valence = (3 * 1 + 8 * 256) / 257  # the second window is twice as full, and counts two to the eighth
    np.testing.assert_allclose(summary, [valence, 1.0, 10 - valence, 2.0])


def test_the_order_is_that_of_the_networks_outputs() -> None:
    np.testing.assert_allclose(summarize([reading(20.0, 6.0)], window_s=10.0), [6.0, 1.0, 4.0, 2.0])


@pytest.mark.parametrize("state", [State.WARMING, State.SILENCE, State.LOST])
def test_only_live_readings_count(state: State) -> None:
    live = reading(20.0, 6.0)
    np.testing.assert_array_equal(
        summarize([reading(20.0, 1.0, state), live, reading(30.0, 9.0, state)], 10.0), summarize([live], 10.0)
    )


@pytest.mark.parametrize("readings", [[], [reading(1.0, 5.0, State.SILENCE), reading(2.0, 5.0, State.WARMING)]])
def test_where_nothing_was_live_there_is_no_summary(readings: list[Reading]) -> None:
    assert summarize(readings, window_s=10.0) is None
