"""``activations``: what the transcription network's two inner layers of 32 channels make of the sound.

A network that has learned to find the notes of any instrument tells attacks from noise and one timbre from another on
the way, which its outputs no longer show: what one task has taught serves another (Choi, Fazekas, Sandler and Cho,
"Transfer learning for music classification and regression tasks", ISMIR 2017). Like ``activity``, this changes a little
with level.
"""

from __future__ import annotations

import numpy as np

from models.features import Feature, FeatureSet, FeatureVector, Window
from models.features.posterior_columns import POOL_FRAMES, posterior_columns
from models.features.posteriors import transcribed
from models.features.spectra import mean_std_step, sums
from models.features.together import each
from models.transcription import CHANNELS, LAYERS, REGISTERS

#: Logarithms begin here: an activation below is none.
_LEAST = np.float32(1e-3)
_STATISTICS = (*(f"register_{number}" for number in range(REGISTERS)), "std", "step", "spread", "most")


def compute(window: Window) -> FeatureVector:
    """Log statistics of each channel, statistic by statistic [shape=(512,)].

    The mean in four registers of 22 pitches each; of the mean over all pitches the standard deviation and the mean
    step in time; the standard deviation over pitches and time together; the mean of the highest pitch's activation.
    """
    sound = transcribed(window)
    if sound is None:
        return np.zeros(len(ACTIVATIONS.features), np.float32)
    columns = posterior_columns(sound)
    frames, pools = sound.activations, columns.activations
    # Summed in pools but for the oldest frames, which fill none.
    total = sums(pools) + np.add.reduce(frames[: len(frames) % POOL_FRAMES], axis=0)
    averages = (total / np.float32(len(frames))).reshape(len(LAYERS) * CHANNELS, REGISTERS + 2)
    registers, most, power = averages[:, :REGISTERS], averages[:, -2], averages[:, -1]
    mean, std, step = mean_std_step(columns.over_pitches)
    spread = np.sqrt(np.maximum(power - mean * mean, 0))
    found = [*registers.T, std, step, spread, most]
    return np.log(np.concatenate(found) + _LEAST).astype(np.float32)


ACTIVATIONS = FeatureSet(
    "activations",
    tuple(
        Feature(f"{layer}_{channel}_{statistic}", "log activation", float(np.log(_LEAST)) - 1e-4, 6)
        for statistic in _STATISTICS
        for layer in LAYERS
        for channel in range(CHANNELS)
    ),
    each(compute),
    needs_sound=True,
)
