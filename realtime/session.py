"""The shell around the tracker: reads a source, pushes its events, hands every reading to the outputs.

The tracker knows stream time alone; what belongs to the wall clock (how late a live reading is, when to stop) is here.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from threading import Event as Flag

from models.affect import Quadrant, Reading, State
from realtime.outputs import Output, Status
from realtime.sources import Source
from realtime.tracker import EmotionTracker

#: How long a read may wait: the longest that a stop is noticed late.
_WAIT_S = 0.1
#: How long the message that the input is back stays.
_NEWS_S = 10.0


@dataclass
class Tally:
    """What a session came to: seconds heard, readings given, notes heard, and how often each quadrant was live.

    ``losses`` is how often the input went away.
    """

    heard_s: float = 0.0
    readings: int = 0
    notes: int = 0
    losses: int = 0
    live: Counter[Quadrant] = field(default_factory=Counter)

    def __str__(self) -> str:
        minutes, seconds = divmod(round(self.heard_s), 60)
        line = f"heard {minutes}:{seconds:02d}, {self.notes} notes, {self.readings} readings"
        if self.live:
            quadrant, times = self.live.most_common(1)[0]
            line += f", mostly {quadrant.value} ({times / self.live.total():.0%})"
        if self.losses:
            line += f", input lost {'once' if self.losses == 1 else f'{self.losses} times'}"
        return line


class Session:
    """Runs ``tracker`` on ``source`` until it ends or ``stop`` is set. Closes source and outputs, whatever happens.

    ``announce`` gives the message that goes with a stream time, empty for none.
    """

    def __init__(
        self,
        source: Source,
        tracker: EmotionTracker,
        outputs: Sequence[Output],
        *,
        stop: Flag | None = None,
        clock: Callable[[], float] = time.monotonic,
        announce: Callable[[float], str] = lambda time_s: "",
    ) -> None:
        self._source = source
        self._tracker = tracker
        self._outputs = outputs
        self._stop = stop or Flag()
        self._clock = clock
        self._announce = announce
        self._news = _News(source.name)
        self.tally = Tally()

    def run(self) -> Tally:
        """Follow the source to its end; what the session came to."""
        try:
            while not self._source.ended and not self._stop.is_set():
                self._write(self._tracker.push(self._source.read(_WAIT_S)))
            if not self._stop.is_set():
                self._write(self._tracker.finish())
        finally:
            self.tally.heard_s = self._tracker.time_s
            self.tally.notes = self._tracker.notes_heard
            self._source.close()
            for output in self._outputs:
                output.close()
        return self.tally

    def _write(self, readings: Sequence[Reading]) -> None:
        for reading in readings:
            arrived_s = self._source.arrived_s
            if arrived_s is not None and reading.latency_ms is not None:
                late_ms = 1000.0 * (self._clock() - arrived_s)
                reading = replace(reading, latency_ms=reading.latency_ms + late_ms)
            news = self._news.of(reading)
            status = Status(
                self._source.name,
                self._tracker.sounding,
                self._source.dropped,
                self._source.overflows,
                news or self._announce(reading.time),
            )
            for output in self._outputs:
                output.write(reading, status)
            self.tally.readings += 1
            self.tally.losses = self._news.losses
            if reading.state is State.LIVE:
                self.tally.live[reading.quadrant] += 1


class _News:
    """What is to be said of the input going away and coming back, as the readings show it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._is_lost = False
        self._back_s = -math.inf
        self.losses = 0

    def of(self, reading: Reading) -> str:
        if reading.state is State.LOST:
            self.losses += not self._is_lost
            self._is_lost = True
            return f"{self._name} is gone: waiting for it to come back"
        if self._is_lost:
            self._is_lost = False
            self._back_s = reading.time
        return f"{self._name} is back" if reading.time < self._back_s + _NEWS_S else ""
