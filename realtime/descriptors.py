"""The shape of one spectrum after another: what each column of ``SoundWindow.descriptors`` is.

Every row is computed by itself, so that the same frame gives the same bits whatever frames it comes with. Powers count
from 80 dB below the frame's own, so that nothing changes with level. Frequencies are octaves above 20 Hz.

Sources: Peeters, "A large set of audio features for sound description", 2004; Jiang et al., "Music type classification
by spectral contrast feature", 2002; Sethares, "Local consonance and the relationship between timbre and scale", 1993.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.features.dissonance import dissonance
from models.features.spectra import DESCRIPTORS, OCTAVES_HZ, SPECTRUM_HOP, SPECTRUM_SAMPLES
from models.features.together import product
from models.transcription import SAMPLE_RATE

FloatArray = NDArray[np.float32]

BINS_HZ = np.fft.rfftfreq(SPECTRUM_SAMPLES, 1 / SAMPLE_RATE).astype(np.float32)
_OCTAVE = np.log2(np.maximum(BINS_HZ, 20) / 20).astype(np.float32)
_BANDS = [slice(*np.searchsorted(BINS_HZ, edges)) for edges in pairwise(OCTAVES_HZ)]
_BINS = [band.stop - band.start for band in _BANDS]
#: How many bins of each octave count as its lowest and as its highest.
_BOTTOM = np.array([max(1, bins // 3) for bins in _BINS], np.float32)
_TOP = np.array([max(1, bins // 10) for bins in _BINS], np.float32)
#: Where the lowest, the others and the highest bins of each octave begin.
_PARTS = [
    begin
    for band, bottom, top in zip(_BANDS, _BOTTOM.astype(int), _TOP.astype(int), strict=True)
    for begin in (band.start, band.start + bottom, band.stop - top)
]
_FIRST_HEARD = 5
_DB_A_NEPER = np.float32(10 / np.log(10))
_BASS = slice(int(np.searchsorted(BINS_HZ, 150)))
_FLOOR = np.float32(1e-8)
_TINY = np.float32(1e-30)

#: Moments of the spectrum are taken about this octave first, as a product of matrices, then about the centroid.
_MIDDLE = 5.0
_POWERS = np.stack([(_OCTAVE.astype(np.float64) - _MIDDLE) ** n for n in range(5)], axis=1)
#: Shares of the power, and how many bins are added up at a time on the way to where they are reached.
_ROLLOFFS = np.array([[[0.85]], [[0.5]]], np.float32)
_STRIDE = 32
_STRIDES = np.arange(0, len(BINS_HZ) - 1, _STRIDE)
_IN_STRIDE = np.arange(_STRIDE)

_PARTIALS = 16
_PARTIAL_BINS = slice(int(np.searchsorted(BINS_HZ, 50)), int(np.searchsorted(BINS_HZ, 5000, side="right")))
#: The bins before, at and after a peak.
_AROUND = np.array([[[-1]], [[0]], [[1]]])
_LOWER, _UPPER = np.triu_indices(_PARTIALS, 1)


def wave_shapes(samples: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The mean square of each frame's samples, their largest square, and how often they change sign [shape=(n,)].

    ``samples`` are those of n frames, one every 512 of them [shape=(2048 + 512 (n - 1),)].
    """
    squares = np.square(samples)
    negative = np.signbit(samples)
    changes = np.zeros(len(samples), np.uint8)
    np.not_equal(negative[1:], negative[:-1], out=changes[:-1].view(bool))
    # A frame's last sample has none after it.
    beyond = changes[SPECTRUM_SAMPLES - 1 :: SPECTRUM_HOP]
    sign_changes = _over_frames(np.add, changes, np.uint16) - beyond
    mean_square: FloatArray = _over_frames(np.add, squares)
    mean_square /= np.float32(SPECTRUM_SAMPLES)
    return mean_square, _over_frames(np.maximum, squares), sign_changes.astype(np.float32)


def _over_frames(ufunc: np.ufunc, of_samples: NDArray[Any], dtype: type[np.number] = np.float32) -> NDArray[Any]:
    """What ``ufunc`` makes of each frame [shape=(n,)] by way of hops, of which a frame is four."""
    hops = ufunc.reduce(of_samples.reshape(-1, SPECTRUM_HOP), axis=1, dtype=dtype)
    pairs = ufunc(hops[:-1], hops[1:])
    found: NDArray[Any] = ufunc(pairs[:-2], pairs[2:])
    return found


