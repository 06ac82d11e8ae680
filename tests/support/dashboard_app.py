"""A program that shows the dashboard on invented readings: ``python tests/support/dashboard_app.py [SECONDS]``.

Takes keys as the real one does, and ends with ``q``, Ctrl-C, SIGTERM or after so many seconds. What was asked by keys
is told in the status's message.
"""

from __future__ import annotations

import math
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from models.affect import Reading, State
from realtime.controls import Controls, Quit
from realtime.outputs import Status
from realtime.outputs.dashboard import Dashboard
from realtime.outputs.dashboard.keys import Keys, install_job_control

RATE_HZ = 10.0
CHORDS = ((48, 60, 64, 67), (45, 57, 60, 64), (41, 53, 57, 60), (43, 55, 59, 62))


def reading_at(time_s: float, state: State = State.LIVE) -> Reading:
    """A performance that wanders over the plane."""
    valence = 5.4 + 2.4 * math.sin(time_s / 9) + 0.5 * math.sin(time_s * 1.7)
    arousal = 5.6 + 2.2 * math.cos(time_s / 13) + 0.4 * math.sin(time_s * 2.3)
    spread = 1.3 + 0.3 * math.sin(time_s / 5)
    level_db = -22 + 7 * math.sin(time_s * 1.3)
    return Reading(time_s, state, valence, spread, arousal, 1.2, 14, level_db, 142 + 9 * math.sin(time_s), "audio")


def readings(seconds: float) -> Iterator[Reading]:
    """The readings of so many seconds."""
    return (reading_at(number / RATE_HZ) for number in range(round(seconds * RATE_HZ)))


def status_at(time_s: float, message: str = "") -> Status:
    """What goes with a reading: a chord every two seconds."""
    chord = CHORDS[int(time_s / 2) % len(CHORDS)]
    return Status(
        "mic: Scarlett 2i2", chord, message=message, tempo_bpm=112.0, key="C major", rate_hz=RATE_HZ, smoothing="normal"
    )


def main() -> None:
    """Show it until someone has seen enough."""
    end_s = time.monotonic() + (float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)
    stopped: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: stopped.append(number))
    controls, dashboard = Controls(), Dashboard()
    keys = Keys(controls, on_help=dashboard.toggle_help)
    give_back = install_job_control(keys, dashboard)
    message, is_over = "", False
    try:
        for reading in readings(3600):
            asked = [control for control, _ in controls.take()]
            message = f"asked: {asked[-1]}" if asked else message
            is_over = is_over or Quit() in asked or bool(stopped) or time.monotonic() > end_s
            if is_over:
                break
            dashboard.write(reading, status_at(reading.time, message))
            time.sleep(1 / RATE_HZ)
    finally:
        give_back()
        dashboard.close()
        keys.close()
    print("the dashboard is over")


if __name__ == "__main__":
    main()
