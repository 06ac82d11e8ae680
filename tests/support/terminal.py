"""A command on a terminal of its own: what it shows, and keys that are typed to it."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from support.listening import MOODRING, ROOT

#: What is buffered has to be flushed in the end, and that can fail: nobody's setting shall hide it.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


class Terminal:
    """A terminal with a command on it; ``shown`` is everything that it printed."""

    def __init__(self, master: int, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._master = master
        self.shown = b""

    def read_until(self, text: bytes | None) -> None:
        """Read until ``text`` was shown, or until nobody has the terminal any more."""
        deadline = time.monotonic() + 20.0
        while text is None or text not in self.shown:
            assert select.select([self._master], [], [], max(0.0, deadline - time.monotonic()))[0], self.shown
            try:
                self.shown += os.read(self._master, 65536)
            except OSError:  # Linux tells of the end so
                break

    def type(self, keys: str) -> None:
        """Type ``keys``, as the terminal sends them."""
        os.write(self._master, keys.encode())

    def look_away(self) -> None:
        """From now on what is shown is taken, so that the command does not wait, and not looked at."""

        def take() -> None:
            with suppress(OSError):
                while os.read(self._master, 65536):
                    pass

        threading.Thread(target=take, daemon=True).start()

    def close(self) -> None:
        if self._master >= 0:
            os.close(self._master)
            self._master = -1


@contextmanager
def terminal(*arguments: str, errors: Path, env: Mapping[str, str] | None = None) -> Iterator[Terminal]:
    """``arguments`` on a terminal of its own, that hangs up as a closed window does; complaints go to ``errors``."""
    master, slave = pty.openpty()
    # A session of its own that opens the terminal gets it for its controlling one.
    acquire = "import os, sys; os.setsid(); os.open(os.ttyname(1), os.O_RDWR); os.execv(sys.argv[1], sys.argv[1:])"
    with errors.open("wb") as complaints:
        process = subprocess.Popen(
            [sys.executable, "-c", acquire, *MOODRING, *arguments],
            cwd=ROOT,
            env={**ENVIRONMENT, **(env or {}), "TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8"},
            stdin=slave,
            stdout=slave,
            stderr=complaints,
        )
    os.close(slave)
    running = Terminal(master, process)
    try:
        yield running
    finally:
        process.kill()
        process.wait()
        running.close()
