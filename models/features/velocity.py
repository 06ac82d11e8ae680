"""``velocity``: how hard the window's notes are struck, in MIDI velocities 0–127.

Drums are left out: their velocities say how loud a kit is mixed. Fewer than two pitched notes give all zeros, the mask.
"""

from __future__ import annotations

import math

import numpy as np

from models.features import Feature, FeatureSet, FeatureVector, Window
from models.features.heard import Heard, hear, mean_and_std, mean_of, percentiles, vector
from models.features.together import each

#: Pitches below the first are low, from the second on high; MIDI numbers.
_LOW_BELOW, _HIGH_FROM = 54, 66
_DURATIONS_S = (0.05, 2.0)
_STEEPEST = 100.0
_QUIETEST = 1e-3


def compute(window: Window) -> FeatureVector:
    """The features of ``window`` in the order of ``VELOCITY.names`` [shape=(len(VELOCITY.features),)].

    - ``mean``, ``std``, ``max``, ``min``, ``percentile_90``: over the notes that sound; ``sustained``: their mean
      weighted by duration, at most 2 s; ``high``, ``low``: the mean from MIDI number 66 on and below 54, of all notes
      where there are none.
    - ``slope``: rise a second of the notes that begin, by least squares; 0 for fewer than four or in half a second.
    - ``constant``: 1 where all are the same, as from a keyboard without dynamics, else 0.
    - ``power``: natural logarithm of the squared velocities' sum a second, a velocity of 127 counting 1.
    """
    heard = hear(window)
    if heard is None:
        return np.zeros(len(VELOCITY.features), np.float32)
    velocity = heard.velocity
    mean, std = mean_and_std(velocity)
    least, most = velocity.min(), velocity.max()
    durations_s = heard.duration_s.clip(*_DURATIONS_S)
    high, low = velocity[heard.pitch >= _HIGH_FROM], velocity[heard.pitch < _LOW_BELOW]
    power = velocity @ velocity / 127**2 / heard.span_s
    return vector(
        VELOCITY.features,
        {
            "mean": mean,
            "std": std,
            "max": most,
            "min": least,
            "percentile_90": percentiles(velocity, (90,))[0],
            "sustained": velocity @ durations_s / np.add.reduce(durations_s),
            "slope": _slope(heard),
            "high": mean_of(high) if len(high) else mean,
            "low": mean_of(low) if len(low) else mean,
            "constant": float(least == most),
            "power": math.log(power + _QUIETEST),
        },
    )


def _slope(heard: Heard) -> float:
    onset_s, velocity = heard.onset_s[heard.begun], heard.velocity[heard.begun]
    if len(onset_s) < 4 or onset_s[-1] - onset_s[0] <= 0.5:
        return 0.0
    centred_s = onset_s - mean_of(onset_s)
    slope = float(centred_s @ (velocity - mean_of(velocity)) / (centred_s @ centred_s))
    return min(max(slope, -_STEEPEST), _STEEPEST)


VELOCITY = FeatureSet(
    "velocity",
    (
        Feature("mean", "MIDI velocity", 0, 127),
        Feature("std", "MIDI velocity", 0, 64),
        Feature("max", "MIDI velocity", 0, 127),
        Feature("min", "MIDI velocity", 0, 127),
        Feature("percentile_90", "MIDI velocity", 0, 127),
        Feature("sustained", "MIDI velocity", 0, 127),
        Feature("slope", "MIDI velocity/s", -_STEEPEST, _STEEPEST),
        Feature("high", "MIDI velocity", 0, 127),
        Feature("low", "MIDI velocity", 0, 127),
        Feature("constant", "0 or 1", 0, 1),
        Feature("power", "log(1/s)", float(np.log(_QUIETEST)), float("inf")),
    ),
    each(compute),
)
