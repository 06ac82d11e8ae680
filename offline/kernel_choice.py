"""How wide the ``kernel`` network's Gaussians are, and how much each feature set counts for valence and for arousal.

Found on a sample of the rows, by going through the sets in turn and keeping what lowers the error on inner folds. One
such search follows the accidents of its sample; the mean of a few, each with a sample and folds of its own, does less.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from offline.kernel_ridge import (
    HOLDS,
    RIDGES,
    Matrix,
    Places,
    Problem,
    Rows,
    Single,
    inner_folds,
    likenesses,
    sample,
    turned,
)
from offline.networks.kernel import components

_GAMMAS = (0.125, 0.25, 0.5)
_SHARES = (0.0, 0.5, 1.0, 2.0, 4.0)
_SWEEPS = 2
#: How many searches there are, and on so many rows and landmarks each.
_CHOICES, _ROWS, _LANDMARKS = 6, 6000, 400

Kernels = tuple[Single, Single]


def choose(rows: Rows, turns: Sequence[Single], widths: tuple[int, ...], seed: int) -> tuple[float, Matrix]:
    """The exponent of the Gaussians, and the shares of the sets for both axes [shape=(2, sets)], each summing to 1;
    ``turns`` are the directions in which each set is compared [shape=(features, components)]."""
    searches = [_Search(rows, turns, widths, seed + number) for number in range(_CHOICES)]
    gamma = min(_GAMMAS, key=lambda gamma: sum(search.error(gamma) for search in searches))
    return gamma, np.mean([search.shares(gamma) for search in searches], axis=0)


class _Search:
    """A sample of the rows, and how well settings do on it."""

    def __init__(self, rows: Rows, turns: Sequence[Single], widths: tuple[int, ...], seed: int) -> None:
        few, self._version_of = _some(rows, seed)
        relative = rows.counted[few] / rows.counted[few[self._version_of]]
        self._counted = relative * (rows.counted.sum() / relative.sum())
        self._features, self._labels = rows.features[few], rows.labels[few]
        self._folds = inner_folds(rows.groups[few], seed=seed)
        self._places = sample(self._counted, min(_LANDMARKS, len(few)), seed)
        self._turns, self._kept = turns, components(widths)

    def error(self, gamma: float) -> float:
        """What is left unexplained of valence and arousal where all sets count alike."""
        given, equal = self._compared(gamma), np.ones(len(self._turns))
        return sum(
            self._tried(given, equal, axis, RIDGES)[1] / float(self._labels[:, 2 * axis].var()) for axis in (0, 1)
        )

    def shares(self, gamma: float) -> Matrix:
        """The shares that do best, for both axes."""
        given = self._compared(gamma)
        return np.stack([self._shares(given, axis) for axis in (0, 1)])

    def _shares(self, given: Kernels, axis: int) -> Matrix:
        shares = np.ones(len(self._turns))
        ridge, best = self._tried(given, shares, axis, RIDGES)
        for _ in range(_SWEEPS):
            for number in range(len(shares)):
                for share in _SHARES:
                    other = shares.copy()
                    other[number] = share
                    if share != shares[number] and other.any():
                        found = self._tried(given, other, axis, (ridge,))[1]
                        if found < best:
                            best, shares = found, other
            ridge, best = self._tried(given, shares, axis, RIDGES)
        summed: Matrix = shares / shares.sum()
        return summed

    def _compared(self, gamma: float) -> Kernels:
        scaled = [turn * np.float32(np.sqrt(gamma / len(turn))) for turn in self._turns]
        given = turned(self._features, scaled)
        points = given[self._places]
        return (
            np.stack(list(likenesses(given, points, self._kept))),
            np.stack(list(likenesses(points, points, self._kept))),
        )

    def _tried(self, given: Kernels, shares: Matrix, axis: int, ridges: Sequence[float]) -> tuple[float, float]:
        kernel, between = (np.tensordot((shares / shares.sum()).astype(np.float32), one, 1) for one in given)
        problem = Problem(kernel, between, self._counted, self._folds)
        return problem.held_together(self._version_of, HOLDS[axis]).best(self._labels[:, 2 * axis], ridges)


def _some(rows: Rows, seed: int) -> tuple[Places, Places]:
    """Some of the rows, each with all of its versions, and which of these each is a version of."""
    originals = np.flatnonzero(rows.version_of == np.arange(len(rows.version_of)))
    count = min(round(_ROWS * len(originals) / len(rows.version_of)), len(originals))
    taken = originals[sample(rows.counted[originals], count, seed)]
    few = np.flatnonzero(np.isin(rows.version_of, taken))
    return few, np.searchsorted(few, rows.version_of[few])
