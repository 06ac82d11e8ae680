"""Tempo from note onsets alone.

Every pair of onsets up to two seconds apart votes for the beat period that it spans, blurred by 20 ms; the votes are
weighted by how readily people tap a period, a log-normal curve around 120 beats a minute. Sources: Dixon, "Automatic
extraction of tempo and beat from expressive performances", 2001 (clustering of inter-onset intervals); Ellis, "Beat
tracking by dynamic programming", 2007 (the weighting, 0.9 octaves wide).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Onsets closer than this are one event: the notes of a chord.
CHORD_S = 0.05
_LONGEST_S = 2.0
_BLUR_S = 0.02
_BPM = np.exp(np.linspace(np.log(30.0), np.log(300.0), 231))
_PERIODS_S = 60.0 / _BPM
_PREFERENCE = np.exp(-0.5 * (np.log2(_BPM / 120.0) / 0.9) ** 2)


def estimate_tempo(onsets_s: NDArray[np.float64]) -> float:
    """The tempo in beats a minute (30–300) of ``onsets_s``, ascending seconds; 0.0 for fewer than two events."""
    events = merge_chords(onsets_s)
    if len(events) < 2:
        return 0.0
    gaps = (events[None, :] - events[:, None])[np.triu_indices(len(events), 1)]
    gaps = gaps[gaps <= _LONGEST_S + 3 * _BLUR_S]
    if not len(gaps):
        return 0.0
    # Votes are counted in bins of 5 ms first, so that a dense window costs no more than a sparse one.
    bins = np.round(gaps / 0.005).astype(int)
    votes = np.bincount(bins)
    centres = np.flatnonzero(votes)
    distance = (_PERIODS_S[:, None] - centres[None, :] * 0.005) / _BLUR_S
    score = (np.exp(-0.5 * distance**2) @ votes[centres]) * _PREFERENCE
    return float(_BPM[int(np.argmax(score))])


def merge_chords(onsets_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """The onsets that lie more than ``CHORD_S`` after the event before them."""
    events: list[float] = []
    for onset in onsets_s:
        if not events or onset - events[-1] > CHORD_S:
            events.append(float(onset))
    return np.array(events)
