"""Readings against ratings given while listening: as they are, and on the scale of those who rated."""

from __future__ import annotations

import numpy as np
import pytest

from offline.dataset import Dataset, PieceSteps
from offline.dynamic import dynamic_errors, on_their_scale

FOLDS = [(np.arange(0, 40, 2), np.arange(1, 40, 2)), (np.arange(1, 40, 2), np.arange(0, 40, 2))]


@pytest.fixture
def dataset() -> Dataset:
    """Forty songs of two steps; each cohort rates while listening on a scale of its own."""
    rng = np.random.default_rng(1)
    pieces = []
    for number in range(40):
        labels = np.tile(rng.uniform(2, 8, 4).astype(np.float32), (2, 1))
        cohort = "early" if number < 20 else "late"
        slope, start = (0.5, 2.0) if cohort == "early" else (0.8, 3.0)
        dynamic = (slope * labels + start).astype(np.float32)
        pieces.append(PieceSteps(str(number), str(number), np.array([0.5, 1.0]), {}, labels, dynamic, cohort=cohort))
    return Dataset(tuple(pieces), {})


def test_who_knows_the_labels_makes_no_error_on_their_scale(dataset: Dataset) -> None:
    said = [piece.labels.astype(np.float64) for piece in dataset.pieces]
    moved = on_their_scale(dataset, FOLDS, said)
    assert dynamic_errors(dataset.pieces, moved)["rmse_valence"] == pytest.approx(0, abs=1e-6)
    assert dynamic_errors(dataset.pieces, said)["rmse_arousal"] > 0.1
    for before, after in zip(said, moved, strict=True):
        np.testing.assert_array_equal(before[:, [1, 3]], after[:, [1, 3]])


def test_errors_are_on_the_scale_from_minus_one_to_one(dataset: Dataset) -> None:
    off = np.array([0.4, 0, 0.8, 0])
    said = [np.asarray(piece.dynamic, np.float64) + off for piece in dataset.pieces]
    assert dynamic_errors(dataset.pieces, said) == pytest.approx({"rmse_valence": 0.1, "rmse_arousal": 0.2})


def test_the_scale_is_not_learned_from_what_is_judged(dataset: Dataset) -> None:
    said = [piece.labels.astype(np.float64) for piece in dataset.pieces]
    before = on_their_scale(dataset, FOLDS, said)
    assert dataset.pieces[1].dynamic is not None
    dataset.pieces[1].dynamic[:] = 1.0
    after = on_their_scale(dataset, FOLDS, said)
    np.testing.assert_array_equal(after[1], before[1])
    assert not np.array_equal(after[0], before[0])


def test_without_such_ratings_there_is_nothing_to_say(dataset: Dataset) -> None:
    silent = [PieceSteps(p.piece, p.group, p.times_s, {}, p.labels) for p in dataset.pieces]
    assert dynamic_errors(silent, [piece.labels.astype(np.float64) for piece in silent]) == {}
    said = [piece.labels.astype(np.float64) for piece in silent]
    for one, other in zip(on_their_scale(Dataset(tuple(silent), {}), FOLDS, said), said, strict=True):
        np.testing.assert_array_equal(one, other)
