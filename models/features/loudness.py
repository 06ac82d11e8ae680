"""``loudness``: the bands in sones, where ten decibels more is twice as loud, and their sum.

Specific loudness of a band is ``10 ** (0.03 dB)``, Stevens' power law ("The measurement of loudness", 1955), with the
mean power of the window as one sone: so it tells how loudness is spread over bands and time, not how loud it is.
"""

from __future__ import annotations

import numpy as np

from models.features import Feature, FeatureRows, FeatureSet, SoundWindow
from models.features.spectra import (
    MEL_BANDS,
    Numbers,
    audible,
    frames_of,
    mean_std_step,
    relative_mel_db,
    series,
    series_features,
    statistics_features,
)
from models.features.together import alike

_GROUPS = 16
#: 30 dB over the mean is more than one frame of a window can have.
_HIGHEST = 8.0
_SONE_EXPONENT = np.float32(0.03 * np.log(10))


def compute(sounds: tuple[SoundWindow, ...]) -> FeatureRows:
    """Mean and std of each band, statistics of the sum, and steps and log mean of groups of four [shape=(m, 168)]."""
    means, stds, steps, summed = (np.stack(rows) for rows in zip(*map(_statistics, sounds), strict=True))
    return np.concatenate([means, stds, series(summed), _group_means(steps), _group_means(np.log(means))], axis=1)


def _statistics(sound: SoundWindow) -> list[Numbers]:
    """Mean, std and step of each band [shape=(64,)], then the sum of all in each frame [shape=(n,)]; in sones."""
    sones = relative_mel_db(sound)
    sones *= _SONE_EXPONENT
    np.exp(sones, out=sones)
    return [*mean_std_step(sones), np.add.reduce(sones, axis=1)]


def _group_means(bands: Numbers) -> Numbers:
    """The mean of each four bands [shape=(m, 64) to (m, 16)]."""
    size = MEL_BANDS // _GROUPS
    means: Numbers = np.add.reduce(bands.reshape(len(bands), _GROUPS, size), axis=2) / np.float32(size)
    return means


_FEATURES = (
    *statistics_features((Feature(f"sones_{b}", "sone", 0, _HIGHEST) for b in range(MEL_BANDS)), ("mean", "std")),
    *series_features(Feature("sones", "sone", 0, _HIGHEST * MEL_BANDS)),
    *(Feature(f"sones_group_{group}_step", "sone", 0, _HIGHEST) for group in range(_GROUPS)),
    *(Feature(f"sones_group_{group}_log", "log sone", -5, 2.1) for group in range(_GROUPS)),
)
LOUDNESS = FeatureSet("loudness", _FEATURES, alike(audible, frames_of, compute, len(_FEATURES)), needs_sound=True)
