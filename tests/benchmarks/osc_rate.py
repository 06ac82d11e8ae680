"""How steadily OSC is sent while music is followed, beside a target that is dead and one that reads slowly.

python -m tests.benchmarks.osc_rate [--seconds 60] [--rate 60]

The demo, over and over, is played at its own pace to three targets at once: a UDP socket that is measured, a port at
which nobody listens, and a TCP server that reads 200 bytes a second. All that is printed is of what was received: how
often and how evenly, whether within the ranges of the list of addresses, how large the steps of valence and arousal are
beside those of the readings, and how long after a reading they get to where it put them. Beside it, how late readings
came themselves.
"""

from __future__ import annotations

import argparse
import socket
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event as Flag

import numpy as np
import soundfile
from numpy.typing import NDArray
from pythonosc.osc_message import OscMessage

from models.affect import Reading, State
from models.bundle import load_for
from realtime.demo import RECORDING
from realtime.outputs import Status
from realtime.outputs.osc import Osc, listed, parse_target
from realtime.session import Session
from realtime.sources.audio_file import AudioFile
from realtime.sources.paced import Paced
from realtime.tracker import EmotionTracker

READINGS_HZ = 10.0
AXES = ("valence", "arousal")

#: A reading that moves the point by less tells nothing of how fast: what is sent is float32.
_LEAST = 1e-3