def describe(
    power: FloatArray,
    amplitude: FloatArray,
    mel_power: FloatArray,
    total: FloatArray,
    mean_square: FloatArray,
    peak_square: FloatArray,
    sign_changes: FloatArray,
) -> FloatArray:
    """The descriptors of frames that are not silent, but for ``flux`` [shape=(n, len(DESCRIPTORS))].

    ``power`` and its root ``amplitude`` [shape=(n, 1025)], ``mel_power`` [shape=(n, 64)], ``total`` power
    [shape=(n, 1)] and the ``wave_shapes`` [shape=(n,)] of the same frames.
    """
    share: FloatArray = power / total
    log_share: FloatArray = share + _FLOOR
    np.log(log_share, out=log_share)
    heard = np.float32(share.shape[1] - _FIRST_HEARD)
    mean_log = np.add.reduce(log_share[:, _FIRST_HEARD:], axis=1) / heard
    flatness = mean_log - np.log(np.add.reduce(share[:, _FIRST_HEARD:], axis=1) / heard + _FLOOR)
    mel_db = 10 * np.log10(mel_power / total + _FLOOR)
    centroid, bandwidth, skewness, kurtosis = _moments(share)
    columns = (
        centroid,
        bandwidth,
        *_OCTAVE[_rolloffs(share)],
        np.minimum(flatness, 0),
        -np.add.reduce(share * log_share, axis=1),
        sign_changes / np.float32(SPECTRUM_SAMPLES - 1),
        10 * np.log10(peak_square / mean_square),
        0,
        skewness,
        kurtosis,
        *_contrast(log_share).T,
        *_partials(amplitude),
        10 * np.log10(np.add.reduce(share[:, _BASS], axis=1) + np.float32(1e-6)),
        np.maximum.reduce(mel_db, axis=1) - np.add.reduce(mel_db, axis=1) / np.float32(mel_db.shape[1]),
    )
    descriptors = np.empty((len(share), len(DESCRIPTORS)), np.float32)
    for number, column in enumerate(columns):
        descriptors[:, number] = column
    return descriptors


def _moments(share: FloatArray) -> tuple[NDArray[np.float64], ...]:
    """Centroid, bandwidth, skewness and kurtosis over octaves [shape=(n,)] each."""
    sums = product(share.astype(np.float64), _POWERS).T
    first, second, third, fourth = sums[1:] / sums[0]
    squared = first * first
    variance = np.maximum(second - squared, 0)
    bandwidth = np.sqrt(variance)
    # Not below a thousandth of an octave, so that a single line of the spectrum has a shape; rounding of moments may
    # make its kurtosis a little less than nothing.
    scale = bandwidth + 1e-3
    scale_squared = scale * scale
    skewness = (third - 3 * first * second + 2 * squared * first) / (scale_squared * scale)
    kurtosis = (fourth - 4 * first * third + 6 * squared * second - 3 * squared * squared) / scale_squared**2
    return first + _MIDDLE, bandwidth, skewness.clip(-10, 10), kurtosis.clip(0, 100)


def _rolloffs(share: FloatArray) -> NDArray[np.intp]:
    """The bins at which each row's sum reaches each of ``_ROLLOFFS`` [shape=(2, n)].

    Coarsely first, then among the bins of one stride.
    """
    coarse = np.zeros((len(share), len(_STRIDES) + 1), np.float32)
    np.add.accumulate(np.add.reduceat(share, _STRIDES, axis=1), axis=1, out=coarse[:, 1:])
    # Places in all rows as in one: what NumPy has for places along an axis costs many times as much.
    row = np.arange(len(share))
    stride = np.argmax(coarse[:, 1:] >= _ROLLOFFS, axis=2)
    before = np.take(coarse, row * coarse.shape[1] + stride)
    first = stride * _STRIDE
    fine = np.take(share, (row * share.shape[1] + first)[:, :, None] + _IN_STRIDE)
    np.add.accumulate(fine, axis=2, out=fine)
    fine += before[:, :, None]
    reached = fine >= _ROLLOFFS
    reached[:, :, -1] = True  # as the coarse sums say, whatever rounding does
    found: NDArray[np.intp] = first + np.argmax(reached, axis=2)
    return found


