"""Streaming spectra: samples in, frames of log-mel, level and descriptors out, on a grid fixed to the first sample.

Frame ``k`` is of the samples 512 k to 512 k + 2048. Each is computed by itself, so that frames have the same bits
however many are computed together.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.features.spectra import DESCRIPTORS, MEL_BANDS, SILENCE_DB, SPECTRUM_HOP, SPECTRUM_SAMPLES, at_least
from realtime.descriptors import BINS_HZ, describe, wave_shapes

FloatArray = NDArray[np.float32]

_HANN = np.hanning(SPECTRUM_SAMPLES + 1)[:-1]
#: A full-scale sine has the power 1 at its bin.
_TAPER = (_HANN / (_HANN.sum() / 2)).astype(np.float32)
_FLUX = next(column for column, of in enumerate(DESCRIPTORS) if of.name == "flux")
_SILENT = np.float32(10 ** (SILENCE_DB / 10))
#: A third of what ``analyze`` reads at a time. The more at once, the less a frame's part of every call; but arrays of
#: twice as many are given back to the system and asked for again and again.
_MOST_FRAMES = 72


@dataclass(frozen=True, slots=True, eq=False)
class Spectra:
    """Frames, oldest first: log-mel and level in dB re full scale [shape=(n, 64) and (n,)], and descriptors."""

    mel_db: FloatArray
    level_db: FloatArray
    descriptors: FloatArray

    def part(self, rows: slice) -> Spectra:
        """Some of the frames."""
        return Spectra(self.mel_db[rows], self.level_db[rows], self.descriptors[rows])


def _mel_weights() -> tuple[NDArray[np.intp], FloatArray, NDArray[np.intp]]:
    """Triangles from 30 to 11,000 Hz on the mel scale (2595 log10(1 + f / 700)), bin after bin of band after band.

    Each is summed over eighths of a bin, so that a band narrower than a bin has its part of it.
    """
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (30.0, 11000.0))
    edges = 700 * (10 ** (np.linspace(low, high, MEL_BANDS + 2) / 2595) - 1)
    fine_hz = np.linspace(BINS_HZ[0], BINS_HZ[-1], 8 * len(BINS_HZ) - 7)
    nearest = np.round(fine_hz / BINS_HZ[1]).astype(int)
    bins: list[NDArray[np.intp]] = []
    weights: list[NDArray[np.float64]] = []
    for left, middle, right in zip(edges, edges[1:], edges[2:], strict=False):
        inside = slice(*np.searchsorted(fine_hz, (left, right)))
        hz = fine_hz[inside]
        triangle = np.minimum((hz - left) / (middle - left), (right - hz) / (right - middle))
        weight: NDArray[np.float64] = np.bincount(nearest[inside], triangle / 8, len(BINS_HZ)).astype(np.float64)
        bins.append(np.flatnonzero(weight))
        weights.append(weight[weight > 0])
    begins = np.cumsum([0, *(len(found) for found in bins[:-1])])
    return np.concatenate(bins), np.concatenate(weights).astype(np.float32), begins


_MEL_BINS, _MEL_WEIGHTS, _MEL_BEGINS = _mel_weights()


class SpectrumStream:
    """Takes mono samples at 22,050 Hz as they come and gives frames when asked.

    Whatever frames there are samples for are computed together, those that are not asked for yet among them: many in a
    row are quicker than a few now and then.
    """

    def __init__(self) -> None:
        self._waiting = np.empty(0, np.float32)
        self._before: FloatArray | None = None
        self._ahead: deque[Spectra] = deque()
        self.frames = 0

    def feed(self, samples: FloatArray) -> None:
        """Take ``samples`` [shape=(n,)] without computing anything."""
        self._waiting = np.concatenate([self._waiting, samples])

    def take(self, until_sample: int) -> list[Spectra]:
        """The frames that end at or before ``until_sample`` and were not taken yet, in a few blocks."""
        left = (until_sample - SPECTRUM_SAMPLES) // SPECTRUM_HOP + 1 - self.frames
        if left > sum(len(block.level_db) for block in self._ahead):
            self._compute()
        taken = []
        while left > 0 and self._ahead:
            block = self._ahead.popleft()
            if len(block.level_db) > left:
                self._ahead.appendleft(block.part(slice(left, None)))
                block = block.part(slice(left))
            left -= len(block.level_db)
            self.frames += len(block.level_db)
            taken.append(block)
        return taken

    def _compute(self) -> None:
        """All frames that there are samples for."""
        left = max((len(self._waiting) - SPECTRUM_SAMPLES) // SPECTRUM_HOP + 1, 0)
        start = 0
        while left:
            count = min(left, _MOST_FRAMES)
            end = start + SPECTRUM_SAMPLES + (count - 1) * SPECTRUM_HOP
            self._ahead.append(self._spectra(self._waiting[start:end]))
            start += count * SPECTRUM_HOP
            left -= count
        self._waiting = self._waiting[start:]

    def _spectra(self, samples: FloatArray) -> Spectra:
        """Of all frames of ``samples``."""
        count = len(samples) // SPECTRUM_HOP - SPECTRUM_SAMPLES // SPECTRUM_HOP + 1
        power = _power(samples, count)
        mel_power = np.add.reduceat(np.take(power, _MEL_BINS, 1) * _MEL_WEIGHTS, _MEL_BEGINS, axis=1)
        amplitude = np.empty((count + 1, len(BINS_HZ)), np.float32)
        np.sqrt(power, out=amplitude[1:])
        # Nothing is known to rise at the first frame of all.
        amplitude[0] = amplitude[1] if self._before is None else self._before
        self._before = amplitude[-1].copy()
        total = np.add.reduce(power, axis=1, keepdims=True)
        mean_square, peak_square, sign_changes = wave_shapes(samples)
        # A spectrum of nothing (a frame of zeros but at its edge) has no shape.
        sounds = (mean_square > _SILENT) & (total[:, 0] > _SILENT)
        flux = _flux(amplitude)
        of_frame = power, amplitude[1:], mel_power, total, mean_square, peak_square, sign_changes
        if sounds.all():
            descriptors = describe(*of_frame)
            descriptors[:, _FLUX] = flux
        else:
            descriptors = np.zeros((count, len(DESCRIPTORS)), np.float32)
            if sounds.any():
                descriptors[sounds] = describe(*(rows[sounds] for rows in of_frame))
                descriptors[sounds, _FLUX] = flux[sounds]
        return Spectra(_decibels(mel_power), _decibels(mean_square), descriptors)


def _power(samples: FloatArray, frames: int) -> FloatArray:
    """The power spectrum of each of the ``frames`` of ``samples`` [shape=(frames, 1025)]."""
    step = samples.itemsize
    overlapping: FloatArray = np.ndarray(
        (frames, SPECTRUM_SAMPLES), samples.dtype, samples, strides=(SPECTRUM_HOP * step, step)
    )
    transform = np.fft.rfft(overlapping * _TAPER, axis=1)
    power: FloatArray = np.square(transform.real)
    power += np.square(transform.imag)
    return power


def _flux(amplitude: FloatArray) -> FloatArray:
    """The rise since the row before over the sum of both, 0 for silence [shape=(n + 1, 1025) to (n,)]."""
    sums = np.add.reduce(amplitude, axis=1)
    both = sums[1:] + sums[:-1]
    rises = amplitude[1:] - amplitude[:-1]
    rise = np.add.reduce(at_least(0.0, rises), axis=1)
    flux: FloatArray = np.divide(rise, both, out=np.zeros_like(rise), where=both > 0)
    return flux


def _decibels(power: FloatArray) -> FloatArray:
    return np.where(power > _SILENT, 10 * np.log10(np.maximum(power, _SILENT)), np.float32(SILENCE_DB))
