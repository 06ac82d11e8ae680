"""Servers that tests start for themselves: sound through PulseAudio, MIDI through JACK. No hardware is needed."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable

import pytest


def require(programs: dict[str, str]) -> None:
    """Skip the test where one of the ``programs`` (name → Debian package) is missing; fail there in CI."""
    for program, package in programs.items():
        if shutil.which(program) is None:
            message = f"{program} is not installed (Debian, Ubuntu: apt install {package})"
            if os.environ.get("CI") == "true":
                pytest.fail(message, pytrace=False)
            pytest.skip(message)


def wait_until(is_ready: Callable[[], bool], server: subprocess.Popen[bytes], patience_s: float = 20.0) -> None:
    """Wait for a ``server`` to answer; raises ``RuntimeError`` when it ended or never did."""
    deadline = time.monotonic() + patience_s
    while not is_ready():
        if server.poll() is not None:
            raise RuntimeError(f"{server.args!r} ended with status {server.returncode} before it was ready")
        if time.monotonic() > deadline:
            raise RuntimeError(f"{server.args!r} was not ready within {patience_s} s")
        time.sleep(0.05)


def stop(server: subprocess.Popen[bytes]) -> None:
    """End a ``server`` that the test started, and no other: by its own process, kindly first."""
    server.terminate()
    try:
        server.wait(timeout=10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
