"""Feature sets: named, documented functions of what was heard in a window. Computed by the same code live and offline.

A feature set maps a ``Window`` to a vector of raw numbers in physical units; scaling is the network's business. All
zeros means "nothing to go by" and is the mask: a network's state does not change on it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module

import numpy as np
from numpy.typing import NDArray

from models.errors import UsageError
from models.notes import NoteArray

FeatureVector = NDArray[np.float32]
#: Vectors of many windows, one a row.
FeatureRows = NDArray[np.float32]

#: Where many moments are asked for at once, a set is computed for so many of them together: those of a long block of a
#: file. With many more, what is computed of each would not stay in the cache.
MOMENTS_TOGETHER = 36


@dataclass(frozen=True, slots=True, eq=False)
class PosteriorColumns:
    """What ``models.features.posterior_columns`` makes of posteriors, frame by frame and in pools of four frames.

    A row for each frame: ``series`` [shape=(m, 8)], ``peaks`` [shape=(m, 3)], ``classes`` [shape=(m, 60)] and the mean
    activation of each inner channel, ``over_pitches`` [shape=(m, 64)]. A row for each pool, counted back from the last
    frame: ``intervals`` [shape=(m // 4, 10)] and sums of the ``activations`` [shape=(m // 4, ACTIVATIONS)].
    """

    series: NDArray[np.float32]
    peaks: NDArray[np.float32]
    classes: NDArray[np.float32]
    over_pitches: NDArray[np.float32]
    intervals: NDArray[np.float32]
    activations: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class SoundWindow:
    """What a window's sound was like, frame by frame, oldest first; 22,050 Hz mono, before anything was normalised.

    Frames of 2048 samples, one every 512: ``mel_db`` [shape=(n, 64)] and ``level_db`` [shape=(n,)] in dB re full scale,
    ``descriptors`` [shape=(n, d)] as ``models.features.spectra`` names them. Frames of 256 samples, from the
    transcription network: ``note_posteriors`` and ``onset_posteriors`` 0–1 [shape=(m, 88)], A0 to C8, and the
    ``activations`` of its inner layers [shape=(m, ACTIVATIONS)]; 0 below the gate. ``columns`` are what was kept of the
    posteriors' frames; where there are none, the feature sets that need them compute them.
    """

    mel_db: NDArray[np.float32]
    level_db: NDArray[np.float32]
    descriptors: NDArray[np.float32]
    note_posteriors: NDArray[np.float32]
    onset_posteriors: NDArray[np.float32]
    activations: NDArray[np.float32]
    columns: PosteriorColumns | None = None


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Window:
    """The last ``length_s`` seconds before ``end_s`` of stream time.

    ``notes`` are those that sound in it, in order of onset; onsets may lie before the window, offsets at most at its
    end. ``tempo_bpm`` is an exact tempo where the source knows one (a MIDI clock), else None. ``sound`` is what a
    microphone or a sound file gives beside the notes, None for MIDI.
    """

    notes: NoteArray
    end_s: float
    length_s: float
    tempo_bpm: float | None = None
    sound: SoundWindow | None = None

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
    """A family of features, computed together: ``compute_all`` gives those of each window
    [shape=(windows, len(features))], the same bits whatever windows it is computed with.

    ``needs_sound``: it is computed from ``Window.sound``, and gives all zeros where that is None.
    """

    name: str
    features: tuple[Feature, ...]
    compute_all: Callable[[Sequence[Window]], FeatureRows]
    needs_sound: bool = False

    def compute(self, window: Window) -> FeatureVector:
        """The features of one window [shape=(len(features),)]."""
        vector: FeatureVector = self.compute_all((window,))[0]
        return vector

    @property
    def names(self) -> tuple[str, ...]:
        """The features' names in the order of the vector."""
        return tuple(feature.name for feature in self.features)


#: Where each feature set lives; a module is loaded when its set is asked for.
_KNOWN = {
    "notes22": ("notes22", "NOTES22"),
    "register": ("register", "REGISTER"),
    "rhythm": ("rhythm", "RHYTHM"),
    "tonal": ("tonal", "TONAL"),
    "velocity": ("velocity", "VELOCITY"),
    "level": ("level", "LEVEL"),
    "intensity": ("intensity", "INTENSITY"),
    "timbre": ("timbre", "TIMBRE"),
    "mel": ("mel", "MEL"),
    "loudness": ("loudness", "LOUDNESS"),
    "modulation": ("modulation", "MODULATION"),
    "pulse": ("pulse", "PULSE"),
    "activity": ("activity", "ACTIVITY"),
    "harmony": ("harmony", "HARMONY"),
    "chords": ("chords", "CHORD_FITS"),
    "activations": ("activations", "ACTIVATIONS"),
}

#: The names of all feature sets.
FEATURE_SETS = tuple(_KNOWN)


def feature_set(name: str) -> FeatureSet:
    """The feature set called ``name``; raises ``UsageError`` for one that this version does not know."""
    if name not in _KNOWN:
        raise UsageError(f"unknown feature set '{name}'; this version knows {', '.join(sorted(_KNOWN))}")
    module, attribute = _KNOWN[name]
    found: FeatureSet = getattr(import_module(f"{__name__}.{module}"), attribute)
    return found
