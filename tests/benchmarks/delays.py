"""How long after its onset a note is announced, octave by octave, beside what centred filters would wait for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.transcription import DELAY, FRAME_S
from realtime.constant_q_filters import half_filter_frames
from tests.benchmarks.note_scores import HIGHEST_PITCH, LOWEST_PITCH, Notes, partners


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What became of true notes, a value each: how long until it was announced, NaN where it was not found."""

    pitches: NDArray[np.float64]
    delays_s: NDArray[np.float64]


def follow(true: Notes, found: Notes) -> Heard:
    """Look for ``true`` among the whole notes; both are in order of onset.

    ``found`` has a third column, when the note was announced [shape=(n, 3)].
    """
    rows = partners(true, found)
    delays_s = np.full(len(true), np.nan)
    delays_s[rows >= 0] = found[rows[rows >= 0], 2] - true[rows >= 0, 0]
    return Heard(true[:, 1], delays_s)


def together(heard: list[Heard]) -> Heard:
    """All of them as one."""
    return Heard(np.concatenate([one.pitches for one in heard]), np.concatenate([one.delays_s for one in heard]))


def centred_s(pitch: float) -> float:
    """How far the network and a centred filter at ``pitch`` look ahead."""
    return (DELAY + half_filter_frames(pitch)) * FRAME_S


def octave_table(heard: Heard) -> str:
    """A Markdown table, a row an octave that has notes."""
    lines = [
        "| octave | notes | found | announced after, median | 90 % | network and centred filter |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for octave in range(9):
        low, high = max(12 * octave + 12, LOWEST_PITCH), min(12 * octave + 23, HIGHEST_PITCH)
        chosen = (heard.pitches >= low) & (heard.pitches <= high)
        if chosen.any():
            name = "C8" if octave == 8 else f"{'A' if octave == 0 else 'C'}{octave}–B{octave}"
            lines.append(_row(name, heard, chosen, f"{1000 * centred_s((low + high) / 2):.0f} ms"))
    lines.append(_row("all", heard, np.ones(len(heard.pitches), np.bool_), ""))
    return "\n".join(lines)


def _row(name: str, heard: Heard, chosen: NDArray[np.bool_], centred: str) -> str:
    delays_s = heard.delays_s[chosen]
    announced = delays_s[~np.isnan(delays_s)]
    median, most = (f"{1000 * np.quantile(announced, q):.0f} ms" if len(announced) else "–" for q in (0.5, 0.9))
    return f"| {name} | {len(delays_s)} | {len(announced) / len(delays_s):.2f} | {median} | {most} | {centred} |"
