"""The dashboard: readings as a picture that fills the terminal."""

from __future__ import annotations

import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from queue import Empty, SimpleQueue

from rich.console import Console

from models.affect import Reading
from realtime.outputs import Status
from realtime.outputs.dashboard.gauges import HISTORY_S
from realtime.outputs.dashboard.painter import Painter
from realtime.outputs.dashboard.screen import render
from realtime.outputs.dashboard.svg import canvas_svg
from realtime.outputs.dashboard.view import View
from realtime.outputs.palette import find_theme
from realtime.outputs.wording import TREND_S

__all__ = ["Dashboard", "View", "export_svg", "render"]

#: Pictures a second, at most.
FRAMES_PER_SECOND = 30

#: Readings older than this are kept thinned, to one in every so many seconds.
_FULL_S, _STEP_S = 2 * TREND_S, 1.0

#: How often the size of the terminal is asked for while nothing else happens.
_POLL_S = 0.1

#: The longest that ``pause`` waits for the terminal to be given back.
_PAUSE_S = 1.0

_MOST_EVENTS = 8


class Dashboard:
    """Shows the last minutes of readings on the terminal's alternate screen, and keeps that up to date.

    It draws on a thread of its own, so that a slow terminal delays nobody: at most 30 times a second of ``clock``, only
    when something has changed, always the newest, and at once when the terminal has changed its size. The screen is
    taken at the first reading, so that what goes wrong before it is still seen, and given back by ``close``.
    ``console`` is where it is shown, standard output unless given; ``theme`` is one of auto, dark, light and mono, and
    ``NO_COLOR`` means mono. Raises UsageError for another theme.
    """

    def __init__(
        self,
        console: Console | None = None,
        *,
        theme: str = "auto",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = Console() if console is None else console
        self._clock = clock
        self._theme = find_theme(theme, os.environ, no_color=self._console.no_color)
        self._painter = Painter(self._console)
        self._past: deque[Reading] = deque()
        self._recent: deque[Reading] = deque()
        self._events: deque[tuple[float, str]] = deque(maxlen=_MOST_EVENTS)
        self._message = ""
        # Single references and flags, set by one thread and read by another, and a queue that is safe in a signal
        # handler: no lock, since a handler that waits for one would wait for the thread it interrupted.
        self._view = View(theme=self._theme)
        self._shows_help = False
        self._is_paused = self._is_ending = self._is_busy = False
        self._wakes: SimpleQueue[None] = SimpleQueue()
        self._drawn = (self._view, False, (0, 0))
        self._drawn_s = -math.inf
        self._failure: Exception | None = None
        self._thread: threading.Thread | None = None

    @property
    def view(self) -> View:
        """What is shown, or would be at the next picture."""
        return replace(self._view, shows_help=self._shows_help)

    def write(self, reading: Reading, status: Status) -> None:
        """Take in one reading, to be drawn when a picture is due; never waits. After ``close`` nothing is drawn.

        Raises, once, what the terminal has raised since.
        """
        self._raise_failure()
        if self._is_ending:
            return
        self._keep(reading)
        if status.message and status.message != self._message:
            self._events.append((reading.time, status.message))
        self._message = status.message
        self._view = View((*self._past, *self._recent), status, tuple(self._events), theme=self._theme)
        if self._thread is None:
            # A daemon, since a thread that is stuck in a write cannot be ended and must not keep the program alive.
            self._thread = threading.Thread(target=self._run, name="dashboard", daemon=True)
            self._thread.start()
        self._wake()

    def toggle_help(self) -> None:
        """Show what the keys do, or hide it again. Safe on any thread."""
        self._shows_help = not self._shows_help
        self._wake()

    def pause(self) -> None:
        """Give the terminal back until ``resume``, within a second; for a signal handler before the program stops."""
        self._is_paused = True
        self._wake()
        deadline_s = time.monotonic() + _PAUSE_S
        while self._thread is not None and self._thread.is_alive() and (self._is_busy or self._painter.is_on):
            if time.monotonic() > deadline_s:
                return
            time.sleep(0.005)

    def resume(self) -> None:
        """Take the terminal again and draw everything anew. Safe in a signal handler, and without a ``pause``."""
        self._painter.forget()
        self._is_paused = False
        self._wake()

    def close(self) -> None:
        """Give the terminal back as it was; waits for a terminal that takes nothing. May be called twice.

        Raises what the terminal has raised, unless a ``write`` has.
        """
        self._is_ending = True
        self._wake()
        if self._thread is not None:
            self._thread.join()
        self._raise_failure()

    def _keep(self, reading: Reading) -> None:
        """All of the newest readings, the older ones thinned, none that is older than the sparklines show."""
        if self._recent and reading.time < self._recent[-1].time:  # the stream began again
            self._recent.clear()
            self._past.clear()
        self._recent.append(reading)
        # Whole steps at a time, so that what is drawn of them stays as it is in between.
        while _step(self._recent[0]) < math.floor((reading.time - _FULL_S) / _STEP_S):
            older = self._recent.popleft()
            if not self._past or _step(older) != _step(self._past[-1]):
                self._past.append(older)
        while self._past and self._past[0].time < reading.time - HISTORY_S:
            self._past.popleft()

    def _raise_failure(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def _wake(self) -> None:
        if self._wakes.empty():
            self._wakes.put(None)

    def _run(self) -> None:
        try:
            try:
                self._draw_until_the_end()
            finally:
                self._painter.leave()
        except Exception as failure:
            self._failure = failure
        self._is_busy = False

    def _draw_until_the_end(self) -> None:
        while not self._is_ending:
            self._is_busy = True  # before the flag of pause is read, which sets that before it reads this
            rest_s = _POLL_S
            if self._is_paused:
                self._painter.leave()
            else:
                rest_s = self._draw_when_due()
            self._is_busy = False
            if rest_s < _POLL_S:
                time.sleep(rest_s)
            else:
                with suppress(Empty):
                    self._wakes.get(timeout=rest_s)

    def _draw_when_due(self) -> float:
        """Draw what is new, unless the picture before it is too recent; how long to wait then, in seconds."""
        width, height = size = self._console.size
        view, shows_help = self._view, self._shows_help
        if self._painter.is_current and view is self._drawn[0] and (shows_help, size) == self._drawn[1:]:
            return _POLL_S
        early_s = self._drawn_s + 1 / FRAMES_PER_SECOND - self._clock()
        if early_s > 0 and size == self._drawn[2]:
            return min(early_s, 1 / FRAMES_PER_SECOND)
        self._drawn, self._drawn_s = (view, shows_help, size), self._clock()
        self._painter.paint(render(replace(view, shows_help=shows_help), width, height), self._may_draw)
        return _POLL_S

    def _may_draw(self) -> bool:
        return not (self._is_ending or self._is_paused)


def _step(reading: Reading) -> int:
    return math.floor(reading.time / _STEP_S)


def export_svg(view: View, width: int = 80, height: int = 24) -> str:
    """The dashboard as an SVG picture, as a terminal of ``width`` by ``height`` cells shows it."""
    return canvas_svg(render(view, width, height), view.theme)
