"""That a program on the network finds the OSC port and its addresses by itself, and that no network is no trouble."""

from __future__ import annotations

import errno
import json
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

import pytest
import zeroconf
import zeroconf.asyncio

from models.errors import MoodringError, UsageError
from realtime.discovery import Announced, service_name
from realtime.osc_control import CONTROL_ADDRESSES


@dataclass(frozen=True)
class Address:
    path: str
    types: str
    low: float | None
    high: float | None
    unit: str
    meaning: str


ADDRESSES = (
    Address("/moodring/state", "s", None, None, "", "warming, live, silence or lost"),
    Address("/moodring/valence", "f", -1.0, 1.0, "", "unpleasant to pleasant"),
    Address("/moodring/valence/std", "f", 0.0, None, "", "spread over listeners"),
    Address("/moodring/level", "f", None, 0.0, "dB", "sound level"),
    Address("/moodring/note", "ii", 0, 127, "", "pitch and velocity"),
)
VALUES = {"/moodring/valence": [0.25], "/moodring/state": ["live"], "/moodring/level": [-math.inf]}


@contextmanager
def announced(osc_port: int | None = 9001, **arguments: Any) -> Iterator[Announced]:
    arguments = {"addresses": ADDRESSES, "controls": CONTROL_ADDRESSES, "values": VALUES.get} | arguments
    service = Announced(osc_port, **arguments)
    try:
        yield service
    finally:
        service.close()


