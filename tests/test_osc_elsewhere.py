"""What is sent over OSC, as programs that are not ours receive it: liblo's oscdump and a Pure Data patch."""

from __future__ import annotations

import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support import require, stop
from support.listening import MOODRING, ROOT

from realtime.outputs.osc import ADDRESSES

#: Prints every list that arrives at the port, as Pure Data's own objects take OSC apart.
PATCH = """\
#N canvas 0 0 450 300 12;
#X obj 10 10 netreceive -u -b {port};
#X obj 10 40 oscparse;
#X obj 10 70 print osc;
#X connect 0 0 1 0;
#X connect 1 0 2 0;
"""


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def receiver(command: list[str], log: Path) -> Iterator[None]:
    with log.open("wb") as kept:
        running = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=kept, stderr=kept)
        try:
            time.sleep(1.0)
            yield
            time.sleep(0.5)
        finally:
            stop(running)


def play(port: int) -> None:
    """Eight seconds of the demo, paced."""
    command = [*MOODRING, "demo", "--json", "--osc", str(port)]
    running = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert running.stdout is not None
    for _ in range(80):
        running.stdout.readline()
    running.terminate()
    running.communicate(timeout=20)


def test_oscdump_receives_every_address_with_its_types_and_within_its_range(tmp_path: Path):
    require({"oscdump": "liblo-tools"})
    port, log = free_port(), tmp_path / "dumped"
    with receiver(["oscdump", "-L", str(port)], log):
        play(port)
    found = re.findall(r"(/moodring/\S*) (\w+) (.*)", log.read_text(encoding="utf-8", errors="replace"))
    by_path = {f"/moodring/{address.path}": address for address in ADDRESSES}
    assert {path for path, _, _ in found} == set(by_path)
    for path, types, values in found:
        address = by_path[path]
        assert types == address.types, path
        for kind, value in zip(types, values.split(), strict=False):
            if kind in "if" and address.low is not None and address.high is not None and path != "/moodring/all":
                assert address.low - 1e-4 <= float(value) <= address.high + 1e-4, (path, value)


def test_a_pure_data_patch_receives_valence_and_notes(tmp_path: Path):
    require({"pd": "puredata-core"})
    port, log, patch = free_port(), tmp_path / "printed", tmp_path / "patch.pd"
    patch.write_text(PATCH.format(port=port))
    with receiver(["pd", "-nogui", "-noaudio", "-nomidi", "-stderr", str(patch)], log):
        play(port)
    text = log.read_text(encoding="utf-8", errors="replace")
    values = [float(value) for value in re.findall(r"osc: list moodring valence (-?[\d.e-]+)\s*$", text, re.MULTILINE)]
    assert len(values) > 100
    assert all(-1.0 <= value <= 1.0 for value in values)
    assert len(set(values)) > 20
    assert re.search(r"osc: list moodring note \d+ \d+", text)
