"""What a window's notes come to before anything is computed from them: clipped to it, in seconds before its end.

Times count back from the window's end and are rounded to microseconds, so that neither the place of the window in the
stream nor the blocks that the notes came in change a feature.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from models.features import Feature, FeatureVector, Window
from models.notes import DRUM_CHANNEL, NoteArray

Numbers = NDArray[np.float64]
Indices = NDArray[np.int64]

#: A window that has only just begun counts as this long, so that one early chord is not a hundred notes a second.
MIN_SPAN_S = 1.0
_ROUNDED_TO_DECIMALS = 6
_CELL_S = 0.125


@dataclass(frozen=True, slots=True, eq=False)
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


@lru_cache(maxsize=1)
def hear(window: Window) -> Heard | None:
    """The notes of ``window``; None where fewer than two have a pitch, which is what the mask stands for.

    The latest answer is kept, since several families ask at one moment.
    """
    notes: NoteArray = window.notes[np.argsort(window.notes["onset_s"], kind="stable")]
    is_pitched = notes["channel"] != DRUM_CHANNEL
    if np.count_nonzero(is_pitched) < 2:
        return None
    length_s = round(window.end_s - window.start_s, _ROUNDED_TO_DECIMALS)
    onset_s = np.round(notes["onset_s"] - window.end_s, _ROUNDED_TO_DECIMALS)
    offset_s = np.round(notes["offset_s"] - window.end_s, _ROUNDED_TO_DECIMALS)
    begun = onset_s >= -length_s
    onset_s, offset_s = np.clip(onset_s, -length_s, 0.0), np.clip(offset_s, -length_s, 0.0)
    return Heard(
        onset_s=onset_s[is_pitched],
        offset_s=np.maximum(onset_s, offset_s)[is_pitched],
        pitch=notes["pitch"][is_pitched].astype(np.int64),
        velocity=notes["velocity"][is_pitched].astype(np.float64),
        begun=begun[is_pitched],
        strokes_s=onset_s[begun],
        length_s=length_s,
    )


@lru_cache(maxsize=1)
def sounding_cells(heard: Heard) -> NDArray[np.bool_]:
    """Which pitches sound in each eighth of a second, counted back from the window's end [shape=(cells, 128)].

    A note sounds in the cells whose middle it covers, and in one at least. The latest answer is kept, as in ``hear``.
    """
    count = max(int(np.ceil(heard.length_s / _CELL_S)), 1)
    # The first cell whose middle lies at or after the onset, and that after the offset, as whole numbers of cells.
    first = np.ceil(np.round(heard.onset_s / _CELL_S + count - 0.5, 4)).astype(np.int64).clip(0, count - 1)
    beyond = np.ceil(np.round(heard.offset_s / _CELL_S + count - 0.5, 4)).astype(np.int64).clip(first + 1, count)
    changes = np.zeros((count + 1, 128), np.int16)
    np.add.at(changes, (first, heard.pitch), 1)
    np.add.at(changes, (beyond, heard.pitch), -1)
    sounding: NDArray[np.bool_] = np.cumsum(changes[:-1], axis=0) > 0
    return sounding


def percentiles(values: Numbers, percents: Sequence[float]) -> Numbers:
    """Percentiles of ``values`` [shape=(n,)], between ranks in a straight line; ``np.percentile`` takes far longer."""
    ranks = np.arange(len(values))
    found: Numbers = np.interp(np.array(percents) / 100 * ranks[-1], ranks, np.sort(values))
    return found


def vector(features: tuple[Feature, ...], values: Mapping[str, float]) -> FeatureVector:
    """The ``values`` in the order of ``features`` [shape=(len(features),)]; raises ``KeyError`` for one left out."""
    return np.array([values[feature.name] for feature in features], np.float32)
