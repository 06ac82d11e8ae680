"""Models that a session takes up while it runs: which one is meant, and loading it without holding the session up."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Generic, Literal, TypeVar

from models.bundle import Bundle, available, load, load_for, preferred
from models.errors import MoodringError

Errand = TypeVar("Errand")


class ModelLoader(Generic[Errand]):
    """Loads one model after another on a thread, or ``at_once``; each with the errand that it was loaded on."""

    def __init__(self, *, at_once: bool = False) -> None:
        self._at_once = at_once
        self._loaded: queue.SimpleQueue[tuple[Bundle | MoodringError, Errand]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a model is being loaded."""
        return self._thread is not None and self._thread.is_alive()

    def load(self, find: Callable[[], Bundle], errand: Errand) -> None:
        """Load what ``find`` gives; waits for the model that is being loaded, if there is one."""

        def work() -> None:
            try:
                self._loaded.put((find(), errand))
            except MoodringError as error:
                self._loaded.put((error, errand))

        if self._at_once:
            work()
            return
        if self._thread is not None:
            self._thread.join()
        self._thread = threading.Thread(target=work, name="model-loader", daemon=True)
        self._thread.start()

    def take(self) -> Iterator[tuple[Bundle | MoodringError, Errand]]:
        """What has been loaded, or why it could not be, since the last time; each with its errand."""
        while not self._loaded.empty():
            yield self._loaded.get()


def fitting(kind: Literal["sound", "notes"], model: str | None) -> Bundle:
    """The ``model`` that was asked for where a source of ``kind`` can feed it, else the best for that.

    Raises ``MoodringError`` where there is none.
    """
    if model is not None:
        bundle = load(model)
        if kind == "sound" or not bundle.needs_sound:
            return bundle
    return load_for(kind)


def following(kind: Literal["sound", "notes"], now: Bundle) -> Bundle:
    """The model after ``now``, of those that a source of ``kind`` can feed; the best comes first."""
    best = preferred(kind)
    names = [best, *sorted(name for name in available() if name != best)]
    place = names.index(now.name) if now.name in names else -1
    for name in names[place + 1 :] + names[: place + 1]:
        with suppress(MoodringError):
            return load_for(kind, name)
    return now
