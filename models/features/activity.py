"""``activity``: how much the transcription network hears: how many pitches, how sure, how high, how often they begin.

The network sees what is scaled to the loudest and the softest of two seconds, above a fixed floor: so this changes
somewhat with level, as ``harmony`` and ``chords`` do and the sets of the spectrum do not.
"""

from __future__ import annotations

import numpy as np

from models.features import Feature, FeatureSet, SoundWindow
from models.features.posterior_columns import ONSET_LEVELS, posterior_columns
from models.features.posteriors import posteriors_of, transcribed
from models.features.spectra import (
    POSTERIORS_HZ,
    Numbers,
    autocorrelation,
    row_mean_std,
    row_means,
    series,
    series_features,
    side_by_side,
    sums,
    tempo_lags,
)
from models.features.together import alike
from models.transcription import PITCHES

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


def compute(sounds: tuple[SoundWindow, ...]) -> Numbers:
    """Statistics of eight series, onset rates and the onsets' autocorrelation [shape=(m, 83)].

    The series: the sums of the note and of the onset posteriors, the notes above 0.3, the highest note and onset
    posterior, and entropy, mean and std of the pitch. Onsets are peaks in time above 0.1, 0.3 and 0.5; of the
    autocorrelation of their sum, the maximum and std between 0.17 and 2 s, the tempo at the maximum in log2 BPM, and
    13 tempi from 40 to 320 BPM.
    """
    rows = side_by_side([posterior_columns(sound).series for sound in sounds])
    onsets = np.ascontiguousarray(rows[:, 1])
    similarity = autocorrelation(onsets - row_means(onsets), _LONGEST)
    span = similarity[:, _SHORTEST:]
    best = span.argmax(axis=1, keepdims=True)
    highest = np.maximum.reduce(span, axis=1, keepdims=True)
    log_tempo = np.where(highest > 0, np.log2(60 * POSTERIORS_HZ / (best + _SHORTEST)), 0.0)
    rates = np.stack([_rates(posterior_columns(sound).peaks) for sound in sounds])
    pulse = [highest, row_mean_std(span)[1], log_tempo, similarity.take(_LAGS, axis=1)]
    found = [series(rows).reshape(len(sounds), -1), rates, *pulse]
    return np.concatenate(found, axis=1).astype(np.float32)


def _rates(peaks: Numbers) -> Numbers:
    # The window's own first and last frames are no peaks: what was before the one and is after the other is not in it.
    rates: Numbers = sums(peaks[2:]) * np.float32(POSTERIORS_HZ / len(peaks))
    return rates


_FEATURES = (
    *(feature for quantity in _QUANTITIES for feature in series_features(quantity)),
    *(Feature(f"onset_rate_{level:g}", "onsets/s", 0, PITCHES * POSTERIORS_HZ / 2) for level in ONSET_LEVELS),
    Feature("onset_pulse_max", "", -4, 4),
    Feature("onset_pulse_std", "", 0, 4),
    Feature("onset_pulse_log_tempo", "log2 BPM", 0, 8.5),
    *(Feature(f"onset_pulse_{round(bpm)}_bpm", "", -4, 4) for bpm in np.geomspace(40, 320, _TEMPI)),
)
ACTIVITY = FeatureSet(
    "activity", _FEATURES, alike(transcribed, posteriors_of, compute, len(_FEATURES)), needs_sound=True
)
