"""Readings that are looked at, each of them: what may never be, whatever was heard."""

from __future__ import annotations

import math
from collections.abc import Iterable

from models.affect import SCALE_HIGH, SCALE_LOW, Reading
from realtime.events import Event
from realtime.tracker import EmotionTracker

#: The spread of any reading is below this.
MOST_STD = 8.0


class Watched(EmotionTracker):
    """The tracker; every reading is looked at, and none may be out of range or out of order. ``newest`` is the last."""

    newest: Reading | None = None
    faulty = 0
    problems: tuple[str, ...] = ()
    given = 0

    def push(self, events: Iterable[Event]) -> list[Reading]:
        return self._look_at(super().push(events))

    def finish(self) -> list[Reading]:
        return self._look_at(super().finish())

    def _look_at(self, readings: list[Reading]) -> list[Reading]:
        for reading in readings:
            problem = wrong_with(reading, self.newest)
            if problem:
                self.faulty += 1
                self.problems = (*self.problems[:4], problem)
            self.newest = reading
        self.given += len(readings)
        return readings


def wrong_with(reading: Reading, before: Reading | None) -> str:
    """What is out of range or out of order in ``reading``, empty where nothing is."""
    for name in ("valence", "arousal"):
        value, spread_ = getattr(reading, name), getattr(reading, f"{name}_std")
        if not (math.isfinite(value) and SCALE_LOW <= value <= SCALE_HIGH):
            return f"{name} is {value} at {reading.time}"
        if not (math.isfinite(spread_) and 0.0 < spread_ <= MOST_STD):
            return f"{name}_std is {spread_} at {reading.time}"
    for name in ("time", "level_db", "latency_ms"):
        value = getattr(reading, name)
        if value is not None and not math.isfinite(value):
            return f"{name} is {value} at {reading.time}"
    if reading.notes < 0:
        return f"{reading.notes} notes at {reading.time}"
    if before is not None and reading.time <= before.time:
        return f"{reading.time} after {before.time}"
    return ""


def refuse(word: str) -> float:
    """Stands for NaN and infinities where JSON is parsed: the standard has no word for them."""
    raise ValueError(f"{word} is no JSON")
