"""How steadily OSC is sent while music is followed, beside a target that is dead and one that reads slowly.

python -m tests.benchmarks.osc_rate [--seconds 60] [--rate 60]

The demo is played at its own pace, over and over, to three targets at once: a UDP socket that is measured, a port at
which nobody listens, and a TCP server that reads 200 bytes a second. Beside what is received: the latency of readings.
"""

from __future__ import annotations

import argparse
import socket
import threading
import time
from threading import Event as Flag

import numpy as np
from pythonosc.osc_message import OscMessage

from models.affect import Reading
from models.bundle import load_for
from realtime.demo import RECORDING
from realtime.outputs import Status
from realtime.outputs.osc import Osc, parse_target
from realtime.session import Session
from realtime.sources.audio_file import AudioFile
from realtime.sources.paced import Paced
from realtime.tracker import EmotionTracker


class Late:
    """How late each reading comes, against the first."""

    def __init__(self) -> None:
        self.late_s: list[float] = []

    def write(self, reading: Reading, status: Status) -> None:
        """Note when it came."""
        self.late_s.append(time.monotonic() - reading.time)

    def close(self) -> None:
        """Nothing is held."""


def _slow_server(stop: Flag) -> int:
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = server.accept()
        while not stop.wait(0.05):
            connection.recv(10)

    threading.Thread(target=serve, daemon=True).start()
    return int(server.getsockname()[1])


def measure(seconds: float, rate_hz: float) -> tuple[list[tuple[float, float]], list[float]]:
    """When each valence arrived and what it was, and how late readings were in seconds."""
    stop, arrived = Flag(), []
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("127.0.0.1", 0))
    receiver.settimeout(0.2)

    def receive() -> None:
        while not stop.is_set():
            try:
                packet = receiver.recv(2048)
            except TimeoutError:
                continue
            now_s = time.monotonic()
            message = OscMessage(packet)
            if message.address == "/moodring/valence":
                arrived.append((now_s, float(message.params[0])))

    thread = threading.Thread(target=receive, daemon=True)
    thread.start()
    targets = [f"127.0.0.1:{receiver.getsockname()[1]}", "127.0.0.1:9", f"tcp://127.0.0.1:{_slow_server(stop)}"]
    late = Late()
    osc = Osc([parse_target(target) for target in targets], rate_hz=rate_hz)
    threading.Timer(seconds, stop.set).start()
    while not stop.is_set():
        outputs = [osc, late]
        tracker = EmotionTracker(load_for("sound", None), rate_hz=10.0)
        Session(Paced(AudioFile(RECORDING)), tracker, outputs, stop=stop).run()
        if not stop.is_set():
            osc = Osc([parse_target(target) for target in targets], rate_hz=rate_hz)
    print(f"targets: {osc.describe()}")
    thread.join()
    return arrived, late.late_s


def main() -> None:
    """Print the rate, the spacing, the range and how late readings came."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=46.0, help="how long; the demo has 48 seconds")
    parser.add_argument("--rate", type=float, default=60.0, help="messages a second")
    arguments = parser.parse_args()
    arrived, late_s = measure(arguments.seconds, arguments.rate)
    times = np.array([time_s for time_s, _ in arrived])
    spacing_ms = 1000.0 * np.diff(times)
    values = np.array([value for _, value in arrived])
    rate_hz = (len(times) - 1) / (times[-1] - times[0])
    print(f"received {rate_hz:.2f} a second of {arguments.rate:g} ({100 * (rate_hz / arguments.rate - 1):+.1f} %)")
    print(f"spacing: median {np.median(spacing_ms):.2f} ms, 99th percentile {np.percentile(spacing_ms, 99):.2f} ms")
    print(f"values {values.min():.3f} to {values.max():.3f}, largest step {np.abs(np.diff(values)).max():.4f}")
    delays_ms = 1000.0 * (np.array(late_s) - min(late_s))
    print(f"readings later than the promptest: median {np.median(delays_ms):.0f}, at most {delays_ms.max():.0f} ms")


if __name__ == "__main__":
    main()
