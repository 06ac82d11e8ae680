"""A note, and the array of notes that features are computed from.

Times are seconds of stream time, pitches MIDI numbers (60 is middle C), velocities 1–127, channels 0–15 with drums on
channel 9 (the "channel 10" of the General MIDI standard, which counts from one).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DRUM_CHANNEL = 9

NOTE_DTYPE = np.dtype([("onset_s", "f8"), ("offset_s", "f8"), ("pitch", "i2"), ("velocity", "i2"), ("channel", "i2")])

NoteArray = NDArray[np.void]


@dataclass(frozen=True, slots=True)
class Note:
    """One note. Raises ``ValueError`` for a pitch, velocity, channel or offset that no note can have."""

    onset_s: float
    offset_s: float
    pitch: int
    velocity: int
    channel: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.pitch <= 127:
            raise ValueError(f"pitch must be in range 0..127, not {self.pitch}")
        if not 1 <= self.velocity <= 127:
            raise ValueError(f"velocity must be in range 1..127, not {self.velocity}")
        if not 0 <= self.channel <= 15:
            raise ValueError(f"channel must be in range 0..15, not {self.channel}")
        if not self.onset_s <= self.offset_s:
            raise ValueError(f"offset_s must not come before onset_s ({self.onset_s}), not {self.offset_s}")


def note_array(notes: Iterable[Note]) -> NoteArray:
    """The ``notes`` as a structured array of dtype ``NOTE_DTYPE`` [shape=(n,)], in the order given."""
    rows = [(n.onset_s, n.offset_s, n.pitch, n.velocity, n.channel) for n in notes]
    return np.array(rows, dtype=NOTE_DTYPE)
