"""Writes notes22.json: the 22 features of hand-made windows, by exact fractions from the definition, without NumPy.

Shares no code with ``models.features``: sums are ``fractions.Fraction``, spreads ``statistics.pstdev``. The tempo is
not computed at all; it is what the window was written to have. ``python tests/models/reference/notes22_by_hand.py``.
"""

from __future__ import annotations

import itertools
import json
import statistics
from fractions import Fraction
from pathlib import Path

# Name, what it is for, end of the window, its length, the tempo that the onsets were written with, and the notes as
# onset, offset, pitch, velocity, channel (9 is drums).
WINDOWS = [
    (
        "melody",
        "a bar of C major in quarters at 120, well inside the stream",
        "20",
        "10",
        120,
        [(f"{14 + k / 2}", f"{14.25 + k / 2}", p, 60 + 4 * k, 0) for k, p in enumerate([60, 64, 67, 72, 71, 67, 62])],
    ),
    (
        "held",
        "a pedal point and a fifth that both began before the window: they sound, but nothing begins",
        "30",
        "10",
        0,
        [("4", "30", 36, 80, 0), ("18.5", "21.75", 43, 40, 1)],
    ),
    (
        "chords and drums",
        "two-note chords at 90 over drums: drums count for tempo and density alone; intervals go from low to high",
        "16",
        "10",
        90,
        [
            note
            for k, (low, high) in enumerate([(48, 55), (50, 57), (52, 59), (53, 60)])
            for note in (
                (f"{Fraction(8) + Fraction(4 * k, 3)}", f"{Fraction(9) + Fraction(4 * k, 3)}", high, 90, 2),
                (f"{Fraction(8) + Fraction(4 * k, 3)}", f"{Fraction(9) + Fraction(4 * k, 3)}", low, 70, 2),
                (f"{Fraction(26, 3) + Fraction(4 * k, 3)}", f"{Fraction(27, 3) + Fraction(4 * k, 3)}", 42, 127, 9),
            )
        ],
    ),
    (
        "young",
        "a stream that is 0.5 s old: the density is over one second at least",
        "0.5",
        "10",
        240,
        [("0", "0.5", 69, 100, 0), ("0.25", "0.5", 70, 50, 0)],
    ),
    (
        "at the very end",
        "a chord that begins as the window ends has sounded for no time: its notes count the same",
        "12",
        "10",
        0,
        [("12", "12", 61, 30, 0), ("12", "12", 66, 31, 0), ("12", "12", 73, 32, 0)],
    ),
    (
        "one note and drums",
        "fewer than two pitched notes: the mask",
        "12",
        "10",
        0,
        [("3", "5", 61, 30, 0), ("4", "4.5", 36, 99, 9), ("5", "5.5", 38, 99, 9)],
    ),
]


def features(end: str, length: str, tempo: int, rows: list[tuple[str, str, int, int, int]]) -> list[float]:
    """The definition, line by line."""
    notes = [(Fraction(on), Fraction(off), pitch, velocity, channel) for on, off, pitch, velocity, channel in rows]
    start = max(Fraction(end) - Fraction(length), Fraction(0))
    pitched = [note for note in notes if note[4] != 9]
    if len(pitched) < 2:
        return [0.0] * 22
    durations = [min(off, Fraction(end)) - max(on, start) for on, off, *_ in pitched]
    shares = durations if sum(durations) else [Fraction(1)] * len(pitched)
    classes = [
        sum(share for share, note in zip(shares, pitched, strict=True) if note[2] % 12 == c) / sum(shares)
        for c in range(12)
    ]
    melody = [note[2] for note in sorted((n for n in pitched if n[0] >= start), key=lambda n: (n[0], n[2]))]
    steps = [later - earlier for earlier, later in itertools.pairwise(melody)]
    begun = sum(note[0] >= start for note in notes)
    values = []
    for column in ([n[2] for n in pitched], durations, [n[3] for n in pitched]):
        values += [statistics.mean(column), statistics.pstdev(column)]
    values += [tempo, *classes, Fraction(begun) / max(Fraction(end) - start, Fraction(1))]
    values += [statistics.mean(map(abs, steps)), statistics.pstdev(steps)] if steps else [0, 0]
    return [float(value) for value in values]


if __name__ == "__main__":
    windows = [
        {
            "name": name,
            "what": what,
            "end_s": float(end),
            "length_s": float(length),
            "notes": [[float(Fraction(on)), float(Fraction(off)), *rest] for on, off, *rest in rows],
            "expected": features(end, length, tempo, rows),
        }
        for name, what, end, length, tempo, rows in WINDOWS
    ]
    Path(__file__).with_name("notes22.json").write_text(json.dumps(windows, indent=1) + "\n")
