"""What receivers of OSC hear while music plays, and that nothing in the network's way stops the music."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from pythonosc import slip
from pythonosc.osc_bundle import OscBundle
from pythonosc.osc_message import OscMessage

from models.affect import Reading, State
from models.errors import UsageError
from realtime.note_events import Struck
from realtime.outputs import NoteOutput, Status
from realtime.outputs.osc import ADDRESSES, Osc, Target

READING = Reading(12.5, State.LIVE, 5.31, 1.42, 6.08, 1.3, 14, -23.1, 142.0, "audio")
STATUS = Status("test", tempo_bpm=120.0)
NOTES = [Struck(12.4, 60, 100)]
EACH_TICK = [f"/moodring/{address.path}" for address in ADDRESSES if address.when == "tick"]


class Clock:
    """Time that passes only when it is told to."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Receiver:
    """A UDP socket on this machine and what is read from it."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self._socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._socket.bind((host, 0))
        self._socket.settimeout(5.0)
        self.target = Target(host, self._socket.getsockname()[1])

    def packet(self) -> bytes:
        return self._socket.recv(4096)

    def message(self) -> OscMessage:
        return OscMessage(self.packet())

    def until(self, address: str) -> OscMessage:
        """The next message to ``address``."""
        for _ in range(5000):
            message = self.message()
            if message.address == address:
                return message
        raise AssertionError(f"nothing to {address}")

    def rest(self) -> list[OscMessage]:
        """What has come and was not read."""
        self._socket.settimeout(0.0)
        messages = []
        try:
            while True:
                messages.append(self.message())
        except BlockingIOError:
            return messages

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def opened() -> Iterator[Callable[..., Osc]]:
    """``Osc``, closed at the end."""
    outputs: list[Osc] = []

    def open_osc(*targets: Target, **options: object) -> Osc:
        outputs.append(Osc(targets, **options))
        return outputs[-1]

    yield open_osc
    for output in outputs:
        output.close()


def silent_port() -> int:
    receiver = Receiver()
    receiver.close()
    return receiver.target.port


def test_a_reading_arrives_as_one_message_an_address_in_order(opened, receiver):
    osc = opened(receiver.target)
    osc.write(READING, STATUS)
    receiver.until("/moodring/all")  # the reading may have come in the middle of a tick
    heard = {message.address: message.params for message in (receiver.message() for _ in EACH_TICK)}
    heard.pop("/moodring/heartbeat", None)
    assert list(heard)[: len(EACH_TICK) - 1] == EACH_TICK[: len(EACH_TICK) - 1]
    assert heard["/moodring/state"] == ["live"]
    assert heard["/moodring/valence"] == pytest.approx([0.0775])
    assert heard["/moodring/arousal"] == pytest.approx([0.27])
    assert heard["/moodring/valence/std"] == pytest.approx([0.355])
    assert osc.failures == 0


def test_it_takes_notes_too(opened, receiver):
    assert isinstance(opened(receiver.target), NoteOutput)


def test_each_tick_of_the_output_rate_sends_once_however_rare_readings_are(opened, receiver):
    clock = Clock()
    osc = opened(receiver.target, rate_hz=60.0, only=["valence", "heartbeat"], clock=clock)
    assert receiver.message().params == [0]  # the first tick has passed
    osc.write(READING, STATUS)
    for tick in range(1, 31):
        clock.now_s = 100.001 + tick / 60.0
        assert receiver.message().params == pytest.approx([0.0775])
    osc.close()
    assert len(receiver.rest()) == 1  # the last, from closing


def test_between_readings_values_move_in_a_straight_line(opened, receiver):
    clock = Clock()
    osc = opened(receiver.target, rate_hz=100.0, only=["valence", "heartbeat"], clock=clock)
    assert receiver.message().params == [0]
    osc.write(replace(READING, valence=5.0), STATUS)
    clock.now_s = 100.1001
    assert receiver.message().params == [0.0]
    osc.write(replace(READING, valence=7.0), STATUS)
    values = []
    for tick in range(1, 13):
        clock.now_s = 100.1001 + tick / 100.0
        values += receiver.message().params
    assert values == pytest.approx([*(0.05 * step for step in range(1, 11)), 0.5, 0.5], abs=1e-3)


def test_a_note_does_not_wait_for_the_next_tick(opened, receiver, monkeypatch):
    monkeypatch.setattr(Osc, "_wait_s", lambda self, now_s: 60.0)
    osc = opened(receiver.target, only=["note", "onset"])
    osc.play(NOTES)
    assert receiver.message().params == [1]
    assert receiver.message().params == [60, 100]


def test_a_note_brings_no_other_address_forward(opened, receiver):
    osc = opened(receiver.target, only=["note", "valence", "heartbeat"], clock=Clock())
    assert receiver.message().params == [0]
    osc.write(READING, STATUS)
    osc.play(NOTES)
    assert receiver.message().params == [60, 100]
    osc.play(NOTES)
    assert receiver.message().params == [60, 100]


def test_the_heart_beats_each_second_without_any_music(opened, receiver):
    clock = Clock()
    opened(receiver.target, clock=clock)
    for number in range(4):
        message = receiver.message()
        assert (message.address, message.params) == ("/moodring/heartbeat", [number])
        clock.now_s += 1.0


def test_on_change_sends_what_a_reading_has_changed_when_it_comes(opened, receiver):
    osc = opened(receiver.target, on_change=True, only=["valence", "arousal", "quadrant"], clock=Clock())
    osc.write(READING, STATUS)
    assert [receiver.message().address for _ in range(3)] == [
        "/moodring/valence",
        "/moodring/arousal",
        "/moodring/quadrant",
    ]
    osc.write(READING, STATUS)
    osc.write(replace(READING, arousal=6.5), STATUS)
    assert receiver.message().address == "/moodring/arousal"
    osc.close()
    assert receiver.rest() == []


def test_every_target_gets_everything_whatever_its_family_and_transport(opened, receiver):
    try:
        other = Receiver("::1")
    except OSError:
        pytest.skip("this machine has no IPv6")
    with socket.create_server(("127.0.0.1", 0)) as server:
        tcp = Target("127.0.0.1", server.getsockname()[1], "tcp")
        nobody = Target("127.0.0.1", silent_port())
        osc = opened(nobody, receiver.target, other.target, tcp)
        osc.write(READING, STATUS)
        assert receiver.until("/moodring/valence").params == pytest.approx([0.0775])
        assert other.until("/moodring/valence").params == pytest.approx([0.0775])
        connection, _ = server.accept()
        with connection, connection.makefile("rb") as stream:
            block = stream.read(2000)
        packets = map(slip.decode, block.split(slip.END_END)[1:-1])
        assert {"/moodring/valence", "/moodring/all"} < {OscMessage(packet).address for packet in packets}
    described = osc.describe()
    assert f"{nobody} nobody listens" in described
    assert f", {receiver.target} " in described
    assert osc.failures > 0
    other.close()


def test_a_target_given_twice_gets_everything_once(opened, receiver):
    osc = opened(receiver.target, receiver.target, clock=Clock())
    assert receiver.message().address == "/moodring/heartbeat"
    osc.close()
    assert receiver.rest() == []


def test_a_bundle_has_the_time_of_the_sound_as_its_time_tag(opened, receiver):
    clock, now_s = Clock(), 1_700_000_000.0
    options = {"clock": clock, "wall_clock": lambda: now_s, "only": ["valence", "heartbeat"]}
    osc = opened(receiver.target, bundles=True, **options)
    assert OscBundle(receiver.packet()).timestamp == pytest.approx(now_s)
    osc.write(replace(READING, latency_ms=250.0), STATUS)
    clock.now_s += 0.5
    assert OscBundle(receiver.packet()).timestamp == pytest.approx(now_s - 0.25)
    osc.write(replace(READING, latency_ms=250.0), STATUS)
    clock.now_s += 0.1
    bundle = OscBundle(receiver.packet())
    # What is sent arrives at the newest reading a line of half a second after it came.
    assert bundle.timestamp == pytest.approx(now_s - 0.25 - 0.5, abs=1e-3)
    assert [message.address for message in bundle] == ["/moodring/valence"]


def test_a_resolver_that_hangs_holds_up_neither_readings_nor_the_end_nor_other_targets(opened, receiver, monkeypatch):
    answer, resolve = threading.Event(), socket.getaddrinfo

    def getaddrinfo(host: str, *arguments: object, **options: object) -> object:
        if host == "far.example":
            answer.wait(20.0)
        return resolve(receiver.target.host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    osc = opened(Target("far.example", 9000), receiver.target)
    for _ in range(50):
        osc.write(READING, STATUS)
        osc.play(NOTES)
    assert receiver.until("/moodring/valence")
    osc.close()
    assert not osc._thread.is_alive()
    assert not answer.is_set()
    answer.set()


def test_closing_sends_where_the_values_were_going_and_ends_the_thread(opened, receiver):
    clock = Clock()
    osc = opened(receiver.target, rate_hz=1.0, clock=clock)
    osc.write(replace(READING, valence=5.0), STATUS)
    clock.now_s += 0.3
    osc.write(replace(READING, valence=7.0), STATUS)
    osc.close()
    osc.close()
    assert not osc._thread.is_alive()
    last = [message.params for message in receiver.rest() if message.address == "/moodring/valence"][-1]
    assert last == [0.5]
    osc.write(READING, STATUS)
    osc.play(NOTES)
    time.sleep(0.05)
    assert receiver.rest() == []
    assert osc.failures == 0


def test_notes_that_come_faster_than_they_can_be_sent_are_counted(opened, receiver, monkeypatch):
    osc = opened(receiver.target, clock=Clock(), only=["note"])
    osc.play(NOTES * 600)
    assert osc.failures == 600 - 512


@pytest.mark.parametrize("rate_hz", [0.0, 0.9, 121.0, float("nan"), -5.0])
def test_a_rate_that_cannot_be_is_refused(rate_hz):
    with pytest.raises(UsageError, match=r"OSC rate must be in 1\.\.120 Hz, not"):
        Osc([Target("127.0.0.1", 9000)], rate_hz=rate_hz)
