"""How people are told of readings: times, decibels and trends. What the plain lines and the dashboard share."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter

from models.affect import Reading, State

#: A trend compares now with this long ago: longer than a beat, shorter than a phrase.
TREND_S = 4.0

#: What counts as a change, and as a fast one, on the 1–9 scale over ``TREND_S``. Smaller changes are within the noise
#: of a steady passage.
_CHANGE, _FAST_CHANGE = 0.2, 0.8


#: Asked for hundreds of times a picture: looking a member up in its enumeration takes longer than all the rest.
_WARMING = State.WARMING

_time: Callable[[Reading], float] = attrgetter("time")


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of the circumplex: its name, and where a reading keeps its value and spread (1–9 scale)."""

    name: str
    value: Callable[[Reading], float]
    spread: Callable[[Reading], float]


VALENCE = Axis("valence", lambda reading: reading.valence, lambda reading: reading.valence_std)
AROUSAL = Axis("arousal", lambda reading: reading.arousal, lambda reading: reading.arousal_std)


def stream_time(time_s: float) -> str:
    """Stream time in seconds as ``m:ss.t``, or ``h:mm:ss.t`` from an hour on."""
    tenths = round(time_s * 10)
    minutes, seconds = divmod(tenths // 10, 60)
    hours, minutes = divmod(minutes, 60)
    clock = f"{hours}:{minutes:02}" if hours else str(minutes)
    return f"{clock}:{seconds:02}.{tenths % 10}"


def decibels(level_db: float) -> str:
    """A sound level as whole decibels; digital silence is −∞."""
    return f"{round(level_db)} dB" if math.isfinite(level_db) else "-∞ dB"


def spread_words(spread: float, digits: int = 1) -> str:
    """A spread as ``±1.4``, nothing when it is not known."""
    return f"±{spread:.{digits}f}" if math.isfinite(spread) else ""


def count(number: int, noun: str) -> str:
    """``number`` with its ``noun``, which takes a plain s when there is not exactly one."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def is_known(reading: Reading) -> bool:
    """Whether the reading says where the music stands: not while too few notes have been heard."""
    return reading.state is not _WARMING and math.isfinite(reading.valence) and math.isfinite(reading.arousal)


def known_since(readings: Sequence[Reading], duration_s: float) -> list[Reading]:
    """Those of the last ``duration_s`` seconds of ``readings`` that say where the music stands, oldest first."""
    return [reading for reading in readings[_last(readings, duration_s).start :] if is_known(reading)]


def _last(readings: Sequence[Reading], duration_s: float) -> range:
    """Where the last ``duration_s`` seconds of ``readings`` are among them."""
    if not readings:
        return range(0)
    return range(bisect_left(readings, readings[-1].time - duration_s, key=_time), len(readings))


def trend_arrow(readings: Sequence[Reading], axis: Axis) -> str:
    """An arrow for how ``axis`` moved over the last ``TREND_S`` seconds of ``readings`` (oldest first).

    Level while there is nothing to compare with.
    """
    last = _last(readings, TREND_S)
    # All between the first and the last of them need not be looked at.
    before = next((readings[i] for i in last if is_known(readings[i])), None)
    now = next((readings[i] for i in reversed(last) if is_known(readings[i])), None)
    if before is None or now is None:
        return "→"
    change = axis.value(now) - axis.value(before)
    if abs(change) < _CHANGE:
        return "→"
    if abs(change) < _FAST_CHANGE:
        return "↗" if change > 0 else "↘"
    return "↑" if change > 0 else "↓"
