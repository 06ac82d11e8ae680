"""Kernel ridge regression on landmarks: what is learned from, how alike rows are, and the weights that follow.

Errors are those on inner folds, groups within the training data that the weights have not seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from offline.baselines import group_folds
from offline.networks.kernel import CLIP

Matrix = NDArray[np.float64]
Single = NDArray[np.float32]
Places = NDArray[np.int64]

#: How strongly weights may be held back.
RIDGES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
#: How much it counts, for valence and for arousal, that music heard otherwise is given the reading of its original,
#: where 1 is as much as an error of that size. A room takes a third of the valence away, and less of the arousal.
HOLDS = (2.2, 0.0)
_INNER_FOLDS = 4
#: Keeps weights of landmarks that are much alike from growing against one another, beyond what single precision holds.
_JITTER = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Steps to learn from: standardized ``features`` [shape=(n, features)], ``labels`` [shape=(n, 4)], what each of
    them weighs [shape=(n,)] where 1 is a window that shares nothing with others, the ``groups`` that they belong to
    [shape=(n,)], and which row each of them is a version of, itself if of none [``version_of``: shape=(n,)]."""

    features: Single
    labels: Matrix
    counted: Matrix
    groups: NDArray[np.str_]
    version_of: Places


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

    def held_together(self, version_of: Places, hold: float) -> Problem:
        """The same where the weights are also held back by what they make of the difference between a row and what it
        is a version of [``version_of``: shape=(n,)], ``hold`` times as much as an error of that size costs.

        This is the penalty of consistency training in closed form: Simard, Victorri, Le Cun and Denker, "Tangent
        prop" (NIPS 1991).
        """
        if not hold:
            return self
        held = copy(self)
        held._squares = [
            square + hold * self._parted(rows[version_of[rows] != rows], version_of)
            for rows, square in zip(self._folds, self._squares, strict=True)
        ]
        held._square = np.sum(held._squares, axis=0)
        return held

    def _parted(self, versions: Places, version_of: Places) -> Matrix:
        apart = self._kernel[versions] - self._kernel[version_of[versions]]
        return (apart.T @ (apart * self._counted[versions, None].astype(np.float32))).astype(np.float64)

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


def inner_folds(groups: NDArray[np.str_], *, seed: int | None = None) -> list[Places]:
    """The rows of each inner fold, no group in two; with a ``seed`` drawn anew."""
    if seed is not None:
        names, numbers = np.unique(groups, return_inverse=True)
        groups = np.random.default_rng(seed).permutation(len(names)).astype(str)[numbers]
    return [rows for _, rows in group_folds(groups, _INNER_FOLDS)]


def turned(features: Single, turns: Sequence[Single]) -> Single:
    """Clipped features in the directions of ``turns``, those of each set side by side [shape=(n, components)]."""
    start, parts = 0, []
    for turn in turns:
        parts.append(np.clip(features[:, start : start + len(turn)], -CLIP, CLIP) @ turn)
        start += len(turn)
    return np.concatenate(parts, axis=1)


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


def mixed(given: Single, points: Single, kept: Sequence[int], shares: Matrix) -> Single:
    """Likeness of rows to points by all sets together, each by its share [shape=(n, points)]."""
    kernel = np.zeros((len(given), len(points)), np.float32)
    for share, likeness in zip(shares.tolist(), likenesses(given, points, kept), strict=True):
        if share:
            kernel += np.float32(share) * likeness
    return kernel
