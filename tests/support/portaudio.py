"""A PortAudio of our own, for what none does on demand."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

#: What a device has where no more is asked for.
OWN_LATENCY_S = 0.02


class PortAudioError(Exception):
    pass


def device(name: str, channels: int, rate: float, api: int = 0) -> dict[str, Any]:
    """A device as PortAudio tells of it."""
    return {
        "name": name,
        "max_input_channels": channels,
        "default_samplerate": rate,
        "hostapi": api,
        "default_high_input_latency": OWN_LATENCY_S,
    }


@dataclass
class FakePortAudio:
    """Stands in for the sounddevice module: ``add`` puts a device in, ``stream`` is the one that was opened last."""

    own_api: int = 0
    default_index: int = -1
    cannot_start: str = ""
    cannot_initialize: str = ""
    starts: int = 0
    opened: int = 0
    refused: int = 0
    found: list[dict[str, Any]] = field(default_factory=list)
    stream: FakeStream | None = None
    PortAudioError = PortAudioError

    def add(self, name: str, channels: int = 1, rate: float = 48_000.0, api: int = 0) -> None:
        self.found.append(device(name, channels, rate, api))

    def _terminate(self) -> None:
        if self.cannot_initialize:
            raise PortAudioError("not initialized")

    def _initialize(self) -> None:
        if self.cannot_initialize:
            self.refused += 1
            raise PortAudioError(self.cannot_initialize)
        self.starts += 1

    @property
    def default(self) -> SimpleNamespace:
        return SimpleNamespace(hostapi=self.own_api)

    def query_devices(self) -> list[dict[str, Any]]:
        return self.found

    def query_hostapis(self) -> list[dict[str, Any]]:
        apis = [{"name": "ALSA", "default_input_device": -1}, {"name": "JACK", "default_input_device": -1}]
        apis[self.own_api]["default_input_device"] = self.default_index
        return apis

    def InputStream(self, **settings: Any) -> FakeStream:  # noqa: N802
        self.stream = FakeStream(self, settings)
        self.opened += 1
        return self.stream


class FakeStream:
    def __init__(self, portaudio: FakePortAudio, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.latency = float(settings["latency"])
        self.active = False
        self.times_closed = 0
        self._portaudio = portaudio
        self._buffer = np.zeros((0, settings["channels"]), dtype=np.float32)

    def start(self) -> None:
        if self._portaudio.cannot_start:
            raise PortAudioError(self._portaudio.cannot_start)
        self.active = True

    def close(self) -> None:
        self.hear(7)  # a driver may call back while it is being closed
        self.times_closed += 1
        if self.active:
            self.settings["finished_callback"]()
        self.active = False

    def hear(self, *values: float, count: int = 4_800, overflow: bool = False) -> None:
        """Hand over a block for each value, all samples of it alike."""
        for value in values:
            self.give(np.full((count, self.settings["channels"]), value, np.float32), overflow=overflow)

    def give(self, samples: np.ndarray, *, overflow: bool = False) -> None:
        """Hand over one block [shape=(n, channels)], in one buffer that is used again."""
        if len(self._buffer) != len(samples):
            self._buffer = np.zeros(samples.shape, dtype=np.float32)
        self._buffer[:] = samples
        self.settings["callback"](self._buffer, len(samples), None, SimpleNamespace(input_overflow=overflow))

    def die(self) -> None:
        self.settings["finished_callback"]()  # it still counts as active just then, as in PortAudio
