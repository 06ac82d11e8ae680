"""The table of delays from events written by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tests.benchmarks.delays import centred_s, follow, octave_table, together
from tests.benchmarks.note_scores import as_notes

TRUE = as_notes([(1.0, 30), (2.0, 30), (3.0, 60), (4.0, 61), (5.0, 108)])
FOUND = as_notes([(1.02, 30, 1.3), (2.0, 31, 2.1), (2.98, 60, 3.2), (4.01, 61, 4.3), (5.0, 108, 5.1)], columns=3)


def test_a_delay_runs_from_the_true_onset_to_the_announcement():
    heard = follow(TRUE, FOUND)
    np.testing.assert_allclose(heard.delays_s, [0.3, np.nan, 0.2, 0.3, 0.1], atol=1e-12)


def test_nothing_heard_is_nothing_announced():
    heard = follow(TRUE, as_notes([], columns=3))
    assert np.isnan(heard.delays_s).all()
    assert "| C1–B1 | 2 | 0.00 | – | – |" in octave_table(heard)


def test_centred_filters_wait_for_the_network_and_half_a_filter():
    # A4: 51.44 periods of 440 Hz, half of them ahead, and ten frames.
    assert centred_s(69) == pytest.approx(0.1161 + 0.0585, abs=1e-4)
    assert centred_s(57) - centred_s(69) == pytest.approx(0.0585, abs=1e-4)


def test_the_table_has_a_row_for_each_octave_with_notes():
    rows = octave_table(follow(TRUE, FOUND)).splitlines()
    assert rows[2:] == [
        "| C1–B1 | 2 | 0.50 | 300 ms | 300 ms | 688 ms |",
        "| C4–B4 | 2 | 1.00 | 250 ms | 290 ms | 188 ms |",
        "| C8 | 1 | 1.00 | 100 ms | 100 ms | 122 ms |",
        "| all | 5 | 0.80 | 250 ms | 300 ms |  |",
    ]
    assert {row.count("|") for row in rows} == {7}


def test_pieces_are_counted_together():
    one = follow(TRUE, FOUND)
    assert "| all | 10 | 0.80 |" in octave_table(together([one, one]))
