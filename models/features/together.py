"""Many windows at once: a set's numbers cost as much in calls as in arithmetic, and one call serves many windows.

Arrays of several windows lie one behind the other, so they must be alike in length. Most are: the count of frames of a
full window is fixed. Nothing may depend on how many windows there are, to the last bit: sums run within a window, and
products of matrices, which BLAS sums otherwise for other shapes, are of one shape.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from itertools import groupby
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from models.features import FeatureRows, FeatureVector, Window

Part = TypeVar("Part")
#: Rows that are multiplied at a time.
_ROWS = 4


def each(compute: Callable[[Window], FeatureVector]) -> Callable[[Sequence[Window]], FeatureRows]:
    """``compute`` of one window, for many one after the other."""
    return lambda windows: np.stack([compute(window) for window in windows])


def alike(
    part: Callable[[Window], Part | None],
    likeness: Callable[[Part], Hashable],
    compute: Callable[[tuple[Part, ...]], NDArray[Any]],
    width: int,
) -> Callable[[Sequence[Window]], FeatureRows]:
    """``compute`` for windows whose ``part`` has the same ``likeness`` as that of their neighbours; zeros for None.

    It takes their parts and gives a row for each [shape=(windows, width)].
    """

    def compute_all(windows: Sequence[Window]) -> FeatureRows:
        found = np.zeros((len(windows), width), np.float32)
        parts = [(row, kept) for row, window in enumerate(windows) if (kept := part(window)) is not None]
        for _, group in groupby(parts, key=lambda numbered: likeness(numbered[1])):
            neighbours = list(group)
            found[[row for row, _ in neighbours]] = compute(tuple(kept for _, kept in neighbours))
        return found

    return compute_all


def product(rows: NDArray[Any], matrix: NDArray[Any]) -> NDArray[Any]:
    """``rows @ matrix`` [shape=(n, d) and (d, e) to (n, e)], a few rows at a time, so that a row's bits are its own."""
    count = len(rows)
    blocks = -(-count // _ROWS)
    if blocks * _ROWS != count:
        rows = np.concatenate([rows, np.zeros((blocks * _ROWS - count, rows.shape[1]), rows.dtype)])
    found: NDArray[Any] = np.matmul(rows.reshape(blocks, _ROWS, len(matrix)), matrix)
    return found.reshape(blocks * _ROWS, matrix.shape[1])[:count]
