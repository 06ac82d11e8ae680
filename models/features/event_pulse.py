"""How clearly and how fast events recur: the pulse of ``models.features.rhythm``.

Sources: Brown, "Determination of the meter of musical scores by autocorrelation", 1993; Ellis, "Beat tracking by
dynamic programming", 2007 (which periods are readily tapped).
"""

from __future__ import annotations

import math

import numpy as np

from models.features.heard import Numbers
from models.features.ragged import Ragged
from models.features.spectra import row_mean_std
from models.tempo import CHORD_S

_STEP_S = 0.0125
_BLUR_S = 0.025
_PERIODS_S = np.arange(0.15, 2.01, _STEP_S)
_GAP_BINS = 180
_BLUR = np.exp(-0.5 * ((_PERIODS_S - np.arange(_GAP_BINS)[:, None] * _STEP_S) / _BLUR_S) ** 2)
_PREFERENCE = np.exp(-0.5 * (np.log2(60 / _PERIODS_S / 120) / 0.9) ** 2)
_LONGEST_GAP_S = 2.1
#: Events are more than ``CHORD_S`` apart, so no more than these come within the longest gap.
_AHEAD = np.arange(1, math.ceil(_LONGEST_GAP_S / CHORD_S) + 1)
STRONGEST_PULSE = 2.0


def event_pulse(of_windows: list[Numbers], span_s: float) -> dict[str, Numbers]:
    """The pulse of each window's events, ascending seconds, by name [shape=(m,)] each; 0 where no period recurs."""
    counts = np.array([len(events_s) for events_s in of_windows])
    filled = [events_s if len(events_s) else np.zeros(1) for events_s in of_windows]
    rows, events_s = Ragged.of(filled), np.concatenate(filled)
    # At a long period fewer events have a partner inside the window.
    expected = np.maximum(counts[:, None] * np.maximum(1 - _PERIODS_S / span_s, 0.2), 1.0)
    strength = np.minimum((_gap_counts(events_s, rows)[:, None] @ _BLUR)[:, 0] / expected, STRONGEST_PULSE)
    beat = (strength * _PREFERENCE).round(9).argmax(axis=1)
    at_beat = strength[np.arange(len(beat)), beat]
    beats = np.exp(2j * np.pi * (events_s / rows.for_each(_PERIODS_S[beat])))
    halves = beats * beats
    turned = np.array([beats, halves, halves * beats, halves * halves])
    means = np.add.reduceat(turned, rows.starts, axis=1) / rows.counts
    from_beat = np.angle(beats * rows.for_each(means[0].conjugate())) / (2 * np.pi)
    lock_beat, lock_half, lock_third, lock_quarter = np.abs(means)
    found = {
        "pulse_max": np.maximum.reduce(strength, axis=1),
        "pulse_std": row_mean_std(strength)[1][:, 0],
        "pulse_at_beat": at_beat,
        "beat_rate": -np.log2(_PERIODS_S[beat]),
        "lock_beat": lock_beat,
        "lock_half": lock_half,
        "lock_third": lock_third,
        "lock_quarter": lock_quarter,
        "off_beat_share": rows.means(np.abs(from_beat) > 0.15),
    }
    recurs = (counts >= 3) & (at_beat >= 1e-6)
    if recurs.all():
        return found
    return {name: np.where(recurs, numbers, 0.0) for name, numbers in found.items()}


def _gap_counts(events_s: Numbers, rows: Ragged) -> Numbers:
    """How many pairs of a row's events are how far apart, up to ``_LONGEST_GAP_S`` [shape=(m, _GAP_BINS)]."""
    windows = np.arange(len(rows.counts))
    row = rows.for_each(windows)
    # None comes after a row's last.
    place = np.arange(len(events_s)) + row * len(_AHEAD)
    known_s = np.full(len(events_s) + len(windows) * len(_AHEAD), np.inf)
    known_s[place] = events_s
    apart_s = known_s[place[:, None] + _AHEAD] - events_s[:, None]
    near = apart_s <= _LONGEST_GAP_S
    bins = (apart_s[near] / _STEP_S).round().astype(np.int64)
    row = row.repeat(np.count_nonzero(near, axis=1))
    counts = np.bincount(row * _GAP_BINS + bins, minlength=len(windows) * _GAP_BINS)
    return counts.reshape(len(windows), _GAP_BINS).astype(np.float64)
