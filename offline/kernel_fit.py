"""The weights of the ``kernel`` network in closed form, its settings chosen by groups within the training data.

How wide the Gaussians are and how much each feature set counts for valence and for arousal is found on a sample of the
rows, by going through the sets in turn and keeping what lowers the error on inner folds; how strongly the weights are
held back then on all of them. Whoever judges the result holds out groups of his own: nothing here has seen them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg
from scipy.optimize import brentq
from sklearn.linear_model import RidgeCV

from offline.baselines import group_folds
from offline.metrics import spread_terms
from offline.networks.kernel import CLIP, LANDMARKS, components, quadratic

Matrix = NDArray[np.float64]
Single = NDArray[np.float32]
Places = NDArray[np.int64]

_INNER_FOLDS = 4
_GAMMAS = (0.125, 0.25, 0.5)
_SHARES = (0.0, 0.5, 1.0, 2.0, 4.0)
RIDGES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
_SPREAD_RIDGES = (0.4, 1.6, 6.4, 25.6)
_SWEEPS = 2
#: What shares are chosen on: so many rows and landmarks.
_CHOICE_ROWS, _CHOICE_LANDMARKS = 4000, 400
#: Keeps weights of landmarks that are much alike from growing against one another, beyond what single precision holds.
_JITTER = 0.05
#: What an interval of nominal 90 % should hold of single ratings on inner folds.
_COVERED = 0.89
#: The share of the training music that is less like the landmarks than what is called usual.
_UNUSUAL = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Steps to learn from: standardized ``features`` [shape=(n, features)], ``labels`` [shape=(n, 4)], what each of
    them weighs [shape=(n,)] where 1 is a window that shares nothing with others, and the ``groups`` that they belong to
    [shape=(n,)]."""

    features: Single
    labels: Matrix
    counted: Matrix
    groups: NDArray[np.str_]


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """What the network's layers hold, in the order of Keras's weights, how many landmarks there are, the exponent of
    the Gaussians that was chosen, and the error on inner folds."""

    weights: list[Single]
    landmarks: int
    gamma: float
    error: float


def solve(rows: Rows, widths: tuple[int, ...], *, seed: int) -> Solution:
    """Landmarks, shares and weights for ``rows`` of feature sets of ``widths`` side by side."""
    turns = _principal(rows, widths)
    kept = components(widths)
    folds = inner_folds(rows.groups)
    gamma, shares = _choose(rows, turns, widths, seed)
    turns = [_rounded(turn * np.sqrt(gamma / len(turn))) for turn in turns]
    turned = _turned(rows.features, turns)
    points = _rounded(turned[sample(rows.counted, min(LANDMARKS, len(turned)), seed)])
    count = len(points)
    means, spreads, usual = np.zeros((2, count)), np.zeros((2, count)), np.zeros((2, count))
    biases, least = np.zeros(4), np.zeros(2)
    unseen = np.zeros((len(turned), 2))
    problems: list[Problem] = []
    error = 0.0
    for axis in (0, 1):
        kernel, between = (_mixed(given, points, kept, shares[axis]) for given in (turned, points))
        usual[axis] = np.average(kernel, axis=0, weights=rows.counted)
        least[axis] = np.quantile(kernel.mean(axis=1), _UNUSUAL)
        problem = Problem(kernel, between, rows.counted, folds)
        problems.append(problem)
        ridge, off = problem.best(rows.labels[:, 2 * axis], RIDGES)
        unseen[:, axis] = problem.unseen(rows.labels[:, 2 * axis], ridge)
        means[axis], biases[axis] = problem.weights(rows.labels[:, 2 * axis], ridge)
        error += off / 4
    terms = quadratic(unseen)
    curved = np.zeros((2, terms.shape[1]))
    for axis in (0, 1):
        spread = rows.labels[:, 2 * axis + 1]
        known = ~np.isnan(spread)
        if not (is_told := bool(known.any())):
            # Nobody told a spread: the typical error is what there is to say.
            error_size = np.abs(unseen[:, axis] - rows.labels[:, 2 * axis])
            spread, known = np.sqrt(np.pi / 2) * error_size, np.ones(len(error_size), bool)
        fitted = RidgeCV(np.logspace(-2, 4, 13)).fit(terms[known], spread[known], sample_weight=rows.counted[known])
        curved[axis], biases[2 + axis] = fitted.coef_, fitted.intercept_
        left = np.where(known, spread - fitted.predict(terms), 0.0)
        problem = problems[axis] if known.all() else problems[axis].only(known)
        ridge, off = problem.best(left, _SPREAD_RIDGES)
        spreads[axis], bias = problem.weights(left, ridge)
        biases[2 + axis] += bias
        error += off / 4
        if is_told:
            said = fitted.predict(terms) + problem.unseen(left, ridge)
            biases[2 + axis] += _widening(unseen[:, axis], said, rows.labels[:, 2 * axis : 2 * axis + 2], rows.counted)
    biases[:2] += (usual * means).sum(axis=1)
    biases[2:] += (usual * spreads).sum(axis=1)
    solved = [*turns, points, shares, usual, means, spreads, biases, curved, least]
    return Solution([np.asarray(array, np.float32) for array in solved], count, gamma, error)


