"""How long a MIDI message takes to become a reading: the computing time alone, of one core.

python -m tests.benchmarks.midi_to_reading PIECE.mid [--rate 10] [--runs 5]

Each message is pushed by itself, as a port gives it. What is measured is the push that gives a reading, which holds
every message before it, and beside it the push that gives none. Every push is told once as it was in all runs, other
programs' claims on caches and memory included, and once by its least time of all runs.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

# As the command line does, before NumPy is loaded: threads of linear algebra wait for one another by spinning.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from models.bundle import load_for
from realtime.events import Advance
from realtime.sources.midi_file import MidiFile
from realtime.tracker import EmotionTracker

WARM_UP_S = 10.0


def times_ms(path: Path, rate_hz: float) -> tuple[list[float], list[float]]:
    """Milliseconds of CPU time of each push that gave a reading, and of each that gave none, after a warm-up."""
    source = MidiFile(path, block_s=0.02)
    tracker = EmotionTracker(load_for("notes", None), rate_hz=rate_hz)
    with_reading: list[float] = []
    without: list[float] = []
    while not source.ended:
        for event in source.read(0.0):
            start = time.thread_time()
            readings = tracker.push([event])
            spent = 1000.0 * (time.thread_time() - start)
            if event.time_s < WARM_UP_S:
                continue
            if readings:
                with_reading.append(spent / len(readings))
            elif not isinstance(event, Advance):
                without.append(spent)
    return with_reading, without


def main() -> None:
    """Print the median and the 99th percentile."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("piece", type=Path, nargs="+", help="MIDI files")
    parser.add_argument("--rate", type=float, default=10.0, help="readings a second")
    parser.add_argument("--runs", type=int, default=5, help="how often each piece is played")
    arguments = parser.parse_args()
    pieces = [[times_ms(piece, arguments.rate) for _ in range(arguments.runs)] for piece in arguments.piece]
    for place, name in enumerate(("a reading", "a message without one")):
        # The same piece gives the same pushes each time.
        runs = np.concatenate([np.array([run[place] for run in piece]) for piece in pieces], axis=1)
        for what, times in (("all runs", runs), ("the least of each", runs.min(axis=0))):
            median, p99 = np.percentile(times, [50, 99])
            print(f"{name}, {what}: median {median:.2f} ms, 99th percentile {p99:.2f} ms, of {times.size}")


if __name__ == "__main__":
    main()
