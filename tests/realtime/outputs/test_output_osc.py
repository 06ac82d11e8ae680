"""What a receiver of OSC hears, and that nothing in the network's way stops the music."""

from __future__ import annotations

import math
import socket
import threading
import time
from dataclasses import replace

import pytest
from pythonosc.osc_message import OscMessage

from models.affect import Reading, State
from models.errors import UsageError
from realtime.outputs import Status
from realtime.outputs.osc import RETRY_S, Osc, parse_target

READING = Reading(12.5, State.LIVE, 5.31, 1.42, 6.08, 1.3, 14, -23.1, 142.0, "audio")
STATUS = Status("test")


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def listener(host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    receiver = socket.socket(family, socket.SOCK_DGRAM)
    receiver.bind((host, port))
    receiver.settimeout(2.0)
    return receiver


def received(receiver: socket.socket, number: int) -> list[OscMessage]:
    return [OscMessage(receiver.recv(4096)) for _ in range(number)]


def free_port() -> int:
    with listener() as receiver:
        port: int = receiver.getsockname()[1]
        return port


def wait_for_resolution(osc: Osc) -> None:
    osc._resolver.join(2.0)


def test_a_reading_arrives_as_one_message_an_address():
    with listener() as receiver:
        osc = Osc("127.0.0.1", receiver.getsockname()[1])
        osc.write(READING, STATUS)
        messages = received(receiver, 5)
        osc.close()
    heard = {message.address: message.params for message in messages}
    assert messages[0].address == "/moodring/state"
    assert heard.pop("/moodring/state") == ["live"]
    assert {address: round(value, 6) for address, (value,) in heard.items()} == {
        "/moodring/valence": 0.0775,
        "/moodring/arousal": 0.27,
        "/moodring/valence/std": 0.355,
        "/moodring/arousal/std": 0.325,
    }
    assert all(type(value) is float for (value,) in heard.values())
    assert osc.failures == 0


def test_messages_carry_32_bit_floats_as_osc_1_0_has_them():
    with listener() as receiver:
        osc = Osc("127.0.0.1", receiver.getsockname()[1])
        osc.write(READING, STATUS)
        datagrams = [receiver.recv(4096) for _ in range(5)]
        osc.close()
    assert b",s\x00\x00" in datagrams[0]
    assert all(b",f\x00\x00" in datagram for datagram in datagrams[1:])


def test_values_stay_within_one_when_a_network_overshoots_its_scale():
    with listener() as receiver:
        osc = Osc("127.0.0.1", receiver.getsockname()[1])
        osc.write(replace(READING, valence=9.7, arousal=0.4), STATUS)
        heard = {message.address: message.params[0] for message in received(receiver, 5)}
        osc.close()
    assert heard["/moodring/valence"] == 1.0
    assert heard["/moodring/arousal"] == -1.0


def test_a_value_that_is_not_a_number_is_left_out():
    with listener() as receiver:
        osc = Osc("127.0.0.1", receiver.getsockname()[1])
        osc.write(replace(READING, valence=math.nan, arousal_std=math.inf), STATUS)
        addresses = [message.address for message in received(receiver, 3)]
        osc.close()
    assert addresses == ["/moodring/state", "/moodring/arousal", "/moodring/valence/std"]


def test_a_listener_on_ipv6_is_reached():
    try:
        receiver = listener("::1")
    except OSError:
        pytest.skip("this machine has no IPv6")
    with receiver:
        port = receiver.getsockname()[1]
        osc = Osc("::1", port)
        osc.write(READING, STATUS)
        assert len(received(receiver, 5)) == 5
        osc.close()


def test_a_name_goes_on_to_its_next_address_when_the_first_refuses(monkeypatch):
    with listener() as receiver:
        port = receiver.getsockname()[1]
        entries = [
            (socket.AF_INET, socket.SOCK_DGRAM, 17, "", (address, to))
            for address, to in (("127.0.0.1", free_port()), ("127.0.0.1", port))
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: entries)
        osc = Osc("localhost", port)
        osc.write(READING, STATUS)
        osc.write(READING, STATUS)
        assert len(received(receiver, 5)) == 5
        osc.close()


def test_of_a_name_for_both_families_ipv4_comes_first(monkeypatch):
    with listener() as receiver:
        port = receiver.getsockname()[1]
        entries = [
            (socket.AF_INET6, socket.SOCK_DGRAM, 17, "", ("::1", port, 0, 0)),
            (socket.AF_INET, socket.SOCK_DGRAM, 17, "", ("127.0.0.1", port)),
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: list(entries))
        osc = Osc("localhost", port)
        osc.write(READING, STATUS)
        assert len(received(receiver, 5)) == 5
        assert osc.failures == 0
        osc.close()


def test_nobody_listening_is_counted_and_a_late_listener_hears_what_comes_then():
    port = free_port()
    osc = Osc("127.0.0.1", port)
    for _ in range(5):
        osc.write(READING, STATUS)
    assert osc.failures >= 4
    with listener("127.0.0.1", port) as receiver:
        osc.write(READING, STATUS)
        failures = osc.failures
        osc.write(READING, STATUS)
        assert len(received(receiver, 10)) == 10  # the first of them met the refusal of an earlier one
        assert osc.failures == failures
    osc.close()


def test_a_name_that_does_not_resolve_is_asked_for_only_now_and_then_and_may_resolve_later(monkeypatch):
    resolve, asked, known = socket.getaddrinfo, [], False

    def getaddrinfo(host: str, *arguments: object, **options: object) -> object:
        asked.append(host)
        if not known:
            raise socket.gaierror(-2, "Name or service not known")
        return resolve("127.0.0.1", *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    clock = Clock()
    with listener() as receiver:
        osc = Osc("visuals.local", receiver.getsockname()[1], clock=clock)
        for _ in range(20):
            osc.write(READING, STATUS)
        assert asked == ["visuals.local"]
        assert osc.failures == 20
        known = True
        clock.now_s += RETRY_S
        osc.write(READING, STATUS)
        wait_for_resolution(osc)
        osc.write(READING, STATUS)
        assert received(receiver, 1)[0].address == "/moodring/state"
        assert asked == ["visuals.local"] * 2
        osc.close()


def test_a_resolver_that_hangs_does_not_hold_up_readings(monkeypatch):
    answer = threading.Event()
    asked = []

    def getaddrinfo(*_: object, **__: object) -> list[object]:
        asked.append(True)
        answer.wait(10.0)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    clock = Clock()
    osc = Osc("far.example", 9000, clock=clock)
    start = time.monotonic()
    for _ in range(50):
        clock.now_s += 1.0
        osc.write(READING, STATUS)
    assert time.monotonic() - start < 1.0
    assert osc.failures == 50
    assert len(asked) == 1
    answer.set()
    osc.close()


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 70 + ".example", "..", "\x00"])
def test_names_that_cannot_exist_never_raise(host):
    osc = Osc(host, 9000)
    osc.write(READING, STATUS)
    osc.close()
    assert osc.failures == 1


