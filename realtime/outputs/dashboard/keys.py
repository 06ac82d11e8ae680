"""Single keys of the terminal as controls, and a terminal that is left as it was, also by Ctrl-Z."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from typing import Protocol, TextIO

from realtime.controls import Controls
from realtime.outputs.dashboard.key_reader import KeyReader
from realtime.outputs.dashboard.terminals import Terminal, open_terminal


class Keys:
    """Reads single keys of ``stream`` on a thread, and asks ``controls`` for what they mean; ``?`` calls ``on_help``.

    Does nothing where ``stream`` is not a terminal. That is put into a mode without echo and without waiting for the
    end of a line; Ctrl-C and Ctrl-Z do what they always do. ``close`` restores it exactly, and may be called twice.
    """

    def __init__(
        self, controls: Controls, stream: TextIO | None = None, *, on_help: Callable[[], None] = lambda: None
    ) -> None:
        self._controls = controls
        self._on_help = on_help
        self._reader = KeyReader()
        self._terminal: Terminal | None = None
        stream = sys.stdin if stream is None else stream
        if stream is None or stream.closed or not stream.isatty():
            return
        self._terminal = open_terminal(stream)
        self._terminal.take()
        self._thread = threading.Thread(target=self._run, args=(self._terminal,), name="keys", daemon=True)
        self._thread.start()

    @property
    def is_reading(self) -> bool:
        """Whether there is a terminal to read keys from."""
        return self._terminal is not None

    def release(self) -> None:
        """Give the terminal its old mode back until ``retake``: before the program stops. Safe in a signal handler."""
        if self._terminal is not None:
            self._terminal.restore()

    def retake(self) -> None:
        """Take the terminal again: it may have been changed meanwhile. Safe in a signal handler."""
        if self._terminal is not None:
            self._terminal.take()

    def close(self) -> None:
        """End reading and restore the terminal. May be called twice."""
        terminal, self._terminal = self._terminal, None
        if terminal is None:
            return
        terminal.wake()
        self._thread.join()
        terminal.close()

    def _run(self, terminal: Terminal) -> None:
        while (text := terminal.read(self._reader.patience_s)) is not None:
            if not text:
                self._reader.give_up()
            for asked in self._reader.feed(text):
                if isinstance(asked, bool):
                    self._on_help()
                else:
                    self._controls.ask(asked)


class Screen(Protocol):
    """What gives the screen back before a stop, and takes it again: the dashboard."""

    def pause(self) -> None:
        """Give the screen back."""

    def resume(self) -> None:
        """Take it again and draw everything anew."""


def install_job_control(keys: Keys | None, screen: Screen | None) -> Callable[[], None]:
    """Let Ctrl-Z stop the program with the terminal as it was, and ``fg`` take it again; what undoes this.

    To be called by the main thread, which alone may install signal handlers. Does nothing where there are no jobs.
    """
    if sys.platform == "win32":
        return lambda: None

    def stop(number: int, frame: object) -> None:
        if screen is not None:
            screen.pause()
        if keys is not None:
            keys.release()
        # Stop as if there were no handlers: only so does the shell learn of it, and what follows happens once.
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.signal(signal.SIGCONT, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTSTP)
        # Here the program goes on; without a shell to continue it, the kernel has not stopped it.
        signal.signal(signal.SIGTSTP, stop)
        signal.signal(signal.SIGCONT, go_on)
        go_on(number, frame)

    def go_on(number: int, frame: object) -> None:
        if keys is not None:
            keys.retake()  # first: in the background, this stops the program before it draws over the shell
        if screen is not None:
            screen.resume()

    before = {number: signal.getsignal(number) for number in (signal.SIGTSTP, signal.SIGCONT)}
    if before[signal.SIGTSTP] is signal.SIG_IGN:  # a shell without jobs wants no stops
        return lambda: None
    signal.signal(signal.SIGTSTP, stop)
    signal.signal(signal.SIGCONT, go_on)

    def undo() -> None:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)

    return undo
