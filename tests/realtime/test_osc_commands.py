"""What ``moodring osc`` shows of what arrives, and the movement that it sends."""

from __future__ import annotations

import io
import math
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pythonosc.osc_bundle_builder import OscBundleBuilder
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import build_msg

from models.errors import MoodringError, UsageError
from realtime.osc_commands import INTENSITY, READINGS_HZ, ROUND_S, monitor, send_test, walk
from realtime.outputs.osc import ADDRESSES, Target
from realtime.outputs.osc.arrivals import MOST_ADDRESSES, Arrivals


class Screen(io.StringIO):
    """What a terminal was sent."""

    def isatty(self) -> bool:
        return True


class Watched:
    """A monitor on a thread of its own."""

    def __init__(self, stream: io.StringIO, host: str = "127.0.0.1") -> None:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as spare:
            spare.bind((host, 0))
            self.target = Target(host, spare.getsockname()[1])
        self.stream, self.stop = stream, threading.Event()
        options = {"host": host, "stop": self.stop, "stream": stream}
        self.thread = threading.Thread(target=monitor, args=(self.target.port,), kwargs=options)
        self.thread.start()

    def send(self, packet: bytes) -> None:
        with socket.socket(socket.AF_INET6 if ":" in self.target.host else socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(packet, (self.target.host, self.target.port))

    def shows(self, text: str, packet: bytes) -> bool:
        """Whether ``text`` appears while ``packet`` is sent over and over."""
        for _ in range(100):
            self.send(packet)
            if self.stop.wait(0.05) or text in self.stream.getvalue():
                return text in self.stream.getvalue()
        return False


@pytest.fixture(params=[Screen, io.StringIO])
def watched(request) -> Iterator[Watched]:
    watched = Watched(request.param())
    yield watched
    watched.stop.set()
    watched.thread.join(5.0)
    assert not watched.thread.is_alive()


def test_the_monitor_shows_addresses_types_and_values(watched):
    assert watched.shows("/moodring/valence", build_msg("/moodring/valence", [0.25]).dgram)
    assert watched.shows("/light", build_msg("/light", [7, "on"]).dgram)
    shown = watched.stream.getvalue()
    assert "0.2500" in shown
    assert "7 on" in shown


def test_the_monitor_counts_what_is_no_osc_and_goes_on(watched):
    assert watched.shows("malformed packet", b"GET / HTTP/1.1\r\n")
    assert watched.shows("/light", build_msg("/light", [1]).dgram)


@pytest.mark.parametrize(
    "packet",
    [
        b"/light\0\0,I\0\0",
        b"/light\0\0,i,\0" + bytes(4),
        b"#bundle\0" + bytes(8) + struct.pack(">i", -4),  # whoever goes on by that size is where he was
    ],
)
def test_what_would_stop_the_parser_or_make_it_talk_is_counted_as_malformed(packet, capfd):
    arrivals = Arrivals()
    arrivals.take(packet, 0.0)
    assert arrivals.malformed == 1
    assert capfd.readouterr().err == ""


def test_nothing_that_arrives_steers_the_terminal(watched):
    assert watched.shows("/light", build_msg("/light\x1b[2J", ["\x1b]0;title\x07[red]"]).dgram)
    assert "\x1b[2J" not in watched.stream.getvalue()
    assert "\x1b]0;" not in watched.stream.getvalue()
    assert "[red]" in watched.stream.getvalue()


def test_the_monitor_listens_on_ipv6_where_asked():
    try:
        watched = Watched(io.StringIO(), "::1")
    except OSError:
        pytest.skip("this machine has no IPv6")
    assert watched.shows("/light", build_msg("/light", [1]).dgram)
    watched.stop.set()
    watched.thread.join(5.0)


def test_a_port_in_use_is_named():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(MoodringError, match=rf"^UDP port {port} is in use, so what arrives cannot be shown"):
            monitor(port, stream=io.StringIO())


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_is_none_is_refused(port):
    with pytest.raises(UsageError, match=f"the port to listen at must be in 1..65535, not {port}"):
        monitor(port, stream=io.StringIO())


def test_a_host_that_is_not_this_machine_is_refused_with_the_reason():
    with pytest.raises(MoodringError, match=r"cannot be shown on 192\.0\.2\.1 port 9000: "):
        monitor(9000, host="192.0.2.1", stream=io.StringIO())


def test_rates_are_those_of_the_last_two_seconds():
    arrivals, packet = Arrivals(), build_msg("/a", [1.0]).dgram
    for step in range(300):
        arrivals.take(packet, step / 60.0)
    (arrived,) = arrivals
    assert arrived.count == 300
    assert arrived.rate_hz(299 / 60.0) == pytest.approx(60.0)
    assert arrived.rate_hz(299 / 60.0 + 1.0) == pytest.approx(30.0)
    assert arrived.rate_hz(100.0) == 0.0


def test_bundles_are_taken_apart_and_addresses_sorted():
    builder = OscBundleBuilder(0)
    for address in ("/b", "/a"):
        builder.add_content(build_msg(address, [1]))
    arrivals = Arrivals()
    arrivals.take(builder.build().dgram, 0.0)
    assert [(arrived.address, arrived.types, arrived.values) for arrived in arrivals] == [
        ("/a", "i", "1"),
        ("/b", "i", "1"),
    ]


def test_a_flood_of_addresses_is_counted_and_not_hoarded():
    arrivals = Arrivals()
    for number in range(MOST_ADDRESSES + 7):
        arrivals.take(build_msg(f"/{number}", [1]).dgram, 0.0)
    assert len(list(arrivals)) == MOST_ADDRESSES
    assert arrivals.notes() == "7 messages to more addresses"


@given(st.binary(max_size=60) | st.binary(max_size=40).map(lambda rest: b"/a\0\0,fsib[T]" + rest))
def test_no_packet_breaks_the_monitor(packet):
    arrivals = Arrivals()
    arrivals.take(packet, 0.0)
    assert arrivals.malformed + sum(arrived.count for arrived in arrivals) <= 1


def test_the_walk_goes_once_round_by_happy_tense_sad_and_calm():
    readings = [walk(ROUND_S * step / 64) for step in range(64)]
    distances = [math.hypot(reading.valence_norm, reading.arousal_norm) for reading in readings]
    assert distances == pytest.approx([INTENSITY] * 64)
    assert [readings[at].quadrant for at in (8, 24, 40, 56)] == ["happy", "tense", "sad", "calm"]
    assert walk(ROUND_S).valence == pytest.approx(walk(0.0).valence)


@pytest.fixture
def receiver() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(0.0)
        yield receiver


def heard(receiver: socket.socket) -> list[OscMessage]:
    messages = []
    try:
        while True:
            messages.append(OscMessage(receiver.recv(4096)))
    except BlockingIOError:
        return messages


def test_the_test_sends_every_address_and_says_where_it_is(receiver):
    stream = io.StringIO()
    send_test([Target(*receiver.getsockname())], seconds=1.5, stream=stream)
    addresses = {message.address for message in heard(receiver)}
    assert addresses == {f"/moodring/{address.path}" for address in ADDRESSES}
    first, second = stream.getvalue().splitlines()
    assert first.startswith("   0 s    0°  valence +0.80  arousal +0.00  happy  127.0.0.1:")
    assert second.startswith("   1 s   22°  valence +0.74  arousal +0.31  happy  127.0.0.1:")


def test_on_a_terminal_one_line_says_where_it_is_and_follows_every_reading(receiver):
    stream = Screen()
    send_test([Target(*receiver.getsockname())], seconds=0.5, stream=stream)
    assert [line[:17] for line in stream.getvalue().split("\r")[1:]] == [
        f"   0 s  {degrees:3d}°  val" for degrees in (0, 2, 4, 7, 9)
    ]
    assert stream.getvalue().count("\n") == 1


def test_the_test_can_send_one_address_alone_for_a_program_that_learns(receiver):
    send_test([Target(*receiver.getsockname())], seconds=0.2, only=["hue"], prefix="/x", stream=io.StringIO())
    assert {message.address for message in heard(receiver)} == {"/x/hue"}


def test_the_example_receives_what_is_sent():
    root = Path(__file__).resolve().parents[2]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as spare:
        spare.bind(("127.0.0.1", 0))
        port = spare.getsockname()[1]
    command = [sys.executable, "-u", root / "examples" / "osc_receiver.py", str(port)]
    heard, stop = [], threading.Event()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as example:
        options = {"seconds": 20.0, "stop": stop, "stream": io.StringIO()}
        sending = threading.Thread(target=send_test, args=([Target("127.0.0.1", port)],), kwargs=options)
        sending.start()
        at_last = threading.Timer(25.0, example.terminate)
        at_last.start()
        for line in example.stdout:
            heard.append(line)
            if {"live", "note"} <= {line.split()[0] for line in heard}:
                break
        at_last.cancel()
        stop.set()
        sending.join()
        example.terminate()
    assert any(line.startswith("note 6") for line in heard)
    assert any("confidence 0.70" in line for line in heard)


def test_the_test_lasts_as_long_as_it_is_told(receiver):
    now_s, stream = 50.0, io.StringIO()

    def sleep(duration_s: float) -> None:
        nonlocal now_s
        now_s += duration_s

    send_test([Target(*receiver.getsockname())], seconds=60.0, clock=lambda: now_s, sleep=sleep, stream=stream)
    assert now_s == pytest.approx(50.0 + 60.0 - 1.0 / READINGS_HZ)
    assert len(stream.getvalue().splitlines()) == 60


def test_the_test_ends_when_it_is_stopped_and_lets_ctrl_c_pass(receiver):
    stop = threading.Event()
    stop.set()
    send_test([Target(*receiver.getsockname())], stop=stop, stream=io.StringIO())

    def interrupted(duration_s: float) -> None:
        raise KeyboardInterrupt

    threads = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        send_test([Target(*receiver.getsockname())], sleep=interrupted, stream=io.StringIO())
    assert threading.active_count() == threads


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.nan])
def test_a_length_that_is_none_is_refused(seconds):
    with pytest.raises(UsageError, match="seconds must be above 0"):
        send_test([Target("127.0.0.1", 9)], seconds=seconds, stream=io.StringIO())