@dataclass
class Heard:
    """What was received, when and with which values, by address; and the readings with when they came."""

    messages: dict[str, list[tuple[float, list[float | int | str]]]] = field(default_factory=dict)
    readings: list[tuple[float, Reading]] = field(default_factory=list)
    hop_s: float = 0.0

    def write(self, reading: Reading, status: Status) -> None:
        """Note a reading and when it came."""
        self.readings.append((time.monotonic(), reading))

    def close(self) -> None:
        """Nothing is held."""

    def curve(self, axis: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """When each value of an axis was received, and what it was [shape=(n,) each]."""
        rows = self.messages[f"/moodring/{axis}"]
        return np.array([at_s for at_s, _ in rows]), np.array([float(values[0]) for _, values in rows])

    def raw(self, axis: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """When each live reading came, and where on the axis it was, −1…1 [shape=(n,) each]."""
        live = [(at_s, reading) for at_s, reading in self.readings if reading.state is State.LIVE]
        values = [max(-1.0, min(1.0, getattr(reading, f"{axis}_norm"))) for _, reading in live]
        return np.array([at_s for at_s, _ in live]), np.array(values)

    def outside(self) -> list[str]:
        """What was received that is not as the list of addresses has it."""
        known = {address.path: address for address in listed()}
        wrong = []
        for path, rows in self.messages.items():
            address = known.get(path)
            for _, values in rows:
                if address is None or len(values) != len(address.types):
                    wrong.append(f"{path} {values}")
                    continue
                for value, (low, high) in zip(values, address.bounds, strict=True):
                    if isinstance(value, str):
                        is_within = not address.choices or value in address.choices
                    else:
                        is_within = (low is None or value >= low - 1e-6) and (high is None or value <= high + 1e-6)
                    wrong += [] if is_within else [f"{path} {value}"]
        return wrong

    def delays_s(self, axis: str) -> tuple[NDArray[np.float64], int]:
        """How long after each reading the curve was where the reading put it, and how many it did not move towards.

        Where the next reading comes a moment before that, it is how long it would have been along the line that the
        curve was on, through what was received between both.
        """
        times, values = self.curve(axis)
        came, goals = self.raw(axis)
        found, away = [], 0
        for at_s, until_s, goal in zip(came[:-1], came[1:], goals[:-1], strict=True):
            between = (times > at_s) & (times <= until_s)
            if np.count_nonzero(between) < 2:
                continue
            when, left = times[between], goal - values[between]
            if abs(left[0]) < _LEAST:
                continue
            # All of the line, without where it has arrived and stays.
            last = next((at for at, each in enumerate(left) if abs(each) < 1e-6), len(left) - 1)
            slope = (left[0] - left[last]) / (when[last] - when[0]) if last else 0.0
            if slope * left[0] <= 0.0:
                away += 1
            else:
                found.append(when[0] + left[0] / slope - at_s)
        return np.array(found), away


def _slow_server(stop: Flag) -> int:
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = server.accept()
        while not stop.wait(0.05):
            connection.recv(10)

    threading.Thread(target=serve, daemon=True).start()
    return int(server.getsockname()[1])


def measure(seconds: float, rate_hz: float) -> tuple[Heard, str]:
    """What is received in so many seconds, and how the targets fare."""
    heard, stop, arrived = Heard(), Flag(), list[tuple[float, bytes]]()
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    receiver.bind(("127.0.0.1", 0))
    receiver.settimeout(0.2)

    def receive() -> None:
        while not stop.is_set():
            try:
                packet = receiver.recv(2048)
            except TimeoutError:
                continue
            arrived.append((time.monotonic(), packet))

    thread = threading.Thread(target=receive, daemon=True)
    thread.start()
    targets = [f"127.0.0.1:{receiver.getsockname()[1]}", "127.0.0.1:9", f"tcp://127.0.0.1:{_slow_server(stop)}"]
    with tempfile.TemporaryDirectory() as folder:
        music = Path(folder) / "music.wav"
        samples, sample_rate = soundfile.read(RECORDING)
        soundfile.write(
            music, np.concatenate([samples] * (1 + int(seconds // (len(samples) / sample_rate)))), sample_rate
        )
        bundle = load_for("sound", None)
        heard.hop_s = bundle.hop_s
        osc = Osc([parse_target(target) for target in targets], rate_hz=rate_hz)
        threading.Timer(seconds, stop.set).start()
        Session(Paced(AudioFile(music)), EmotionTracker(bundle, rate_hz=READINGS_HZ), [osc, heard], stop=stop).run()
    thread.join()
    receiver.close()
    # What is sent as the session ends is not at its tick.
    end_s = heard.readings[-1][0]
    for at_s, packet in arrived:
        if at_s <= end_s:
            message = OscMessage(packet)
            heard.messages.setdefault(message.address, []).append((at_s, list(message.params)))
    return heard, osc.describe()


def main() -> None:
    """Print it all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=60.0, help="messages a second")
    arguments = parser.parse_args()
    heard, targets = measure(arguments.seconds, arguments.rate)
    print(f"targets: {targets}")
    times, _ = heard.curve("valence")
    spacing_ms = 1000.0 * np.diff(times)
    rate_hz = (len(times) - 1) / (times[-1] - times[0])
    print(f"received {rate_hz:.2f} a second of {arguments.rate:g} ({100 * (rate_hz / arguments.rate - 1):+.1f} %)")
    print(f"spacing: median {np.median(spacing_ms):.2f} ms, 99th percentile {np.percentile(spacing_ms, 99):.2f} ms")
    wrong, count = heard.outside(), sum(map(len, heard.messages.values()))
    print(f"{len(wrong)} of {count} messages outside what the list of addresses says {wrong[:3] or ''}")
    for axis in AXES:
        steps, raw_steps = (np.abs(np.diff(heard.curve(axis)[1])), np.abs(np.diff(heard.raw(axis)[1])))
        print(f"{axis}: largest step {steps.max():.4f}, of the readings {raw_steps.max():.4f}")
        delays_s, away = heard.delays_s(axis)
        late_ms = [1000.0 * float(each) for each in np.percentile(delays_s, (50, 95, 100))]
        print(
            f"{axis}: at a reading {late_ms[0]:.0f} ms after it came in the median, 95 % {late_ms[1]:.0f}, "
            f"at most {late_ms[2]:.0f} ({len(delays_s)} readings; not towards {away} more)"
        )
    print(f"between readings {1000 / READINGS_HZ:.0f} ms, the hop of the network {1000 * heard.hop_s:.0f} ms")
    late_s = np.array([at_s - reading.time for at_s, reading in heard.readings])
    delays_ms = 1000.0 * (late_s - late_s.min())
    print(f"readings later than the promptest: median {np.median(delays_ms):.0f}, at most {delays_ms.max():.0f} ms")


if __name__ == "__main__":
    main()
