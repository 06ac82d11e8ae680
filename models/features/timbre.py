"""``timbre``: statistics of the spectrum's shape, frame by frame: brightness, noisiness, contrast, roughness.

The quantities are ``models.features.spectra.DESCRIPTORS``; ``realtime.descriptors`` has their formulas and sources.
Frames more than 70 dB below the mean power of the window are left out: what sounds there is noise of the recording.
"""

from __future__ import annotations

import numpy as np

from models.features import FeatureSet, FeatureVector, Window
from models.features.spectra import (
    DESCRIPTORS,
    FLOOR_DB,
    audible,
    mean_std_step,
    quantiles,
    relative_level_db,
    statistics_features,
)
from models.features.together import each


def compute(window: Window) -> FeatureVector:
    """Mean, standard deviation, mean step, and 10th and 90th percentile of each descriptor [shape=(120,)]."""
    sound = audible(window)
    if sound is None:
        return np.zeros(len(TIMBRE.features), np.float32)
    heard = sound.descriptors.compress(relative_level_db(sound) > FLOOR_DB, axis=0)
    if len(heard) < 2:
        return np.zeros(len(TIMBRE.features), np.float32)
    return np.concatenate([*mean_std_step(heard), *quantiles(heard, (0.1, 0.9))]).astype(np.float32)


TIMBRE = FeatureSet(
    "timbre",
    statistics_features(DESCRIPTORS, ("mean", "std", "step", "p10", "p90")),
    each(compute),
    needs_sound=True,
)
