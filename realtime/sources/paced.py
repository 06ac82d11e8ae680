"""A file played in real time: the same events in the same order, none before its time."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Literal

from realtime.controls import Control
from realtime.events import Advance, Event, Lost, Sound, SoundLost, Tempo
from realtime.sources import Played


class Paced:
    """Wraps a ``source`` that is read as fast as one likes and holds each event back until its stream time has come.

    Stream time starts with the first ``read``, at 0 or where the source's ``began_s`` says. A block of sound is due
    when its last sample is, as a microphone would give it; every other event at its ``time_s``, and a control of a
    recorded session together with what stands before it. A listener that falls behind gets what is due at once.
    ``clock`` gives seconds and ``sleep`` waits for so many of them.
    """

    is_live = True
    # A paced file gives the readings of a fast one, to the bit: how late the wall clock is does not belong in them.
    arrived_s = None

    def __init__(
        self,
        source: Played,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = source.name
        self.kind: Literal["sound", "notes"] = source.kind
        self.ended = False
        self.dropped = source.dropped
        self.overflows = source.overflows
        self._source = source
        self._clock = clock
        self._sleep = sleep
        self._start: float | None = None
        self._began_s: float = getattr(source, "began_s", 0.0)
        self._reached_s = self._began_s
        self._sounds = False
        self._waiting: deque[tuple[float, Event | Control]] = deque()

    def read(self, timeout_s: float) -> Sequence[Event | Control]:
        """The events that are due; waits up to ``timeout_s`` seconds for the first of them."""
        now = self._clock()
        if self._start is None:
            self._start = now - self._began_s
        deadline = now + timeout_s
        while not self.ended:
            if not self._waiting:
                self._fetch(max(0.0, deadline - now))
            due = self._take(until=now)
            self.ended = self._source.ended and not self._waiting
            if due or now >= deadline:
                return due
            if self._waiting:
                self._sleep(min(self._start + self._waiting[0][0], deadline) - now)
            now = self._clock()
        return []

    def close(self) -> None:
        """Close the source; nothing follows."""
        self.ended = True
        self._waiting.clear()
        self._source.close()

    def _fetch(self, timeout_s: float) -> None:
        for event in self._source.read(timeout_s):
            self._waiting.append((self._due_s(event), event))
        self.dropped = self._source.dropped
        self.overflows = self._source.overflows

    def _due_s(self, event: Event | Control) -> float:
        if isinstance(event, Control):
            return self._waiting[-1][0] if self._waiting else self._reached_s
        if isinstance(event, Sound):
            self._sounds = True
            self._reached_s += len(event.samples) / event.sample_rate
            return self._reached_s
        # Sound is the clock as long as there is some; while it is away, time goes on with the events.
        if not self._sounds:
            self._reached_s = max(self._reached_s, event.time_s)
        if not isinstance(event, Advance) and not (isinstance(event, Tempo) and event.bpm is None):
            self._sounds = self._sounds and not isinstance(event, Lost | SoundLost)
        return event.time_s

    def _take(self, until: float) -> list[Event | Control]:
        assert self._start is not None
        due: list[Event | Control] = []
        while self._waiting and self._start + self._waiting[0][0] <= until:
            due.append(self._waiting.popleft()[1])
        return due
