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
_FIRST_HEARD = 5
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
    total = power.sum(axis=1, keepdims=True)
    share = power / total
    log_share = np.log(share + _FLOOR)
    centroid = (share * _OCTAVE).sum(axis=1, keepdims=True)
    # Not below a thousandth of an octave, so that a single line of the spectrum has a shape.
    distance = _OCTAVE - centroid
    squared = distance * distance
    bandwidth = np.sqrt((share * squared).sum(axis=1, keepdims=True))
    scale = bandwidth + np.float32(1e-3)
    skewness = (share * squared * distance).sum(axis=1) / (scale * scale * scale)[:, 0]
    kurtosis = (share * squared * squared).sum(axis=1) / (scale * scale * scale * scale)[:, 0]
    reached = np.cumsum(share, axis=1)
    heard = share[:, _FIRST_HEARD:]
    flatness = log_share[:, _FIRST_HEARD:].mean(axis=1) - np.log(heard.mean(axis=1) + _FLOOR)
    mel_db = 10 * np.log10(mel_power / total + _FLOOR)
    mean_square = np.square(samples).mean(axis=1)
    columns = [
        centroid[:, 0],
        bandwidth[:, 0],
        _OCTAVE[np.argmax(reached >= 0.85, axis=1)],
        _OCTAVE[np.argmax(reached >= 0.5, axis=1)],
        np.minimum(flatness, 0),
        -(share * log_share).sum(axis=1),
        np.count_nonzero(np.diff(np.signbit(samples), axis=1), axis=1) / np.float32(SPECTRUM_SAMPLES - 1),
        10 * np.log10(np.square(np.abs(samples).max(axis=1)) / mean_square),
        flux,
        np.clip(skewness, -10, 10),
        np.clip(kurtosis, 0, 100),
        *_contrast(log_share),
        *_partials(power),
        10 * np.log10(share[:, _BASS].sum(axis=1) + np.float32(1e-6)),
        mel_db.max(axis=1) - mel_db.mean(axis=1),
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def _contrast(log_share: FloatArray) -> list[FloatArray]:
    """In each octave the mean of the highest tenth of the bins over that of the lowest third, in dB."""
    found = []
    for band in _BANDS:
        ranked = np.sort(log_share[:, band], axis=1)
        count = ranked.shape[1]
        top, bottom = ranked[:, -max(1, count // 10) :], ranked[:, : max(1, count // 3)]
        found.append((top.mean(axis=1) - bottom.mean(axis=1)) * np.float32(10 / np.log(10)))
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
    total = height.sum(axis=1) + _TINY
    # np.take lays its rows out as they are added up, which indexing does not promise.
    first, second = np.take(hz, _LOWER, 1), np.take(hz, _UPPER, 1)
    distance = (second - first) * 0.24 / (0.0207 * first + 18.96)
    weaker = np.minimum(np.take(height, _LOWER, 1), np.take(height, _UPPER, 1))
    roughness = (weaker * (np.exp(-3.51 * distance) - np.exp(-5.75 * distance))).sum(axis=1) / total
    root = np.where(height > 0.1 * strongest, hz, np.inf).min(axis=1, keepdims=True)
    multiple = hz / np.where(np.isfinite(root), root, 100)
    inharmonicity = (height * np.abs(multiple - np.round(multiple))).sum(axis=1) / total
    return roughness, np.count_nonzero(height, axis=1).astype(np.float32), inharmonicity