def _contrast(log_share: FloatArray) -> FloatArray:
    """In each octave the mean of the highest tenth of the bins over that of the lowest third, in dB [shape=(n, 8)]."""
    ranked = log_share[:, : _BANDS[-1].stop].copy()
    for band in _BANDS:
        ranked[:, band].sort(axis=1)
    # Every other sum is of the bins between the parts that count.
    parts: FloatArray = np.add.reduceat(ranked, _PARTS, axis=1)
    found: FloatArray = (parts[:, 2::3] / _TOP - parts[:, 0::3] / _BOTTOM) * _DB_A_NEPER
    return found


def _partials(amplitude: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Roughness of the 16 strongest peaks from 50 to 5000 Hz, their count above −40 dB, and their inharmonicity.

    Roughness sums the dissonance of each pair, weighted by the weaker, over the sum of amplitudes. Inharmonicity is the
    mean distance from a multiple of the lowest strong peak, weighted by amplitude.
    """
    bins, height = _strongest_peaks(amplitude)
    hz = _vertex_hz(amplitude, bins)
    strongest = np.maximum.reduce(height, axis=1, keepdims=True)
    loud = height > 0.01 * strongest
    height = height * loud
    total = np.add.reduce(height, axis=1) + _TINY
    # np.take lays its rows out as they are added up, which indexing does not promise.
    first, second = np.take(hz, _LOWER, 1), np.take(hz, _UPPER, 1)
    weaker = np.minimum(np.take(height, _LOWER, 1), np.take(height, _UPPER, 1))
    roughness = np.add.reduce(weaker * dissonance(first, second), axis=1) / total
    root = np.minimum.reduce(np.where(height > 0.1 * strongest, hz, np.inf), axis=1, keepdims=True)
    multiple = hz / np.where(np.isfinite(root), root, 100)
    inharmonicity = np.add.reduce(height * np.abs(multiple - np.rint(multiple)), axis=1) / total
    return roughness, np.add.reduce(loud, axis=1, dtype=np.float32), inharmonicity


def _strongest_peaks(amplitude: FloatArray) -> tuple[NDArray[np.intp], FloatArray]:
    """The bins of each row's highest peaks, in order, and their heights [shape=(n, 16)] each.

    Where there are fewer, they are filled up with bins that are no peaks and have the height 0.
    """
    low, high = _PARTIAL_BINS.start, _PARTIAL_BINS.stop
    rises = amplitude[:, low : high + 1] > amplitude[:, low - 1 : high]
    peaks = amplitude[:, low:high] * (rises[:, :-1] > rises[:, 1:])
    # Ranked as whole numbers, which are in the same order: that is twice as fast.
    ranked = peaks.view(np.uint32)
    least = np.partition(ranked, -_PARTIALS, axis=1)[:, -_PARTIALS, None]
    is_strong = ranked >= least
    places = np.flatnonzero(is_strong)
    if len(places) > _PARTIALS * len(peaks):
        # Of those that are equal, the highest bins.
        for row, count in enumerate(np.count_nonzero(is_strong, axis=1)):
            is_strong[row, np.flatnonzero(ranked[row] == least[row])[: count - _PARTIALS]] = False
        places = np.flatnonzero(is_strong)
    found = places.reshape(-1, _PARTIALS)
    return found - np.arange(0, peaks.size, peaks.shape[1])[:, None] + low, np.take(peaks, found)


def _vertex_hz(amplitude: FloatArray, bins: NDArray[np.intp]) -> FloatArray:
    """Where peaks are, in Hz: the vertex of a parabola through the logarithms of three bins [shape=(n, 16)]."""
    row_starts = np.arange(0, amplitude.size, amplitude.shape[1])[:, None]
    before, at, after = np.log(np.take(amplitude, row_starts + bins + _AROUND) + _TINY)
    curve = before - 2 * at + after
    offset = np.zeros_like(curve)
    np.divide(0.5 * (before - after), curve, out=offset, where=np.abs(curve) > 1e-9)
    vertex = bins + offset.clip(-0.5, 0.5)
    hz: FloatArray = (vertex * np.float32(SAMPLE_RATE / SPECTRUM_SAMPLES)).astype(np.float32)
    return hz
