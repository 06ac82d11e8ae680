"""What a window's notes come to before anything is computed from them: clipped to it, in seconds before its end.

Times count back from the window's end and are rounded to microseconds, so that neither the place of the window in the
stream nor the blocks that the notes came in change a feature.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from models.features import Feature, FeatureVector, Window
from models.features.kept import kept
from models.notes import DRUM_CHANNEL

Numbers = NDArray[np.float64]
Indices = NDArray[np.int64]
_Kind = TypeVar("_Kind", np.float64, np.int64)

#: A window that has only just begun counts as this long, so that one early chord is not a hundred notes a second.
MIN_SPAN_S = 1.0
_ROUNDED_TO_DECIMALS = 6
_CELL_S = 0.125


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Heard:
    """The pitched notes of a window, in order of onset, and the onsets of its drums.

    ``onset_s`` and ``offset_s`` [shape=(n,)] are clipped to the window, ``-length_s`` to 0; ``pitch`` are MIDI numbers,
    ``velocity`` 0–127; ``begun`` says which notes began in the window. ``strokes_s`` [shape=(m,)] are the onsets
    inside the window, ascending, drums among them.
    """

    onset_s: Numbers
    offset_s: Numbers
    pitch: Indices
    velocity: Numbers
    begun: NDArray[np.bool_]
    strokes_s: Numbers
    length_s: float

    @property
    def duration_s(self) -> Numbers:
        """How long each note sounds inside the window [shape=(n,)], from 0."""
        return self.offset_s - self.onset_s

    @property
    def span_s(self) -> float:
        """What rates are taken over: the window's length, at least ``MIN_SPAN_S``."""
        return max(self.length_s, MIN_SPAN_S)


@kept
def hear(window: Window) -> Heard | None:
    """The notes of ``window``; None where fewer than two have a pitch, which is what the mask stands for.

    The answer is kept, since several families ask at one moment.
    """
    notes = window.notes
    is_pitched = notes["channel"] != DRUM_CHANNEL
    if np.count_nonzero(is_pitched) < 2:
        return None
    length_s = round(window.end_s - window.start_s, _ROUNDED_TO_DECIMALS)
    times_s = (np.array([notes["onset_s"], notes["offset_s"]]) - window.end_s).round(_ROUNDED_TO_DECIMALS)
    begun = times_s[0] >= -length_s
    onset_s, offset_s = times_s.clip(-length_s, 0.0)
    return Heard(
        onset_s=onset_s[is_pitched],
        offset_s=np.maximum(onset_s, offset_s)[is_pitched],
        pitch=notes["pitch"][is_pitched].astype(np.int64),
        velocity=notes["velocity"][is_pitched].astype(np.float64),
        begun=begun[is_pitched],
        strokes_s=onset_s[begun],
        length_s=length_s,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """The eighths of a second of a window in which something sounds, oldest first, counted back from the window's end.

    ``of_pitch`` [shape=(p, n)] has a 1 where a pitch of ``pitches`` [shape=(p,)], ascending, sounds in a cell, else 0;
    ``thickness`` [shape=(n,)] is how many do, ``bass`` and ``top`` [shape=(n,)] are the lowest and the highest.
    ``share`` of the window's cells are here: the others are silent.
    """

    pitches: Indices
    of_pitch: Numbers
    thickness: Numbers
    bass: Indices
    top: Indices
    share: float


def most_cells(heard: Heard) -> int:
    """How many cells the window has."""
    return max(math.ceil(heard.length_s / _CELL_S), 1)


@kept
def sounding_cells(heard: Heard) -> Cells:
    """The cells that sound. A note sounds in those whose middle it covers, and in one at least.

    The answer is kept, as in ``hear``.
    """
    count = most_cells(heard)
    # The first cell whose middle lies at or after the onset, and that after the offset, as whole numbers of cells.
    times_s = np.array([heard.onset_s, heard.offset_s])
    first, beyond = np.ceil((times_s / _CELL_S + (count - 0.5)).round(4)).clip(0, count).astype(np.int64)
    first = np.minimum(first, count - 1)
    beyond = np.maximum(beyond, first + 1)
    pitches = np.bincount(heard.pitch).nonzero()[0]
    # A row for each pitch that occurs: it rises by one where a note begins and is back at 0 in its last column.
    row_start = pitches.searchsorted(heard.pitch) * (count + 1)
    size = len(pitches) * (count + 1)
    changes = np.bincount(row_start + first, minlength=size) - np.bincount(row_start + beyond, minlength=size)
    sounding = changes.cumsum().reshape(len(pitches), count + 1) > 0
    sounding = sounding[:, np.logical_or.reduce(sounding)]
    of_pitch = sounding.astype(np.float64)
    return Cells(
        pitches=pitches,
        of_pitch=of_pitch,
        thickness=np.add.reduce(of_pitch),
        bass=pitches[sounding.argmax(axis=0)],
        top=pitches[len(pitches) - 1 - sounding[::-1].argmax(axis=0)],
        share=sounding.shape[1] / count,
    )


# Of a hundred numbers or so numpy's own functions for what follows take several times as long.


def mean_and_std(values: Numbers | Indices) -> tuple[float, float]:
    """The mean of ``values`` [shape=(n,)] and their standard deviation."""
    mean = np.add.reduce(values) / len(values)
    centred = values - mean
    return float(mean), math.sqrt(centred @ centred / len(values))


def mean_of(values: Numbers | Indices) -> float:
    """The mean of ``values`` [shape=(n,)]."""
    return float(np.add.reduce(values) / len(values))


def steps(values: NDArray[_Kind]) -> NDArray[_Kind]:
    """From each of ``values`` [shape=(n,)] to the next [shape=(n - 1,)]."""
    return values[1:] - values[:-1]


def percentiles(values: Numbers, percents: Sequence[float]) -> list[float]:
    """Percentiles of ``values`` [shape=(n,)], between ranks in a straight line."""
    ordered = np.sort(values).tolist()
    found = []
    for percent in percents:
        rank = percent / 100 * (len(ordered) - 1)
        below = int(rank)
        above = min(below + 1, len(ordered) - 1)
        found.append(ordered[below] + (rank - below) * (ordered[above] - ordered[below]))
    return found


def vector(features: tuple[Feature, ...], values: Mapping[str, float]) -> FeatureVector:
    """The ``values`` in the order of ``features`` [shape=(len(features),)]; raises ``KeyError`` for one left out."""
    return np.array([values[feature.name] for feature in features], np.float32)
