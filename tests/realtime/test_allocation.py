"""Large blocks of memory go back to the system as they are freed, whatever was freed before."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.benchmarks.soak import allocated_bytes
from tests.support.listening import ROOT

# What glibc comes to after it has seen a block of 32 MB freed is said outright, since a MALLOC_… variable stops it.
PROGRAM = """
import ctypes
import sys
import numpy as np
from realtime.allocation import keep_large_blocks, return_large_blocks
from tests.benchmarks.soak import resident_bytes

M_MMAP_THRESHOLD = -3
if sys.argv[1] == "kept":
    keep_large_blocks()
else:
    ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 32_000_000)
    return_large_blocks()
before = resident_bytes()
large, small = zip(*((np.ones(2_000_000, np.uint8), np.ones(200_000, np.uint8)) for _ in range(50)))
del large
print(resident_bytes() - before)
"""


@pytest.mark.skipif(allocated_bytes() is None, reason="not glibc")
def test_large_blocks_are_returned_though_something_small_lies_between_them() -> None:
    def left(how: str) -> int:
        ran = subprocess.run([sys.executable, "-c", PROGRAM, how], cwd=ROOT, capture_output=True, text=True, check=True)
        return int(ran.stdout)

    assert left("returned") < 20_000_000
    assert left("kept") > 50_000_000
