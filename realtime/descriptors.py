"""The shape of one spectrum after another: what each column of ``SoundWindow.descriptors`` is.

Every row is computed by itself, so that the same frame gives the same bits whatever frames it comes with. Powers count
from 80 dB below the frame's own, so that nothing changes with level. Frequencies are octaves above 20 Hz.

Sources: Peeters, "A large set of audio features for sound description", 2004; Jiang et al., "Music type classification
by spectral contrast feature", 2002; Sethares, "Local consonance and the relationship between timbre and scale", 1993.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from models.features.spectra import OCTAVES_HZ, SPECTRUM_SAMPLES
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

_PARTIALS = 16
_PARTIAL_BINS = slice(int(np.searchsorted(BINS_HZ, 50)), int(np.searchsorted(BINS_HZ, 5000, side="right")))
_LOWER, _UPPER = np.triu_indices(_PARTIALS, 1)


def describe(samples: FloatArray, power: FloatArray, mel_power: FloatArray, flux: FloatArray) -> FloatArray:
    """The descriptors of frames that are not silent [shape=(n, len(DESCRIPTORS))].

    ``samples`` [shape=(n, 2048)], ``power`` [shape=(n, 1025)] and ``mel_power`` [shape=(n, 64)] of the same frames,
    ``flux`` [shape=(n,)] the rise of amplitude since the frame before over the amplitude of both.
    """
    total = np.add.reduce(power, axis=1, keepdims=True)
    share = power / total
    log_share = np.log(share + _FLOOR)
    centroid = np.add.reduce(share * _OCTAVE, axis=1, keepdims=True)
    # Not below a thousandth of an octave, so that a single line of the spectrum has a shape.
    distance = _OCTAVE - centroid
    second = share * distance * distance
    third = second * distance
    bandwidth = np.sqrt(np.add.reduce(second, axis=1, keepdims=True))
    scale = (bandwidth + np.float32(1e-3))[:, 0]
    cubed = scale * scale * scale
    skewness = np.add.reduce(third, axis=1) / cubed
    kurtosis = np.add.reduce(third * distance, axis=1) / (cubed * scale)
    reached = np.add.accumulate(share, axis=1)
    heard = np.float32(share.shape[1] - _FIRST_HEARD)
    mean_log = np.add.reduce(log_share[:, _FIRST_HEARD:], axis=1) / heard
    flatness = mean_log - np.log(np.add.reduce(share[:, _FIRST_HEARD:], axis=1) / heard + _FLOOR)
    mel_db = 10 * np.log10(mel_power / total + _FLOOR)
    squares = np.square(samples)
    mean_square = np.add.reduce(squares, axis=1) / np.float32(SPECTRUM_SAMPLES)
    negative = np.signbit(samples)
    columns = [
        centroid[:, 0],
        bandwidth[:, 0],
        _OCTAVE[np.argmax(reached >= 0.85, axis=1)],
        _OCTAVE[np.argmax(reached >= 0.5, axis=1)],
        np.minimum(flatness, 0),
        -np.add.reduce(share * log_share, axis=1),
        np.count_nonzero(negative[:, 1:] != negative[:, :-1], axis=1) / np.float32(SPECTRUM_SAMPLES - 1),
        10 * np.log10(np.maximum.reduce(squares, axis=1) / mean_square),
        flux,
        np.minimum(np.maximum(skewness, -10), 10),
        np.minimum(kurtosis, 100),
        *_contrast(log_share).T,
        *_partials(power),
        10 * np.log10(np.add.reduce(share[:, _BASS], axis=1) + np.float32(1e-6)),
        np.maximum.reduce(mel_db, axis=1) - np.add.reduce(mel_db, axis=1) / np.float32(mel_db.shape[1]),
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def _contrast(log_share: FloatArray) -> FloatArray:
    """In each octave the mean of the highest tenth of the bins over that of the lowest third, in dB [shape=(n, 8)]."""
    ranked = log_share[:, : _BANDS[-1].stop].copy()
    for band in _BANDS:
        ranked[:, band].sort(axis=1)
    # Every other sum is of the bins between the parts that count.
    parts: FloatArray = np.add.reduceat(ranked, _PARTS, axis=1)
    found: FloatArray = (parts[:, 2::3] / _TOP - parts[:, 0::3] / _BOTTOM) * _DB_A_NEPER
    return found


def _partials(power: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Roughness of the 16 strongest peaks from 50 to 5000 Hz, their count above −40 dB, and their inharmonicity.

    Roughness sums the dissonance of each pair, weighted by the weaker, over the sum of amplitudes. Inharmonicity is the
    mean distance from a multiple of the lowest strong peak, weighted by amplitude.
    """
    amplitude = np.sqrt(power)
    low, high = _PARTIAL_BINS.start, _PARTIAL_BINS.stop
    inner = amplitude[:, low:high]
    is_peak = (inner > amplitude[:, low - 1 : high - 1]) & (inner >= amplitude[:, low + 1 : high + 1])
    peaks = np.where(is_peak, inner, 0)
    bins = np.sort(np.argpartition(peaks, -_PARTIALS, axis=1)[:, -_PARTIALS:], axis=1)
    height = np.take_along_axis(peaks, bins, 1)
    strongest = height.max(axis=1, keepdims=True)
    height = np.where(height > 0.01 * strongest, height, 0)
    # The vertex of a parabola through the logarithms of three bins.
    before, at, after = (np.log(np.take_along_axis(amplitude, bins + low + d, 1) + _TINY) for d in (-1, 0, 1))
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
