"""The shape of one spectrum after another: what each column of ``SoundWindow.descriptors`` is.

Every row is computed by itself, so that the same frame gives the same bits whatever frames it comes with. Powers count
from 80 dB below the frame's own, so that nothing changes with level. Frequencies are octaves above 20 Hz.

Sources: Peeters, "A large set of audio features for sound description", 2004; Jiang et al., "Music type classification
by spectral contrast feature", 2002; Sethares, "Local consonance and the relationship between timbre and scale", 1993.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from models.features.spectra import OCTAVES_HZ, SPECTRUM_SAMPLES
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
#: Bins that are added up at a time on the way to a share of the power.
_STRIDE = 32
_STRIDES = np.arange(0, len(BINS_HZ) - 1, _STRIDE)

_PARTIALS = 16
_PARTIAL_BINS = slice(int(np.searchsorted(BINS_HZ, 50)), int(np.searchsorted(BINS_HZ, 5000, side="right")))
_LOWER, _UPPER = np.triu_indices(_PARTIALS, 1)


def describe(
    samples: FloatArray, squares: FloatArray, power: FloatArray, amplitude: FloatArray, mel_power: FloatArray
) -> FloatArray:
    """The descriptors of frames that are not silent, but for ``flux`` [shape=(n, len(DESCRIPTORS))].

    ``samples`` and their ``squares`` [shape=(n, 2048)], ``power`` and its root ``amplitude`` [shape=(n, 1025)] and
    ``mel_power`` [shape=(n, 64)] of the same frames.
    """
    total: FloatArray = np.add.reduce(power, axis=1, keepdims=True)
    share: FloatArray = power / total
    log_share: FloatArray = share + _FLOOR
    np.log(log_share, out=log_share)
    heard = np.float32(share.shape[1] - _FIRST_HEARD)
    mean_log = np.add.reduce(log_share[:, _FIRST_HEARD:], axis=1) / heard
    flatness = mean_log - np.log(np.add.reduce(share[:, _FIRST_HEARD:], axis=1) / heard + _FLOOR)
    mel_db = 10 * np.log10(mel_power / total + _FLOOR)
    mean_square = np.add.reduce(squares, axis=1) / np.float32(SPECTRUM_SAMPLES)
    centroid, bandwidth, skewness, kurtosis = _moments(share)
    columns = [
        centroid,
        bandwidth,
        *(_OCTAVE[bins] for bins in _rolloffs(share, (0.85, 0.5))),
        np.minimum(flatness, 0),
        -np.add.reduce(share * log_share, axis=1),
        _sign_changes(samples) / np.float32(SPECTRUM_SAMPLES - 1),
        10 * np.log10(np.maximum.reduce(squares, axis=1) / mean_square),
        np.zeros(len(samples), np.float32),
        skewness,
        kurtosis,
        *_contrast(log_share).T,
        *_partials(amplitude),
        10 * np.log10(np.add.reduce(share[:, _BASS], axis=1) + np.float32(1e-6)),
        np.maximum.reduce(mel_db, axis=1) - np.add.reduce(mel_db, axis=1) / np.float32(mel_db.shape[1]),
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def _moments(share: FloatArray) -> tuple[NDArray[np.float64], ...]:
    """Centroid, bandwidth, skewness and kurtosis over octaves [shape=(n,)] each."""
    whole, first, second, third, fourth = product(share.astype(np.float64), _POWERS).T
    first, second, third, fourth = first / whole, second / whole, third / whole, fourth / whole
    squared = first * first
    variance = np.maximum(second - squared, 0)
    # Not below a thousandth of an octave, so that a single line of the spectrum has a shape; rounding of moments may
    # make its kurtosis a little less than nothing.
    scale = np.sqrt(variance) + 1e-3
    skewness = (third - 3 * first * second + 2 * squared * first) / scale**3
    kurtosis = (fourth - 4 * first * third + 6 * squared * second - 3 * squared * squared) / scale**4
    return first + _MIDDLE, np.sqrt(variance), np.clip(skewness, -10, 10), np.clip(kurtosis, 0, 100)


def _rolloffs(share: FloatArray, levels: tuple[float, ...]) -> Iterator[NDArray[np.intp]]:
    """The bin at which each row's sum reaches each of ``levels``: coarsely first, then among the bins of one stride."""
    coarse = np.add.accumulate(np.add.reduceat(share, _STRIDES, axis=1), axis=1)
    rows = np.arange(len(share))
    row_starts = rows[:, None] * share.shape[1]
    for level in levels:
        stride = np.argmax(coarse >= level, axis=1)
        before = np.where(stride > 0, coarse[rows, stride - 1], np.float32(0))
        bins = stride[:, None] * _STRIDE + np.arange(_STRIDE)
        reached = before[:, None] + np.add.accumulate(np.take(share, row_starts + bins), axis=1) >= level
        reached[:, -1] = True  # as the coarse sums say, whatever rounding does
        yield bins[:, 0] + np.argmax(reached, axis=1)


