"""``level``: how loudness moves within the window: dynamics, not how far up the music is turned.

Levels are RMS of a frame in dB over the mean power of the window, −70 dB at the lowest (``models.features.spectra``).
"""

from __future__ import annotations

import numpy as np

from models.features import Feature, FeatureSet, FeatureVector, Window
from models.features.spectra import audible, relative_db, series, series_features

#: Frames in half a second.
_HALF_SECOND = 22


def compute(window: Window) -> FeatureVector:
    """Statistics of the frames' levels, then of half seconds' mean levels: std, step and slope [shape=(11,)]."""
    sound = audible(window)
    if sound is None:
        return np.zeros(len(LEVEL.features), np.float32)
    _, level_db = relative_db(sound)
    halves = len(level_db) // _HALF_SECOND
    if halves > 1:
        half_db = level_db[-halves * _HALF_SECOND :].reshape(halves, _HALF_SECOND).mean(axis=1)
        centred = np.arange(halves) - (halves - 1) / 2
        slope = (centred @ half_db) / (centred @ centred)
        slow = [half_db.std(), np.abs(np.diff(half_db)).mean(), slope]
    else:
        slow = [0.0, 0.0, 0.0]
    return np.concatenate([series(level_db[:, None])[0], slow]).astype(np.float32)


LEVEL = FeatureSet(
    "level",
    (
        *series_features(Feature("level", "dB", -70, 30)),
        Feature("level_slow_std", "dB", 0, 50),
        Feature("level_slow_step", "dB", 0, 100),
        Feature("level_slope", "dB/half second", -100, 100),
    ),
    compute,
    needs_sound=True,
)
