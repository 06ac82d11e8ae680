"""The dashboard: readings as a picture that fills the terminal."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from rich.console import Console
from rich.live import Live

from models.affect import Reading
from realtime.outputs import Status
from realtime.outputs.dashboard.gauges import HISTORY_S
from realtime.outputs.dashboard.screen import View, render
from realtime.outputs.dashboard.svg import canvas_svg

__all__ = ["Dashboard", "View", "export_svg", "render"]

#: Pictures a second, at most: as smooth as a terminal shows, at a cost that leaves the processor to the music.
FRAMES_PER_SECOND = 15


class Dashboard:
    """Shows the last minute of readings on the terminal's alternate screen, and keeps that up to date.

    The screen is taken at the first reading, so that what goes wrong before it is still seen, and given back by
    ``close``. It is drawn at most 15 times a second of ``clock``, and at once when the terminal has changed its size.
    ``console`` is where it is shown, standard output unless given.
    """

    def __init__(self, console: Console | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = Console() if console is None else console
        self._clock = clock
        self._readings: deque[Reading] = deque()
        self._drawn_at: float | None = None
        self._drawn_size: tuple[int, int] | None = None
        # Standard error is left alone: the user may have sent it to a file.
        self._live = Live(
            console=self._console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )
        self._status = Status(source="")
        self._closed = False

    @property
    def view(self) -> View:
        """What is shown, or would be at the next picture."""
        return View(tuple(self._readings), self._status)

    def write(self, reading: Reading, status: Status) -> None:
        """Take in one reading, and draw when a picture is due. After ``close`` nothing is drawn."""
        if self._readings and reading.time < self._readings[-1].time:
            self._readings.clear()  # the stream began again
        self._readings.append(reading)
        self._status = status
        while self._readings[0].time < reading.time - HISTORY_S:
            self._readings.popleft()
        size = (self._console.width, self._console.height)
        if self._closed or not self._is_due(size):
            return
        self._drawn_at, self._drawn_size = self._clock(), size
        self._live.start()
        self._live.update(render(self.view, *size), refresh=True)

    def close(self) -> None:
        """Give the terminal back as it was. May be called twice."""
        self._closed = True
        self._live.stop()

    def _is_due(self, size: tuple[int, int]) -> bool:
        if self._drawn_at is None or size != self._drawn_size:
            return True
        return self._clock() - self._drawn_at >= 1 / FRAMES_PER_SECOND


def export_svg(view: View, width: int = 80, height: int = 24) -> str:
    """The dashboard as an SVG picture, as a terminal of ``width`` by ``height`` cells shows it."""
    return canvas_svg(render(view, width, height))
