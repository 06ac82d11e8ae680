"""A live input that may go away and come back: readings go on meanwhile, and it is looked for by its name."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal

from models.errors import MoodringError
from realtime.events import Advance, AllNotesOff, Event, Lost, Sound
from realtime.sources import LiveSource, Overheard

#: How long to wait before looking for a lost input, and at most between two looks. It is doubled from one to the next.
FIRST_LOOK_S = 0.25
LONGEST_LOOK_S = 1.0

#: How long ``close`` waits for a look that is under way.
LAST_WAIT_S = 3.0


class Returning:
    """Wraps a live ``source``: where it gives ``Lost`` it is closed, and reopened as soon as it is there again.

    What it has given stands, and stream time goes on with ``clock`` (seconds) while it is away. Looking for it happens
    on a thread, since opening a device can take seconds. ``dropped`` and ``overflows`` count over all its openings;
    ``losses`` is how often it went away.
    """

    is_live = True

    def __init__(self, source: LiveSource, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = source.name
        self.kind: Literal["sound", "notes"] = source.kind
        self.ended = False
        self.losses = 0
        self.started_at = source.started_at
        self._clock = clock
        self._source: LiveSource | None = source
        # Stream time at which the present source's own time began.
        self._origin_s = 0.0
        # What is told of the time before this comes no earlier: stream time has gone on without it.
        self._taken_up_s = 0.0
        self._lost_s = self._lost_at = 0.0
        self._dropped = self._overflows = 0
        self._change = threading.Condition()
        self._found: LiveSource | None = None
        self._failure: Exception | None = None
        self._finder: threading.Thread | None = None

    @property
    def dropped(self) -> int:
        """How many blocks or messages a full queue refused."""
        return self._dropped + (self._source.dropped if self._source else 0)

    @property
    def overflows(self) -> int:
        """How often the driver said that it had lost sound."""
        return self._overflows + (self._source.overflows if self._source else 0)

    @property
    def arrived_s(self) -> float | None:
        """When the newest event happened, in seconds of the clock; None while the input is away."""
        return self._source.arrived_s if self._source else None

    def read(self, timeout_s: float) -> Sequence[Event]:
        """What the input gives; while it is away an ``Advance`` to now, after up to ``timeout_s`` seconds."""
        if self.ended:
            return []
        if self._source is None:
            return self._wait(timeout_s)
        events = list(self._placed(self._source.read(timeout_s)))
        if events and isinstance(events[-1], Lost):
            self._lose(self._source, events[-1].time_s)
        return events

    @property
    def ports(self) -> Sequence[str]:
        """The MIDI port that it is, none for an input of sound."""
        return (self.name,) if self.kind == "notes" else ()

    def overhear(self, port: str, hear: Callable[[Any], None]) -> None:
        """Tell ``hear`` each message of that port, also after it was away; to be asked before the first ``read``."""
        if port == self.name and isinstance(self._source, Overheard):
            self._source.overhear(port, hear)

    def close(self) -> None:
        """Let go of the input; nothing follows, and it is looked for no longer."""
        with self._change:
            self.ended = True
            self._change.notify_all()
            open_sources = [source for source in (self._source, self._found) if source]
        for source in open_sources:
            source.close()
        if self._finder is not None:
            # The program may end after this, and a driver that is being started then would be torn away under it.
            self._finder.join(LAST_WAIT_S)

    def _placed(self, events: Iterable[Event]) -> Iterator[Event]:
        """The events in the time of the whole stream."""
        for event in events:
            if isinstance(event, Sound):
                yield event
            else:
                yield replace(event, time_s=max(self._origin_s + event.time_s, self._taken_up_s))

    def _lose(self, source: LiveSource, time_s: float) -> None:
        self.losses += 1
        self._dropped, self._overflows = self.dropped, self.overflows
        self._source = None
        self._lost_s, self._lost_at = time_s, self._clock()
        self._finder = threading.Thread(target=self._look_for, args=(source,), name="input-finder", daemon=True)
        self._finder.start()

    def _look_for(self, lost: LiveSource) -> None:
        lost.close()
        wait_s = FIRST_LOOK_S
        while True:
            with self._change:
                if self._change.wait_for(lambda: self.ended, wait_s):
                    return
            try:
                found = lost.reopen()
            except MoodringError:
                wait_s = min(2 * wait_s, LONGEST_LOOK_S)
                continue
            except Exception as failure:
                # No reason to look again, and the thread must not end without a word.
                with self._change:
                    self._failure = failure
                    self._change.notify_all()
                return
            with self._change:
                self._found = found
                self._change.notify_all()
                is_late = self.ended
            if is_late:
                found.close()
            return

    def _wait(self, timeout_s: float) -> Sequence[Event]:
        with self._change:
            self._change.wait_for(lambda: self._found or self._failure or self.ended, timeout_s)
            found, self._found = self._found, None
            if self._failure is not None:
                raise self._failure
        if self.ended:
            if found is not None:
                found.close()
            return []
        now_s = self._lost_s + self._clock() - self._lost_at
        if found is None:
            return [Advance(now_s)]
        self._source, self._taken_up_s = found, now_s
        # Samples count from here. Keys have the time of the clock, and that of an input begins where it is opened: from
        # here on they would come later by what has passed since then, and with each return by a little more.
        self._origin_s = now_s if self.kind == "sound" else now_s - (self._clock() - found.started_at)
        # Keys that are up say nothing of a keyboard's return; this does, and it cannot hurt.
        return [Advance(now_s)] if self.kind == "sound" else [AllNotesOff(now_s)]
