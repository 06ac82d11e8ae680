"""``intensity``: how loud the music is as it comes in, before anything is normalised.

A master tells by its level how loud the music is meant to be, though a microphone's gain may say anything: what learns
from this set has to hear the same music turned down as well. Lu, Liu and Zhang, "Automatic mood detection and tracking
of music audio signals" (IEEE Transactions on Audio, Speech, and Language Processing, 2006) tell calm from excited by
intensity first of all.
"""

from __future__ import annotations

import numpy as np

from models.features import Feature, FeatureSet, SoundWindow
from models.features.spectra import Numbers, audible, frames_of, mean_power_db, quantiles_of_rows
from models.features.together import alike

#: Nothing that is heard as music is softer, and full scale is hardly louder.
_LOWEST_DB, _HIGHEST_DB = -90.0, 10.0
_LOUD_SHARE = 0.95


def compute(sounds: tuple[SoundWindow, ...]) -> Numbers:
    """Level of the mean power and 95th percentile of the frames' levels, in dB re full scale [shape=(m, 2)]."""
    loud_db = quantiles_of_rows(np.stack([sound.level_db for sound in sounds]), (_LOUD_SHARE,))
    level_db = np.array([mean_power_db(sound) for sound in sounds])[:, None]
    return np.concatenate([level_db, loud_db], axis=1).clip(_LOWEST_DB, _HIGHEST_DB)


_FEATURES = (
    Feature("level", "dB", _LOWEST_DB, _HIGHEST_DB),
    Feature("level_p95", "dB", _LOWEST_DB, _HIGHEST_DB),
)
INTENSITY = FeatureSet("intensity", _FEATURES, alike(audible, frames_of, compute, len(_FEATURES)), needs_sound=True)
