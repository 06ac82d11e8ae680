"""Random events of devices: they appear, vanish, are renamed and renumbered, refuse, die in the middle, say anything.

The threads that watch and look for inputs run in real time, though more often than on a stage; what befalls the devices
befalls them between, and in half of the cases a driver's thread calls back whenever it likes.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any
from unittest import mock

import mido
import numpy as np

from models.errors import MoodringError
from realtime.controls import Controls
from realtime.listing import list_devices
from realtime.sources.returning import Returning
from realtime.sources.together import Together
from tests.fuzz.session import hear, some_control
from tests.support.midi_backend import FakeBackend, FakeInput
from tests.support.portaudio import FakePortAudio, FakeStream, PortAudioError, device
from tests.support.watched import Watched
from tests.support.world import BACKEND, KEYBOARD, MICROPHONE, PATIENCE_S, World, names_of_threads

#: What systems have been seen to raise where they are asked for something.
_MIDI_FAILURES = (OSError("no server"), RuntimeError("MidiInAlsa: no sequencer"), ValueError("bad port"))
_THREADS = {"input-finder", "midi-watch"}


class Moody:
    """How likely each thing that a system is asked for goes wrong; at rest nothing does."""

    def __init__(self, rng: np.random.Generator) -> None:
        # Other threads ask, too: what they draw must not change what the case does.
        self._rng = np.random.default_rng(rng.integers(2**32))
        self._lock = threading.Lock()
        self.likely: dict[str, float] = {}

    def fails(self, what: str) -> bool:
        """Whether it goes wrong this time."""
        with self._lock:
            return bool(self._rng.random() < self.likely.get(what, 0.0))


class MoodyPortAudio(FakePortAudio):
    """A sound system in which anything may go wrong."""

    mood: Moody

    def query_devices(self) -> list[dict[str, Any]]:
        if self.mood.fails("query_devices"):
            raise PortAudioError("PortAudio not initialized [PaErrorCode -10000]")
        return list(super().query_devices())

    def _initialize(self) -> None:
        if self.mood.fails("_initialize"):
            raise PortAudioError("Unanticipated host error [PaErrorCode -9999]")
        super()._initialize()

    def _terminate(self) -> None:
        if self.mood.fails("_terminate"):
            raise PortAudioError("PortAudio not initialized [PaErrorCode -10000]")
        super()._terminate()

    def InputStream(self, **settings: Any) -> FakeStream:  # noqa: N802
        if self.mood.fails("InputStream"):
            raise PortAudioError("Invalid sample rate [PaErrorCode -9997]")
        self.stream = MoodyStream(self, settings)
        self.opened += 1
        return self.stream


class MoodyStream(FakeStream):
    """A stream that may not start, may say nothing of itself, and may call back after its end."""

    _portaudio: MoodyPortAudio
    _is_closing = False

    def close(self) -> None:
        self._is_closing = True  # and what it asks itself is answered
        super().close()

    def start(self) -> None:
        if self._portaudio.mood.fails("start"):
            raise PortAudioError("Device unavailable [PaErrorCode -9985]")
        super().start()

    @property
    def active(self) -> bool:
        if not self._is_closing and self._portaudio.mood.fails("active"):
            raise PortAudioError("Invalid stream pointer [PaErrorCode -9988]")
        return self._is_active

    @active.setter
    def active(self, is_active: bool) -> None:
        self._is_active = is_active


class MoodyBackend(FakeBackend):
    """A MIDI system in which anything may go wrong."""

    mood: Moody
    failure: Exception = _MIDI_FAILURES[0]

    def a_failure(self) -> Exception:
        """One of its own each time: an exception that is raised again keeps all that it went through before."""
        return type(self.failure)(*self.failure.args)

    def get_devices(self) -> list[dict[str, Any]]:
        if self.mood.fails("get_devices"):
            raise self.a_failure()
        return super().get_devices()

    def Input(self, name: str, callback: Callable[[mido.Message], None], virtual: bool) -> FakeInput:  # noqa: N802
        if self.mood.fails("Input") or name not in self.ports:
            raise self.a_failure()
        self.opened.append(MoodyInput(name, callback, self))
        return self.opened[-1]


class MoodyInput(FakeInput):
    """A port that may not close."""

    def __init__(self, name: str, callback: Callable[[mido.Message], None], backend: MoodyBackend) -> None:
        super().__init__(name, callback)
        self._backend = backend

    def close(self) -> None:
        super().close()
        if self._backend.mood.fails("close"):
            raise self._backend.a_failure()


#: What may go wrong, by the name under which ``Moody`` knows it.
_MOODS = (
    *("query_devices", "_initialize", "_terminate", "InputStream", "start", "active", "close"),
    *("get_devices", "Input"),
)


class Stage:
    """The devices of one case, and what befalls them."""

    def __init__(
        self, world: World, moody: Moody, rng: np.random.Generator, keyboards: int, done: Counter[str]
    ) -> None:
        self._world, self._moody, self._rng, self._done = world, moody, rng, done
        self.portaudio = MoodyPortAudio()
        self.midi = MoodyBackend()
        self.portaudio.mood = self.midi.mood = moody
        world.portaudio, world.midi = self.portaudio, self.midi
        self.keyboards = [f"{KEYBOARD} {'ABC'[number]}" for number in range(keyboards)]

    def all_well(self) -> None:
        """Every device is there, and nothing goes wrong."""
        self._moody.likely = {}
        self.portaudio.found = [device(MICROPHONE, 2, 44_100)]
        self.midi.ports = [f"{name} {20 + number}:0" for number, name in enumerate(self.keyboards)]

    def all_gone(self) -> None:
        """The power of the whole stage is off."""
        self._moody.likely = {}
        self.portaudio.found, self.midi.ports = [], []
        self._die()

    def something_befalls_it(self) -> None:
        """One event of a device, or a change of what may go wrong."""
        events = (
            *(self._mood_changes, self._mood_changes, self._good_mood, self._vanish, self._appear, self._rename),
            *(self._renumber, self._die, self._die_silently, self._ports_change, self._ports_change, self._list),
        )
        event = events[int(self._rng.integers(len(events)))]
        self._done[event.__name__.strip("_").replace("_", " ")] += 1
        event()

    def gives(self) -> None:
        """Sound and keys of a twentieth of a second from whatever is open."""
        stream = self.portaudio.stream
        if stream is not None and getattr(stream, "_is_active", False):
            count = int(self._rng.integers(1, 2_400))
            samples = 0.1 * self._rng.standard_normal((count, stream.settings["channels"])).astype(np.float32)
            status = SimpleNamespace(input_overflow=bool(self._rng.random() < 0.1))
            stream.settings["callback"](samples, count, None, status)
        for port in self.midi.opened[-4:]:
            callback = port.callback
            if callback is not None:
                pitch, velocity = int(self._rng.integers(128)), int(self._rng.integers(128))
                callback(mido.Message("note_on", note=pitch, velocity=velocity))

    def _mood_changes(self) -> None:
        self._moody.likely[str(self._rng.choice(_MOODS))] = float(self._rng.choice([0.1, 0.5, 1.0]))
        self.midi.failure = _MIDI_FAILURES[int(self._rng.integers(len(_MIDI_FAILURES)))]

    def _good_mood(self) -> None:
        self._moody.likely = {}

    def _vanish(self) -> None:
        self.portaudio.found = []
        if self._rng.random() < 0.7:
            self._die()

    def _appear(self) -> None:
        # Lists are replaced and never changed: another thread may be reading them.
        others = [device(f"Other {number}", 1, 48_000) for number in range(int(self._rng.integers(3)))]
        rate, channels = int(self._rng.choice([22_050, 44_100, 48_000])), int(self._rng.choice([1, 2, 8]))
        self.portaudio.found = [*others, device(MICROPHONE, channels, rate)]

    def _rename(self) -> None:
        name = str(self._rng.choice([f"{MICROPHONE} (hw:2,0)", "Stage", "", MICROPHONE.upper(), "Ünïcødé\x00\x1b[2J"]))
        self.portaudio.found = [*self.portaudio.found[:-1], device(name, 2, 44_100)]

    def _renumber(self) -> None:
        self.portaudio.found = list(reversed(self.portaudio.found))
        self.portaudio.default_index = int(self._rng.integers(-1, 4))

    def _die(self) -> None:
        if self.portaudio.stream is not None:
            self.portaudio.stream.die()
            self._die_silently()

    def _die_silently(self) -> None:
        if self.portaudio.stream is not None:
            self.portaudio.stream.active = False

    def _ports_change(self) -> None:
        names = [*self.keyboards, "Midi Through Port-0", "Drum 7", ""]
        there = [name for name in names if self._rng.random() < 0.6]
        self.midi.ports = [f"{name} {int(self._rng.integers(14, 140))}:0" for name in there]

    def _list(self) -> None:
        lines = list(list_devices(as_json=bool(self._rng.random() < 0.5)))
        assert all(isinstance(line, str) for line in lines)


def case(rng: np.random.Generator, done: Counter[str]) -> None:
    """A session with a microphone, keyboards, or both, on a stage where anything befalls them; in the end all is well
    again and all of them are heard."""
    world, moody = World(), Moody(rng)
    has_microphone, keyboards = bool(rng.random() < 0.7), int(rng.integers(3))
    stage = Stage(world, moody, rng, keyboards if has_microphone else max(keyboards, 1), done)
    with ExitStack() as ends:
        ends.enter_context(world.installed())
        ends.enter_context(mock.patch.dict(os.environ, {"MOODRING_MIDI_BACKEND": BACKEND}))
        stage.all_well()
        openers = [world.microphone] if has_microphone else []
        openers += [lambda name=name: world.keyboard(name) for name in stage.keyboards]
        _refused(stage, openers, rng, done)
        stage.all_well()
        inputs = [opener() for opener in openers]
        source = inputs[0] if len(inputs) == 1 else Together(inputs, world.clock)
        calls_back = bool(rng.random() < 0.5)
        if calls_back:
            ends.enter_context(Driver(stage))

        def steps(controls: Controls, tracker: Watched) -> Iterator[float]:
            return _steps(world, stage, inputs, controls, tracker, rng, done, calls_back)

        hear(world, source, steps, rng, done)
        source.close()
    deadline_s = time.monotonic() + PATIENCE_S
    while _THREADS & names_of_threads():
        assert time.monotonic() < deadline_s, f"threads go on after the end: {_THREADS & names_of_threads()}"
        time.sleep(0.002)


def _refused(
    stage: Stage, openers: list[Callable[[], Returning]], rng: np.random.Generator, done: Counter[str]
) -> None:
    """Before the show: what cannot be opened says so in words, and nothing else is raised."""
    for _ in range(3):
        stage.something_befalls_it()
    lines: list[str] = []
    for opener in openers:
        try:
            opener().close()
        except MoodringError as error:
            done["refusals"] += 1
            lines.append(str(error))
    assert all(len(line.splitlines()) == 1 for line in lines), f"not one line each: {lines}"


def _steps(
    world: World,
    stage: Stage,
    inputs: list[Returning],
    controls: Controls,
    tracker: Watched,
    rng: np.random.Generator,
    done: Counter[str],
    calls_back: bool,
) -> Iterator[float]:
    for _ in range(int(rng.integers(20, 120))):
        world.clock.now_s += 0.05
        if rng.random() < 0.4:
            done["events"] += 1
            stage.something_befalls_it()
        if rng.random() < 0.03:
            controls.ask(some_control(rng))
        if not calls_back:
            stage.gives()
        if rng.random() < 0.3:
            time.sleep(float(rng.choice([0.0005, 0.003, 0.012])))
        yield 0.0
    stage.all_gone()
    while True:
        yield from _until(world, lambda: all(one._source is None for one in inputs), "that everything is gone")
        yield 0.0
        # A look may have been under way that found what has gone since.
        if all(one._source is None for one in inputs):
            break
    assert not tracker.sounding or any(one.kind == "sound" for one in inputs), f"{tracker.sounding} hang"
    stage.all_well()
    for one in inputs:
        yield from world.until_heard(one)


def _until(world: World, is_so: Callable[[], bool], what: str) -> Iterator[float]:
    deadline_s = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline_s, f"in {PATIENCE_S:g} s nobody noticed {what}"
        time.sleep(0.002)
        world.clock.now_s += 0.02
        yield 0.0


class Driver:
    """A thread that calls back as a driver does, whatever the session does meanwhile."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._ended = threading.Event()
        # Draws of its own: those of the case must not depend on when it runs.
        self._thread = threading.Thread(target=self._run, name="driver", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(0.005):
            self._stage.gives()
