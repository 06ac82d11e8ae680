"""``pulse``: how clearly and how fast the sound beats, from the rises of the bands' levels.

The onset strength is the mean rise from frame to frame, in dB, over all bands and over the low (to 0.9 kHz), middle and
high (from 4.3 kHz) ones; its autocorrelation tells the pulse (Scheirer, "Tempo and beat analysis of acoustic musical
signals", 1998; Tzanetakis & Cook, "Musical genre classification of audio signals", 2002).
"""

from __future__ import annotations

import numpy as np

from models.features import Feature, FeatureSet, FeatureVector, Window
from models.features.spectra import FRAMES_HZ, Numbers, audible, autocorrelation, relative_db, tempo_lags

_BANDS = {"all": slice(None), "low": slice(14), "mid": slice(14, 40), "high": slice(40, None)}
_SHORTEST, _LONGEST = int(0.18 * FRAMES_HZ), int(1.6 * FRAMES_HZ)
_TEMPI = 25
_LAGS = tempo_lags(FRAMES_HZ, _TEMPI)
_BEAT = ("max", "log_tempo", "std", "peaks", "tempi", "tempi_std")
_ONSETS = ("mean", "std", "max", "rate", "skewness", "height")


def compute(window: Window) -> FeatureVector:
    """Of each group of bands: the autocorrelation, then the onsets [shape=(73,)].

    Between 0.18 and 1.6 s the autocorrelation's maximum, the tempo there in log2 BPM, its std and the mean of its
    peaks; the mean of the three best of 25 tempi from 40 to 320 BPM and their std, and for all bands the 25
    themselves. Onsets are peaks of the strength, higher than mean and std together: their rate and mean height, and
    mean, std, maximum and skewness of the strength.
    """
    sound = audible(window)
    if sound is None:
        return np.zeros(len(PULSE.features), np.float32)
    mel_db, _ = relative_db(sound)
    rises = np.maximum(np.diff(mel_db, axis=0), 0)
    strength = np.stack([rises[:, bands].mean(axis=1) for bands in _BANDS.values()], axis=1)
    similarity = autocorrelation(strength, max(_LONGEST, int(_LAGS.max()) + 1))
    tempi = similarity[_LAGS]
    best = np.sort(tempi, axis=0)[-3:].mean(axis=0)
    found = [[*_beat(similarity[:, band]), best[band], tempi[:, band].std()] for band in range(len(_BANDS))]
    onsets = [_onsets(strength[:, band], len(mel_db) / FRAMES_HZ) for band in range(len(_BANDS))]
    return np.concatenate([found[0], tempi[:, 0], *found[1:], *onsets]).astype(np.float32)


def _beat(similarity: Numbers) -> list[float]:
    span = similarity[_SHORTEST:_LONGEST]
    best = int(span.argmax())
    if not span[best] > 0:
        return [0.0, 0.0, 0.0, 0.0]
    inner = span[1:-1]
    peaks = inner[(inner > span[:-2]) & (inner >= span[2:])]
    log_tempo = np.log2(60 * FRAMES_HZ / (best + _SHORTEST))
    return [span[best], log_tempo, span.std(), peaks.mean() if len(peaks) else 0.0]


def _onsets(strength: Numbers, length_s: float) -> list[float]:
    mean, std = strength.mean(), strength.std()
    inner = strength[1:-1]
    peaks = inner[(inner > strength[:-2]) & (inner >= strength[2:]) & (inner > mean + std)]
    centred = strength - mean
    skewness = (centred * centred * centred).mean() / (std * std * std + 1e-9)
    return [mean, std, strength.max(), len(peaks) / length_s, skewness, peaks.mean() if len(peaks) else 0.0]


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


PULSE = FeatureSet("pulse", _features(), compute, needs_sound=True)
