"""Windows of notes: written out by hand, or any that hypothesis thinks of."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from models.features import FeatureSet, Window
from models.notes import DRUM_CHANNEL, NOTE_DTYPE

Row = tuple[float, float, int, int, int]


def window(rows: list[Row], end_s: float, length_s: float = 10.0) -> Window:
    """A window of notes given as onset, offset, pitch, velocity and channel."""
    notes = np.array(rows, NOTE_DTYPE)
    return Window(notes[np.lexsort((notes["pitch"], notes["onset_s"]))], end_s, length_s)


def line(pitches: list[int], step_s: float = 0.5, sounding: float = 1.0, velocity: int = 80) -> list[Row]:
    """Pitches one after another from 0 s, ``step_s`` apart, each sounding for that share of the step."""
    return [(n * step_s, n * step_s + sounding * step_s, pitch, velocity, 0) for n, pitch in enumerate(pitches)]


def chords(triads: list[list[int]], step_s: float = 1.0) -> list[Row]:
    """Chords one after another from 0 s, each held until the next."""
    return [(n * step_s, (n + 1) * step_s, pitch, 80, 0) for n, triad in enumerate(triads) for pitch in triad]


def heard(features: FeatureSet, given: Window) -> dict[str, float]:
    """The set's features of a window by name."""
    return dict(zip(features.names, features.compute(given).tolist(), strict=True))


@st.composite
def windows(draw: st.DrawFn, *, channels: tuple[int, ...] = (0, 1, 9), low: int = 0, high: int = 127) -> Window:
    """Two pitched notes and up to thirty more, of any length from 0, in 8–20 s before a moment after the twentieth."""
    length_ms = draw(st.integers(8_000, 20_000))
    end_ms = draw(st.integers(20_000, 100_000))
    rows = []
    for number in range(draw(st.integers(2, 32))):
        onset = draw(st.integers(max(end_ms - length_ms - 4_000, 0), end_ms))
        sounding_from = max(onset, end_ms - length_ms)
        offset = draw(st.one_of(st.just(sounding_from), st.integers(sounding_from, end_ms)))
        channel = draw(st.sampled_from([c for c in channels if number > 1 or c != DRUM_CHANNEL]))
        pitch = draw(st.integers(low, high))
        rows.append((onset / 1000, offset / 1000, pitch, draw(st.integers(0, 127)), channel))
    return window(rows, end_ms / 1000, length_ms / 1000)
