"""A MIDI system of our own, for what none does on demand."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from mido import Message


class FakeBackend(ModuleType):
    """Stands in for a mido backend: ``ports`` are there to be opened, ``opened`` are those that were."""

    def __init__(self) -> None:
        super().__init__("fake_midi")
        self.ports: list[str] = []
        self.opened: list[FakeInput] = []
        self.refuses = ""
        self.fails: Exception | None = None

    def forget_closed(self) -> None:
        """Keep no inputs but the newest."""
        del self.opened[:-1]

    def get_devices(self) -> list[dict[str, Any]]:
        if self.fails is not None:
            raise self.fails
        return [
            {"name": "Speaker:synth", "is_input": False},
            *({"name": name, "is_input": True} for name in self.ports),
        ]

    def Input(self, name: str, callback: Callable[[Message], None], virtual: bool) -> FakeInput:  # noqa: N802
        if self.refuses:
            raise OSError(self.refuses)
        self.opened.append(FakeInput(name, callback))
        return self.opened[-1]


class FakeInput:
    def __init__(self, name: str, callback: Callable[[Message], None]) -> None:
        self.name = name
        self.callback: Callable[[Message], None] | None = callback
        self.times_closed = 0

    def play(self, *pitches: int) -> None:
        for pitch in pitches:
            assert self.callback is not None
            self.callback(Message("note_on", note=pitch))

    def close(self) -> None:
        assert self.callback is None, "the callback must go before the port does"
        self.times_closed += 1
