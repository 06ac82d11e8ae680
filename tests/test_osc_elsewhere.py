"""What is sent over OSC, as programs that are not ours receive it: liblo's oscdump and a Pure Data patch."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import pytest
import zeroconf
from pythonosc.osc_message import OscMessage
from support import require, stop
from support.listening import MOODRING, ROOT
from websockets.sync.client import connect

from realtime.outputs.osc import ADDRESSES

#: Prints what the example patch passes on inside Pure Data.
WATCHER = "#N canvas 0 0 450 300 12;\n" + "".join(
    f"#X obj 10 10 r moodring-{name};\n#X obj 10 40 print {name};\n#X connect {2 * at} 0 {2 * at + 1} 0;\n"
    for at, name in enumerate(("valence", "arousal", "hue", "state", "note", "onset"))
)


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


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What both programs print while eight seconds of the demo are sent to them at once, paced."""
    require({"oscdump": "liblo-tools", "pd": "puredata-core"})
    folder, dumped_at, patched_at = tmp_path_factory.mktemp("osc"), free_port(), free_port()
    patch, watcher = folder / "pure_data.pd", folder / "watcher.pd"
    example = (ROOT / "examples" / "pure_data.pd").read_text(encoding="utf-8")
    assert example.count("9000") == 2  # in what it says, and where it listens
    patch.write_text(example.replace("9000", str(patched_at)), encoding="utf-8")
    watcher.write_text(WATCHER, encoding="utf-8")
    pd = ["pd", "-nogui", "-noaudio", "-nomidi", "-stderr", str(patch), str(watcher)]
    dump = ["oscdump", "-L", str(dumped_at)]
    with receiver(dump, folder / "oscdump"), receiver(pd, folder / "pd"):
        command = [*MOODRING, "demo", "--json", "--osc", str(dumped_at), "--osc", str(patched_at)]
        running = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert running.stdout is not None
        for _ in range(80):
            running.stdout.readline()
        running.terminate()
        running.communicate(timeout=20)
    return {name: (folder / name).read_text(encoding="utf-8", errors="replace") for name in ("oscdump", "pd")}


def test_oscdump_receives_every_address_with_its_types_and_within_its_ranges(logs):
    found = re.findall(r"(/moodring/\S*) (\w+) (.*)", logs["oscdump"])
    by_path = {f"/moodring/{address.path}": address for address in ADDRESSES}
    assert {path for path, _, _ in found} == set(by_path)
    for path, types, values in found:
        address = by_path[path]
        assert types == address.types, path
        for (low, high), value in zip(address.bounds, values.split(), strict=True):
            assert low is None or low - 1e-4 <= float(value), (path, value)
            assert high is None or float(value) <= high + 1e-4, (path, value)
            assert not address.choices or value.strip('"') in address.choices


def test_the_pure_data_example_receives_the_mood_and_notes_and_passes_them_on(logs):
    assert "couldn't create" not in logs["pd"]
    assert "error" not in logs["pd"]
    for name, lowest in (("valence", -1.0), ("arousal", -1.0), ("hue", 0.0)):
        values = [float(value) for value in re.findall(rf"^{name}: (-?[\d.e-]+)$", logs["pd"], re.MULTILINE)]
        assert len(values) > 100
        assert all(lowest <= value <= 1.0 for value in values)
        assert len(set(values)) > 20
    assert "state: symbol live" in logs["pd"]
    assert re.search(r"^note: (list )?\d+ \d+$", logs["pd"], re.MULTILINE)
    assert "onset: bang" in logs["pd"]


def test_a_client_that_finds_a_session_on_the_network_reads_its_values_and_listens():
    command = [*MOODRING, "demo", "--json", "--announce", "--osc-prefix", f"/found{os.getpid()}"]
    running = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        path = f"/found{os.getpid()}/valence"
        host, port = found_list(path)
        node = asked(host, port, path)
        assert (node["TYPE"], node["ACCESS"], node["RANGE"]) == ("f", 1, [{"MIN": -1.0, "MAX": 1.0}])
        with connect(f"ws://{host}:{port}/", proxy=None) as client:
            client.send(json.dumps({"COMMAND": "LISTEN", "DATA": path}))
            messages = [OscMessage(client.recv(timeout=20)) for _ in range(30)]
        assert {message.address for message in messages} == {path}
        assert all(-1.0 <= message.params[0] <= 1.0 for message in messages)
        assert -1.0 <= asked(host, port, path)["VALUE"][0] <= 1.0
    finally:
        stop(running)


def found_list(path: str) -> tuple[str, int]:
    """Where an OSCQuery server that knows ``path`` is, among those that are announced on this machine."""
    with zeroconf.Zeroconf(interfaces=["127.0.0.1"]) as browser:
        names: list[str] = []
        zeroconf.ServiceBrowser(browser, "_oscjson._tcp.local.", handlers=[lambda name, **_: names.append(name)])
        for _ in range(200):
            for name in names:
                service = browser.get_service_info("_oscjson._tcp.local.", name, timeout=500)
                with suppress(OSError, HTTPException):
                    if service is not None and service.port and asked("127.0.0.1", service.port, path):
                        return "127.0.0.1", service.port
            time.sleep(0.1)
    pytest.skip("this machine carries no multicast on loopback")


def asked(host: str, port: int, path: str) -> dict[str, Any]:
    connection = HTTPConnection(host, port, timeout=5)
    connection.request("GET", path)
    answer = connection.getresponse()
    return dict(json.loads(answer.read())) if answer.status == 200 else {}
