"""``level``: how loudness moves within the window: dynamics, not how far up the music is turned.

Levels are RMS of a frame in dB over the mean power of the window, −70 dB at the lowest (``models.features.spectra``).
"""

from __future__ import annotations

import numpy as np

from models.features import Feature, FeatureSet, SoundWindow
from models.features.spectra import (
    Numbers,
    audible,
    frames_of,
    relative_level_db,
    row_mean_std,
    row_means,
    series,
    series_features,
)
from models.features.together import alike

#: Frames in half a second.
_HALF_SECOND = 22


def compute(sounds: tuple[SoundWindow, ...]) -> Numbers:
    """Statistics of the frames' levels, then of half seconds' mean levels: std, step and slope [shape=(m, 11)]."""
    level_db = np.stack([relative_level_db(sound) for sound in sounds])
    return np.concatenate([series(level_db), _slow(level_db)], axis=1)


def _slow(level_db: Numbers) -> Numbers:
    """The last three [shape=(m, 3)]."""
    halves = level_db.shape[1] // _HALF_SECOND
    if halves < 2:
        return np.zeros((len(level_db), 3), np.float32)
    half_db = row_means(level_db[:, -halves * _HALF_SECOND :].reshape(-1, halves, _HALF_SECOND))[..., 0]
    centred = (np.arange(halves) - (halves - 1) / 2).astype(np.float32)
    slope = np.add.reduce(half_db * centred, axis=1, keepdims=True) / (centred @ centred)
    step = row_means(np.abs(half_db[:, 1:] - half_db[:, :-1]))
    return np.concatenate([row_mean_std(half_db)[1], step, slope], axis=1)


_FEATURES = (
    *series_features(Feature("level", "dB", -70, 30)),
    Feature("level_slow_std", "dB", 0, 50),
    Feature("level_slow_step", "dB", 0, 100),
    Feature("level_slope", "dB/half second", -100, 100),
)
LEVEL = FeatureSet("level", _FEATURES, alike(audible, frames_of, compute, len(_FEATURES)), needs_sound=True)
