"""The piece that ``moodring demo`` plays: a score, its recording, and when each part of it is heard.

Both files are written by ``python -m offline.demo_piece``, which takes the times of the parts from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from models.affect import Quadrant

#: The recording: mono, 22,050 Hz, Ogg Vorbis.
RECORDING = Path(__file__).with_name("four_quadrants.ogg")

#: The score that was recorded: a standard MIDI file of type 1.
SCORE = Path(__file__).with_name("four_quadrants.mid")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the piece: the quadrant it is written for, and its start and end in seconds of the piece."""

    name: Quadrant
    start_s: float
    end_s: float


PARTS: tuple[Part, ...] = (
    Part(Quadrant.CALM, 0.0, 12.0),
    Part(Quadrant.HAPPY, 12.0, 24.0),
    Part(Quadrant.TENSE, 24.0, 36.0),
    Part(Quadrant.SAD, 36.0, 48.0),
)
