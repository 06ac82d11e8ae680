"""``python -m tests.fuzz midi|sound|devices [--minutes N | --cases N] [--seed S]``; exit status 1 where one failed."""

from __future__ import annotations

import os

# As the command line has it, and before anything loads NumPy.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import sys

from realtime.allocation import return_large_blocks
from tests.fuzz import devices, midi, sound
from tests.fuzz.running import fuzz

CASES = {"midi": midi.case, "sound": sound.case, "devices": devices.case}


def main() -> int:
    """Run cases of one kind and say what they came to."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("kind", choices=CASES)
    parser.add_argument("--minutes", type=float, default=1.0, help="of the wall clock")
    parser.add_argument("--cases", type=int, default=0, help="so many instead")
    parser.add_argument("--seed", type=int, default=1, help="of the first case; the next ones count on from it")
    arguments = parser.parse_args()
    return_large_blocks()
    found = fuzz(
        arguments.kind,
        CASES[arguments.kind],
        seed=arguments.seed,
        minutes=arguments.minutes,
        cases=arguments.cases,
    )
    print(found)
    return 1 if found.failures else 0


if __name__ == "__main__":
    sys.exit(main())
