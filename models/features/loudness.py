"""``loudness``: the bands in sones, where ten decibels more is twice as loud, and their sum.

Specific loudness of a band is ``10 ** (0.03 dB)``, Stevens' power law ("The measurement of loudness", 1955), with the
mean power of the window as one sone: so it tells how loudness is spread over bands and time, not how loud it is.
"""

from __future__ import annotations

import numpy as np

from models.features import Feature, FeatureSet, FeatureVector, Window
from models.features.spectra import (
    MEL_BANDS,
    audible,
    mean_std_step,
    relative_db,
    series,
    series_features,
    statistics_features,
)
from models.features.together import each

_GROUPS = 16
#: 30 dB over the mean is more than one frame of a window can have.
_HIGHEST = 8.0
_SONE_EXPONENT = np.float32(0.03 * np.log(10))


def compute(window: Window) -> FeatureVector:
    """Mean and std of each band, statistics of the sum, and steps and log mean of groups of four [shape=(168,)]."""
    sound = audible(window)
    if sound is None:
        return np.zeros(len(LOUDNESS.features), np.float32)
    mel_db, _ = relative_db(sound)
    sones = np.exp(mel_db * _SONE_EXPONENT)
    mean, std, step = mean_std_step(sones)
    grouped = (_GROUPS, MEL_BANDS // _GROUPS)
    return np.concatenate(
        [
            mean,
            std,
            series(sones.sum(axis=1)),
            step.reshape(grouped).mean(axis=1),
            np.log(mean).reshape(grouped).mean(axis=1),
        ]
    ).astype(np.float32)


LOUDNESS = FeatureSet(
    "loudness",
    (
        *statistics_features((Feature(f"sones_{b}", "sone", 0, _HIGHEST) for b in range(MEL_BANDS)), ("mean", "std")),
        *series_features(Feature("sones", "sone", 0, _HIGHEST * MEL_BANDS)),
        *(Feature(f"sones_group_{group}_step", "sone", 0, _HIGHEST) for group in range(_GROUPS)),
        *(Feature(f"sones_group_{group}_log", "log sone", -5, 2.1) for group in range(_GROUPS)),
    ),
    each(compute),
    needs_sound=True,
)
