"""``rhythm``: how often, how evenly and how connectedly notes follow one another, and how the outer voices step.

An event is one or more notes whose onsets lie within ``models.tempo.CHORD_S``. Drums count for events, their gaps and
the pulse, not where a pitch or a duration is asked for. Fewer than two pitched notes give all zeros, the mask.

Sources: Grabe & Low, "Durational variability in speech and the rhythm class hypothesis", 2002 (nPVI); Brown,
"Determination of the meter of musical scores by autocorrelation", 1993 (pulse); Ellis, "Beat tracking by dynamic
programming", 2007 (which periods are readily tapped).
"""

from __future__ import annotations

import math

import numpy as np

from models.features import Feature, FeatureSet, FeatureVector, Window
from models.features.heard import (
    Heard,
    Indices,
    Numbers,
    hear,
    mean_and_std,
    mean_of,
    percentiles,
    share_of,
    steps,
    vector,
)
from models.features.together import each
from models.tempo import CHORD_S

_GAPS_S = (0.03, 8.0)
_DURATIONS_S = (0.02, 20.0)
_SHORT_S, _LONG_S = 0.15, 1.0
#: Sounding time over the time to the next event: below the first detached, above the second overlapping.
_DETACHED, _OVERLAPPING, _LONGEST_ARTICULATION = 0.7, 1.2, 4.0
#: Registers and the MIDI numbers at which they begin; the number of the register of each pitch [shape=(128,)].
_REGISTERS = {"low": 0, "mid": 48, "high": 72}
_REGISTER_OF_PITCH = np.searchsorted(list(_REGISTERS.values()), np.arange(128), side="right") - 1

#: The kinds that steps of a voice are told by: up to a tone, a semitone, beyond a major third, none, upwards.
_STEP_KINDS = ("step", "semitone", "leap", "repeat", "up")
_OF_A_VOICE = ("mean", "range", "interval", "motion", *(f"{kind}_share" for kind in _STEP_KINDS))
_VOICE_NAMES = tuple(f"{voice}_{name}" for voice in ("melody", "bass") for name in _OF_A_VOICE)

_PULSE_STEP_S = 0.0125
_PULSE_BLUR_S = 0.025
_PERIODS_S = np.arange(0.15, 2.01, _PULSE_STEP_S)
_GAP_BINS = 180
_BLUR = np.exp(-0.5 * ((_PERIODS_S[:, None] - np.arange(_GAP_BINS) * _PULSE_STEP_S) / _PULSE_BLUR_S) ** 2)
_PREFERENCE = np.exp(-0.5 * (np.log2(60 / _PERIODS_S / 120) / 0.9) ** 2)
_LONGEST_GAP_S = 2.1
#: Events are more than ``CHORD_S`` apart, so no more than these come within the longest gap.
_AHEAD = np.arange(1, math.ceil(_LONGEST_GAP_S / CHORD_S) + 1)
_STRONGEST_PULSE = 2.0
_NO_PULSE = {
    **dict.fromkeys(("pulse_max", "pulse_std", "pulse_at_beat"), 0.0),
    "beat_rate": 0.0,
    **dict.fromkeys(("lock_beat", "lock_half", "lock_third", "lock_quarter", "off_beat_share"), 0.0),
}


