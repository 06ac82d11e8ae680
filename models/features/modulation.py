"""``modulation``: how strongly 16 bands rise and fall at eight rates from 0.2 to 16 Hz.

The fluctuation patterns of Pampalk, Rauber & Merkl, "Content-based organization and visualization of music archives",
2002, as the blocks of Seyerlehner, Widmer & Pohle, "Fusing block-level features for music similarity estimation",
2010, have them: the power of the Fourier transform of each band's level over the window, summed in bands of rates.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np

from models.features import Feature, FeatureSet, SoundWindow
from models.features.spectra import FRAMES_HZ, MEL_BANDS, Numbers, audible, frames_of, relative_mel_db
from models.features.together import alike

_GROUPS = 16
_RATES_HZ = (0.2, 0.5, 1, 2, 3, 4.5, 6.5, 10, 16)
_LEAST_POWER = 1e-3


def compute(sounds: tuple[SoundWindow, ...]) -> Numbers:
    """Log power of each band at each band of rates [shape=(m, 128)]; rates never seen have log 0.001."""
    bands_db = np.stack([_bands_db(sound) for sound in sounds])
    frames = bands_db.shape[2]
    taper, edges = _transform(frames)
    bands_db -= np.add.reduce(bands_db, axis=2, keepdims=True) / np.float32(frames)
    spectrum = np.fft.rfft(bands_db * taper, axis=2)
    power = spectrum.real**2 + spectrum.imag**2
    summed = np.stack([np.add.reduce(power[..., low:high], axis=2) for low, high in pairwise(edges)], axis=1)
    rows: Numbers = np.log(summed + np.float32(_LEAST_POWER)).reshape(len(sounds), -1)
    return rows


def _bands_db(sound: SoundWindow) -> Numbers:
    """The mean of four bands at a time [shape=(16, n)]."""
    mel_db = relative_mel_db(sound)
    # Added band by band: a sum over so short an axis is mostly overhead.
    first, *others = (mel_db[:, band :: MEL_BANDS // _GROUPS].T for band in range(MEL_BANDS // _GROUPS))
    return np.ascontiguousarray(sum(others, first)) / np.float32(MEL_BANDS // _GROUPS)


@cache
def _transform(frames: int) -> tuple[Numbers, list[int]]:
    """The taper [shape=(frames,)], scaled so that power does not grow with length, and the bins where rates begin."""
    taper = np.hanning(frames)
    taper /= np.sqrt(frames * np.mean(taper**2))
    rates_hz = np.fft.rfftfreq(frames, 1 / FRAMES_HZ)
    return taper.astype(np.float32), [int(edge) for edge in np.searchsorted(rates_hz, _RATES_HZ)]


_FEATURES = tuple(
    Feature(f"modulation_{low:g}_hz_{group}", "log dB²", -7, 15) for low in _RATES_HZ[:-1] for group in range(_GROUPS)
)
MODULATION = FeatureSet("modulation", _FEATURES, alike(audible, frames_of, compute, len(_FEATURES)), needs_sound=True)
