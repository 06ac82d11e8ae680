"""How the C library hands out memory to a program that runs for days."""

from __future__ import annotations

import ctypes
import sys

#: Blocks from this size on come from the system one by one, and go back to it as they are freed.
LARGE_BYTES = 1_000_000
#: What ``malloc.h`` of glibc calls it.
_M_MMAP_THRESHOLD = -3


def return_large_blocks() -> None:
    """Have the C library give large blocks back as soon as they are freed, where it is glibc; elsewhere nothing.

    glibc raises the size from which it does so to that of the largest block it has seen freed, up to 32 MB. From the
    first stall on, what megabytes of sound are transcribed in would come from one heap with all that is small and
    stays, and 30 MB of holes be resident between. Live this costs no time that can be measured; where a file goes
    through in long pieces, which need the same large blocks again and again, it would.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)
