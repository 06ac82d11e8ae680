"""The metric on notes written by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.note_scores import (
    ONSET_TOLERANCE_S,
    Notes,
    as_notes,
    mean_score,
    moved_back,
    partners,
    score,
    without_doubles,
)

PLAYED = [(0.0, 60), (0.5, 64), (1.0, 67), (1.5, 60)]
TRUE = as_notes(PLAYED)
NONE = as_notes([])
some_notes = st.lists(
    st.tuples(st.integers(0, 60).map(lambda n: n * 0.03 + 0.001), st.integers(60, 62).map(float)), max_size=20
).map(as_notes)


def test_notes_agree_with_themselves():
    assert score(TRUE, TRUE) == (1.0, 1.0, 1.0)


def test_a_note_is_found_within_50_ms_and_at_its_own_pitch_only():
    found = as_notes([(0.04, 60), (0.56, 64), (1.0, 68), (1.47, 60), (1.8, 72)])
    precision, recall = 2 / 5, 2 / 4
    expected = (2 * precision * recall / (precision + recall), precision, recall)
    assert score(TRUE, found) == pytest.approx(expected)


def test_one_found_note_counts_for_one_true_note():
    assert score(as_notes([(0.0, 60), (0.04, 60)]), as_notes([(0.02, 60)])).recall == 0.5


def test_nothing_agrees_with_nothing_and_with_nothing_else():
    assert score(NONE, NONE).f1 == 1.0
    assert score(TRUE, NONE) == score(NONE, TRUE) == (0.0, 0.0, 0.0)


def test_a_mean_is_taken_of_each_figure():
    assert mean_score([score(TRUE, TRUE), score(TRUE, NONE)]) == (0.5, 0.5, 0.5)


def test_notes_of_delayed_sound_are_moved_back_and_those_before_it_dropped():
    delayed = as_notes([(0.2, 50), *((onset_s + 0.8, pitch) for onset_s, pitch in PLAYED)])
    np.testing.assert_allclose(moved_back(delayed, 0.8), TRUE, atol=1e-12)


def test_one_key_struck_by_two_hands_is_one_note():
    doubled = as_notes([*PLAYED, (0.03, 60), (0.03, 72), (1.5, 60)])
    np.testing.assert_array_equal(without_doubles(doubled), as_notes([*PLAYED, (0.03, 72)]))


def test_partners_are_rows_or_minus_one():
    found = as_notes([(0.02, 60), (0.5, 65), (0.97, 67), (1.56, 60)])
    assert partners(TRUE, found).tolist() == [0, -1, 2, -1]


@given(some_notes, some_notes)
def test_partners_are_as_many_as_the_metric_finds(true: Notes, found: Notes):
    rows = partners(true, found)
    paired = rows[rows >= 0]
    assert len(set(paired.tolist())) == len(paired)
    assert np.all(found[paired, 1] == true[rows >= 0, 1])
    assert np.all(np.abs(found[paired, 0] - true[rows >= 0, 0]) <= ONSET_TOLERANCE_S + 1e-6)
    if len(true) and len(found):
        assert len(paired) == round(score(true, found).recall * len(true))