def compute(window: Window) -> FeatureVector:
    """The features of ``window`` in the order of ``RHYTHM.names`` [shape=(len(RHYTHM.features),)].

    - ``event_rate``, ``note_rate``, ``rate_*``: onsets a second; ``chord_size_*``: notes an event.
    - ``gap_*``: seconds from event to event, ``log_gap_*`` their base-2 logarithms; ``npvi`` 0–200, ``gap_variation``
      standard deviation over mean, ``gap_entropy`` and ``gap_peak`` of a histogram in quarter octaves.
    - ``duration_*``: seconds inside the window; ``short_share`` below .15 s, ``long_share`` above 1 s.
    - ``articulation_*``: sounding time of an event's longest note over the time to the next event, ``_min`` of its
      shortest; ``detached_share`` below .7, ``overlapping_share`` above 1.2.
    - ``pulse_*``: blurred autocorrelation of the events at .15–2 s; ``beat_rate``: octaves above 60 BPM of the period
      chosen; ``lock_*``: how closely events keep to the beat and its divisions, 0–1; ``off_beat_share``: events
      further than .15 beats from it. All 0 where no period recurs.
    - ``melody_*``, ``bass_*``: steps of the highest and lowest note from event to event, in semitones and shares.
    """
    heard = hear(window)
    if heard is None:
        return np.zeros(len(RHYTHM.features), np.float32)
    events_s = heard.strokes_s[event_starts(heard.strokes_s)]
    return vector(
        RHYTHM.features,
        {
            "event_rate": len(events_s) / heard.span_s,
            "note_rate": len(heard.strokes_s) / heard.span_s,
            **_gap_numbers(steps(events_s), heard.length_s),
            **_duration_numbers(heard),
            **_pulse_numbers(events_s, heard.span_s),
            **_event_numbers(heard),
        },
    )


def event_starts(onset_s: Numbers) -> Indices:
    """Where in the ascending ``onset_s`` [shape=(n,)] each event begins [shape=(events,)]."""
    starts: list[int] = []
    latest = -np.inf
    for number, onset in enumerate(onset_s.tolist()):
        if onset - latest > CHORD_S:
            starts.append(number)
            latest = onset
    return np.array(starts, np.int64)


def _gap_numbers(gaps_s: Numbers, length_s: float) -> dict[str, float]:
    # With fewer than two events the next is at least a window away.
    gaps_s = (gaps_s if len(gaps_s) else np.array([length_s])).clip(*_GAPS_S)
    logs = np.log2(gaps_s)
    low, middle, high = percentiles(logs, (10, 50, 90))
    mean, std = mean_and_std(gaps_s)
    log_mean, log_std = mean_and_std(logs)
    shares = np.bincount((logs * 4 + 16).round().clip(0, 31).astype(np.int64)) / len(logs)
    filled = shares[shares > 0]
    contrasts = 2 * np.abs(steps(gaps_s)) / (gaps_s[1:] + gaps_s[:-1])
    return {
        "gap_mean": mean,
        "gap_variation": std / mean,
        "log_gap_mean": log_mean,
        "log_gap_std": log_std,
        "log_gap_median": middle,
        "log_gap_percentile_10": low,
        "log_gap_percentile_90": high,
        "npvi": 100 * mean_of(contrasts) if len(contrasts) else 0.0,
        "gap_entropy": abs(filled @ np.log(filled)),
        "gap_peak": shares.max(),
    }


def _duration_numbers(heard: Heard) -> dict[str, float]:
    durations_s = heard.duration_s.clip(*_DURATIONS_S)
    logs = np.log2(durations_s)
    low, high = percentiles(logs, (10, 90))
    log_mean, log_std = mean_and_std(logs)
    return {
        "duration_mean": mean_of(durations_s),
        "log_duration_mean": log_mean,
        "log_duration_std": log_std,
        "log_duration_percentile_10": low,
        "log_duration_percentile_90": high,
        "short_share": share_of(durations_s < _SHORT_S),
        "long_share": share_of(durations_s > _LONG_S),
    }


