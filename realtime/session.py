"""The shell around the tracker: reads a source, pushes its events, hands every reading to the outputs.

The tracker knows stream time alone; what belongs to the wall clock (how late a live reading is, when to stop) is here.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import groupby
from threading import Event as Flag
from typing import cast

import numpy as np

from models.affect import Quadrant, Reading, State
from realtime.controls import Control, Controls
from realtime.desk import Desk
from realtime.events import Event, Sound
from realtime.note_events import Struck
from realtime.outputs import NoteOutput, Output, PromptOutput, Status
from realtime.outputs.queued import Queued
from realtime.sources import PartedSource, Played
from realtime.tracker import EmotionTracker

#: How long a read may wait: the longest that a stop is noticed late.
_WAIT_S = 0.1
#: How long the message that the input is back stays.
_NEWS_S = 10.0
#: A sample at full scale has most likely been cut off there; a converter may stop a little short of it.
CLIPPED = 0.999


@dataclass
class Tally:
    """What a session came to: seconds heard, readings given, notes heard, and how often each quadrant was live.

    ``losses`` is how often the input went away, ``skipped`` how many readings a slow output could not take.
    """

    heard_s: float = 0.0
    readings: int = 0
    notes: int = 0
    losses: int = 0
    skipped: int = 0
    live: Counter[Quadrant] = field(default_factory=Counter)

    def __str__(self) -> str:
        minutes, seconds = divmod(round(self.heard_s), 60)
        line = f"heard {minutes}:{seconds:02d}, {self.notes} notes, {self.readings} readings"
        if self.live:
            quadrant, times = self.live.most_common(1)[0]
            line += f", mostly {quadrant.value} ({times / self.live.total():.0%})"
        if self.losses:
            line += f", input lost {'once' if self.losses == 1 else f'{self.losses} times'}"
        if self.skipped:
            line += f", {self.skipped} skipped by a slow output"
        return line


class Session:
    """Runs ``tracker`` on ``source`` until it ends or ``stop`` is set. Closes source and outputs, whatever happens.

    ``announce`` gives the message that goes with a stream time, empty for none; ``controls`` is where things are asked
    for, and ``desk`` does them (None: one without a recording, with ``smoothing``). Readings from before ``began_s``,
    where a recording began in mid-session, are left out. A live source's outputs have a thread each, their own or one
    from here, and what a slow one cannot take is left out and counted. Raises what an output raises, and ``UsageError``
    for an unknown smoothing.
    """

    def __init__(
        self,
        source: Played,
        tracker: EmotionTracker,
        outputs: Sequence[Output],
        *,
        stop: Flag | None = None,
        clock: Callable[[], float] = time.monotonic,
        announce: Callable[[float], str] = lambda time_s: "",
        smoothing: str = "off",
        controls: Controls | None = None,
        desk: Desk | None = None,
        began_s: float = 0.0,
    ) -> None:
        self._desk = desk or Desk(tracker, source.kind, smoothing=smoothing)
        self._controls = controls or Controls()
        self._source = source
        self._tracker = tracker
        # What is live does not wait for a slow terminal or pipe; what is not loses nothing by waiting.
        self._queues: list[Queued] = []
        if source.is_live:
            outputs = [output if isinstance(output, PromptOutput) else self._queued(output) for output in outputs]
        self._outputs = outputs
        self._note_outputs = [output for output in self._outputs if isinstance(output, NoteOutput)]
        self._stop = stop or Flag()
        self._clock = clock
        self._announce = announce
        self._news = _News(source)
        self._peak = 0.0
        self._began_s = began_s
        self.tally = Tally()

    def run(self) -> Tally:
        """Follow the source to its end; what the session came to."""
        try:
            while not self._source.ended and not self._stop.is_set():
                self._desk.follow(self._source.kind)
                for control, answer in self._controls.take():
                    self._desk.do(control, answer)
                self._hear(self._source.read(_WAIT_S))
            if not self._stop.is_set():
                self._write(self._tracker.finish())
        finally:
            self.tally.heard_s = self._tracker.time_s
            self.tally.notes = self._tracker.notes_heard
            self._source.close()
            with ExitStack() as ends:
                ends.callback(self._desk.close)
                for output in self._outputs:
                    ends.callback(output.close)
            self.tally.skipped = self._skipped()
        return self.tally

    @property
    def is_stuck(self) -> bool:
        """Whether an output hangs in a write that will not end, so that the program must not wait for it."""
        return any(queue.stuck for queue in self._queues)

    def _hear(self, given: Sequence[Event | Control]) -> None:
        """Events go to the tracker; what was asked in a session that is replayed is done again in its place."""
        for are_controls, run in groupby(given, key=lambda item: isinstance(item, Control)):
            if are_controls:
                for control in cast(Iterable[Control], run):
                    self._desk.do_again(control)
                continue
            events = cast(list[Event], list(run))
            for event in events:
                if isinstance(event, Sound) and event.samples.size:
                    self._peak = max(self._peak, float(np.max(np.abs(event.samples))))
            readings = self._tracker.push(self._desk.hear(events))
            self._play(self._tracker.take_struck())
            self._write(readings)

    def _play(self, struck: Sequence[Struck]) -> None:
        if struck:
            self._desk.play(struck)
            for output in self._note_outputs:
                output.play(struck)

    def _write(self, readings: Sequence[Reading]) -> None:
        for reading in readings:
            if reading.time < self._began_s:
                continue
            arrived_s = self._source.arrived_s
            if arrived_s is not None and reading.latency_ms is not None:
                # Of what came at once, as after a stall, the first is older than the last, which the arrival is of.
                late_ms = 1000.0 * (self._clock() - arrived_s + self._tracker.time_s - reading.time)
                reading = replace(reading, latency_ms=reading.latency_ms + late_ms)
            self._desk.record(reading)
            status = self._desk.status(
                Status(
                    self._source.name,
                    self._tracker.sounding,
                    self._source.dropped,
                    self._source.overflows,
                    self._news.of(reading),
                    skipped=self._skipped(),
                    is_clipped=self._peak >= CLIPPED,
                ),
                reading,
            )
            if not status.message:
                status = replace(status, message=self._announce(reading.time))
            self._peak = 0.0
            shown = self._desk.shown(reading)
            for output in self._outputs:
                output.write(shown, status)
            self.tally.readings += 1
            self.tally.losses = self._news.losses
            if reading.state is State.LIVE:
                self.tally.live[shown.quadrant] += 1

    def _queued(self, output: Output) -> Queued:
        self._queues.append(Queued(output))
        return self._queues[-1]

    def _skipped(self) -> int:
        return sum(queue.skipped for queue in self._queues)


class _News:
    """What is to be said of the input going away and coming back, as the readings show it."""

    def __init__(self, source: Played) -> None:
        self._name = source.name
        self._parts = source if isinstance(source, PartedSource) else None
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
        if self._parts is not None and self._parts.trouble:
            return self._parts.trouble
        return f"{self._name} is back" if reading.time < self._back_s + _NEWS_S else ""
