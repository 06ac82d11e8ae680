"""``register``: how high, how wide and how thick the texture of the window is.

Taken from eighths of a second in which something sounds. Pitches are MIDI numbers (60 is middle C). Drums have no
pitch. Fewer than two pitched notes give all zeros, the mask.
"""

from __future__ import annotations

import numpy as np

from models.features import Feature, FeatureSet, FeatureVector, Window
from models.features.heard import Numbers, hear, sounding_cells, vector

#: MIDI numbers at which the shares' registers begin; the last ends at 127.
BANDS_FROM = (0, 40, 48, 54, 60, 66, 72, 78, 84)
_PITCHES = np.arange(128)


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
    every_cell = sounding_cells(heard)
    cells = every_cell[every_cell.any(axis=1)]
    thickness = cells.sum(axis=1).astype(np.float64)
    bass, top = cells.argmax(axis=1), 127 - cells[:, ::-1].argmax(axis=1)
    by_pitch = cells.sum(axis=0) / cells.sum()
    mean = by_pitch @ _PITCHES
    bands = np.add.reduceat(by_pitch, BANDS_FROM)
    return vector(
        REGISTER.features,
        {
            "sounding": len(cells) / len(every_cell),
            "polyphony_mean": thickness.mean(),
            "polyphony_std": thickness.std(),
            "polyphony_max": thickness.max(),
            "single": (bass == top).mean(),
            "bass_mean": bass.mean(),
            "bass_std": bass.std(),
            "bass_motion": _motion(bass),
            "top_mean": top.mean(),
            "top_std": top.std(),
            "top_motion": _motion(top),
            "width": (top - bass).mean(),
            **{f"from_{pitch}": share for pitch, share in zip(BANDS_FROM, bands, strict=True)},
            "pitch_mean": mean,
            "pitch_std": np.sqrt(by_pitch @ (_PITCHES - mean) ** 2),
        },
    )


def _motion(pitches: np.ndarray) -> float:
    steps: Numbers = np.abs(np.diff(pitches)).astype(np.float64)
    return float(steps.mean()) if len(steps) else 0.0


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
        *(Feature(f"from_{pitch}", "share", 0, 1) for pitch in BANDS_FROM),
        Feature("pitch_mean", "MIDI number", 0, 127),
        Feature("pitch_std", "semitones", 0, 64),
    ),
    compute,
)
