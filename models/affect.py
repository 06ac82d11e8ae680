"""Valence and arousal: the scales they are given on, the quadrants of the circumplex, and a reading.

Valence runs from unpleasant to pleasant, arousal from calm to excited (Russell, "A circumplex model of affect", 1980).
The scale is the 1 to 9 of the self-assessment manikin that DEAM's listeners used; 5 is its neutral middle.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

#: A number or an array of them.
_Number = TypeVar("_Number", float, NDArray[np.float64])

SCALE_LOW = 1.0
SCALE_HIGH = 9.0
NEUTRAL = 5.0
HALF_RANGE = 4.0

#: What a network predicts, in this order: mean and spread over listeners of each axis, on the 1–9 scale.
OUTPUTS = ("valence_mean", "valence_std", "arousal_mean", "arousal_std")


class State(StrEnum):
    """What the tracker is doing: listening for enough notes, following, hearing nothing, or without its input."""

    WARMING = "warming"
    LIVE = "live"
    SILENCE = "silence"
    LOST = "lost"


class Quadrant(StrEnum):
    """The four quarters of the circumplex, named for a feeling that lies in each."""

    HAPPY = "happy"
    TENSE = "tense"
    SAD = "sad"
    CALM = "calm"


def normalized(value: float) -> float:
    """The 1–9 ``value`` on −1…1, with 0 for neutral."""
    return (value - NEUTRAL) / HALF_RANGE


def from_normalized(value: _Number) -> _Number:
    """The −1…1 ``value``, or array of them, on the 1–9 scale."""
    scaled: _Number = value * HALF_RANGE + NEUTRAL
    return scaled


def quadrant(valence: float, arousal: float) -> Quadrant:
    """The quarter of the circumplex that holds a point given on the 1–9 scale; the middle counts as the upper side."""
    if arousal >= NEUTRAL:
        return Quadrant.HAPPY if valence >= NEUTRAL else Quadrant.TENSE
    return Quadrant.CALM if valence >= NEUTRAL else Quadrant.SAD


@dataclass(frozen=True, slots=True)
class Reading:
    """Where the music stands at one moment of stream time.

    ``time`` is in seconds since the start of the stream. ``valence`` and ``arousal`` are the expected mean rating and
    ``*_std`` the spread over listeners, all on the 1–9 scale. ``notes`` is the number of notes in the window,
    ``level_db`` the sound level in dB re full scale (None where the source has no sound), ``latency_ms`` the age of the
    newest sound that the reading takes into account (None where unknown), and ``model`` the name of the bundle.
    """

    time: float
    state: State
    valence: float
    valence_std: float
    arousal: float
    arousal_std: float
    notes: int
    level_db: float | None
    latency_ms: float | None
    model: str

    @property
    def valence_norm(self) -> float:
        """Valence on −1…1."""
        return normalized(self.valence)

    @property
    def arousal_norm(self) -> float:
        """Arousal on −1…1."""
        return normalized(self.arousal)

    @property
    def quadrant(self) -> Quadrant:
        """The quarter of the circumplex that the reading lies in."""
        return quadrant(self.valence, self.arousal)

    def as_json(self) -> dict[str, Any]:
        """The reading as the JSON object that ``--json`` prints, rounded to what carries meaning."""
        return {
            "type": "reading",
            "time": round(self.time, 3),
            "state": self.state.value,
            "valence": round(self.valence, 4),
            "valence_std": round(self.valence_std, 4),
            "arousal": round(self.arousal, 4),
            "arousal_std": round(self.arousal_std, 4),
            "valence_norm": round(self.valence_norm, 4),
            "arousal_norm": round(self.arousal_norm, 4),
            "quadrant": self.quadrant.value,
            "notes": self.notes,
            "level_db": None if self.level_db is None else round(self.level_db, 1),
            "latency_ms": None if self.latency_ms is None else round(self.latency_ms, 1),
            "model": self.model,
        }
