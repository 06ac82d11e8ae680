"""The weights of the ``kernel`` network in closed form, its settings chosen by groups within the training data.

What counts how much is a share of each feature set for valence and for arousal, found by going through the sets in turn
and keeping what lowers the error on inner folds; then how strongly the weights are held back. Whoever judges the result
holds out groups of his own: nothing here has seen them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GroupKFold

from offline.networks.kernel import CLIP, GAMMA, LANDMARKS, quadratic

Matrix = NDArray[np.float64]

_INNER_FOLDS = 4
_SHARES = (0.0, 0.5, 1.0, 2.0, 4.0)
_RIDGES = (0.1, 0.3, 1.0, 3.0, 10.0)
_SWEEPS = 2
#: Keeps weights of landmarks that are much alike from growing against one another, beyond what single precision holds.
_JITTER = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Steps to learn from: standardized ``features`` [shape=(n, features)], ``labels`` [shape=(n, 4)], what each of
    them weighs [shape=(n,)], and the ``groups`` that they belong to [shape=(n,)]."""

    features: Matrix
    labels: Matrix
    counted: Matrix
    groups: NDArray[np.str_]


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """What ``RadialBasis`` and ``KernelHead`` hold, in the order of Keras's weights, and the error on inner folds."""

    weights: list[NDArray[np.float32]]
    error: float


def solve(rows: Rows, widths: tuple[int, ...], *, seed: int) -> Solution:
    """Landmarks, shares and weights for ``rows`` of feature sets of ``widths`` side by side."""
    features = np.clip(rows.features, -CLIP, CLIP)
    points = _landmarks(features, rows.counted, seed)
    likeness = _likeness(features, points, widths)
    between = _likeness(points, points, widths)
    folds = list(GroupKFold(min(_INNER_FOLDS, len(set(rows.groups)))).split(features, groups=rows.groups))
    shares = np.zeros((2, len(widths)))
    means, spreads, biases = np.zeros((2, LANDMARKS)), np.zeros((2, LANDMARKS)), np.zeros(4)
    unseen = np.zeros((len(features), 2))
    error = 0.0
    for axis in (0, 1):
        problem = _Problem(likeness, between, rows.labels[:, 2 * axis], rows.counted, folds)
        shares[axis], ridge = _choose(problem, len(widths))
        unseen[:, axis], off = problem.unseen(shares[axis], ridge)
        means[axis], biases[axis] = problem.weights(shares[axis], ridge)
        error += off / 4
    terms = quadratic(unseen[:, 0], unseen[:, 1])
    curved = np.zeros((2, terms.shape[1]))
    for axis in (0, 1):
        spread = rows.labels[:, 2 * axis + 1]
        known = ~np.isnan(spread)
        if not known.any():
            # Nobody told a spread: the typical error is what there is to say.
            error_size = np.abs(unseen[:, axis] - rows.labels[:, 2 * axis])
            spread, known = np.sqrt(np.pi / 2) * error_size, np.ones(len(error_size), bool)
        fitted = RidgeCV(np.logspace(-2, 4, 13)).fit(terms[known], spread[known], sample_weight=rows.counted[known])
        curved[axis], biases[2 + axis] = fitted.coef_, fitted.intercept_
        left = np.where(known, spread - fitted.predict(terms), 0.0)
        problem = _Problem(likeness, between, left, rows.counted * known, folds)
        ridge = min((3.0, 10.0, 30.0, 100.0), key=lambda ridge: problem.unseen(shares[axis], ridge)[1])
        spreads[axis], bias = problem.weights(shares[axis], ridge)
        biases[2 + axis] += bias
        error += problem.unseen(shares[axis], ridge)[1] / 4
    usual = np.average(np.einsum("as,snm->anm", shares, likeness), axis=1, weights=rows.counted)
    biases[:2] += (usual * means).sum(axis=1)
    biases[2:] += (usual * spreads).sum(axis=1)
    solved = [points, shares, usual, means, spreads, biases, curved]
    return Solution([array.astype(np.float32) for array in solved], error)


