"""``rhythm``: how often, how evenly and how connectedly notes follow one another, and how the outer voices step.

An event is one or more notes whose onsets lie within ``models.tempo.CHORD_S``. Drums count for events, their gaps and
the pulse, not where a pitch or a duration is asked for. Fewer than two pitched notes give all zeros, the mask.

Source of the nPVI: Grabe & Low, "Durational variability in speech and the rhythm class hypothesis", 2002;
``models.features.event_pulse`` names those of the pulse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.features import Feature, FeatureRows, FeatureSet
from models.features.event_pulse import STRONGEST_PULSE, event_pulse
from models.features.heard import Heard, Indices, Numbers, hear, percentiles, steps
from models.features.ragged import Ragged
from models.features.together import alike
from models.tempo import CHORD_S

_GAPS_S = (0.03, 8.0)
#: Gaps are told apart in quarter octaves, the middle one of these at a second.
_GAP_HISTOGRAM = 32
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


def compute(heards: tuple[Heard, ...]) -> FeatureRows:
    """The features of windows as long as one another, in the order of ``RHYTHM.names`` [shape=(m, 60)].

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
    length_s, span_s = heards[0].length_s, heards[0].span_s
    starts = [event_starts(heard.strokes_s) for heard in heards]
    events_s = [heard.strokes_s[of] for heard, of in zip(heards, starts, strict=True)]
    found = {
        "event_rate": np.array([len(of) for of in events_s]) / span_s,
        "note_rate": np.array([len(heard.strokes_s) for heard in heards]) / span_s,
        # With fewer than two events the next is at least a window away.
        **_gap_numbers([steps(of) if len(of) > 1 else np.array([length_s]) for of in events_s]),
        **_duration_numbers([heard.duration_s for heard in heards]),
        **event_pulse(events_s, span_s),
        **_event_numbers(heards, starts),
    }
    return np.array([found[feature.name] for feature in _FEATURES]).T.astype(np.float32)


def event_starts(onset_s: Numbers) -> Indices:
    """Where in the ascending ``onset_s`` [shape=(n,)] each event begins [shape=(events,)]."""
    starts: list[int] = []
    latest = -np.inf
    for number, onset in enumerate(onset_s.tolist()):
        if onset - latest > CHORD_S:
            starts.append(number)
            latest = onset
    return np.array(starts, np.int64)


