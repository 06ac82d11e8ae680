"""Feature sets: named, documented functions of what was heard in a window. Computed by the same code live and offline.

A feature set maps a ``Window`` to a vector of raw numbers in physical units; scaling is the network's business. All
zeros means "nothing to go by" and is the mask: a network's state does not change on it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.errors import UsageError
from models.notes import NoteArray

FeatureVector = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """The last ``length_s`` seconds before ``end_s`` of stream time.

    ``notes`` are those that sound in it, in order of onset; onsets may lie before the window, offsets at most at its
    end. ``tempo_bpm`` is an exact tempo where the source knows one (a MIDI clock), else None.
    """

    notes: NoteArray
    end_s: float
    length_s: float
    tempo_bpm: float | None = None

    @property
    def start_s(self) -> float:
        """Where the window begins; never before the stream."""
        return max(self.end_s - self.length_s, 0.0)


@dataclass(frozen=True, slots=True)
class Feature:
    """One number of a feature set: its name, unit and the range that it lies in."""

    name: str
    unit: str
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class FeatureSet:
    """A family of features, computed together from one window [shape=(len(features),)]."""

    name: str
    features: tuple[Feature, ...]
    compute: Callable[[Window], FeatureVector]

    @property
    def names(self) -> tuple[str, ...]:
        """The features' names in the order of the vector."""
        return tuple(feature.name for feature in self.features)


def feature_set(name: str) -> FeatureSet:
    """The feature set called ``name``; raises ``UsageError`` for one that this version does not know."""
    from models.features.notes22 import NOTES22

    known = {NOTES22.name: NOTES22}
    if name not in known:
        raise UsageError(f"unknown feature set '{name}'; this version knows {', '.join(sorted(known))}")
    return known[name]
