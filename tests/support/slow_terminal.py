"""A session on a terminal that takes what is written as fast as one likes, or hardly at all. Unix only."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from .listening import MOODRING, ROOT

#: A slow terminal: about what a modem carried.
SLOW_BYTES_PER_S = 2_000.0

PIECE = "realtime/demo/four_quadrants.mid"


@dataclass(frozen=True, slots=True)
class Shown:
    """How long after its time each reading was made, in seconds, and what the terminal had taken by then.

    The delays count from when the recording was opened, which is just before the piece begins.
    """

    delays_s: list[float]
    written: bytes


def play(folder: Path, *options: str, seconds: float, bytes_per_s: float | None) -> Shown:
    """Play a piece at its own pace on a terminal of 200 by 60 that takes ``bytes_per_s``, None for all at once.

    The dashboard is shown unless ``options`` say otherwise. When each reading was made is told by the recording that is
    written in ``folder`` at the same time.
    """
    import pty

    take = folder / "take.jsonl"
    controller, terminal = pty.openpty()
    size = {"COLUMNS": "200", "LINES": "60"}
    process = subprocess.Popen(
        [*MOODRING, "live", "--file", PIECE, "--record", str(take), *options],
        cwd=ROOT,
        env={**os.environ, **size, "TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONIOENCODING": "utf-8"},
        stdin=terminal,
        stdout=terminal,
        stderr=subprocess.DEVNULL,
    )
    os.close(terminal)
    written = bytearray()
    in_haste = threading.Event()

    def take_in() -> None:
        while True:
            try:
                written.extend(os.read(controller, 65536 if bytes_per_s is None or in_haste.is_set() else 200))
            except OSError:  # how Linux says that the other end has closed
                return
            if bytes_per_s is not None:
                in_haste.wait(200 / bytes_per_s)

    reader = threading.Thread(target=take_in, daemon=True)
    reader.start()
    try:
        delays_s = _delays_s(take, process, seconds)
        taken = bytes(written)
    finally:
        in_haste.set()
        process.send_signal(signal.SIGINT)
        process.wait(timeout=20)
        reader.join(timeout=20)
        os.close(controller)
    return Shown(delays_s, taken)


def _delays_s(take: Path, process: subprocess.Popen[bytes], seconds: float) -> list[float]:
    deadline_s = time.monotonic() + 30.0 + 3 * seconds
    began_s: float | None = None
    delays_s: list[float] = []
    rest = b""
    read = 0
    while time.monotonic() < deadline_s and process.poll() is None:
        text = b""
        if take.exists():
            with take.open("rb") as file:
                file.seek(read)
                text = file.read()
        now_s = time.monotonic()
        read += len(text)
        *whole, rest = (rest + text).split(b"\n")
        for line in whole:
            began_s = now_s if began_s is None else began_s
            record = json.loads(line)
            if record["type"] == "reading":
                delays_s.append(now_s - began_s - record["time"])
                if record["time"] >= seconds:
                    return delays_s
        time.sleep(0.002)
    raise RuntimeError(f"{len(delays_s)} readings came, and no more")
