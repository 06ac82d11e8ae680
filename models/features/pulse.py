"""``pulse``: how clearly and how fast the sound beats, from the rises of the bands' levels.

The onset strength is the mean rise from frame to frame, in dB, over all bands and over the low (to 0.9 kHz), middle and
high (from 4.3 kHz) ones; its autocorrelation tells the pulse (Scheirer, "Tempo and beat analysis of acoustic musical
signals", 1998; Tzanetakis & Cook, "Musical genre classification of audio signals", 2002).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.features import Feature, FeatureSet, SoundWindow
from models.features.spectra import (
    FRAMES_HZ,
    Numbers,
    at_least,
    audible,
    autocorrelation,
    frames_of,
    relative_mel_db,
    row_mean_std,
    row_means,
    tempo_lags,
)
from models.features.together import alike

_BANDS = {"all": slice(None), "low": slice(14), "mid": slice(14, 40), "high": slice(40, None)}
_SHORTEST, _LONGEST = int(0.18 * FRAMES_HZ), int(1.6 * FRAMES_HZ)
_TEMPI = 25
_LAGS = tempo_lags(FRAMES_HZ, _TEMPI)
_BEAT = ("max", "log_tempo", "std", "peaks", "tempi", "tempi_std")
_ONSETS = ("mean", "std", "max", "rate", "skewness", "height")


def compute(sounds: tuple[SoundWindow, ...]) -> Numbers:
    """Of each group of bands: the autocorrelation, then the onsets [shape=(m, 73)].

    Between 0.18 and 1.6 s the autocorrelation's maximum, the tempo there in log2 BPM, its std and the mean of its
    peaks; the mean of the three best of 25 tempi from 40 to 320 BPM and their std, and for all bands the 25
    themselves. Onsets are peaks of the strength, higher than mean and std together: their rate and mean height, and
    mean, std, maximum and skewness of the strength.
    """
    strength = np.stack([_strength(sound) for sound in sounds])
    # Lags longer than the window have what rounding leaves of nothing, so it matters to models how this is summed.
    total: Numbers = np.add.accumulate(strength, axis=2)[..., -1:]
    centred: Numbers = strength - total / np.float32(strength.shape[2])
    similarity = autocorrelation(centred, max(_LONGEST, int(_LAGS.max()) + 1))
    tempi = similarity.take(_LAGS, axis=2)
    best = row_means(np.sort(tempi, axis=2)[..., -3:])
    beats = np.concatenate([*_beats(similarity[..., _SHORTEST:_LONGEST]), best, row_mean_std(tempi)[1]], axis=2)
    onsets = np.concatenate(_onsets(strength, frames_of(sounds[0]) / FRAMES_HZ), axis=2)
    rows = [beats[:, 0], tempi[:, 0], beats[:, 1:].reshape(len(sounds), -1), onsets.reshape(len(sounds), -1)]
    return np.concatenate(rows, axis=1).astype(np.float32)


def _strength(sound: SoundWindow) -> Numbers:
    """The onset strength of each group of bands [shape=(groups, n)]."""
    mel_db = relative_mel_db(sound)
    rises = at_least(0.0, mel_db[1:] - mel_db[:-1])
    groups = [rises[:, bands] for bands in _BANDS.values()]
    return np.array([np.add.reduce(group, axis=1) / np.float32(group.shape[1]) for group in groups])


def _beats(span: Numbers) -> list[Numbers]:
    """The first four of ``_BEAT`` [shape=(m, groups, 1)] each, of the ``span`` of lags [shape=(m, groups, lags)].

    0 where nothing beats.
    """
    best = span.argmax(axis=-1, keepdims=True)
    highest = np.maximum.reduce(span, axis=-1, keepdims=True)
    log_tempo = np.log2(60 * FRAMES_HZ / (best + _SHORTEST))
    found = (highest, log_tempo, row_mean_std(span)[1], _mean_where(_peaks(span), span))
    return [np.where(highest > 0, values, 0) for values in found]


def _onsets(strength: Numbers, length_s: float) -> list[Numbers]:
    """``_ONSETS`` [shape=(m, groups, 1)] each, of the onset strength [shape=(m, groups, n)]."""
    mean = row_means(strength)
    centred = strength - mean
    squared = centred * centred
    std = np.sqrt(row_means(squared))
    peaks = _peaks(strength) & (strength > mean + std)
    skewness = row_means(squared * centred) / (std * std * std + 1e-9)
    highest = np.maximum.reduce(strength, axis=-1, keepdims=True)
    return [mean, std, highest, _counts(peaks) / length_s, skewness, _mean_where(peaks, strength)]


def _peaks(rows: Numbers) -> NDArray[np.bool_]:
    """Where each row is higher than before and not lower than after; never at its ends."""
    found = np.zeros(rows.shape, np.bool_)
    inner = rows[..., 1:-1]
    found[..., 1:-1] = (inner > rows[..., :-2]) & (inner >= rows[..., 2:])
    return found


def _mean_where(chosen: NDArray[np.bool_], rows: Numbers) -> Numbers:
    """The mean of what is ``chosen`` of each row, 0 where nothing is [shape=(..., n) to (..., 1)]."""
    summed = np.add.reduce(rows * chosen, axis=-1, keepdims=True)
    mean: Numbers = np.divide(summed, np.maximum(_counts(chosen), 1))
    return mean


def _counts(chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many of each row are ``chosen`` [shape=(..., n) to (..., 1)]."""
    counts: NDArray[np.int64] = np.add.reduce(chosen, axis=-1, dtype=np.int64, keepdims=True)
    return counts


_RANGES = {
    "max": ("", 0, 4),
    "log_tempo": ("log2 BPM", 0, 8.6),
    "std": ("", 0, 4),
    "peaks": ("", -4, 4),
    "tempi": ("", -4, 4),
    "tempi_std": ("", 0, 4),
}
_ONSET_RANGES = {
    "mean": ("dB", 0, 100),
    "std": ("dB", 0, 50),
    "max": ("dB", 0, 100),
    "rate": ("onsets/s", 0, FRAMES_HZ / 2),
    "skewness": ("", -25, 25),
    "height": ("dB", 0, 100),
}


def _features() -> tuple[Feature, ...]:
    found: list[Feature] = []
    for band in _BANDS:
        found += [Feature(f"pulse_{band}_{name}", *_RANGES[name]) for name in _BEAT]
        if band == "all":
            found += [Feature(f"pulse_{round(bpm)}_bpm", "", -4, 4) for bpm in np.geomspace(40, 320, _TEMPI)]
    return (
        *found,
        *(Feature(f"onsets_{band}_{name}", *_ONSET_RANGES[name]) for band in _BANDS for name in _ONSETS),
    )


_FEATURES = _features()
PULSE = FeatureSet("pulse", _FEATURES, alike(audible, frames_of, compute, len(_FEATURES)), needs_sound=True)