def _pulse_numbers(events_s: Numbers, span_s: float) -> dict[str, float]:
    gaps_s = _gaps_to_later(events_s)
    if len(events_s) < 3 or not len(gaps_s):
        return _NO_PULSE
    counts = np.bincount((gaps_s / _PULSE_STEP_S).round().astype(np.int64), minlength=_GAP_BINS)
    # At a long period fewer events have a partner inside the window.
    expected = np.maximum(len(events_s) * np.maximum(1 - _PERIODS_S / span_s, 0.2), 1.0)
    strength = np.minimum(_BLUR @ counts / expected, _STRONGEST_PULSE)
    beat = int((strength * _PREFERENCE).round(9).argmax())
    if strength[beat] < 1e-6:
        return _NO_PULSE
    _, strength_std = mean_and_std(strength)
    beats = np.exp(2j * np.pi * (events_s / _PERIODS_S[beat]))
    halves = beats * beats
    means = np.add.reduce(np.array([beats, halves, halves * beats, halves * halves]), axis=1) / len(beats)
    from_beat = np.angle(beats * means[0].conjugate()) / (2 * np.pi)
    lock_beat, lock_half, lock_third, lock_quarter = np.abs(means).tolist()
    return {
        "pulse_max": strength.max(),
        "pulse_std": strength_std,
        "pulse_at_beat": strength[beat],
        "beat_rate": -math.log2(_PERIODS_S[beat]),
        "lock_beat": lock_beat,
        "lock_half": lock_half,
        "lock_third": lock_third,
        "lock_quarter": lock_quarter,
        "off_beat_share": share_of(np.abs(from_beat) > 0.15),
    }


def _gaps_to_later(events_s: Numbers) -> Numbers:
    """Seconds between all pairs of events up to ``_LONGEST_GAP_S`` apart."""
    beyond = np.full(len(_AHEAD), np.inf)
    later_s = np.concatenate([events_s, beyond])[np.arange(len(events_s))[:, None] + _AHEAD]
    apart_s = later_s - events_s[:, None]
    gaps_s: Numbers = apart_s[apart_s <= _LONGEST_GAP_S]
    return gaps_s


def _event_numbers(heard: Heard) -> dict[str, float]:
    """What needs the pitched notes of each event: chords, articulation, registers, melody and bass."""
    onset_s, offset_s = heard.onset_s[heard.begun], heard.offset_s[heard.begun]
    pitch = heard.pitch[heard.begun]
    starts = event_starts(onset_s)
    if len(starts):
        sizes = steps(np.append(starts, len(onset_s)))
        lines = np.array([np.maximum.reduceat(pitch, starts), np.minimum.reduceat(pitch, starts)])
    else:
        # The outer of the pitches held.
        sizes = np.zeros(1, np.int64)
        lines = np.array([[heard.pitch.max()], [heard.pitch.min()]])
    size_mean, size_std = mean_and_std(sizes)
    low, mid, high = (np.bincount(_REGISTER_OF_PITCH[pitch], minlength=len(_REGISTERS)) / heard.span_s).tolist()
    return {
        "chord_size_mean": size_mean,
        "chord_size_std": size_std,
        "rate_low": low,
        "rate_mid": mid,
        "rate_high": high,
        **_articulation(onset_s, offset_s, starts),
        **_voices(lines),
    }


def _articulation(onset_s: Numbers, offset_s: Numbers, starts: Indices) -> dict[str, float]:
    if len(starts) > 1:
        starts_s = onset_s[starts]
        gaps_s = steps(starts_s)
        longest_s = (np.maximum.reduceat(offset_s, starts) - starts_s)[:-1]
        shortest_s = (np.minimum.reduceat(offset_s, starts) - starts_s)[:-1]
        longest = (longest_s / gaps_s).clip(0, _LONGEST_ARTICULATION)
        shortest = (shortest_s / gaps_s).clip(0, _LONGEST_ARTICULATION)
    else:
        # One sustained event: connected.
        longest = shortest = np.ones(1)
    mean, std = mean_and_std(longest)
    return {
        "articulation_mean": mean,
        "articulation_std": std,
        "articulation_min": mean_of(shortest),
        "detached_share": share_of(longest < _DETACHED),
        "overlapping_share": share_of(longest > _OVERLAPPING),
    }


