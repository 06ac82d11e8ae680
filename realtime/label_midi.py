"""A MIDI controller to rate by, beside what is listened to or on the same port. Nothing of the stream waits for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from models.errors import MoodringError
from realtime.controls import Controls, PlaceLabel
from realtime.midi_controls import Axes, Rater
from realtime.preferences import read_controllers, remember_controller
from realtime.sources import Overheard, Played
from realtime.sources.midi_port import MidiPort, choose_port, input_ports, instrument
from realtime.sources.returning import Returning

#: How long it is told what was learned, in seconds.
NEWS_S = 6.0
_TURN_S = 0.5


class LabelMidi:
    """Asks ``controls`` for what is rated at the MIDI port ``name``, or any part of that; empty for the first that is
    not listened to already.

    Where ``source`` listens to that port it is heard there, and the music stays as it is; else the port is opened, and
    taken up again when it has gone away and come back. The controls that were learned for an instrument are remembered;
    with ``learns``, and where there are none, they are learned. ``tell`` gets each line of that as it becomes true.
    Raises what ``MidiPort`` raises, and ``MoodringError`` where what is remembered cannot be read.
    """

    def __init__(
        self,
        name: str,
        source: Played,
        controls: Controls,
        *,
        learns: bool = False,
        tell: Callable[[str], None] = lambda line: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        heard = source.ports if isinstance(source, Overheard) else ()
        self.name = _chosen(name, heard)
        self._controls, self._tell, self._clock = controls, tell, clock
        self._lock = threading.Lock()
        self._rater = Rater(None if learns else read_controllers().get(instrument(self.name)), clock)
        self._is_asking = False
        self._next: PlaceLabel | None = None
        self._trouble = ""
        self._news, self._news_until_s = "", 0.0
        self._writing: threading.Thread | None = None
        self._port: Returning | None = None
        self._tell(self._rater.guide)
        if isinstance(source, Overheard) and self.name in heard:
            source.overhear(self.name, self._hear)
        else:
            port = MidiPort(self.name)
            port.overhear(self.name, self._hear)
            self._port = Returning(port)
            threading.Thread(target=self._attend, args=(self._port,), name="label-midi", daemon=True).start()

    def learn(self) -> str:
        """Learn the controls anew, or where that is under way leave them; what to do. Safe on any thread."""
        with self._lock:
            self._rater.learn()
            self._news = ""
            self._tell(self._rater.guide)
            return self._rater.guide

    def trouble(self) -> str:
        """What is to be said now: that the controller is away, what to do to learn it, what was learned."""
        if self._trouble:
            return self._trouble
        with self._lock:
            if self._rater.axes is None:
                return self._rater.guide
            # From when it is first shown: whoever has just learned is still moving the control, and told of that.
            if self._news and not self._news_until_s:
                self._news_until_s = self._clock() + NEWS_S
            return self._news if self._clock() < self._news_until_s else ""

    def close(self) -> None:
        """Let go of the port. May be called twice."""
        if self._port is not None:
            self._port.close()
        if self._writing is not None:
            self._writing.join(_TURN_S)

    def _hear(self, message: Any) -> None:
        """On the driver's thread."""
        with self._lock:
            before, was_learning = self._rater.guide, self._rater.axes is None
            asked = self._rater.hear(message)
            if self._rater.guide != before:
                self._tell(self._rater.guide)
            if was_learning and (axes := self._rater.axes) is not None:
                self._keep(axes)
            if asked is not None:
                # While the session has not done the last, only the newest waits: a fader cannot crowd others out.
                self._next = asked if self._next is None else _joined(self._next, asked)
                self._ask()

    def _ask(self) -> None:
        if not self._is_asking and self._next is not None:
            self._is_asking = self._controls.ask(self._next, self._answered)
            self._next = None if self._is_asking else self._next

    def _answered(self, said: str, is_done: bool) -> None:
        with self._lock:
            self._is_asking = False
            self._ask()

    def _keep(self, axes: Axes) -> None:
        """Remember what was learned: on a thread of its own, since the music may come by the driver's."""
        self._news, self._news_until_s = f"learned: {self._rater.guide}", 0.0
        self._writing = threading.Thread(target=self._write, args=(axes,), name="label-midi-writer", daemon=True)
        self._writing.start()

    def _write(self, axes: Axes) -> None:
        try:
            remember_controller(instrument(self.name), axes)
        except MoodringError as error:
            with self._lock:
                self._news = f"{self._news}, until the end only: {error}"

    def _attend(self, port: Returning) -> None:
        """Take what comes off the port, and look after it."""
        try:
            while not port.ended:
                port.read(_TURN_S)
                is_away = port.arrived_s is None
                self._trouble = f"{self.name} is gone, and with it rating by it: waiting for it" if is_away else ""
        except Exception as failure:  # whatever has befallen the MIDI system, the session goes on and tells of it
            self._trouble = f"{self.name} is gone, and with it rating by it: {failure}"


def _chosen(name: str, heard: Sequence[str]) -> str:
    ports = input_ports()
    if not name:
        try:
            return choose_port([port for port in ports if port not in heard], None)
        except MoodringError:
            return choose_port(ports, None)
    return choose_port(ports, name)


def _joined(before: PlaceLabel, after: PlaceLabel) -> PlaceLabel:
    return PlaceLabel(
        before.valence if after.valence is None else after.valence,
        before.arousal if after.arousal is None else after.arousal,
    )
