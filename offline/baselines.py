"""What any model has to beat: the mean of the labels, and ridge regression on the same features.

Both are cross-validated by groups on the dataset itself, so unlike a bundle from elsewhere they know its raters: a
bundle that beats them has learned more than the corpus's habits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from offline.dataset import Dataset
from offline.metrics import Values, known_mean

_ALPHAS = np.logspace(0, 5, 6)
#: Ridge learns from every so many steps: half a second on, a window of ten has hardly moved.
_APART = 4
#: Means and spreads are fitted apart, since there are corpora that only have the first.
_TARGETS = ((0, 2), (1, 3))

Fold = tuple[NDArray[np.int64], NDArray[np.int64]]


def group_folds(groups: NDArray[np.str_], count: int = 5) -> list[Fold]:
    """What to learn from and what to judge by, ``count`` times or once a group where there are fewer; no group is on
    both sides, and everything is judged once. Empty where there is one group."""
    count = min(count, len(np.unique(groups)))
    if count < 2:
        return []
    return list(GroupKFold(count).split(groups, groups=groups))


def mean_predictor(dataset: Dataset, truth: Values) -> list[Values]:
    """Says of each piece the mean of the other folds' labels, of each step the same [a piece: shape=(steps, 4)].

    ``truth`` has a row a piece [shape=(pieces, 4)]. NaN where no other fold has such a label.
    """
    said = np.full_like(truth, np.nan)
    for training, test in group_folds(dataset.groups):
        said[test] = known_mean(truth[training])
    return [np.repeat(row[None], len(piece.times_s), axis=0) for row, piece in zip(said, dataset.pieces, strict=True)]


def ridge_predictor(dataset: Dataset, feature_sets: Sequence[str]) -> list[Values]:
    """Ridge regression from a step's features to its labels [a piece: shape=(steps, 4)].

    What it says is kept within the labels that it learned from; of a step that heard nothing it says their mean. NaN
    where it has no two groups to learn from.
    """
    lengths = [len(piece.times_s) for piece in dataset.pieces]
    features = np.concatenate([np.concatenate([p.features[name] for name in feature_sets], 1) for p in dataset.pieces])
    labels = np.concatenate([piece.labels for piece in dataset.pieces]).astype(np.float64)
    number = np.repeat(np.arange(len(lengths)), lengths)
    from_end = np.concatenate([np.arange(length)[::-1] for length in lengths])
    heard = np.asarray(features.any(axis=1))
    said = np.full_like(labels, np.nan)
    for training, test in group_folds(dataset.groups):
        rows = np.isin(number, training) & heard & (from_end % _APART == 0)
        judged = np.flatnonzero(np.isin(number, test))
        for columns in map(np.array, _TARGETS):
            learned = rows & np.isfinite(labels[:, columns]).all(axis=1)
            inner = group_folds(dataset.groups[number[learned]], 3)
            if not inner:
                continue
            target = labels[np.ix_(learned, columns)]
            ridge = make_pipeline(StandardScaler(), RidgeCV(_ALPHAS, cv=inner)).fit(features[learned], target)
            found = np.where(heard[judged][:, None], ridge.predict(features[judged]), target.mean(axis=0))
            said[np.ix_(judged, columns)] = np.clip(found, target.min(axis=0), target.max(axis=0))
    return np.split(said, np.cumsum(lengths)[:-1])
