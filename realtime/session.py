"""The shell around the tracker: reads a source, pushes its events, hands every reading to the outputs.

The tracker knows stream time alone; what belongs to the wall clock (how late a live reading is, when to stop) is here.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from threading import Event as Flag

from models.affect import Quadrant, Reading, State
from realtime.outputs import Output, Status
from realtime.sources import Source
from realtime.tracker import EmotionTracker

#: How long a read may wait: the longest that a stop is noticed late.
_WAIT_S = 0.1
#: Over this much time the least lag of a live stream is taken for none, since clocks of sound cards drift.
_BASELINE_S = 30.0


@dataclass
class Tally:
    """What a session came to: seconds heard, readings given, notes heard, and how often each quadrant was live."""

    heard_s: float = 0.0
    readings: int = 0
    notes: int = 0
    live: Counter[Quadrant] = field(default_factory=Counter)

    def __str__(self) -> str:
        minutes, seconds = divmod(round(self.heard_s), 60)
        line = f"heard {minutes}:{seconds:02d}, {self.notes} notes, {self.readings} readings"
        if self.live:
            quadrant, times = self.live.most_common(1)[0]
            line += f", mostly {quadrant.value} ({times / self.live.total():.0%})"
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
        self._lag = _Lag(clock) if source.is_live else None
        self._announce = announce
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
            if self._lag is not None and reading.latency_ms is not None:
                late_ms = 1000.0 * self._lag.of(reading.time)
                reading = replace(reading, latency_ms=reading.latency_ms + late_ms)
            status = Status(
                self._source.name,
                self._tracker.sounding,
                self._source.dropped,
                self._source.overflows,
                self._announce(reading.time),
            )
            for output in self._outputs:
                output.write(reading, status)
            self.tally.readings += 1
            if reading.state is State.LIVE:
                self.tally.live[reading.quadrant] += 1


class _Lag:
    """How much later than at its best a live stream is now."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._recent: deque[tuple[float, float]] = deque()

    def of(self, time_s: float) -> float:
        now = self._clock()
        self._recent.append((now, now - time_s))
        while self._recent[0][0] < now - _BASELINE_S:
            self._recent.popleft()
        return now - time_s - min(offset for _, offset in self._recent)
