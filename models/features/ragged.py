"""Rows of numbers that differ in length, as windows' notes do, one behind the other: one call serves all of them.

Sums run within a row, so that its bits do not depend on the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.features.heard import Indices, Numbers


@dataclass(frozen=True, slots=True, eq=False)
class Ragged:
    """Where each of m rows lies in arrays [shape=(..., n)]: how many numbers it has, and where it begins [shape=(m,)].

    No row is empty.
    """

    counts: Indices
    starts: Indices

    @classmethod
    def of(cls, rows: Sequence[NDArray[Any]]) -> Ragged:
        """Where ``rows`` lie once they are concatenated."""
        counts = np.array([len(row) for row in rows])
        return cls(counts, np.add.accumulate(counts) - counts)

    def sums(self, values: NDArray[Any]) -> Numbers:
        """The sum of each row [shape=(..., n) to (..., m)]."""
        found: Numbers = np.add.reduceat(values, self.starts, axis=-1, dtype=np.float64)
        return found

    def means(self, values: NDArray[Any]) -> Numbers:
        """The mean of each row [shape=(..., n) to (..., m)]."""
        return self.sums(values) / self.counts

    def means_and_stds(self, values: NDArray[Any]) -> tuple[Numbers, Numbers]:
        """The mean of each row and its standard deviation [shape=(..., n) to (..., m)]."""
        means = self.means(values)
        centred = values - self.for_each(means)
        return means, np.sqrt(self.means(centred * centred))

    def step_means(self, of_steps: NDArray[Any]) -> Numbers:
        """The mean of what is told ``of_steps`` from each number to the next [shape=(..., n - 1) to (..., m)].

        Steps from row to row do not count. 0 for a row of one number.
        """
        within = np.zeros((*of_steps.shape[:-1], of_steps.shape[-1] + 1))
        within[..., 1:] = of_steps
        within[..., self.starts] = 0
        return self.sums(within) / np.maximum(self.counts - 1, 1)

    def for_each(self, of_rows: NDArray[Any]) -> NDArray[Any]:
        """What is told ``of_rows`` [shape=(..., m)], for each number of theirs [shape=(..., n)]."""
        return of_rows.repeat(self.counts, axis=-1)

    def histograms(self, bins: Indices, size: int, weights: Numbers | None = None) -> NDArray[Any]:
        """How many of each row's ``bins``, below ``size``, there are, or what they weigh [shape=(n,) to (m, size)]."""
        rows = len(self.counts)
        place = self.for_each(np.arange(rows) * size) + bins
        return np.bincount(place, weights, rows * size).reshape(rows, size)

    def split(self, values: NDArray[Any]) -> list[NDArray[Any]]:
        """Each row of ``values`` [shape=(n,)]."""
        starts = self.starts.tolist()
        return [values[start:end] for start, end in zip(starts, [*starts[1:], len(values)], strict=True)]