def test_a_full_socket_is_counted_and_used_again():
    class Filling:
        sent: list[bytes] = []  # noqa: RUF012
        full = True

        def send(self, datagram: bytes) -> int:
            if self.full:
                raise BlockingIOError
            self.sent.append(datagram)
            return len(datagram)

        def close(self) -> None:
            pass

    osc = Osc("127.0.0.1", 9000)
    osc._socket = filling = Filling()
    osc.write(READING, STATUS)
    assert osc.failures == 1
    filling.full = False
    osc.write(READING, STATUS)
    assert osc.failures == 1
    assert len(filling.sent) == 5
    osc.close()


def test_close_twice_is_fine_and_later_readings_go_nowhere():
    with listener() as receiver:
        osc = Osc("127.0.0.1", receiver.getsockname()[1])
        osc.close()
        osc.close()
        osc.write(READING, STATUS)
        receiver.settimeout(0.1)
        with pytest.raises(TimeoutError):
            receiver.recv(4096)
    assert osc.failures == 0


@pytest.mark.parametrize(
    ("target", "parsed"),
    [
        ("visuals.local:9000", ("visuals.local", 9000)),
        ("10.0.0.7:1", ("10.0.0.7", 1)),
        ("[::1]:65535", ("::1", 65535)),
        ("[fe80::1%en0]:9000", ("fe80::1%en0", 9000)),
        ("9000", ("127.0.0.1", 9000)),
    ],
)
def test_targets(target, parsed):
    assert parse_target(target) == parsed


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("visuals", "OSC target must be HOST:PORT or PORT, such as 127.0.0.1:9000, not 'visuals'"),
        ("", "OSC target must be HOST:PORT or PORT, such as 127.0.0.1:9000, not ''"),
        (":9000", "OSC host must be a name or an address, such as 127.0.0.1:9000, not empty as in ':9000'"),
        ("[]:9000", "OSC host must be a name or an address, such as 127.0.0.1:9000, not empty as in '[]:9000'"),
        ("::1:9000", "OSC host must be in brackets when it is an IPv6 address, such as [::1]:9000, not '::1:9000'"),
        ("[::1]", "OSC host must be in brackets when it is an IPv6 address, such as [::1]:9000, not '[::1]'"),
        ("host:", "OSC port must be a whole number in 1..65535, not '' as in 'host:'"),
        ("host:0", "OSC port must be a whole number in 1..65535, not '0' as in 'host:0'"),
        ("host:65536", "OSC port must be a whole number in 1..65535, not '65536' as in 'host:65536'"),
        ("host:-1", "OSC port must be a whole number in 1..65535, not '-1' as in 'host:-1'"),
        ("host:9_000", "OSC port must be a whole number in 1..65535, not '9_000' as in 'host:9_000'"),
        ("host:٩", "OSC port must be a whole number in 1..65535, not '٩' as in 'host:٩'"),
        ("70000", "OSC port must be a whole number in 1..65535, not '70000' as in '70000'"),
    ],
)
def test_targets_that_are_refused_say_what_was_wrong(target, message):
    with pytest.raises(UsageError) as refusal:
        parse_target(target)
    assert str(refusal.value) == message
