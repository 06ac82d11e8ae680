"""Any sound, made mono at the transcriber's rate. The result does not depend on how the sound is cut into blocks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

_MOST = np.float32(1e6)
_MOST_POWER = _MOST * _MOST


class MonoResampler:
    """Mixes channels down to their mean and resamples in a stream, with soxr at high quality.

    ``nonfinite`` counts the samples that were NaN or infinite; they are heard as silence. What is beyond a million
    times full scale is no sound, and is held there so that its power stays a number.
    """

    def __init__(self, sample_rate: int, output_rate: int) -> None:
        import soxr

        self.sample_rate = sample_rate
        self.nonfinite = 0
        self._finished = False
        self._stream = None if sample_rate == output_rate else soxr.ResampleStream(sample_rate, output_rate, 1)

    def push(self, samples: FloatArray) -> FloatArray:
        """What the new ``samples`` [shape=(n,) or (n, channels)] make, mono [shape=(m,)]."""
        # NumPy would warn of what is dealt with below, on the terminal that the dashboard has.
        with np.errstate(over="ignore", invalid="ignore"):
            mono = np.ascontiguousarray(samples, np.float32) if samples.ndim == 1 else _mean(samples)
            # Where the power of all is not beyond that of the most, no sample is, and each is a number.
            is_sound = np.dot(mono, mono) <= _MOST_POWER
        if not is_sound:
            mono = self._held(mono)
        return mono if self._stream is None else self._resample(mono, last=False)

    def finish(self) -> FloatArray:
        """The rest, after the last sample. Calling it twice is fine."""
        if self._stream is None or self._finished:
            return np.empty(0, np.float32)
        self._finished = True
        return self._resample(np.empty(0, np.float32), last=True)

    def _held(self, mono: FloatArray) -> FloatArray:
        finite = np.isfinite(mono)
        self.nonfinite += int(mono.size - np.count_nonzero(finite))
        return np.clip(np.where(finite, mono, np.float32(0)), -_MOST, _MOST)

    def _resample(self, mono: FloatArray, *, last: bool) -> FloatArray:
        assert self._stream is not None
        # It would make this column of a row itself, and a row of it again, less quickly.
        resampled: FloatArray = self._stream.resample_chunk(mono[:, None], last=last)
        return resampled[:, 0]


def _mean(samples: FloatArray) -> FloatArray:
    channels = samples.shape[1]
    if channels == 1:
        return samples[:, 0].astype(np.float32)
    mono: FloatArray
    if channels == 2:
        # A sum over so short an axis takes thirty times as long.
        mono = np.add(samples[:, 0], samples[:, 1], dtype=np.float32)
    else:
        mono = np.add.reduce(samples, axis=1, dtype=np.float32)
    mono /= np.float32(channels)
    return mono
