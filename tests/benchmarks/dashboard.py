"""What the dashboard costs: ``python -m tests.benchmarks.dashboard`` prints its share of one core.

Ten readings a second, which change in every cell that a performance changes, with three minutes behind them, on a
pseudo-terminal that is read as fast as it is written. After that, how late the readings of a piece that is played are
while the dashboard is shown on a quick terminal and on one that takes 2 kB/s. Unix only.
"""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tests.support.slow_terminal import SLOW_BYTES_PER_S, play

ROOT = Path(__file__).resolve().parents[2]
SIZES = ((80, 24), (120, 40), (200, 60))
RATE_HZ = 10.0
SECONDS = 15.0


def measure(width: int, height: int, seconds: float = SECONDS) -> tuple[float, float]:
    """The share of one core, 0…1, and the bytes a second written, of a dashboard in a process of its own."""
    told, written = run_in_terminal(["tests.benchmarks.dashboard", "shown", str(seconds)], width, height)
    return float(told), written / seconds


def run_in_terminal(
    module: list[str], width: int, height: int, environment: Mapping[str, str] = os.environ
) -> tuple[str, int]:
    """Run a Python ``module`` with its arguments on a pseudo-terminal of ``width`` columns and ``height`` lines.

    What it said on standard error, and how many bytes it wrote. Raises ``RuntimeError`` where it fails.
    """
    controller, terminal = pty.openpty()
    environment = {
        **environment,
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "COLUMNS": str(width),
        "LINES": str(height),
    }
    command = [sys.executable, "-m", *module]
    child = subprocess.Popen(
        command, stdin=terminal, stdout=terminal, stderr=subprocess.PIPE, env=environment, cwd=ROOT, text=True
    )
    os.close(terminal)
    written = 0
    while True:
        try:
            block = os.read(controller, 65536)
        except OSError:  # how Linux says that the other end has closed
            break
        written += len(block)
        if not block:
            break
    _, told = child.communicate()
    os.close(controller)
    if child.returncode:
        raise RuntimeError(told)
    return told, written


def show(seconds: float) -> None:
    """Run a dashboard on this terminal, and say on standard error what share of a core it took."""
    from realtime.outputs.dashboard import Dashboard
    from tests.support.dashboard_app import reading_at, status_at

    dashboard = Dashboard()
    past = round(180 * RATE_HZ)
    for number in range(past):
        dashboard.write(reading_at(number / RATE_HZ), status_at(number / RATE_HZ))
    time.sleep(0.3)
    began_s, used_s = time.monotonic(), time.process_time()
    for number in range(round(seconds * RATE_HZ)):
        time_s = (past + number) / RATE_HZ
        dashboard.write(reading_at(time_s), status_at(time_s))
        time.sleep(max(0.0, began_s + (number + 1) / RATE_HZ - time.monotonic()))
    share = (time.process_time() - used_s) / (time.monotonic() - began_s)
    dashboard.close()
    print(share, file=sys.stderr)


def main() -> None:
    """Measure each size, and print a line for it."""
    if sys.argv[1:2] == ["shown"]:
        show(float(sys.argv[2]))
        return
    for width, height in SIZES:
        share, bytes_a_second = measure(width, height)
        print(f"{width}x{height}: {share:.2%} of one core, {bytes_a_second / 1000:.1f} kB/s", flush=True)
    for kind, bytes_per_s in (("quick", None), ("slow", SLOW_BYTES_PER_S), ("quick", None), ("slow", SLOW_BYTES_PER_S)):
        with TemporaryDirectory() as folder:
            delays_ms = 1000.0 * np.array(play(Path(folder), seconds=SECONDS, bytes_per_s=bytes_per_s).delays_s)
        middle, late = np.percentile(delays_ms, (50, 95))
        print(f"{kind} terminal: readings after {middle:.0f} ms in the median, {late:.0f} ms at 95 %", flush=True)


if __name__ == "__main__":
    main()
