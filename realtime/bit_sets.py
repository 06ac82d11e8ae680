"""Sets of pitches or frames, each the bits of one number: what is asked of all of them is asked at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


def bit_sets(chosen: NDArray[np.bool_]) -> list[int]:
    """The places that are ``chosen`` in each row [shape=(n, m)]."""
    packed = np.packbits(chosen, axis=1, bitorder="little")
    width, rows = packed.shape[1], packed.tobytes()
    return [int.from_bytes(rows[first : first + width], "little") for first in range(0, len(rows), width)]


def members(bits: int) -> Iterator[int]:
    """What is in a set, ascending."""
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest
