"""Targets as people write them, and that nothing in the network's way holds anything up, over UDP and over TCP."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from pythonosc import slip
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import build_msg

from models.errors import UsageError
from realtime.outputs.osc import stream as stream_module
from realtime.outputs.osc.datagrams import REFUSED_S, Datagrams
from realtime.outputs.osc.sender import Sender, open_sender
from realtime.outputs.osc.stream import CONNECT_S, MOST_WAITING, RECONNECT_S, Stream
from realtime.outputs.osc.targets import RETRY_S, Target, parse_target

PACKETS = [build_msg("/moodring/valence", [0.1 * number]).dgram for number in range(5)]


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def listener(host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    receiver = socket.socket(family, socket.SOCK_DGRAM)
    receiver.bind((host, port))
    receiver.settimeout(5.0)
    return receiver


def tcp_listener(host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    server = socket.create_server((host, port), family=family)
    server.settimeout(5.0)
    return server


def port_of(bound: socket.socket) -> int:
    port: int = bound.getsockname()[1]
    return port


def free_port(listen: Callable[[], socket.socket] = listener) -> int:
    with listen() as receiver:
        return port_of(receiver)


def found(sender: Sender) -> Sender:
    sender.find(2.0)
    return sender


def until(condition: Callable[[], object]) -> None:
    for _ in range(500):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it has not come about")


def read(connection: socket.socket, length: int) -> bytes:
    connection.settimeout(5.0)
    block = b""
    while len(block) < length:
        block += connection.recv(length - len(block)) or pytest.fail("the connection was closed")
    return block


@pytest.fixture
def connected() -> Iterator[tuple[Stream, socket.socket, Clock]]:
    """A sender over TCP and what a receiver has of it, whose buffers are small."""
    clock = Clock()
    with tcp_listener() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sender = found(Stream(Target("127.0.0.1", port_of(server), "tcp"), clock))
        connection, _ = server.accept()
        until(lambda: sender.send([]) or sender._is_connected)
        with connection:
            yield sender, connection, clock
        sender.close()


class TestDatagrams:
    def test_packets_arrive_in_order_one_a_datagram(self):
        with listener() as receiver:
            sender = found(Datagrams(Target("127.0.0.1", port_of(receiver)), Clock()))
            sender.send(PACKETS)
            assert [receiver.recv(4096) for _ in PACKETS] == PACKETS
            sender.close()
        assert (sender.sent, sender.failures) == (5, 0)

    def test_a_listener_on_ipv6_is_reached(self):
        try:
            receiver = listener("::1")
        except OSError:
            pytest.skip("this machine has no IPv6")
        with receiver:
            sender = found(Datagrams(Target("::1", port_of(receiver)), Clock()))
            sender.send(PACKETS)
            assert [receiver.recv(4096) for _ in PACKETS] == PACKETS
            assert sender.describe() == f"[::1]:{port_of(receiver)} 5 sent"
            sender.close()

    def test_nobody_listening_is_counted_and_said_and_a_late_listener_hears_what_comes_then(self):
        clock, port = Clock(), free_port()
        sender = found(Datagrams(Target("127.0.0.1", port), clock))
        sender.send(PACKETS)
        assert sender.sent + sender.failures == 5
        assert sender.failures >= 3
        assert sender.describe() == f"127.0.0.1:{port} nobody listens ({sender.failures} failed)"
        with listener("127.0.0.1", port) as receiver:
            before = sender.failures
            sender.send(PACKETS)  # it is being left alone
            assert sender.failures == before + 5
            clock.now_s += REFUSED_S
            sender.send(PACKETS)
            assert [receiver.recv(4096) for _ in PACKETS] == PACKETS
            assert sender.failures == before + 5
            clock.now_s += 2.0
            assert sender.describe().startswith(f"127.0.0.1:{port} {sender.sent} sent (")
        sender.close()

    def test_a_name_goes_on_to_its_next_endpoint_when_the_first_refuses(self, monkeypatch):
        with listener() as receiver:
            ports = (free_port(), port_of(receiver))
            entries = [(socket.AF_INET, socket.SOCK_DGRAM, 17, "", ("127.0.0.1", port)) for port in ports]
            monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: list(entries))
            sender = found(Datagrams(Target("localhost", ports[1]), Clock()))
            sender.send(PACKETS)
            assert receiver.recv(4096) in PACKETS[1:3]  # the first went to who was not there
            sender.send(PACKETS)
            assert [receiver.recv(4096) for _ in range(8)][-5:] == PACKETS
            sender.close()

    def test_of_a_name_for_both_families_ipv4_comes_first(self, monkeypatch):
        with listener() as receiver:
            port = port_of(receiver)
            entries = [
                (socket.AF_INET6, socket.SOCK_DGRAM, 17, "", ("::1", port, 0, 0)),
                (socket.AF_INET, socket.SOCK_DGRAM, 17, "", ("127.0.0.1", port)),
            ]
            monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: list(entries))
            sender = found(Datagrams(Target("localhost", port), Clock()))
            sender.send(PACKETS)
            assert [receiver.recv(4096) for _ in PACKETS] == PACKETS
            sender.close()

    def test_a_network_that_is_away_is_named_and_the_name_looked_up_again(self):
        class Unplugged:
            def send(self, packet: bytes) -> int:
                raise OSError(101, "Network is unreachable")

            def close(self) -> None:
                pass

        clock = Clock()
        with listener() as receiver:
            sender = found(Datagrams(Target("127.0.0.1", port_of(receiver)), clock))
            sender._socket = Unplugged()
            sender.send(PACKETS)
            assert sender.failures == 5
            assert "network is unreachable (5 failed)" in sender.describe()
            clock.now_s += RETRY_S
            found(sender).send(PACKETS)
            assert [receiver.recv(4096) for _ in PACKETS] == PACKETS
            sender.close()

    def test_a_full_socket_is_counted_and_used_again(self):
        class Filling:
            def __init__(self) -> None:
                self.sent: list[bytes] = []
                self.full = True

            def send(self, packet: bytes) -> int:
                if self.full:
                    raise BlockingIOError
                self.sent.append(packet)
                return len(packet)

            def close(self) -> None:
                pass

        sender = found(Datagrams(Target("127.0.0.1", 9000), Clock()))
        sender._socket = filling = Filling()
        sender.send(PACKETS)
        assert sender.failures == 5
        assert "its buffer is full (5 failed)" in sender.describe()
        filling.full = False
        sender.send(PACKETS)
        assert (sender.failures, filling.sent) == (5, PACKETS)


class TestNames:
    @pytest.mark.parametrize("transport", ["udp", "tcp"])
    def test_one_that_does_not_resolve_is_asked_for_now_and_then_and_may_resolve_later(self, transport, monkeypatch):
        resolve, asked, known = socket.getaddrinfo, [], False

        def getaddrinfo(host: str, *arguments: object, **options: object) -> object:
            asked.append(host)
            if not known:
                raise socket.gaierror(-2, "Name or service not known")
            return resolve("127.0.0.1", *arguments, **options)

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        clock = Clock()
        with (listener if transport == "udp" else tcp_listener)() as receiver:
            target = Target("visuals.local", port_of(receiver), transport)
            sender = found(open_sender(target, clock))
            for _ in range(20):
                sender.send(PACKETS)
            assert asked == ["visuals.local"]
            assert sender.failures == 100
            assert sender.describe() == f"{target} the name does not resolve (100 failed)"
            known = True
            clock.now_s += RETRY_S
            until(lambda: sender.send(PACKETS[:1]) or sender.sent)
            assert asked == ["visuals.local"] * 2
            sender.close()

    @pytest.mark.parametrize("transport", ["udp", "tcp"])
    def test_a_resolver_that_hangs_holds_nothing_up(self, transport, monkeypatch):
        answer, asked = threading.Event(), []

        def getaddrinfo(*_: object, **__: object) -> list[object]:
            asked.append(True)
            answer.wait(10.0)
            return []

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        clock = Clock()
        sender = open_sender(Target("far.example", 9000, transport), clock)
        for _ in range(50):
            clock.now_s += 1.0
            sender.send(PACKETS)
        assert not answer.is_set()
        assert sender.failures == 250
        assert len(asked) == 1
        assert "looking the name up" in sender.describe()
        answer.set()
        sender.close()

    @pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
    @pytest.mark.parametrize("transport", ["udp", "tcp"])
    @pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 70 + ".example", "..", "\x00"])
    def test_those_that_cannot_exist_never_raise(self, host, transport):
        sender = found(open_sender(Target(host, 9000, transport), Clock()))
        sender.send(PACKETS)
        sender.close()
        assert sender.failures == 5


class TestStream:
    def test_packets_arrive_framed_by_slip(self, connected):
        sender, connection, _ = connected
        sender.send([*PACKETS, b"/\xc0\xdb\x00"])
        framed = b"".join(map(slip.encode, [*PACKETS, b"/\xc0\xdb\x00"]))
        assert read(connection, len(framed)) == framed
        assert (sender.sent, sender.failures) == (6, 0)

    def test_or_by_their_lengths_where_the_receiver_is_of_osc_1_0(self):
        with tcp_listener() as server:
            sender = found(open_sender(parse_target(f"tcp-1.0://127.0.0.1:{port_of(server)}"), Clock()))
            connection, _ = server.accept()
            until(lambda: sender.send(PACKETS[:1]) or sender.sent)
            with connection:
                (length,) = struct.unpack("!I", read(connection, 4))
                assert OscMessage(read(connection, length)).address == "/moodring/valence"
            sender.close()

    def test_a_listener_on_ipv6_is_reached(self):
        try:
            server = tcp_listener("::1")
        except OSError:
            pytest.skip("this machine has no IPv6")
        with server:
            sender = found(Stream(Target("::1", port_of(server), "tcp"), Clock()))
            connection, _ = server.accept()
            with connection:
                until(lambda: sender.send(PACKETS[:1]) or sender.sent)
                assert read(connection, 1) == slip.END
            sender.close()

    def test_nobody_listening_is_said_and_a_late_listener_hears_what_comes_then(self):
        clock, port = Clock(), free_port(tcp_listener)
        sender = found(Stream(Target("127.0.0.1", port, "tcp"), clock))
        sender.send(PACKETS)
        assert (sender.sent, sender.failures) == (0, 5)
        assert sender.describe() == f"tcp://127.0.0.1:{port} nobody listens (5 failed)"
        with tcp_listener("127.0.0.1", port):
            sender.send(PACKETS)
            assert sender.sent == 0
            clock.now_s += RECONNECT_S
            until(lambda: sender.send(PACKETS[:1]) or sender.sent)
        sender.close()

    def test_a_receiver_that_ends_is_noticed_and_met_again(self, connected):
        sender, connection, clock = connected
        connection.close()
        sender.send(PACKETS)
        assert (sender.sent, sender.failures) == (0, 5)
        assert "closed the connection" in sender.describe()
        failures = sender.failures
        sender.send(PACKETS)
        assert sender.failures == failures + 5
        clock.now_s += RECONNECT_S
        until(lambda: sender.send(PACKETS) or sender._is_connected)

    def test_a_receiver_that_does_not_read_is_left_out_and_the_framing_holds(self, connected):
        sender, connection, clock = connected
        for _ in range(20_000):  # as much as the largest buffers of any system hold, several times
            sender.send(PACKETS * 50)
            if sender.failures > 1000:
                break
        assert sender.failures > 1000
        assert len(sender._waiting) <= MOST_WAITING
        assert "does not read what it is sent" in sender.describe()
        clock.now_s += 2.0
        last = build_msg("/last", [1]).dgram
        heard, connection_ends = b"", slip.encode(last)
        connection.settimeout(0.05)
        offered = sender.failures
        for _ in range(2000):
            sender.send([last] if sender.failures == offered else [])
            try:
                heard += connection.recv(65536)
            except TimeoutError:
                if heard.endswith(connection_ends) and not sender._waiting:
                    break
        packets = [slip.decode(packet) for packet in heard.split(slip.END_END)]
        assert {OscMessage(packet).address for packet in packets} == {"/moodring/valence", "/last"}
        assert len(packets) == sender.sent

    def test_a_connection_that_does_not_come_about_is_given_up_and_tried_anew(self, monkeypatch):
        monkeypatch.setattr(stream_module.select, "select", lambda *_: ([], [], []))
        clock = Clock()
        with tcp_listener() as server:
            sender = found(Stream(Target("127.0.0.1", port_of(server), "tcp"), clock))
            assert "connecting" in sender.describe()
            clock.now_s += CONNECT_S
            sender.send(PACKETS)
            assert "timed out (5 failed)" in sender.describe()
            monkeypatch.undo()
            clock.now_s += RETRY_S
            until(lambda: sender.send(PACKETS) or sender.sent)
            sender.close()

    def test_what_still_waits_at_the_end_counts_as_failed(self, connected):
        sender, _, _ = connected
        while not sender._waiting:
            sender.send(PACKETS)
        waiting, failures = len(sender._waiting), sender.failures
        sender.close()
        sender.close()
        assert sender.failures == failures + waiting


@pytest.mark.parametrize(
    ("target", "parsed"),
    [
        ("visuals.local:9000", Target("visuals.local", 9000)),
        ("10.0.0.7:1", Target("10.0.0.7", 1)),
        ("[::1]:65535", Target("::1", 65535)),
        ("[fe80::1%en0]:9000", Target("fe80::1%en0", 9000)),
        ("9000", Target("127.0.0.1", 9000)),
        ("udp://9000", Target("127.0.0.1", 9000)),
        ("tcp://visuals.local:9000", Target("visuals.local", 9000, "tcp")),
        ("tcp://[::1]:9000", Target("::1", 9000, "tcp")),
        ("tcp-1.0://10.0.0.7:9000", Target("10.0.0.7", 9000, "tcp-1.0")),
    ],
)
def test_targets(target, parsed):
    assert parse_target(target) == parsed
    assert parse_target(str(parsed)) == parsed


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
        ("http://host:80", "OSC goes over udp://, tcp:// or tcp-1.0://, not 'http' as in 'http://host:80'"),
        ("://host:80", "OSC goes over udp://, tcp:// or tcp-1.0://, not '' as in '://host:80'"),
    ],
)
def test_targets_that_are_refused_say_what_was_wrong(target, message):
    with pytest.raises(UsageError) as refusal:
        parse_target(target)
    assert str(refusal.value) == message
