"""``register``: how high, how wide and how thick the texture of the window is.

Taken from eighths of a second in which something sounds. Pitches are MIDI numbers (60 is middle C). Drums have no
pitch. Fewer than two pitched notes give all zeros, the mask.
"""

from __future__ import annotations

import math

import numpy as np

from models.features import Feature, FeatureSet, FeatureVector, Window
from models.features.heard import Indices, hear, mean_and_std, mean_of, share_of, sounding_cells, steps, vector
from models.features.together import each

#: MIDI numbers at which the shares' registers begin; the last ends at 127.
BANDS_FROM = (0, 40, 48, 54, 60, 66, 72, 78, 84)
_BAND_NAMES = tuple(f"from_{pitch}" for pitch in BANDS_FROM)
#: A 1 in the register of each pitch [shape=(128, registers)].
_BAND_OF_PITCH = np.eye(len(BANDS_FROM))[np.searchsorted(BANDS_FROM, np.arange(128), side="right") - 1]


def compute(window: Window) -> FeatureVector:
    """The features of ``window`` in the order of ``REGISTER.names`` [shape=(len(REGISTER.features),)].

    - ``sounding``: share of the window in which a note sounds; ``polyphony_*``: how many pitches sound then.
    - ``single``: share of that time with one pitch alone. ``bass_*``, ``top_*``: the lowest and highest pitch, and how
      far they move from one eighth of a second to the next; ``width``: mean distance between them.
    - ``from_*``: share of all sounding pitches in a register; ``pitch_mean``, ``pitch_std``: over sounding time.
    """
    heard = hear(window)
    if heard is None:
        return np.zeros(len(REGISTER.features), np.float32)
    cells = sounding_cells(heard)
    polyphony_mean, polyphony_std = mean_and_std(cells.thickness)
    bass_mean, bass_std = mean_and_std(cells.bass)
    top_mean, top_std = mean_and_std(cells.top)
    by_pitch = cells.of_pitch.sum(axis=1)
    by_pitch /= by_pitch.sum()
    pitch_mean = by_pitch @ cells.pitches
    return vector(
        REGISTER.features,
        {
            "sounding": cells.share,
            "polyphony_mean": polyphony_mean,
            "polyphony_std": polyphony_std,
            "polyphony_max": cells.thickness.max(),
            "single": share_of(cells.bass == cells.top),
            "bass_mean": bass_mean,
            "bass_std": bass_std,
            "bass_motion": _motion(cells.bass),
            "top_mean": top_mean,
            "top_std": top_std,
            "top_motion": _motion(cells.top),
            "width": top_mean - bass_mean,
            **dict(zip(_BAND_NAMES, (by_pitch @ _BAND_OF_PITCH[cells.pitches]).tolist(), strict=True)),
            "pitch_mean": pitch_mean,
            "pitch_std": math.sqrt(by_pitch @ (cells.pitches - pitch_mean) ** 2),
        },
    )


def _motion(pitches: Indices) -> float:
    return mean_of(np.abs(steps(pitches))) if len(pitches) > 1 else 0.0


REGISTER = FeatureSet(
    "register",
    (
        Feature("sounding", "share", 0, 1),
        Feature("polyphony_mean", "pitches", 1, 128),
        Feature("polyphony_std", "pitches", 0, 64),
        Feature("polyphony_max", "pitches", 1, 128),
        Feature("single", "share", 0, 1),
        Feature("bass_mean", "MIDI number", 0, 127),
        Feature("bass_std", "semitones", 0, 64),
        Feature("bass_motion", "semitones", 0, 127),
        Feature("top_mean", "MIDI number", 0, 127),
        Feature("top_std", "semitones", 0, 64),
        Feature("top_motion", "semitones", 0, 127),
        Feature("width", "semitones", 0, 127),
        *(Feature(name, "share", 0, 1) for name in _BAND_NAMES),
        Feature("pitch_mean", "MIDI number", 0, 127),
        Feature("pitch_std", "semitones", 0, 64),
    ),
    each(compute),
)