def _gap_numbers(of_windows: list[Numbers]) -> dict[str, Numbers]:
    rows = Ragged.of(of_windows)
    gaps_s = np.concatenate(of_windows).clip(*_GAPS_S)
    logs = np.log2(gaps_s)
    means, stds = rows.means_and_stds(np.array([gaps_s, logs]))
    low, middle, high = np.array([percentiles(of, (10, 50, 90)) for of in rows.split(logs)]).T
    bins = np.maximum((logs * 4 + _GAP_HISTOGRAM // 2).round(), 0).astype(np.int64)
    shares = rows.histograms(bins, _GAP_HISTOGRAM) / rows.counts[:, None]
    return {
        "gap_mean": means[0],
        "gap_variation": stds[0] / means[0],
        "log_gap_mean": means[1],
        "log_gap_std": stds[1],
        "log_gap_median": middle,
        "log_gap_percentile_10": low,
        "log_gap_percentile_90": high,
        "npvi": 200 * rows.step_means(np.abs(steps(gaps_s)) / (gaps_s[1:] + gaps_s[:-1])),
        "gap_entropy": np.abs(np.add.reduce(shares * np.log(np.where(shares > 0, shares, 1.0)), axis=1)),
        "gap_peak": np.maximum.reduce(shares, axis=1),
    }


def _duration_numbers(of_windows: list[Numbers]) -> dict[str, Numbers]:
    rows = Ragged.of(of_windows)
    durations_s = np.concatenate(of_windows).clip(*_DURATIONS_S)
    logs = np.log2(durations_s)
    log_mean, log_std = rows.means_and_stds(logs)
    mean, short, long = rows.means(np.array([durations_s, durations_s < _SHORT_S, durations_s > _LONG_S]))
    low, high = np.array([percentiles(of, (10, 90)) for of in rows.split(logs)]).T
    return {
        "duration_mean": mean,
        "log_duration_mean": log_mean,
        "log_duration_std": log_std,
        "log_duration_percentile_10": low,
        "log_duration_percentile_90": high,
        "short_share": short,
        "long_share": long,
    }


def _event_numbers(heards: tuple[Heard, ...], stroke_starts: list[Indices]) -> dict[str, Numbers]:
    """What needs the pitched notes of each event: chords, articulation, registers, melody and bass."""
    onsets_s, offsets_s, pitches, starts, has_begun = [], [], [], [], []
    for heard, of_strokes in zip(heards, stroke_starts, strict=True):
        begun = np.count_nonzero(heard.begun)
        # Where none has begun, those held are one event: they all count from the window's start.
        chosen = heard.begun if begun else slice(None)
        onset_s = heard.onset_s[chosen]
        onsets_s.append(onset_s)
        offsets_s.append(heard.offset_s[chosen])
        pitches.append(heard.pitch[chosen])
        # Without drums the strokes are these onsets.
        starts.append(of_strokes if begun == len(heard.strokes_s) > 0 else event_starts(onset_s))
        has_begun.append(begun > 0)
    notes, rows = Ragged.of(pitches), Ragged.of(starts)
    pitch = np.concatenate(pitches)
    start = np.concatenate(starts) + rows.for_each(notes.starts)
    events = _Events(rows, start, rows.starts + rows.counts - 1, np.maximum(rows.counts - 1, 1))
    size_mean, size_std = rows.means_and_stds(steps(np.concatenate([start, [len(pitch)]])))
    low, mid, high = notes.histograms(_REGISTER_OF_PITCH[pitch], len(_REGISTERS)).T * has_begun / heards[0].span_s
    return {
        "chord_size_mean": size_mean * has_begun,
        "chord_size_std": size_std,
        "rate_low": low,
        "rate_mid": mid,
        "rate_high": high,
        **_articulation(np.concatenate(onsets_s), np.concatenate(offsets_s), events),
        **_voices(np.array([np.maximum.reduceat(pitch, start), np.minimum.reduceat(pitch, start)]), events),
    }


@dataclass(frozen=True, slots=True, eq=False)
class _Events:
    """The events of some windows: where a window's lie, and at which of the notes each begins [shape=(n,)].

    ``last`` [shape=(m,)] are the last of each window; ``count`` [shape=(m,)] is how many steps it has, at least one.
    """

    rows: Ragged
    start: Indices
    last: Indices
    count: Indices

    def steps(self, values: NDArray[Any], last: float) -> NDArray[Any]:
        """From each event to the next of its window [shape=(..., n)]; ``last`` for the last of each."""
        found = np.empty_like(values)
        np.subtract(values[..., 1:], values[..., :-1], out=found[..., :-1])
        found[..., self.last] = last
        return found

    def means(self, of_steps: NDArray[Any]) -> Numbers:
        """Means over each window's steps [shape=(..., n) to (..., m)]: an event that is alone has one."""
        of_steps[..., self.last[self.rows.counts > 1]] = 0
        return self.rows.sums(of_steps) / self.count


def _articulation(onset_s: Numbers, offset_s: Numbers, events: _Events) -> dict[str, Numbers]:
    starts_s = onset_s[events.start]
    ends_s = np.array([np.maximum.reduceat(offset_s, events.start), np.minimum.reduceat(offset_s, events.start)])
    found = ((ends_s - starts_s) / events.steps(starts_s, 1.0)).clip(0, _LONGEST_ARTICULATION)
    # One sustained event: connected.
    found[:, events.last[events.rows.counts == 1]] = 1.0
    longest, shortest = found
    mean, least, detached, overlapping = events.means(
        np.array([longest, shortest, longest < _DETACHED, longest > _OVERLAPPING])
    )
    centred = longest - events.rows.for_each(mean)
    return {
        "articulation_mean": mean,
        "articulation_std": np.sqrt(events.means(centred * centred)),
        "articulation_min": least,
        "detached_share": detached,
        "overlapping_share": overlapping,
    }


def _voices(lines: Indices, events: _Events) -> dict[str, Numbers]:
    """Melody and bass from event to event [shape=(2, n)]."""
    moves = events.steps(lines, 0)
    sizes = np.abs(moves)
    is_step = (sizes > 0) & (sizes < 3)
    of_moves = np.array([sizes, moves, is_step, sizes == 1, sizes > 4, sizes == 0, moves > 0])
    starts = events.rows.starts
    ranges = np.maximum.reduceat(lines, starts, axis=1) - np.minimum.reduceat(lines, starts, axis=1)
    found = np.array([events.rows.means(lines), ranges, *events.means(of_moves)])
    return dict(zip(_VOICE_NAMES, found.swapaxes(0, 1).reshape(len(_VOICE_NAMES), -1), strict=True))


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

_FEATURES = (
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
    Feature("pulse_max", "ratio", 0, STRONGEST_PULSE),
    Feature("pulse_std", "ratio", 0, STRONGEST_PULSE),
    Feature("pulse_at_beat", "ratio", 0, STRONGEST_PULSE),
    Feature("beat_rate", "octaves above 60 BPM", -1.01, 2.74),
    *(Feature(f"lock_{name}", "ratio", 0, 1) for name in ("beat", "half", "third", "quarter")),
    Feature("off_beat_share", "share", 0, 1),
    *_voice_features("melody"),
    *_voice_features("bass"),
)
RHYTHM = FeatureSet("rhythm", _FEATURES, alike(hear, lambda heard: heard.length_s, compute, len(_FEATURES)))
