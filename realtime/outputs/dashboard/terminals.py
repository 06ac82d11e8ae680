"""Terminals that give single keys: on Unix by their mode, on Windows by the C runtime."""

from __future__ import annotations

import os
import sys
import threading
from typing import Protocol, TextIO


class Terminal(Protocol):
    """A terminal in the mode that single keys need, from ``take`` until ``restore`` or ``close``."""

    def take(self) -> None:
        """Set the mode; keep what it was, unless it is taken already."""

    def restore(self) -> None:
        """Set it back to what it was."""

    def read(self, timeout_s: float | None) -> str | None:
        """What has been typed, "" when nothing was for so long, None when nothing will be."""

    def wake(self) -> None:
        """Let ``read`` return None, now and from then on."""

    def close(self) -> None:
        """Restore it and let go of it; nobody reads any more."""


def open_terminal(stream: TextIO) -> Terminal:
    """The terminal that ``stream`` reads from; not yet taken."""
    if sys.platform == "win32":
        return _WindowsTerminal()
    else:
        return _UnixTerminal(stream.fileno())


if sys.platform == "win32":
    import msvcrt

    #: What the C runtime gives after a zero or 0xE0, as the sequences of other terminals.
    _ARROWS = {"H": "\x1b[A", "P": "\x1b[B", "M": "\x1b[C", "K": "\x1b[D"}

    class _WindowsTerminal:
        """The console: it has no mode to set."""

        def __init__(self) -> None:
            self._is_over = threading.Event()

        def take(self) -> None:
            pass

        def restore(self) -> None:
            pass

        def read(self, timeout_s: float | None) -> str | None:
            waited_s = 0.0
            while not msvcrt.kbhit():
                if self._is_over.wait(0.02):
                    return None
                waited_s += 0.02
                if timeout_s is not None and waited_s >= timeout_s:
                    return ""
            typed = ""
            while msvcrt.kbhit():
                character = msvcrt.getwch()
                typed += _ARROWS.get(msvcrt.getwch(), "") if character in "\x00\xe0" else character
            return typed

        def wake(self) -> None:
            self._is_over.set()

        def close(self) -> None:
            pass

else:
    import select
    import termios
    from contextlib import suppress

    class _UnixTerminal:
        """A terminal without echo and without lines. Signals by key stay, so does everything about output."""

        def __init__(self, descriptor: int) -> None:
            self._descriptor = descriptor
            self._before: list[int | list[bytes | int]] | None = None
            self._woken, self._waker = os.pipe()

        def take(self) -> None:
            with suppress(termios.error):  # it has hung up, which a read will tell
                mode = termios.tcgetattr(self._descriptor)
                if self._before is None:
                    self._before = termios.tcgetattr(self._descriptor)
                mode[3] &= ~(termios.ICANON | termios.ECHO)
                mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
                # At once: to wait for the output would be to wait for a slow or stopped terminal.
                termios.tcsetattr(self._descriptor, termios.TCSANOW, mode)

        def restore(self) -> None:
            before, self._before = self._before, None
            # In the background the terminal is the shell's.
            if before is not None and self._is_in_foreground():
                with suppress(termios.error):
                    termios.tcsetattr(self._descriptor, termios.TCSANOW, before)

        def read(self, timeout_s: float | None) -> str | None:
            try:
                ready, _, _ = select.select([self._descriptor, self._woken], [], [], timeout_s)
                if self._woken in ready:
                    return None
                typed = os.read(self._descriptor, 4096) if ready else None
            except BlockingIOError:
                return ""
            except OSError:  # it has hung up
                return None
            if typed is None:
                return ""
            return typed.decode("utf-8", "ignore") if typed else None

        def wake(self) -> None:
            os.write(self._waker, b"x")

        def close(self) -> None:
            if self._is_in_foreground():
                with suppress(termios.error):
                    termios.tcflush(self._descriptor, termios.TCIFLUSH)  # what was typed was not for the shell
            self.restore()
            os.close(self._woken)
            os.close(self._waker)

        def _is_in_foreground(self) -> bool:
            try:
                return os.tcgetpgrp(self._descriptor) == os.getpgrp()
            except OSError:  # not the terminal that this program was started from
                return True