class Problem:
    """Kernel ridge regression on landmarks: ``kernel`` [shape=(n, landmarks)], ``between`` landmarks."""

    def __init__(self, kernel: Single, between: Single, counted: Matrix, folds: Sequence[Places]) -> None:
        self._kernel, self._between = kernel, between.astype(np.float64)
        self._counted, self._folds = counted, folds
        squares = []
        for rows in folds:
            weighed = kernel[rows] * counted[rows, None].astype(np.float32)
            squares.append((kernel[rows].T @ weighed).astype(np.float64))
        self._squares = squares
        self._square: Matrix = np.sum(squares, axis=0)

    def only(self, known: NDArray[np.bool_]) -> Problem:
        """The same where only some rows count."""
        return Problem(self._kernel, self._between.astype(np.float32), self._counted * known, self._folds)

    def best(self, wanted: Matrix, ridges: Sequence[float]) -> tuple[float, float]:
        """The ridge with the least mean squared error on inner folds, and that error."""
        errors = {
            ridge: float(np.average((self.unseen(wanted, ridge) - wanted) ** 2, weights=self._counted))
            for ridge in ridges
        }
        chosen = min(errors, key=lambda ridge: errors[ridge])
        return chosen, errors[chosen]

    def unseen(self, wanted: Matrix, ridge: float) -> Matrix:
        """What each inner fold says of rows that it has not seen [shape=(n,)]."""
        middle, across = self._across(wanted)
        said = np.full(len(wanted), middle)
        for rows, square, own in zip(self._folds, self._squares, across, strict=True):
            # What all but this fold add up to: a third of the work of adding them up anew for every fold.
            weights = self._held_back(self._square - square, np.sum(across, axis=0) - own, ridge)
            said[rows] += self._kernel[rows] @ weights
        return said

    def weights(self, wanted: Matrix, ridge: float) -> tuple[Matrix, float]:
        """Weights of the landmarks and bias, from all rows."""
        middle, across = self._across(wanted)
        return self._held_back(self._square, np.sum(across, axis=0), ridge), middle

    def _across(self, wanted: Matrix) -> tuple[float, list[Matrix]]:
        middle = float(np.average(wanted, weights=self._counted))
        weighed = self._counted * (wanted - middle)
        return middle, [self._kernel[rows].T.astype(np.float64) @ weighed[rows] for rows in self._folds]

    def _held_back(self, square: Matrix, across: Matrix, ridge: float) -> Matrix:
        hold = ridge * self._between + _JITTER * np.eye(len(square))
        return np.asarray(linalg.solve(square + hold, across, assume_a="pos"), np.float64)


