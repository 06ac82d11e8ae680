"""That a program on the network finds the OSC port and its addresses by itself, and that no network is no trouble."""

from __future__ import annotations

import errno
import json
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from typing import Any

import pytest
import zeroconf
import zeroconf.asyncio
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import build_msg
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from models.errors import MoodringError, UsageError
from realtime.discovery import Announced, service_name
from realtime.osc_control import CONTROL_ADDRESSES
from realtime.osc_query_server import MOST_CLIENTS
from realtime.outputs.osc import ADDRESSES, listed
from realtime.smoothing import SETTINGS

#: What has been sent so far: nothing to most addresses.
SENT = [
    build_msg("/stage/valence", [0.25]),
    build_msg("/stage/state", ["live"]),
    build_msg("/stage/level", [-math.inf]),
]


@contextmanager
def announced(osc_port: int | None = 9001, **arguments: Any) -> Iterator[Announced]:
    arguments = {"addresses": listed("/stage"), "controls": CONTROL_ADDRESSES} | arguments
    service = Announced(osc_port, **arguments)
    try:
        yield service
    finally:
        service.close()


@pytest.fixture(scope="module")
def served() -> Iterator[Announced]:
    """A list that is served and not announced, so that the names of others are free."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Announced, "_announce", lambda self: None)
        service = Announced(9001, addresses=listed("/stage"), controls=CONTROL_ADDRESSES)
    service.hear(SENT)
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


def test_the_root_is_the_whole_tree(served):
    status, root = get(served, "/")
    assert status == 200
    assert root["FULL_PATH"] == "/"
    assert root["ACCESS"] == 0
    sent, taken = set(paths(root["CONTENTS"]["stage"])), set(paths(root["CONTENTS"]["moodring"]))
    assert sent == {f"/stage/{address.path}" for address in ADDRESSES}
    assert taken == {address.path for address in CONTROL_ADDRESSES}


def paths(node: dict[str, Any]) -> Iterator[str]:
    """Every path below ``node`` that something is sent to or from, each where its parts lead."""
    if "TYPE" in node:
        yield node["FULL_PATH"]
    for name, each in node.get("CONTENTS", {}).items():
        assert each["FULL_PATH"] == f"{node['FULL_PATH']}/{name}"
        yield from paths(each)


def test_an_address_is_described_with_its_value(served):
    status, valence = get(served, "/stage/valence")
    assert status == 200
    assert valence.pop("CONTENTS").keys() == {"unit", "raw", "std", "slope"}
    assert valence == {
        "FULL_PATH": "/stage/valence",
        "TYPE": "f",
        "ACCESS": 1,
        "RANGE": [{"MIN": -1.0, "MAX": 1.0}],
        "DESCRIPTION": "valence: unpleasant to pleasant; 0 is neutral",
        "VALUE": [0.25],
    }


def test_each_argument_has_its_range_and_unit(served):
    assert get(served, "/stage/note?RANGE") == (200, {"RANGE": [{"MIN": 0, "MAX": 127}] * 2})
    assert get(served, "/stage/level?UNIT") == (200, {"UNIT": ["dB"]})
    packed = get(served, "/stage/all?RANGE")[1]["RANGE"]
    assert packed[:2] == [{"MIN": -1.0, "MAX": 1.0}] * 2
    assert packed[5] == {"MIN": -math.pi, "MAX": math.pi}
    assert len(packed) == len(get(served, "/stage/all?TYPE")[1]["TYPE"])


def test_words_that_are_chosen_from_are_listed(served):
    assert get(served, "/stage/state?RANGE")[1] == {"RANGE": [{"VALS": ["warming", "live", "silence", "lost"]}]}
    assert get(served, "/moodring/control/smoothing?RANGE")[1] == {"RANGE": [{"VALS": list(SETTINGS)}]}


def test_controls_are_write_only_and_have_no_value(served):
    assert get(served, "/moodring/control/rate?ACCESS") == (200, {"ACCESS": 2})
    assert get(served, "/moodring/control/rate?RANGE") == (200, {"RANGE": [{"MIN": 0.1, "MAX": 50.0}]})
    assert get(served, "/moodring/control/rate?VALUE") == (204, None)


def test_a_value_that_json_has_no_word_for_is_null(served):
    assert get(served, "/stage/level?VALUE") == (200, {"VALUE": [None]})


def test_a_value_that_is_not_known_yet_is_left_out(served):
    assert get(served, "/stage/note?VALUE") == (200, {})
    assert "VALUE" not in get(served, "/stage/note")[1]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/stage/mood", 404),
        ("/stage/valence/std/more", 404),
        ("/elsewhere?VALUE", 404),
        ("/stage?VALUE", 204),
        ("/stage?TYPE", 200),
        ("/stage/state?COLOUR", 400),
        ("/stage/state?CLIPMODE", 400),
        ("/stage%2Fstate", 200),
        ("/stage/state/", 200),
    ],
)
def test_what_is_not_there_is_said_by_the_status(served, path, status):
    assert get(served, path)[0] == status


def test_the_host_says_where_its_osc_port_is_and_what_it_can_do(served):
    status, host = get(served, "/?HOST_INFO")
    assert status == 200
    assert host["NAME"].startswith("moodring on ")
    assert (host["OSC_IP"], host["OSC_PORT"], host["OSC_TRANSPORT"]) == ("127.0.0.1", 9001, "UDP")
    assert host["EXTENSIONS"] == dict.fromkeys(("ACCESS", "VALUE", "RANGE", "DESCRIPTION", "UNIT", "LISTEN"), True)


@contextmanager
def listening(service: Announced, *to: str, **arguments: Any) -> Iterator[ClientConnection]:
    """A client that has asked for what is sent ``to`` these paths."""
    with connect(service.url.replace("http", "ws"), proxy=None, compression=None, **arguments) as client:
        for path in to:
            client.send(json.dumps({"COMMAND": "LISTEN", "DATA": path}))
        yield client


def heard(client: ClientConnection, service: Announced, *sent: OscMessage) -> OscMessage:
    """The first that ``client`` hears while these are sent over and over: what it asks for takes a moment to arrive."""
    for _ in range(250):
        service.hear(sent)
        try:
            packet = client.recv(timeout=0.02)
        except TimeoutError:
            continue
        assert isinstance(packet, bytes)
        return OscMessage(packet)
    raise AssertionError("nothing was heard")


def test_whoever_listens_hears_what_is_sent_to_that_address_alone_until_it_is_ignored(served):
    valence, spread = build_msg("/stage/valence", [0.5]), build_msg("/stage/valence/std", [0.125])
    with listening(served, "/stage/valence") as client:
        for _ in range(5):
            message = heard(client, served, spread, valence)
            assert (message.address, message.params) == ("/stage/valence", [0.5])
        client.send(json.dumps({"COMMAND": "LISTEN", "DATA": "/stage/valence/std"}))
        client.send(json.dumps({"COMMAND": "IGNORE", "DATA": "/stage/valence"}))
        assert wait_for(lambda: heard(client, served, valence, spread).address == "/stage/valence/std")
        while client_has_more(client):
            pass
        assert {heard(client, served, valence, spread).address for _ in range(5)} == {"/stage/valence/std"}
    assert get(served, "/stage/valence?VALUE") == (200, {"VALUE": [0.5]})
    served.hear(SENT)


def client_has_more(client: ClientConnection) -> bool:
    try:
        return bool(client.recv(timeout=0.1))
    except TimeoutError:
        return False


def test_what_is_no_command_is_counted_and_dropped_and_the_client_goes_on(served):
    before = served.malformed
    nonsense = ["", "[" * 900, "[]", "{}", '{"COMMAND": "LISTEN"}', '{"COMMAND": "LISTEN", "DATA": 7}', b"/stage"]
    with listening(served, "/stage", "/stage/mood", "/moodring/control/rate") as client:
        for message in nonsense:
            client.send(message)
        client.send(json.dumps({"COMMAND": "PATH_REMOVED", "DATA": "/stage/valence"}))
        client.send(json.dumps({"COMMAND": "LISTEN", "DATA": "/stage/hue"}))
        assert heard(client, served, build_msg("/stage/hue", [0.5])).address == "/stage/hue"
    assert served.malformed - before == 3 + len(nonsense) + 1


def test_a_client_that_does_not_read_is_left_behind_and_nobody_waits_for_it(served):
    with listening(served, "/stage/state", close_timeout=0.1), listening(served, "/stage/state") as client:
        long = build_msg("/stage/state", ["x" * 900])
        for _ in range(5000):
            served.hear([long])
        assert wait_for(lambda: heard(client, served, build_msg("/stage/state", ["live"])).params == ["live"])
    served.hear(SENT)


def test_no_other_web_page_may_listen_and_not_too_many_at_once(served):
    for origin in ("http://evil.example", "null"):
        with pytest.raises(InvalidStatus) as refusal, listening(served, origin=origin):
            pass
        assert refusal.value.response.status_code == 403
    with ExitStack() as clients:
        for _ in range(MOST_CLIENTS):
            clients.enter_context(listening(served))
        with pytest.raises((InvalidStatus, ConnectionClosed)), listening(served) as client:
            client.recv(timeout=5)
    assert wait_for(lambda: answers_to_a_listener(served))


def answers_to_a_listener(service: Announced) -> bool:
    try:
        with listening(service, "/stage/state") as client:
            return heard(client, service, build_msg("/stage/state", ["live"])).params == ["live"]
    except (InvalidStatus, ConnectionClosed):
        return False


def test_nonsense_is_answered_or_dropped_and_the_next_is_served(served, capfd):
    for nonsense in (
        b"\x00\xff\r\n\r\n",
        b"POST / HTTP/1.1\r\n\r\n",
        b"GET /" + b"x" * 70000 + b" HTTP/1.1\r\n\r\n",
        b"",
    ):
        with socket.create_connection(("127.0.0.1", served.http_port), timeout=5) as plain:
            plain.sendall(nonsense)
    assert get(served, "/")[0] == 200
    assert capfd.readouterr().err == ""


def test_those_who_say_nothing_do_not_keep_others_out_for_long(served):
    silent = [socket.create_connection(("127.0.0.1", served.http_port), timeout=5) for _ in range(20)]
    try:
        assert wait_for(lambda: answers(served))
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
    service = Announced(9001, addresses=listed())
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
            Announced(9001, addresses=listed(), http_port=port)


def test_a_port_that_is_none_is_wrong_use():
    with pytest.raises(UsageError, match="65536"):
        Announced(9001, addresses=listed(), http_port=65536)
