"""``intensity``: how loud the music is as it comes in, before anything is normalised.

A master tells by its level how loud the music is meant to be, though a microphone's gain may say anything: what learns
from this set has to hear the same music turned down as well. Lu, Liu and Zhang, "Automatic mood detection and tracking
of music audio signals" (IEEE Transactions on Audio, Speech, and Language Processing, 2006) tell calm from excited by
intensity first of all.
"""

from __future__ import annotations

import numpy as np

from models.features import Feature, FeatureSet, FeatureVector, Window
from models.features.spectra import audible, mean_power_db, quantiles
from models.features.together import each

#: Nothing that is heard as music is softer, and full scale is hardly louder.
_LOWEST_DB, _HIGHEST_DB = -90.0, 10.0
_LOUD_SHARE = 0.95


def compute(window: Window) -> FeatureVector:
    """Level of the mean power and 95th percentile of the frames' levels, in dB re full scale [shape=(2,)]."""
    sound = audible(window)
    if sound is None:
        return np.zeros(len(INTENSITY.features), np.float32)
    loud_db = quantiles(sound.level_db[:, None], (_LOUD_SHARE,))[0, 0]
    found: FeatureVector = np.array([mean_power_db(sound), loud_db], np.float32)
    return np.clip(found, _LOWEST_DB, _HIGHEST_DB)


INTENSITY = FeatureSet(
    "intensity",
    (
        Feature("level", "dB", _LOWEST_DB, _HIGHEST_DB),
        Feature("level_p95", "dB", _LOWEST_DB, _HIGHEST_DB),
    ),
    each(compute),
    needs_sound=True,
)
