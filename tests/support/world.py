"""A stage without hardware and without waiting: a microphone, a keyboard and a clock that stand still until told.

What listens is the real thing, from the callback of the sound system and the message of the MIDI system on; the systems
below it are ``support.portaudio`` and ``support.midi_backend``. What goes wrong on a stage is done by calling for it.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any, Literal
from unittest import mock

import mido
import numpy as np

from realtime.events import Advance, AllNotesOff, Event, Lost, NoteOn, Sound, Tempo
from realtime.sources import LiveSource, PartedSource, Played, midi_port, returning
from realtime.sources.microphone import Microphone
from realtime.sources.midi_messages import events
from realtime.sources.midi_port import MidiPort
from realtime.sources.returning import Returning
from tests.support.midi_backend import FakeBackend
from tests.support.portaudio import FakePortAudio

MICROPHONE, KEYBOARD = "Stage Mic", "Stage Piano"
BACKEND = "simulated_midi"
#: Threads that wait in real time look this often, so that nobody has to wait for them.
_LOOK_S, _WATCH_S = 0.002, 0.01
#: What has not happened in so many seconds of the wall clock will not happen.
PATIENCE_S = 20.0


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self, now_s: float = 1000.0) -> None:
        self.now_s = now_s
        self._runs_since: float | None = None

    def __call__(self) -> float:
        since_s = self._runs_since
        return self.now_s if since_s is None else self.now_s + time.monotonic() - since_s

    @contextmanager
    def running(self) -> Iterator[None]:
        """Within this it goes as the clock on the wall does, for those who wait by both."""
        self._runs_since = time.monotonic()
        try:
            yield
        finally:
            self.now_s, self._runs_since = self(), None


class Metered:
    """A live source whose events are counted in ``meter``, over all its openings."""

    def __init__(self, source: LiveSource, meter: Counter[str]) -> None:
        self._source, self._meter = source, meter

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def read(self, timeout_s: float) -> Sequence[Event]:
        given = self._source.read(timeout_s)
        count(given, self._meter)
        return given

    def reopen(self) -> Metered:
        return Metered(self._source.reopen(), self._meter)


def count(given: Iterable[object], meter: Counter[str]) -> None:
    """Add to ``meter`` the blocks and samples of sound, the note-ons, and the events of keys altogether.

    The end of everything is not counted, since a port says so by itself where it has left something out.
    """
    for event in given:
        if isinstance(event, Sound):
            meter["blocks"] += 1
            meter["samples"] += len(event.samples)
        elif not (
            isinstance(event, Advance | Lost | Tempo) or (isinstance(event, AllNotesOff) and event.channel is None)
        ):
            meter["keys"] += 1
            meter["notes"] += isinstance(event, NoteOn)


class World:
    """The devices and the time of a simulated stage; ``handed`` counts what they gave while somebody listened."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.portaudio, self.midi = FakePortAudio(), FakeBackend()
        self.handed: Counter[str] = Counter()
        self.heard: Counter[str] = Counter()

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Within this, the sound and MIDI systems of this program are those of the stage."""
        with ExitStack() as ends:
            # One by one: patching the whole would forget what is imported within this.
            for name, system in (("sounddevice", self.portaudio), (BACKEND, self.midi)):
                before = sys.modules.get(name)
                ends.callback(_put_back, name, before)
                sys.modules[name] = system  # type: ignore[assignment]
            for module, setting, value in (
                (returning, "FIRST_LOOK_S", _LOOK_S),
                (returning, "LONGEST_LOOK_S", _LOOK_S),
                (midi_port, "WATCH_S", _WATCH_S),
            ):
                ends.enter_context(mock.patch.object(module, setting, value))
            yield

    def microphone(self) -> Returning:
        """What listens to the microphone, as ``live --mic`` does."""
        return Returning(Metered(Microphone(MICROPHONE, clock=self.clock), self.heard), self.clock)

    def keyboard(self, name: str = KEYBOARD) -> Returning:
        """What listens to the keyboard, as ``live --midi`` does."""
        return Returning(Metered(MidiPort(name, BACKEND, self.clock), self.heard), self.clock)

    # The microphone

    @property
    def has_microphone(self) -> bool:
        """Whether it is plugged in and somebody listens to it."""
        return self.portaudio.stream is not None and self.portaudio.stream.active

    @property
    def channels(self) -> int:
        """How many channels are listened to."""
        assert self.portaudio.stream is not None
        return int(self.portaudio.stream.settings["channels"])

    def plug_microphone(self, rate: int, channels: int, index: int = 0) -> None:
        """It is there, with a number that others before it decide; whoever looks for it will find it."""
        for number in range(index):
            self.portaudio.add(f"Other {number}", rate=44_100.0)
        self.portaudio.add(MICROPHONE, channels, float(rate))

    def pull_microphone(self) -> None:
        """The cable comes out."""
        self.portaudio.found.clear()
        if self.portaudio.stream is not None:
            self.portaudio.stream.die()
            self.portaudio.stream.active = False

    def sound(self, samples: np.ndarray, *, overflow: bool = False) -> None:
        """A block [shape=(n, channels)] for whoever listens."""
        if not self.has_microphone:
            return
        assert self.portaudio.stream is not None
        self.handed["blocks"] += 1
        self.handed["samples"] += len(samples)
        self.portaudio.stream.give(samples, overflow=overflow)

    # The keyboard

    @property
    def has_keyboard(self) -> bool:
        """Whether it is plugged in and somebody listens to it."""
        return bool(self.midi.ports) and bool(self.midi.opened) and self.midi.opened[-1].callback is not None

    def plug_keyboard(self, number: int) -> None:
        """It is there, with the ``number`` that the system gives it."""
        self.midi.ports = [f"{KEYBOARD} {number}:0"]

    def pull_keyboard(self) -> None:
        """The cable comes out, and whoever watches the port has noticed."""
        self.midi.ports = []
        self.wait(lambda: "midi-watch" not in names_of_threads(), "that the MIDI port is gone")

    def play(self, *messages: mido.Message) -> None:
        """Messages for whoever listens, as many events as they stand for."""
        if not self.has_keyboard:
            return
        callback = self.midi.opened[-1].callback
        assert callback is not None
        for message in messages:
            count(events(message, 0.0), self.handed)
            callback(message)

    # Whoever listens

    def until_heard(self, source: Returning) -> Iterator[float]:
        """Steps without time until ``source``, which has been plugged in again, is listened to."""
        deadline_s = time.monotonic() + PATIENCE_S
        while source._source is None:
            assert time.monotonic() < deadline_s, f"in {PATIENCE_S:g} s nobody listened to {source.name} again"
            yield 0.0

    def wait(self, is_so: Callable[[], bool], what: str) -> None:
        """Let the threads of whoever listens come to it; raises ``AssertionError`` where they do not."""
        deadline_s = time.monotonic() + PATIENCE_S
        while not is_so():
            assert time.monotonic() < deadline_s, f"in {PATIENCE_S:g} s nobody noticed {what}"
            time.sleep(0.001)


class Stepped:
    """``source`` in a world that goes on by one step of ``steps`` at each ``read``, and ends with the last of them.

    A step gives how long the source may wait for events, in seconds of the wall clock: 0 but where that is the point.
    """

    is_live = True

    def __init__(self, source: Played, steps: Iterator[float]) -> None:
        self.ended = False
        self.given: Counter[str] = Counter()
        self._source, self._steps = source, steps

    @property
    def name(self) -> str:
        return self._source.name

    @property
    def kind(self) -> Literal["sound", "notes"]:
        return self._source.kind

    @property
    def dropped(self) -> int:
        return self._source.dropped

    @property
    def overflows(self) -> int:
        return self._source.overflows

    @property
    def arrived_s(self) -> float | None:
        return self._source.arrived_s

    @property
    def trouble(self) -> str:
        return self._source.trouble if isinstance(self._source, PartedSource) else ""

    def read(self, timeout_s: float) -> Sequence[Any]:
        # In real time it is loaded within a moment; here hours could go by.
        for thread in threading.enumerate():
            if thread.name == "model-loader":
                thread.join(PATIENCE_S)
        patience_s = next(self._steps, None)
        # What is left in the end was played, too.
        self.ended = patience_s is None
        given = self._source.read(patience_s or 0.0)
        count(given, self.given)
        return given

    def close(self) -> None:
        self.ended = True
        self._source.close()


def _put_back(name: str, module: ModuleType | None) -> None:
    if module is None:
        sys.modules.pop(name, None)
    else:
        sys.modules[name] = module


def names_of_threads() -> set[str]:
    """The threads that are alive, by name."""
    return {thread.name for thread in threading.enumerate()}


@contextmanager
def watched_threads() -> Iterator[list[str]]:
    """What threads of their own have died of within this, in a line each; also what could be raised nowhere."""
    died: list[str] = []

    def note(args: Any) -> None:
        thread = getattr(args, "thread", None)
        where = thread.name if thread is not None else repr(getattr(args, "object", None))
        died.append(f"{where}: {args.exc_type.__name__}: {args.exc_value}")

    with (
        mock.patch.object(threading, "excepthook", note),
        mock.patch.object(sys, "unraisablehook", note),
    ):
        yield died