def _choose(rows: Rows, turns: Sequence[Single], widths: tuple[int, ...], seed: int) -> tuple[float, Matrix]:
    """The exponent of the Gaussians, and the shares of the sets for both axes [shape=(2, sets)], each summing to 1."""
    few = sample(rows.counted, min(_CHOICE_ROWS, len(rows.features)), seed)
    counted = np.full(len(few), rows.counted.sum() / len(few))
    folds = inner_folds(rows.groups[few])
    labels = rows.labels[few]
    places = sample(counted, min(_CHOICE_LANDMARKS, len(few)), seed)
    kept = components(widths)

    def compared(gamma: float) -> tuple[Single, Single]:
        turned = _turned(rows.features[few], [turn * np.float32(np.sqrt(gamma / len(turn))) for turn in turns])
        points = turned[places]
        return np.stack(list(likenesses(turned, points, kept))), np.stack(list(likenesses(points, points, kept)))

    def tried(given: tuple[Single, Single], shares: Matrix, axis: int, ridges: Sequence[float]) -> tuple[float, float]:
        kernel, between = (np.tensordot((shares / shares.sum()).astype(np.float32), one, 1) for one in given)
        return Problem(kernel, between, counted, folds).best(labels[:, 2 * axis], ridges)

    equal = np.ones(len(widths))
    errors = {}
    for gamma in _GAMMAS:
        given = compared(gamma)
        errors[gamma] = sum(tried(given, equal, axis, RIDGES)[1] / labels[:, 2 * axis].var() for axis in (0, 1))
    gamma = min(errors, key=lambda gamma: errors[gamma])
    given = compared(gamma)
    chosen = np.ones((2, len(widths)))
    for axis in (0, 1):
        shares = equal
        ridge, best = tried(given, shares, axis, RIDGES)
        for _ in range(_SWEEPS):
            for number in range(len(widths)):
                for share in _SHARES:
                    other = shares.copy()
                    other[number] = share
                    if share != shares[number] and other.any():
                        found = tried(given, other, axis, (ridge,))[1]
                        if found < best:
                            best, shares = found, other
            ridge, best = tried(given, shares, axis, RIDGES)
        chosen[axis] = shares / shares.sum()
    return gamma, chosen


def inner_folds(groups: NDArray[np.str_]) -> list[Places]:
    """The rows of each inner fold, no group in two."""
    return [rows for _, rows in group_folds(groups, _INNER_FOLDS)]


def _principal(rows: Rows, widths: tuple[int, ...]) -> list[Single]:
    """Of each set the directions in which its clipped features vary most, as columns [shape=(features, components)]."""
    turns, start = [], 0
    weights = rows.counted / rows.counted.sum()
    for width, kept in zip(widths, components(widths), strict=True):
        part = np.clip(rows.features[:, start : start + width], -CLIP, CLIP).astype(np.float64)
        part -= weights @ part
        _, vectors = np.linalg.eigh((part * weights[:, None]).T @ part)
        turns.append(vectors[:, ::-1][:, :kept].astype(np.float32))
        start += width
    return turns


def _turned(features: Single, turns: Sequence[Single]) -> Single:
    start, parts = 0, []
    for turn in turns:
        parts.append(np.clip(features[:, start : start + len(turn)], -CLIP, CLIP) @ turn)
        start += len(turn)
    return np.concatenate(parts, axis=1)


def _rounded(values: Single) -> Single:
    """To half precision, in which a bundle keeps what there is most of."""
    return values.astype(np.float16).astype(np.float32)


def sample(counted: Matrix, count: int, seed: int) -> Places:
    """So many rows by what they weigh, evenly spaced in their order, so that every piece has its part."""
    if count >= len(counted):
        return np.arange(len(counted))
    ends = np.cumsum(counted)
    places = (np.arange(count) + np.random.default_rng(seed).random()) * (ends[-1] / count)
    # A row that weighs more than its part would come twice.
    return np.unique(np.searchsorted(ends, places).clip(0, len(counted) - 1))


def likenesses(given: Single, points: Single, kept: Sequence[int]) -> Iterator[Single]:
    """Likeness of rows to points by each set in turn [shape=(n, points)]."""
    start = 0
    for width in kept:
        own, other = given[:, start : start + width], points[:, start : start + width]
        squares = (own**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2 * own @ other.T
        yield np.exp(-np.maximum(squares, 0))
        start += width


def _mixed(given: Single, points: Single, kept: Sequence[int], shares: Matrix) -> Single:
    kernel = np.zeros((len(given), len(points)), np.float32)
    for share, likeness in zip(shares.tolist(), likenesses(given, points, kept), strict=True):
        if share:
            kernel += np.float32(share) * likeness
    return kernel


def _widening(means: Matrix, spreads: Matrix, labels: Matrix, counted: Matrix) -> float:
    """What to add to the spreads so that intervals hold as many single ratings as they say, the error of the mean
    being part of what they have to cover; never below 0."""
    truth, said = np.tile(labels, 2), np.tile(np.stack([means, spreads], axis=1), 2)
    known = np.isfinite(labels[:, 1])

    def missing(added: float) -> float:
        wider = said + np.array([0.0, added, 0.0, added])
        held = spread_terms(wider[known], truth[known])["coverage_90_valence"]
        return float(np.average(held, weights=counted[known])) - _COVERED

    if missing(0.0) >= 0.0:
        return 0.0
    return float(brentq(missing, 0.0, 8.0, xtol=1e-3)) if missing(8.0) > 0.0 else 8.0
