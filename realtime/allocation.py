"""How the C library hands out memory: to a program that runs for days, and to one that is soon done."""

from __future__ import annotations

import ctypes
import sys

#: Blocks from this size on come from the system one by one, and go back to it as they are freed.
LARGE_BYTES = 1_000_000
#: The largest size that glibc lets be asked for, and how much may lie free before it goes back to the system.
_ALL_BYTES, _FREE_BYTES = 32_000_000, 64_000_000
#: What ``malloc.h`` of glibc calls them.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def return_large_blocks() -> None:
    """Have the C library give large blocks back as soon as they are freed, where it is glibc; elsewhere nothing.

    glibc raises the size from which it does so to that of the largest block it has seen freed, up to 32 MB. From the
    first stall on, what megabytes of sound are transcribed in would come from one heap with all that is small and
    stays, and 30 MB of holes be resident between. Live this costs no time that can be measured.
    """
    _set({_M_MMAP_THRESHOLD: LARGE_BYTES})


def keep_large_blocks() -> None:
    """Have the C library keep large blocks that are freed for what asks next, where it is glibc; elsewhere nothing.

    Where a file goes through in long pieces the same blocks are needed again and again, and to have them from the
    system each time, cleared, takes a twentieth of all processor time.
    """
    _set({_M_MMAP_THRESHOLD: _ALL_BYTES, _M_TRIM_THRESHOLD: _FREE_BYTES})


def _set(thresholds: dict[int, int]) -> None:
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for name, size in thresholds.items():
            mallopt(name, size)