@pytest.fixture(scope="module")
def listed() -> Iterator[Announced]:
    """A list that is served and not announced, so that the names of others are free."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Announced, "_announce", lambda self: None)
        service = Announced(9001, addresses=ADDRESSES, controls=CONTROL_ADDRESSES, values=VALUES.get)
    yield service
    service.close()


def get(service: Announced, path: str) -> tuple[int, Any]:
    connection = HTTPConnection("127.0.0.1", service.http_port, timeout=5)
    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, json.loads(body) if body else None


def wait_for(is_so: Callable[[], object], patience_s: float = 10.0) -> bool:
    deadline = time.monotonic() + patience_s
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_the_root_is_the_whole_tree(listed):
    status, root = get(listed, "/")
    assert status == 200
    assert root["FULL_PATH"] == "/"
    moodring = root["CONTENTS"]["moodring"]
    assert moodring["ACCESS"] == 0
    assert set(moodring["CONTENTS"]) == {"state", "valence", "level", "note", "control"}
    assert moodring["CONTENTS"]["valence"]["CONTENTS"]["std"]["FULL_PATH"] == "/moodring/valence/std"
    assert len(moodring["CONTENTS"]["control"]["CONTENTS"]) == len(CONTROL_ADDRESSES)


def test_an_address_is_described_with_its_value(listed):
    status, valence = get(listed, "/moodring/valence")
    assert status == 200
    assert valence.pop("CONTENTS").keys() == {"std"}
    assert valence == {
        "FULL_PATH": "/moodring/valence",
        "TYPE": "f",
        "ACCESS": 1,
        "RANGE": [{"MIN": -1.0, "MAX": 1.0}],
        "DESCRIPTION": "unpleasant to pleasant",
        "VALUE": [0.25],
    }


def test_each_argument_has_its_range_and_unit(listed):
    assert get(listed, "/moodring/note?RANGE") == (200, {"RANGE": [{"MIN": 0, "MAX": 127}] * 2})
    assert get(listed, "/moodring/valence/std?RANGE") == (200, {"RANGE": [{"MIN": 0.0}]})
    assert get(listed, "/moodring/level?UNIT") == (200, {"UNIT": ["dB"]})


def test_controls_are_write_only_and_have_no_value(listed):
    assert get(listed, "/moodring/control/rate?ACCESS") == (200, {"ACCESS": 2})
    assert get(listed, "/moodring/control/rate?VALUE") == (204, None)


def test_a_value_that_json_has_no_word_for_is_null(listed):
    assert get(listed, "/moodring/level?VALUE") == (200, {"VALUE": [None]})


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/moodring/mood", 404),
        ("/moodring/valence/std/more", 404),
        ("/elsewhere?VALUE", 404),
        ("/moodring?TYPE", 204),
        ("/moodring/note?VALUE", 204),
        ("/moodring/state?RANGE", 204),
        ("/moodring/state?COLOUR", 400),
        ("/moodring%2Fstate", 200),
        ("/moodring/state/", 200),
    ],
)
def test_what_is_not_there_is_said_by_the_status(listed, path, status):
    assert get(listed, path)[0] == status


def test_the_host_says_where_its_osc_port_is(listed):
    status, host = get(listed, "/?HOST_INFO")
    assert status == 200
    assert host["NAME"].startswith("moodring on ")
    assert (host["OSC_IP"], host["OSC_PORT"], host["OSC_TRANSPORT"]) == ("127.0.0.1", 9001, "UDP")
    assert host["EXTENSIONS"] == dict.fromkeys(("ACCESS", "VALUE", "RANGE", "DESCRIPTION", "UNIT"), True)


def test_nonsense_is_answered_or_dropped_and_the_next_is_served(listed, capfd):
    for nonsense in (
        b"\x00\xff\r\n\r\n",
        b"POST / HTTP/1.1\r\n\r\n",
        b"GET /" + b"x" * 70000 + b" HTTP/1.1\r\n\r\n",
        b"",
    ):
        with socket.create_connection(("127.0.0.1", listed.http_port), timeout=5) as plain:
            plain.sendall(nonsense)
    assert get(listed, "/")[0] == 200
    assert capfd.readouterr().err == ""


def test_those_who_say_nothing_do_not_keep_others_out_for_long(listed):
    silent = [socket.create_connection(("127.0.0.1", listed.http_port), timeout=5) for _ in range(20)]
    try:
        assert wait_for(lambda: answers(listed))
    finally:
        for connection in silent:
            connection.close()


def answers(service: Announced) -> bool:
    try:
        return get(service, "/")[0] == 200
    except OSError:
        return False


class Heard:
    """What a browser of services hears."""

    def __init__(self) -> None:
        self.services: dict[str, zeroconf.ServiceInfo | None] = {}

    def add_service(self, browser: zeroconf.Zeroconf, kind: str, name: str) -> None:
        self.services[name] = browser.get_service_info(kind, name)

    def update_service(self, browser: zeroconf.Zeroconf, kind: str, name: str) -> None:
        pass

    def remove_service(self, browser: zeroconf.Zeroconf, kind: str, name: str) -> None:
        self.services.pop(name, None)


@contextmanager
def browsing() -> Iterator[Heard]:
    try:
        browser = zeroconf.Zeroconf(interfaces=["127.0.0.1"])
    except OSError as failure:
        pytest.skip(f"this machine carries no multicast on loopback ({failure})")
    heard = Heard()
    zeroconf.ServiceBrowser(browser, ["_osc._udp.local.", "_oscjson._tcp.local."], heard)
    try:
        yield heard
    finally:
        browser.close()


def test_both_services_are_found_and_gone_when_closed():
    with browsing() as heard:
        with announced() as service:
            if not wait_for(lambda: len(ours(heard, service)) == 2) and not heard.services:
                pytest.skip("this machine carries no multicast on loopback")
            found = ours(heard, service)
            assert {kind: info.port for kind, info in found.items()} == {
                "_osc._udp.local.": 9001,
                "_oscjson._tcp.local.": service.http_port,
            }
            assert all(info.parsed_addresses() == ["127.0.0.1"] for info in found.values())
            assert service.problem == ""
        assert wait_for(lambda: not ours(heard, service))


def test_a_second_one_on_the_same_machine_has_a_name_of_its_own():
    with browsing() as heard, announced() as first:
        if not wait_for(lambda: len(ours(heard, first)) == 2):
            pytest.skip("this machine carries no multicast on loopback")
        with announced(9002) as second:
            assert wait_for(lambda: second.name != first.name)
            assert wait_for(lambda: len(ours(heard, second)) == 2)
            assert second.name == f"{first.name}-2"


def ours(heard: Heard, service: Announced) -> dict[str, zeroconf.ServiceInfo]:
    """What has been heard of ``service``, by kind."""
    known = {
        name.partition(".")[2]: info for name, info in heard.services.items() if name.startswith(f"{service.name}.")
    }
    return {kind: info for kind, info in known.items() if info is not None}


def test_a_network_without_multicast_is_told_in_a_line_and_the_list_is_served(monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENODEV, "No such device")

    monkeypatch.setattr(zeroconf.asyncio, "AsyncZeroconf", refuse)
    with announced() as service:
        assert wait_for(lambda: service.problem)
        assert service.problem == "not announced on the network: No such device"
        assert get(service, "/")[0] == 200


def test_without_an_osc_port_only_the_list_is_announced(monkeypatch):
    registered = []

    async def register(self: Announced, announcing: object, service: zeroconf.ServiceInfo) -> None:
        registered.append(service.type)

    monkeypatch.setattr(Announced, "_register", register)
    with announced(None) as service:
        assert wait_for(lambda: registered)
        assert "OSC_PORT" not in get(service, "/?HOST_INFO")[1]
    assert registered == ["_oscjson._tcp.local."]


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("after_s", [0.0, 0.05, 0.5])
def test_close_twice_is_fine_even_at_once_and_frees_the_port(after_s):
    before = set(threading.enumerate())
    service = Announced(9001, addresses=ADDRESSES)
    time.sleep(after_s)
    service.close()
    service.close()
    with socket.create_server(("127.0.0.1", service.http_port)):
        pass
    assert wait_for(lambda: set(threading.enumerate()) <= before)
    assert service.problem == ""


@pytest.mark.parametrize("host", ["piano", "piano.local", "", "ü" * 60])
def test_a_name_fits_dns_sd(host):
    assert len(service_name(host).encode()) <= 63
    assert "." not in service_name(host)
    assert service_name("piano.local") == "moodring on piano"


def test_a_port_in_use_is_named():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(MoodringError, match=f"port {port} is in use"):
            Announced(9001, addresses=ADDRESSES, http_port=port)


def test_a_port_that_is_none_is_wrong_use():
    with pytest.raises(UsageError, match="65536"):
        Announced(9001, addresses=ADDRESSES, http_port=65536)
