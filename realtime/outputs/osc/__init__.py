"""Readings and notes over OSC (Open Sound Control), for TouchDesigner, Max, Processing, Resolume and their like.

Readings come a few times a second and are sent at a rate of their own, moving from one to the next (``pacing``). What
is sent is in ``addresses``, how it is packed in ``composing``, how it gets there in ``targets`` and ``sender``.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Literal

from models.affect import Reading
from models.errors import UsageError
from realtime.note_events import Struck
from realtime.outputs import Status
from realtime.outputs.osc.addresses import ADDRESSES, PREFIX, hue
from realtime.outputs.osc.composing import Composer, listed
from realtime.outputs.osc.pacing import Pacing, Ticks
from realtime.outputs.osc.sender import open_sender
from realtime.outputs.osc.targets import RETRY_S, Target, parse_target

if TYPE_CHECKING:
    from pythonosc.osc_message import OscMessage

__all__ = ["ADDRESSES", "PREFIX", "RETRY_S", "Osc", "Target", "listed", "parse_target"]

#: Messages an address and a second, unless another rate is set, and what may be set.
RATE_HZ = 60.0
LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 1.0, 120.0

#: How long the constructor waits for names to resolve, so that a local one is there for the first reading.
FIRST_RESOLUTION_S = 0.5

#: So many notes may wait to be sent.
_MOST_NOTES = 512

#: How long ``close`` waits for the thread, which only a network stack that hangs can hold up.
_LAST_WAIT_S = 0.5


class Osc:
    """Sends readings and notes to ``targets``, and never stops the music for it.

    ``write`` and ``play`` neither wait nor raise: a thread sends, at ``rate_hz`` ticks a second (1…120), each address
    that is known, or with ``on_change`` only what a new reading has changed. Notes go at once, a heartbeat once a
    second. Between readings values move in straight lines (see ``Pacing``). ``prefix``, ``template``, ``only`` and
    ``bundles`` are those of ``Composer``; a bundle's time tag is the wall-clock time of the sound that it tells of.
    ``heard_by`` is given every message, too, on the sending thread; it must neither wait nor raise.

    What cannot be sent is counted in ``failures``, what is in ``sent``, both in packets over all targets, and
    ``describe`` says how each target fares. Names are looked up on threads of their own, and again at most every
    ``RETRY_S`` seconds of ``clock``. Raises UsageError for a setting that cannot be.
    """

    never_waits: Literal[True] = True

    def __init__(
        self,
        targets: Sequence[Target],
        *,
        rate_hz: float = RATE_HZ,
        on_change: bool = False,
        prefix: str = PREFIX,
        template: str | None = None,
        only: Collection[str] = (),
        bundles: bool = False,
        heard_by: Callable[[Sequence[OscMessage]], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        if not LOWEST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ:
            raise UsageError(f"OSC rate must be in {LOWEST_RATE_HZ:.0f}..{HIGHEST_RATE_HZ:.0f} Hz, not {rate_hz:g}")
        self._composer = Composer(prefix=prefix, template=template, only=only, on_change=on_change, bundles=bundles)
        hue(0.0)  # makes its table now, and not between two ticks
        self._clock, self._wall_clock = clock, wall_clock
        self._on_change = on_change
        self._heard_by = heard_by
        now_s = clock()
        self._pacing = Pacing(glides=not on_change)
        self._ticks, self._seconds, self._beats = Ticks(rate_hz, now_s), Ticks(1.0, now_s), 0
        self._changed = threading.Condition()
        self._notes: list[Struck] = []
        self._is_new = self._ending = False
        self._unplayed = 0
        self._targets = list(dict.fromkeys(targets))
        self._senders = [open_sender(target, clock) for target in self._targets]
        for wait_s in (0.0, FIRST_RESOLUTION_S):  # all names at the same time, and then a moment for the slowest
            deadline_s = time.monotonic() + wait_s
            for sender in self._senders:
                sender.find(max(0.0, deadline_s - time.monotonic()))
        self._thread = threading.Thread(target=self._run, name="osc-output", daemon=True)
        self._thread.start()

    @property
    def sent(self) -> int:
        """How many packets have been handed to the network, over all targets."""
        return sum(sender.sent for sender in self._senders)

    @property
    def failures(self) -> int:
        """How many packets could not be sent, and notes that came faster than they could be."""
        return self._unplayed + sum(sender.failures for sender in self._senders)

    def describe(self) -> str:
        """How each target fares, such as ``127.0.0.1:9000 nobody listens (312 failed), [::1]:9001 4711 sent``."""
        return ", ".join(sender.describe() for sender in self._senders)

    @property
    def complaint(self) -> str:
        """What is wrong with targets now, such as ``127.0.0.1:9 nobody listens``; empty while nothing is."""
        each = zip(self._targets, self._senders, strict=True)
        return ", ".join(f"{target} {sender.complaint}" for target, sender in each if sender.complaint)

    def write(self, reading: Reading, status: Status) -> None:
        """Take the newest reading. After ``close`` it goes nowhere."""
        with self._changed:
            if self._ending:
                return
            self._pacing.take(reading, status, self._clock())
            self._is_new = True
            if self._on_change:
                self._changed.notify()

    def play(self, notes: Sequence[Struck]) -> None:
        """Send notes that have begun, at once. After ``close`` they go nowhere."""
        with self._changed:
            if self._ending:
                return
            room = _MOST_NOTES - len(self._notes)
            self._notes += notes[:room]
            self._unplayed += max(0, len(notes) - room)
            self._changed.notify()

    def close(self) -> None:
        """Send the newest reading as it is, let go of the sockets and end the thread. May be called twice."""
        with self._changed:
            self._ending = True
            self._changed.notify()
        self._thread.join(_LAST_WAIT_S)

    def _run(self) -> None:
        try:
            is_last = False
            while not is_last:
                with self._changed:
                    if not (self._ending or self._notes or (self._on_change and self._is_new)):
                        self._changed.wait(self._wait_s(self._clock()))
                    is_last = self._ending
                self._step(self._clock(), is_last=is_last)
        finally:
            for sender in self._senders:
                sender.close()

    def _wait_s(self, now_s: float) -> float:
        second_s = self._seconds.wait_s(now_s)
        return second_s if self._on_change else min(second_s, self._ticks.wait_s(now_s))

    def _step(self, now_s: float, *, is_last: bool) -> None:
        """Send what is due; with the last step, where the values were going to."""
        with self._changed:
            notes, self._notes = self._notes, []
            is_due = self._is_new if self._on_change else self._ticks.take(now_s)
            self._is_new = False
            frame = self._pacing.frame(math.inf if is_last else now_s)
        messages = self._composer.of_notes(notes)
        if (is_due or is_last) and frame is not None:
            messages += self._composer.of_frame(frame)
        if self._seconds.take(now_s):
            messages += self._composer.of_second(self._beats, frame)
            self._beats += 1
        if not messages:
            return
        if self._heard_by is not None:
            self._heard_by(messages)
        age_s = 0.0 if frame is None else frame.age_s
        packets = self._composer.packets(messages, self._wall_clock() - age_s)
        for sender in self._senders:
            sender.send(packets)
