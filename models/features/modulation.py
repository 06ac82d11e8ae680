"""``modulation``: how strongly 16 bands rise and fall at eight rates from 0.2 to 16 Hz.

The fluctuation patterns of Pampalk, Rauber & Merkl, "Content-based organization and visualization of music archives",
2002, as the blocks of Seyerlehner, Widmer & Pohle, "Fusing block-level features for music similarity estimation",
2010, have them: the power of the Fourier transform of each band's level over the window, summed in bands of rates.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np

from models.features import Feature, FeatureSet, FeatureVector, Window
from models.features.spectra import FRAMES_HZ, MEL_BANDS, Numbers, audible, relative_db

_GROUPS = 16
_RATES_HZ = (0.2, 0.5, 1, 2, 3, 4.5, 6.5, 10, 16)
_LEAST_POWER = 1e-3


def compute(window: Window) -> FeatureVector:
    """Log power of each band (columns) at each band of rates (rows) [shape=(128,)]; rates never seen have log 0.001."""
    sound = audible(window)
    if sound is None:
        return np.zeros(len(MODULATION.features), np.float32)
    mel_db, _ = relative_db(sound)
    # Added band by band: a sum over so short an axis is mostly overhead.
    first, *others = (mel_db[:, band :: MEL_BANDS // _GROUPS].T for band in range(MEL_BANDS // _GROUPS))
    bands_db = np.ascontiguousarray(sum(others, first)) / np.float32(MEL_BANDS // _GROUPS)
    taper, edges = _transform(len(mel_db))
    mean_db = np.add.reduce(bands_db, axis=1, keepdims=True) / np.float32(len(mel_db))
    spectrum = np.fft.rfft((bands_db - mean_db) * taper, axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    summed = np.stack([np.add.reduce(power[:, low:high], axis=1) for low, high in pairwise(edges)])
    return np.log(summed + _LEAST_POWER).ravel().astype(np.float32)


@cache
def _transform(frames: int) -> tuple[Numbers, list[int]]:
    """The taper [shape=(frames,)], scaled so that power does not grow with length, and the bins where rates begin."""
    taper = np.hanning(frames)
    taper /= np.sqrt(frames * np.mean(taper**2))
    rates_hz = np.fft.rfftfreq(frames, 1 / FRAMES_HZ)
    return taper.astype(np.float32), [int(edge) for edge in np.searchsorted(rates_hz, _RATES_HZ)]


MODULATION = FeatureSet(
    "modulation",
    tuple(
        Feature(f"modulation_{low:g}_hz_{group}", "log dB²", -7, 15)
        for low in _RATES_HZ[:-1]
        for group in range(_GROUPS)
    ),
    compute,
    needs_sound=True,
)
