"""A JACK server of the test's own, and keyboards that play on it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import mido

from support import require, stop, wait_until

BACKEND = "mido.backends.rtmidi/UNIX_JACK"


@dataclass(frozen=True)
class Jack:
    """A running server: ``env`` is the environment for programs that shall reach its ports."""

    env: dict[str, str]

    @contextmanager
    def keyboard(self, name: str = "Stage Piano") -> Iterator[Any]:
        """A keyboard, as others see it: a mido output port; its ``send`` is heard by whoever listens to ``name``."""
        with self.here():
            port = mido.Backend(BACKEND).open_output("keys", virtual=True, client_name=name)
        try:
            yield port
        finally:
            port.close()

    @contextmanager
    def here(self) -> Iterator[None]:
        """The server's environment for this process, for as long as ports are being opened."""
        with patch.dict(os.environ, {key: self.env[key] for key in _VARIABLES}):
            yield


_VARIABLES = ("JACK_DEFAULT_SERVER", "JACK_NO_START_SERVER", "MOODRING_MIDI_BACKEND")


@contextmanager
def jack_server() -> Iterator[Jack]:
    """Start a server without a sound card; skips where a program is missing."""
    require({"jackd": "jackd2", "jack_wait": "jackd2"})
    name = f"moodring-{os.getpid()}"
    env = {**os.environ, "JACK_DEFAULT_SERVER": name, "JACK_NO_START_SERVER": "1", "MOODRING_MIDI_BACKEND": BACKEND}
    command = ["jackd", "--no-realtime", "--sync", "-n", name, "-d", "dummy", "-r", "44100", "-p", "512"]
    server = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: _answers(name, env), server)
        yield Jack(env)
    finally:
        stop(server)


def _answers(name: str, env: dict[str, str]) -> bool:
    check = ["jack_wait", "--server", name, "--check"]
    return b"not running" not in subprocess.run(check, env=env, capture_output=True, timeout=20).stdout