def _voices(lines: Indices) -> dict[str, float]:
    """Melody and bass from event to event [shape=(2, n)]."""
    moves = lines[:, 1:] - lines[:, :-1] if lines.shape[1] > 1 else np.zeros((2, 1), np.int64)
    sizes = np.abs(moves)
    is_step = (sizes > 0) & (sizes < 3)
    of_moves = np.array([sizes, moves, is_step, sizes == 1, sizes > 4, sizes == 0, moves > 0])
    found = [
        np.add.reduce(lines, axis=1) / lines.shape[1],
        lines.max(axis=1) - lines.min(axis=1),
        *(np.add.reduce(of_moves, axis=2) / moves.shape[1]),
    ]
    return dict(zip(_VOICE_NAMES, np.array(found).T.ravel().tolist(), strict=True))


def _voice_features(name: str) -> tuple[Feature, ...]:
    return (
        Feature(f"{name}_mean", "MIDI number", 0, 127),
        Feature(f"{name}_range", "semitones", 0, 127),
        Feature(f"{name}_interval", "semitones", 0, 127),
        Feature(f"{name}_motion", "semitones", -127, 127),
        *(Feature(f"{name}_{kind}_share", "share", 0, 1) for kind in _STEP_KINDS),
    )


_INFINITE = float("inf")
_LOG_GAPS = tuple(float(np.log2(bound)) for bound in _GAPS_S)
_LOG_DURATIONS = tuple(float(np.log2(bound)) for bound in _DURATIONS_S)

RHYTHM = FeatureSet(
    "rhythm",
    (
        Feature("event_rate", "events/s", 0, 1 / CHORD_S + 1),
        Feature("note_rate", "onsets/s", 0, _INFINITE),
        Feature("chord_size_mean", "notes", 0, _INFINITE),
        Feature("chord_size_std", "notes", 0, _INFINITE),
        *(Feature(f"rate_{name}", "onsets/s", 0, _INFINITE) for name in _REGISTERS),
        Feature("gap_mean", "s", *_GAPS_S),
        Feature("gap_variation", "ratio", 0, _INFINITE),
        Feature("log_gap_mean", "log2 s", *_LOG_GAPS),
        Feature("log_gap_std", "octaves", 0, 5),
        *(Feature(f"log_gap_{name}", "log2 s", *_LOG_GAPS) for name in ("median", "percentile_10", "percentile_90")),
        Feature("npvi", "nPVI", 0, 200),
        Feature("gap_entropy", "nats", 0, float(np.log(32))),
        Feature("gap_peak", "share", 0, 1),
        Feature("duration_mean", "s", *_DURATIONS_S),
        Feature("log_duration_mean", "log2 s", *_LOG_DURATIONS),
        Feature("log_duration_std", "octaves", 0, 5),
        *(Feature(f"log_duration_{name}", "log2 s", *_LOG_DURATIONS) for name in ("percentile_10", "percentile_90")),
        Feature("short_share", "share", 0, 1),
        Feature("long_share", "share", 0, 1),
        Feature("articulation_mean", "ratio", 0, _LONGEST_ARTICULATION),
        Feature("articulation_std", "ratio", 0, _LONGEST_ARTICULATION),
        Feature("articulation_min", "ratio", 0, _LONGEST_ARTICULATION),
        Feature("detached_share", "share", 0, 1),
        Feature("overlapping_share", "share", 0, 1),
        Feature("pulse_max", "ratio", 0, _STRONGEST_PULSE),
        Feature("pulse_std", "ratio", 0, _STRONGEST_PULSE),
        Feature("pulse_at_beat", "ratio", 0, _STRONGEST_PULSE),
        Feature("beat_rate", "octaves above 60 BPM", -1.01, 2.74),
        *(Feature(f"lock_{name}", "ratio", 0, 1) for name in ("beat", "half", "third", "quarter")),
        Feature("off_beat_share", "share", 0, 1),
        *_voice_features("melody"),
        *_voice_features("bass"),
    ),
    each(compute),
)
