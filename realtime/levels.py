"""How loud each input is right now, to find the one that the music comes in at."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np

from models.errors import MoodringError
from realtime.events import Advance, Sound
from realtime.level import SILENCE_DB, power_to_db
from realtime.sources import LiveSource
from realtime.sources.microphone import Microphone
from realtime.sources.midi_port import MidiPort, input_ports
from realtime.sources.sound_inputs import input_devices

#: The span of the bar, in dB re full scale, and its cells.
_FLOOR_DB, _CELLS = -60.0, 24


@dataclass
class Input:
    """An input and what it has given: its ``peak_db`` and the ``messages`` of a MIDI port since it was opened.

    ``level_db`` is that of the last look. ``problem`` says why it cannot be listened to, empty where it can.
    """

    kind: str
    name: str
    problem: str = ""
    level_db: float = SILENCE_DB
    peak_db: float = SILENCE_DB
    messages: int = 0
    source: LiveSource | None = field(default=None, repr=False)

    def look(self) -> None:
        """Take what has come since the last look."""
        if self.source is None:
            return
        power, samples = 0.0, 0
        for event in self.source.read(0.0):
            if isinstance(event, Sound):
                power += float(np.sum(np.square(event.samples, dtype=np.float64)))
                samples += event.samples.size
            elif not isinstance(event, Advance):
                self.messages += 1
        if samples:
            self.level_db = power_to_db(power / samples)
            self.peak_db = max(self.peak_db, self.level_db)

    def as_json(self) -> dict[str, Any]:
        """The object that ``devices --levels --json`` prints; its level is that of the loudest tenth of a second."""
        told: dict[str, Any] = {"type": "level", "kind": self.kind, "name": self.name}
        if self.problem:
            return {**told, "problem": self.problem}
        if self.kind == "midi":
            return {**told, "messages": self.messages}
        return {**told, "level_db": round(self.peak_db, 1)}

    def line(self) -> str:
        """The input in one line."""
        name = f"{self.kind}: {self.name}"
        if self.problem:
            return f"{name}  {self.problem}"
        if self.kind == "midi":
            return f"{name}  {self.messages} messages"
        filled = round(_CELLS * min(max(1 - self.level_db / _FLOOR_DB, 0.0), 1.0))
        level = f"{self.level_db:4.0f} dB".replace("-", "−")
        return f"{name}  {'█' * filled}{'░' * (_CELLS - filled)} {level}"


def watch(seconds: float, *, step_s: float = 0.1, sleep: Callable[[float], None] = time.sleep) -> Iterator[list[Input]]:
    """Open every input that there is and look at all of them every ``step_s`` seconds, for ``seconds``."""
    with ExitStack() as open_inputs:
        inputs = [_open(kind, name, key, open_inputs) for kind, name, key in _there_is()]
        for _ in count() if math.isinf(seconds) else range(max(1, round(seconds / step_s))):
            sleep(step_s)
            for found in inputs:
                found.look()
            yield inputs


def _there_is() -> Iterator[tuple[str, str, int | str]]:
    # What is missing, 'devices' says.
    with suppress(MoodringError):
        yield from (("sound", device.name, device.index) for device in input_devices())
    with suppress(MoodringError):
        yield from (("midi", name, name) for name in input_ports())


def _open(kind: str, name: str, key: int | str, open_inputs: ExitStack) -> Input:
    try:
        source: LiveSource = Microphone(key) if kind == "sound" else MidiPort(str(key))
    except MoodringError:
        return Input(kind, name, "cannot be opened: another program may hold it")
    open_inputs.callback(source.close)
    return Input(kind, name, source=source)
