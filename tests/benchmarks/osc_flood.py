"""Random packets into the control port: nothing is raised, memory stays flat, outputs go on, and it still answers.

python -m tests.benchmarks.osc_flood [--packets 1000000]

A third is random bytes, a third valid messages with bytes changed, a third valid ones with random arguments. They come
from another process, as fast as they are taken, while readings of a known movement are sent over OSC.
"""

from __future__ import annotations

import argparse
import io
import random
import resource
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import build_msg

from realtime.controls import Controls
from realtime.osc_commands import send_test
from realtime.osc_control import CONTROL_ADDRESSES, OscControl
from realtime.outputs.osc import Target

ROOT = Path(__file__).resolve().parents[2]
RATE_HZ = 60.0

_UDP = (socket.AF_INET, socket.SOCK_DGRAM)

#: After so many packets one is sent that is answered at once, so that none is lost for want of room.
_AT_ONCE = 64


def packet(rng: random.Random) -> bytes:
    """One packet of either kind."""
    kind = rng.randrange(3)
    if kind == 0:
        return rng.randbytes(rng.randrange(200))
    arguments = [rng.choice([rng.uniform(-2, 2), rng.randrange(-3, 60), "calm", float("nan"), ""]) for _ in range(2)]
    whole = bytearray(build_msg(rng.choice(CONTROL_ADDRESSES).path, arguments).dgram)
    if kind == 1:
        for _ in range(rng.randrange(1, 5)):
            whole[rng.randrange(len(whole))] = rng.randrange(256)
    return bytes(whole)


def flood(port: int, count: int, seed: int) -> None:
    """Send ``count`` packets to ``port`` of this machine, each ``_AT_ONCE`` when those before have been taken."""
    rng = random.Random(seed)
    packets = [packet(rng) for _ in range(min(count, 20_000))]
    with socket.socket(*_UDP) as sender, socket.socket(*_UDP) as asker:
        sender.connect(("127.0.0.1", port))
        asker.connect(("127.0.0.1", port))
        asker.settimeout(5.0)
        question = build_msg("/moodring/control/rate", ["none"]).dgram
        for number in range(count):
            sender.send(packets[number % len(packets)])
            if number % _AT_ONCE == _AT_ONCE - 1:
                asker.send(question)
                asker.recv(2048)


@dataclass(frozen=True)
class Outcome:
    """What became of it: packets of each fate, memory that came to be used (MB), whether it still listens.

    ``sent_hz`` is how many messages a second came to a receiver of OSC before the flood, ``flooded_hz`` during it.
    """

    received: int
    malformed: int
    unknown: int
    refused: int
    grown_mb: float
    listens: bool
    sent_hz: float
    flooded_hz: float


def measure(packets: int, seed: int = 1, quiet_s: float = 5.0) -> Outcome:
    """Send for ``quiet_s`` without a flood, then flood."""
    arrived: list[float] = []
    stop = threading.Event()
    controls = Controls()
    control = OscControl(controls, 0)
    with socket.socket(*_UDP) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(0.2)

        def receive() -> None:
            while not stop.is_set():
                try:
                    if OscMessage(receiver.recv(2048)).address == "/moodring/valence":
                        arrived.append(time.monotonic())
                except TimeoutError:
                    continue

        options = {"rate_hz": RATE_HZ, "only": ["valence"], "stop": stop, "stream": io.StringIO()}
        target = Target("127.0.0.1", receiver.getsockname()[1])
        threads = [
            threading.Thread(target=receive),
            threading.Thread(target=send_test, args=([target],), kwargs=options),
        ]
        for thread in threads:
            thread.start()
        try:
            time.sleep(quiet_s)
            before_mb = _most_memory_mb()
            began_s = time.monotonic()
            command = [sys.executable, "-m", "tests.benchmarks.osc_flood", "--to", str(control.port)]
            flooding = subprocess.Popen([*command, "--packets", str(packets), "--seed", str(seed)], cwd=ROOT)
            while flooding.poll() is None:
                controls.take()
                time.sleep(0.005)
            ended_s = time.monotonic()
            if flooding.returncode:
                raise RuntimeError("the flood was not taken to its end")
            grown_mb = _most_memory_mb() - before_mb
            listens = _listens(control, controls)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
            control.close()
    quiet = [at_s for at_s in arrived if at_s < began_s]
    flooded = [at_s for at_s in arrived if began_s <= at_s <= ended_s]
    fates = control.received, control.malformed, control.unknown, control.refused
    return Outcome(*fates, grown_mb, listens, _rate_hz(quiet), _rate_hz(flooded))


def _most_memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _rate_hz(times: list[float]) -> float:
    return (len(times) - 1) / (times[-1] - times[0])


def _listens(control: OscControl, controls: Controls) -> bool:
    controls.take()
    with socket.socket(*_UDP) as sender:
        sender.sendto(build_msg("/moodring/control/reset", []).dgram, ("127.0.0.1", control.port))
        deadline_s = time.monotonic() + 5.0
        while not (asked := controls.take()) and time.monotonic() < deadline_s:
            time.sleep(0.01)
    return bool(asked)


def main() -> None:
    """Flood, then ask and be answered; or, with ``--to``, be the flood."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packets", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--to", type=int, metavar="PORT", help="only send, to this port")
    arguments = parser.parse_args()
    if arguments.to is not None:
        flood(arguments.to, arguments.packets, arguments.seed)
        return
    outcome = measure(arguments.packets, arguments.seed)
    print(
        f"received {outcome.received}, of them {outcome.malformed} malformed, {outcome.unknown} unknown, "
        f"{outcome.refused} refused; memory grew by {outcome.grown_mb:.1f} MB"
    )
    print(f"sent over OSC: {outcome.sent_hz:.2f} a second before, {outcome.flooded_hz:.2f} during it")
    print("it still listens" if outcome.listens else "it listens no more")


if __name__ == "__main__":
    main()
