"""``mel``: the long-term spectrum and how much each band moves.

Bands are 64 triangles, evenly spaced on the mel scale from 30 to 11,000 Hz, in dB over the mean power of the window.
"""

from __future__ import annotations

import numpy as np

from models.features import Feature, FeatureSet, FeatureVector, Window
from models.features.spectra import MEL_BANDS, audible, mean_std_step, relative_mel_db, statistics_features
from models.features.together import each


def compute(window: Window) -> FeatureVector:
    """Mean, standard deviation and mean step of each band [shape=(192,)]."""
    sound = audible(window)
    if sound is None:
        return np.zeros(len(MEL.features), np.float32)
    return np.concatenate(mean_std_step(relative_mel_db(sound))).astype(np.float32)


MEL = FeatureSet(
    "mel",
    statistics_features(
        (Feature(f"mel_{band}", "dB", -70, 30) for band in range(MEL_BANDS)),
        ("mean", "std", "step"),
    ),
    each(compute),
    needs_sound=True,
)
