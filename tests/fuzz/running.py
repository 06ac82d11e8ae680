"""Case after case until the time is up; each has a seed of its own, and is done again with that alone."""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

import numpy as np

from tests.benchmarks.soak import resident_bytes
from tests.support.world import watched_threads

#: A case that takes longer than this hangs.
HANG_S = 300.0
#: So many cases at first are not counted for memory, and so much may it grow after them.
SETTLING, MOST_GROWTH_BYTES = 50, 64e6
#: How often the run says how far it is.
PROGRESS_S = 300.0

#: Runs one case, and may count in the counter what it has done. Raises whatever does not hold.
Case = Callable[[np.random.Generator, Counter[str]], None]


@dataclass
class Fuzzing:
    """What a run came to: cases, what was done in them, and what did not hold, by the seed of the case."""

    kind: str
    cases: int = 0
    done: Counter[str] = field(default_factory=Counter)
    failures: dict[int, str] = field(default_factory=dict)
    settled_bytes: int = 0
    bytes: int = 0

    def __str__(self) -> str:
        done = ", ".join(f"{number} {what}" for what, number in sorted(self.done.items()))
        return (
            f"{self.kind}: {self.cases} cases ({done}); memory {self.settled_bytes / 1e6:.0f} MB after {SETTLING} "
            f"cases, {self.bytes / 1e6:.0f} MB now; {len(self.failures)} failures"
        )


def fuzz(kind: str, case: Case, *, seed: int, minutes: float = 0.0, cases: int = 0, is_told: bool = True) -> Fuzzing:
    """Run ``cases`` cases, or as many as fit into ``minutes``; case n has the seed ``seed + n``."""
    found = Fuzzing(kind)
    began_s = told_s = time.monotonic()
    for number in count():
        now_s = time.monotonic()
        if number >= cases if cases else now_s - began_s >= 60.0 * minutes:
            break
        if is_told and now_s - told_s >= PROGRESS_S:
            told_s = now_s
            print(f"{(now_s - began_s) / 60:.0f} min: {found}", flush=True)
        problem = _run(kind, case, seed + number, found.done)
        if problem:
            found.failures[seed + number] = problem
            if is_told:
                print(f"FAILED: {_again(kind, seed + number)}\n{problem}", flush=True)
        found.cases += 1
        found.bytes = resident_bytes()
        if found.cases <= SETTLING:
            found.settled_bytes = found.bytes
    if found.bytes - found.settled_bytes > MOST_GROWTH_BYTES:
        found.failures[seed] = f"memory has grown by {(found.bytes - found.settled_bytes) / 1e6:.0f} MB over the cases"
    return found


def _run(kind: str, case: Case, seed: int, done: Counter[str]) -> str:
    """What did not hold in the case of ``seed``, empty where all did."""
    watch = threading.Timer(HANG_S, _hangs, (kind, seed))
    watch.daemon = True
    watch.start()
    try:
        # A warning would be printed over the dashboard.
        with watched_threads() as died, warnings.catch_warnings():
            warnings.simplefilter("error")
            case(np.random.default_rng(seed), done)
        return "\n".join(f"a thread died: {line}" for line in died)
    except Exception:
        return "\n".join([traceback.format_exc(), *(f"a thread died: {line}" for line in died)])
    finally:
        watch.cancel()


def _hangs(kind: str, seed: int) -> None:
    print(f"FAILED: {_again(kind, seed)}\nit hangs", flush=True)
    faulthandler.dump_traceback(file=sys.stdout)
    sys.stdout.flush()
    os._exit(1)


def _again(kind: str, seed: int) -> str:
    return f"python -m tests.fuzz {kind} --seed {seed} --cases 1"
