"""A running ``moodring live --json``, read line by line."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MOODRING = [sys.executable, "-m", "cli"]
ROOT = Path(__file__).resolve().parent.parent.parent


class Listening:
    """A running ``moodring live --json``; ``readings`` grows as it prints."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.readings: list[dict[str, Any]] = []
        threading.Thread(target=self._collect, daemon=True).start()

    def complaint(self) -> str:
        """What it has said on standard error; to be asked once, when it has ended."""
        assert self.process.stderr is not None
        return self.process.stderr.read()

    def _collect(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.readings.append(json.loads(line))

    def wait_for(self, condition: Any, timeout_s: float = 30.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition(self.readings):
            assert self.process.poll() is None, self.process.stderr and self.process.stderr.read()
            assert time.monotonic() < deadline, f"never happened; the last reading: {self.readings[-1:]}"
            time.sleep(0.05)


@contextmanager
def listening(*arguments: str, env: dict[str, str]) -> Iterator[Listening]:
    process = subprocess.Popen(
        [*MOODRING, "live", *arguments, "--json"],
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Listening(process)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