class _Problem:
    """One output by kernel ridge regression on landmarks: likeness by set [shape=(sets, n, landmarks)]."""

    def __init__(
        self,
        likeness: NDArray[np.float32],
        between: NDArray[np.float32],
        wanted: Matrix,
        counted: Matrix,
        folds: list[tuple[NDArray[np.int64], NDArray[np.int64]]],
    ) -> None:
        self._likeness, self._between = likeness, between
        self._counted, self._folds = counted, folds
        self._wanted = wanted
        self._middle = float(np.average(wanted, weights=counted))

    def unseen(self, shares: Matrix, ridge: float) -> tuple[Matrix, float]:
        """What each inner fold says of rows that it has not seen, and the mean squared error of it."""
        kernel, between = self._mixed(shares)
        parts = [self._sums(kernel[rows], rows) for _, rows in self._folds]
        whole = [sum(part[number] for part in parts) for number in (0, 1)]
        said = np.zeros(len(kernel))
        for (_, rows), part in zip(self._folds, parts, strict=True):
            # What all but this fold add up to: a third of the work of adding them up anew for every fold.
            square, across = (np.asarray(total - own) for total, own in zip(whole, part, strict=True))
            said[rows] = kernel[rows] @ _held_back(square, across, between, ridge) + self._middle
        return said, float(np.average((said - self._wanted) ** 2, weights=self._counted))

    def weights(self, shares: Matrix, ridge: float) -> tuple[Matrix, float]:
        """Weights of the landmarks and bias, from all rows."""
        kernel, between = self._mixed(shares)
        square, across = self._sums(kernel, np.arange(len(kernel)))
        return _held_back(square, across, between, ridge), self._middle

    def _mixed(self, shares: Matrix) -> tuple[Matrix, Matrix]:
        kernel = np.einsum("s,snm->nm", shares.astype(np.float32), self._likeness, optimize=True)
        between = np.einsum("s,snm->nm", shares.astype(np.float32), self._between, optimize=True)
        return kernel.astype(np.float64), between.astype(np.float64)

    def _sums(self, kernel: Matrix, rows: NDArray[np.int64]) -> tuple[Matrix, Matrix]:
        weighed = kernel * self._counted[rows, None]
        return kernel.T @ weighed, weighed.T @ (self._wanted[rows] - self._middle)


def _held_back(square: Matrix, across: Matrix, between: Matrix, ridge: float) -> Matrix:
    hold = ridge * between + _JITTER * np.eye(len(between))
    return np.asarray(np.linalg.solve(square + hold, across), np.float64)


def _choose(problem: _Problem, sets: int) -> tuple[Matrix, float]:
    """Shares of the sets (they sum to 1) and how strongly weights are held back."""
    shares, ridge = np.ones(sets), 1.0

    def error(shares: Matrix, ridge: float) -> float:
        return problem.unseen(shares / shares.sum(), ridge)[1] if shares.any() else np.inf

    best = error(shares, ridge)
    for _ in range(_SWEEPS):
        for number in range(sets):
            for share in _SHARES:
                tried = shares.copy()
                tried[number] = share
                if share != shares[number] and (found := error(tried, ridge)) < best:
                    best, shares = found, tried
        ridge = min(_RIDGES, key=lambda ridge: error(shares, ridge))
        best = error(shares, ridge)
    return shares / shares.sum(), ridge


def _landmarks(features: Matrix, counted: Matrix, seed: int) -> Matrix:
    """Steps of the training music, drawn by what they weigh; where there are too few of them, they repeat."""
    if len(features) <= LANDMARKS:
        return features[np.arange(LANDMARKS) % len(features)]
    rng = np.random.default_rng(seed)
    drawn = rng.choice(len(features), LANDMARKS, replace=False, p=counted / counted.sum())
    return np.asarray(features[drawn], np.float64)


def _likeness(features: Matrix, points: Matrix, widths: tuple[int, ...]) -> NDArray[np.float32]:
    bounds = np.cumsum(widths)[:-1]
    parts = []
    for own, other in zip(np.split(features, bounds, axis=1), np.split(points, bounds, axis=1), strict=True):
        squares = (own**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2 * own @ other.T
        parts.append(np.exp(-GAMMA / own.shape[1] * np.maximum(squares, 0.0)))
    return np.stack(parts).astype(np.float32)