def _sign_changes(samples: FloatArray) -> FloatArray:
    """How often each row's samples change their sign [shape=(n,)]."""
    negative = np.signbit(samples)
    changes = negative[:, 1:] != negative[:, :-1]
    # Row by row: NumPy counts all of an array many times as fast as along an axis.
    return np.array([np.count_nonzero(row) for row in changes], np.float32)


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
    low, high = _PARTIAL_BINS.start, _PARTIAL_BINS.stop
    inner = amplitude[:, low:high]
    is_peak = (inner > amplitude[:, low - 1 : high - 1]) & (inner >= amplitude[:, low + 1 : high + 1])
    peaks = is_peak * inner
    # Ranked as whole numbers, with the bin for the last digits: that is many times as fast as to rank places.
    ranked = peaks.view(np.uint32).astype(np.uint64)
    ranked <<= np.uint64(16)
    ranked |= np.arange(high - low, dtype=np.uint64)
    ranked.partition(high - low - _PARTIALS, axis=1)
    bins = np.sort((ranked[:, -_PARTIALS:] & np.uint64(0xFFFF)).astype(np.intp), axis=1)
    # Places in all rows as in one: what NumPy has for places along an axis costs many times as much.
    row = np.arange(len(bins))[:, None]
    height = np.take(peaks, row * peaks.shape[1] + bins)
    places = row * amplitude.shape[1] + low + bins
    strongest = height.max(axis=1, keepdims=True)
    height = np.where(height > 0.01 * strongest, height, 0)
    # The vertex of a parabola through the logarithms of three bins.
    before, at, after = (np.log(np.take(amplitude, places + d) + _TINY) for d in (-1, 0, 1))
    curve = before - 2 * at + after
    bent = np.abs(curve) > 1e-9
    offset = np.where(bent, 0.5 * (before - after) / np.where(bent, curve, 1), 0)
    hz = (bins + low + np.clip(offset, -0.5, 0.5)) * np.float32(SAMPLE_RATE / SPECTRUM_SAMPLES)
    hz = hz.astype(np.float32)
    total = np.add.reduce(height, axis=1) + _TINY
    # np.take lays its rows out as they are added up, which indexing does not promise.
    first, second = np.take(hz, _LOWER, 1), np.take(hz, _UPPER, 1)
    distance = (second - first) * 0.24 / (0.0207 * first + 18.96)
    weaker = np.minimum(np.take(height, _LOWER, 1), np.take(height, _UPPER, 1))
    roughness = (weaker * (np.exp(-3.51 * distance) - np.exp(-5.75 * distance))).sum(axis=1) / total
    root = np.where(height > 0.1 * strongest, hz, np.inf).min(axis=1, keepdims=True)
    multiple = hz / np.where(np.isfinite(root), root, 100)
    inharmonicity = (height * np.abs(multiple - np.round(multiple))).sum(axis=1) / total
    return roughness, np.count_nonzero(height, axis=1).astype(np.float32), inharmonicity
