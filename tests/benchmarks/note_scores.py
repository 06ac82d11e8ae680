"""How well the notes that were found are the notes that were played: onset and pitch, ends ignored.

Notes are rows of onset in seconds and MIDI pitch [shape=(n, 2)]. A note is found where one of the same pitch begins
within 50 ms; each counts once (MIREX "onset only", Bay, Ehmann and Downie, ISMIR 2009, as mir_eval has it).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from mir_eval import transcription
from numpy.typing import NDArray

Notes = NDArray[np.float64]

ONSET_TOLERANCE_S = 0.05
LOWEST_PITCH, HIGHEST_PITCH = 21, 108


class Score(NamedTuple):
    """Each 0…1."""

    f1: float
    precision: float
    recall: float


def as_notes(rows: Iterable[tuple[float, ...]], columns: int = 2) -> Notes:
    """Rows as an array [shape=(n, columns)], in order of onset; right for no rows too."""
    found = np.array(sorted(rows), np.float64)
    return found.reshape(-1, columns)


def score(true: Notes, found: Notes) -> Score:
    """``found`` against ``true``; where both are empty they agree."""
    if not len(true) and not len(found):
        return Score(1.0, 1.0, 1.0)
    if not len(true) or not len(found):
        return Score(0.0, 0.0, 0.0)
    precision, recall, f1, _ = transcription.precision_recall_f1_overlap(
        *_intervals_and_hz(true),
        *_intervals_and_hz(found),
        onset_tolerance=ONSET_TOLERANCE_S,
        pitch_tolerance=50.0,
        offset_ratio=None,
    )
    return Score(f1, precision, recall)


def mean_score(scores: Iterable[Score]) -> Score:
    """The mean of each of the three."""
    return Score(*(float(value) for value in np.mean(list(scores), axis=0)))


def moved_back(notes: Notes, delay_s: float) -> Notes:
    """Notes of sound that was delayed, as of the sound itself; what begins before it is left out."""
    moved = notes.copy()
    moved[:, 0] -= delay_s
    return moved[moved[:, 0] >= 0.0]


def without_doubles(notes: Notes) -> Notes:
    """Notes without those that repeat one of the same pitch within the tolerance: two hands on one key sound once."""
    kept: list[tuple[float, ...]] = []
    last_s: dict[float, float] = {}
    for onset_s, pitch in notes[np.argsort(notes[:, 0], kind="stable")].tolist():
        if onset_s - last_s.get(pitch, -np.inf) > ONSET_TOLERANCE_S:
            last_s[pitch] = onset_s
            kept.append((onset_s, pitch))
    return as_notes(kept)


def partners(true: Notes, found: Notes) -> NDArray[np.int_]:
    """For each true note the row of ``found`` that is it, −1 where none is; both in order of onset.

    Only the first two columns of ``found`` are looked at. Pairing what comes first leaves as few unpaired as any way.
    """
    waiting: dict[float, list[int]] = {}
    for row, pitch in enumerate(found[:, 1].tolist()):
        waiting.setdefault(pitch, []).append(row)
    chosen = np.full(len(true), -1)
    for number, (onset_s, pitch) in enumerate(true[:, :2].tolist()):
        rows = waiting.get(pitch, [])
        while rows and found[rows[0], 0] < onset_s - ONSET_TOLERANCE_S - 1e-6:
            rows.pop(0)
        if rows and found[rows[0], 0] <= onset_s + ONSET_TOLERANCE_S + 1e-6:
            chosen[number] = rows.pop(0)
    return chosen


def _intervals_and_hz(notes: Notes) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """As mir_eval takes them; the ends are made up."""
    onsets_s, pitches = notes[:, 0], notes[:, 1]
    return np.stack([onsets_s, onsets_s + 0.1], axis=1), 440.0 * 2.0 ** ((pitches - 69.0) / 12.0)
