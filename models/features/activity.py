"""``activity``: how much the transcription network hears: how many pitches, how sure, how high, how often they begin.

The network sees what is scaled to the loudest and the softest of two seconds, above a fixed floor: so this changes
somewhat with level, as ``harmony`` and ``chords`` do and the sets of the spectrum do not.
"""

from __future__ import annotations

import numpy as np

from models.features import Feature, FeatureSet, FeatureVector, Window
from models.features.posteriors import PITCH, transcribed
from models.features.spectra import (
    POSTERIORS_HZ,
    Numbers,
    autocorrelation,
    series,
    series_features,
    tempo_lags,
)
from models.transcription import PITCHES

_SOUNDING = 0.3
_ONSET_LEVELS = (0.1, 0.3, 0.5)
_SHORTEST, _LONGEST = 15, 172
_TEMPI = 13
_LAGS = tempo_lags(POSTERIORS_HZ, _TEMPI)
_QUANTITIES = (
    Feature("note_activity", "pitches", 0, PITCHES),
    Feature("onset_activity", "pitches", 0, PITCHES),
    Feature("polyphony", "pitches", 0, PITCHES),
    Feature("surest_note", "probability", 0, 1),
    Feature("surest_onset", "probability", 0, 1),
    Feature("pitch_entropy", "nats", 0, 4.5),
    Feature("pitch_centre", "MIDI number", 0, 108),
    Feature("pitch_spread", "semitones", 0, 60),
)
_POWERS = np.stack([np.ones(PITCHES), PITCH - 60.0, (PITCH - 60.0) ** 2], axis=1).astype(np.float32)


def compute(window: Window) -> FeatureVector:
    """Statistics of eight series, onset rates and the onsets' autocorrelation [shape=(83,)].

    The series: the sums of the note and of the onset posteriors, the notes above 0.3, the highest note and onset
    posterior, and entropy, mean and std of the pitch. Onsets are peaks in time above 0.1, 0.3 and 0.5; of the
    autocorrelation of their sum, the maximum and std between 0.17 and 2 s, the tempo at the maximum in log2 BPM, and
    13 tempi from 40 to 320 BPM.
    """
    sound = transcribed(window)
    if sound is None:
        return np.zeros(len(ACTIVITY.features), np.float32)
    notes, onsets = sound.note_posteriors, sound.onset_posteriors
    onset_sum = onsets.sum(axis=1)
    similarity = autocorrelation(onset_sum[:, None], _LONGEST)[:, 0]
    span = similarity[_SHORTEST:]
    best = int(span.argmax())
    log_tempo = np.log2(60 * POSTERIORS_HZ / (best + _SHORTEST)) if span[best] > 0 else 0.0
    return np.concatenate(
        [
            series(_series(notes, onsets, onset_sum)).ravel(),
            _rates(onsets),
            [span[best], span.std(), log_tempo],
            similarity[_LAGS],
        ]
    ).astype(np.float32)


def _series(notes: Numbers, onsets: Numbers, onset_sum: Numbers) -> Numbers:
    weight, first, second = (notes @ _POWERS).T
    whole = weight + np.float32(1e-6)
    # Where there is nothing the centre is 0, as if the pitch were the lowest.
    centre = first / whole
    spread = np.sqrt(np.maximum(second / whole - centre * centre, 0))
    # −Σ p log p of p = notes / whole, with one logarithm a posterior.
    # In one array, since fresh ones of this size cost more than the logarithms.
    products = notes + np.float32(1e-9)
    np.multiply(np.log(products, out=products), notes, out=products)
    entropy = (weight * np.log(whole) - products.sum(axis=1)) / whole
    return np.stack(
        [
            weight,
            onset_sum,
            np.count_nonzero(notes > _SOUNDING, axis=1).astype(np.float32),
            notes.max(axis=1),
            onsets.max(axis=1),
            np.maximum(entropy, 0),
            centre + 60 * weight / whole,
            spread,
        ],
        axis=1,
    )


def _rates(onsets: Numbers) -> list[float]:
    inner = onsets[1:-1]
    peaks = inner[(inner > _ONSET_LEVELS[0]) & (inner > onsets[:-2]) & (inner >= onsets[2:])]
    length_s = len(onsets) / POSTERIORS_HZ
    return [np.count_nonzero(peaks > level) / length_s for level in _ONSET_LEVELS]


ACTIVITY = FeatureSet(
    "activity",
    (
        *(feature for quantity in _QUANTITIES for feature in series_features(quantity)),
        *(Feature(f"onset_rate_{level:g}", "onsets/s", 0, PITCHES * POSTERIORS_HZ / 2) for level in _ONSET_LEVELS),
        Feature("onset_pulse_max", "", -4, 4),
        Feature("onset_pulse_std", "", 0, 4),
        Feature("onset_pulse_log_tempo", "log2 BPM", 0, 8.5),
        *(Feature(f"onset_pulse_{round(bpm)}_bpm", "", -4, 4) for bpm in np.geomspace(40, 320, _TEMPI)),
    ),
    compute,
    needs_sound=True,
)
