"""Random packets into the control port: nothing is raised, memory stays flat, and it still answers.

python -m tests.benchmarks.osc_flood [--packets 1000000]

A third is random bytes, a third valid messages with bytes changed, a third valid ones with random arguments.
"""

from __future__ import annotations

import argparse
import random
import resource
import socket
import time

from pythonosc.osc_message_builder import build_msg

from realtime.controls import Controls
from realtime.osc_control import CONTROL_ADDRESSES, OscControl


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


def main() -> None:
    """Flood, then ask and be answered."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packets", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    packets = [packet(rng) for _ in range(20_000)]
    controls = Controls()
    control = OscControl(controls, 0)
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.connect(("127.0.0.1", control.port))
    sender.settimeout(2.0)
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(arguments.packets):
        sender.send(packets[number % len(packets)])
        if number % 64 == 0:
            while control.received < number - 256 and time.sleep(0.0005) is None:
                controls.take()
            controls.take()
    time.sleep(0.5)
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb
    controls.take()
    sender.send(build_msg("/moodring/control/reset", []).dgram)
    deadline = time.monotonic() + 2.0
    while not (asked := controls.take()) and time.monotonic() < deadline:
        time.sleep(0.01)
    print(f"received {control.received} of {arguments.packets + 1}: {control.malformed} malformed, ", end="")
    print(f"{control.unknown} unknown, {control.refused} refused; memory grew by {grown_kb / 1024:.1f} MB")
    print("it still listens" if asked else "it listens no more")
    control.close()


if __name__ == "__main__":
    main()
