"""What OSC may ask of a session, how it is answered, and that no bytes from the network bring it down."""

from __future__ import annotations

import math
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pythonosc.osc_bundle_builder import OscBundleBuilder
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder, build_msg

from models.errors import MoodringError, UsageError
from realtime.controls import Calibrate, Controls, Freeze, Label, Record, Reset, SetRate, Smooth, UseModel
from realtime.osc_control import CONTROL_ADDRESSES, LONGEST_PACKET, OscControl


class Desk:
    """A session's controls, the OSC port in front of them, and a sender that hears the answers."""

    def __init__(self) -> None:
        self._questions = 10_000
        self.controls = Controls()
        self.osc = OscControl(self.controls, 0)
        self.sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sender.settimeout(5)
        self.sender.connect(("127.0.0.1", self.osc.port))

    def send(self, name: str, *arguments: Any) -> None:
        self.sender.send(build_msg(f"/moodring/control/{name}", list(arguments)).dgram)

    def answer(self) -> list[Any]:
        message = OscMessage(self.sender.recv(65536))
        assert message.address == "/moodring/answer"
        return list(message.params)

    def asked(self) -> list[Any]:
        """The controls that have been asked for by everything sent so far."""
        return [control for control, _ in self.taken()]

    def taken(self) -> list[Any]:
        # Packets are taken in their order, so that the answer to this one comes after all before it.
        self._questions += 1
        self.send("rate", -self._questions)
        while self.answer() != ["rate", 0, f"takes a number of readings a second in 0.1..50, not {-self._questions}"]:
            pass
        return self.controls.take()

    def close(self) -> None:
        self.osc.close()
        self.sender.close()


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.close()


def wait_for(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.005)


@pytest.mark.parametrize(
    ("name", "arguments", "control"),
    [
        ("calibrate", [], Calibrate()),
        ("calibrate", [1.0], Calibrate()),
        ("reset", [], Reset()),
        ("reset", [None], Reset()),
        ("freeze", [], Freeze(None)),
        ("freeze", [1], Freeze(True)),
        ("freeze", [0.0], Freeze(False)),
        ("freeze", [True], Freeze(True)),
        ("smoothing", ["calm"], Smooth("calm")),
        ("rate", [4], SetRate(4.0)),
        ("rate", [0.5], SetRate(0.5)),
        ("model", ["seed-rnn"], UseModel("seed-rnn")),
        ("label", [-0.5, 1], Label(-0.5, 1.0)),
        ("label", [0.25, 0.0, "Zoë"], Label(0.25, 0.0, "Zoë")),
        ("record", [], Record(None)),
        ("record", [0], Record(False)),
    ],
)
def test_each_address_asks_for_its_control(desk, name, arguments, control):
    desk.send(name, *arguments)
    assert desk.asked() == [control]


@pytest.mark.parametrize("address", CONTROL_ADDRESSES, ids=lambda address: address.path)
def test_every_address_that_is_listed_takes_what_it_says(desk, address):
    typical = {"N": None, "i": 1, "s": "calm", "f": 1.0}
    desk.sender.send(build_msg(address.path, [typical[each] for each in address.types]).dgram)
    assert len(desk.asked()) == 1


def test_a_button_let_go_asks_nothing(desk):
    desk.send("reset", 0.0)
    desk.send("calibrate", 0)
    assert desk.asked() == []
    assert desk.osc.refused == 1  # the question of ``asked`` itself


def test_an_answer_goes_to_whoever_asked(desk):
    other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    other.settimeout(5)
    other.sendto(build_msg("/moodring/control/model", ["trio"]).dgram, ("127.0.0.1", desk.osc.port))
    desk.send("reset")
    answers = {type(control): answer for control, answer in desk.taken()}
    answers[Reset]("the music so far is forgotten", True)
    answers[UseModel]("no model 'trio'", False)
    assert desk.answer() == ["reset", 1, "the music so far is forgotten"]
    assert OscMessage(other.recv(4096)).params == ["model", 0, "no model 'trio'"]
    other.close()


@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [
        ("calibrate", ["now"], "takes no argument, or 1 or 0, not 'now'"),
        ("freeze", [2], "takes no argument, or 1 or 0, not 2"),
        ("freeze", [math.nan], "takes no argument, or 1 or 0, not nan"),
        ("record", [1, 1], "takes no argument, or 1 or 0, not 1, 1"),
        ("smoothing", ["heavy"], "takes one of off, calm, normal, nervous, not 'heavy'"),
        ("smoothing", [], "takes one of off, calm, normal, nervous, not nothing"),
        ("rate", ["fast"], "takes a number of readings a second in 0.1..50, not 'fast'"),
        ("rate", [math.inf], "takes a number of readings a second in 0.1..50, not inf"),
        ("rate", [51], "takes a number of readings a second in 0.1..50, not 51"),
        ("rate", [True], "takes a number of readings a second in 0.1..50, not True"),
        ("model", [""], "takes the name of an installed model, not ''"),
        ("model", ["../secret"], "takes the name of an installed model, not '../secret'"),
        ("model", ["\\\\host\\share"], r"takes the name of an installed model, not '\\\\host\\share'"),
        ("model", ["x\x1b[2J"], r"takes the name of an installed model, not 'x\x1b[2J'"),
        ("label", [0.5], "takes valence and arousal, each in -1..1, not 0.5"),
        ("label", [0.5, 1.5], "takes valence and arousal, each in -1..1, not 0.5, 1.5"),
        ("label", [math.nan, 0.0], "takes valence and arousal, each in -1..1, not nan, 0.0"),
        ("label", [0.0, 0.0, 7], "takes a rater's name of up to 64 letters, not 7"),
        ("label", [0.0, 0.0, "a\nb"], r"takes a rater's name of up to 64 letters, not 'a\nb'"),
        ("label", [0.0, 0.0, "r" * 65], f"takes a rater's name of up to 64 letters, not '{'r' * 65}'"),
    ],
)
def test_a_wrong_argument_is_answered_with_the_reason_and_asks_nothing(desk, name, arguments, reason):
    desk.send(name, *arguments)
    assert desk.answer() == [name, 0, reason]
    assert desk.osc.refused == 1
    assert desk.asked() == []


def test_a_reason_stays_a_line_however_long_the_argument(desk):
    desk.send("smoothing", "x" * 4000)
    assert len(desk.answer()[2]) < 200


def test_unknown_addresses_are_counted_and_not_answered(desk):
    for address in ("/moodring/valence", "/moodring/control/quit", "/other/control/reset", "/moodring/control", "/"):
        desk.sender.send(build_msg(address, 1.0).dgram)
    assert desk.asked() == []
    assert desk.osc.unknown == 5
    assert desk.osc.malformed == 0


def test_messages_in_bundles_are_done_in_their_order(desk):
    inner, outer = OscBundleBuilder(0), OscBundleBuilder(0)
    for bundle, name in ((outer, "calibrate"), (inner, "reset"), (inner, "freeze")):
        bundle.add_content(OscMessageBuilder(f"/moodring/control/{name}").build())
    outer.add_content(inner.build())
    desk.sender.send(outer.build().dgram)
    assert desk.asked() == [Calibrate(), Reset(), Freeze()]
    assert desk.osc.received == 2


def endless_bundle() -> bytes:
    """An element of −4 bytes: who goes on by that size is where it was."""
    return b"#bundle\0" + bytes(8) + struct.pack(">i", -4)


def deep_bundle(depth: int) -> bytes:
    packet = build_msg("/moodring/control/reset").dgram
    for _ in range(depth):
        packet = b"#bundle\0" + bytes(8) + struct.pack(">i", len(packet)) + packet
    return packet


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"/",
        b"\0\0\0\0",
        b"/abc",
        b"moodring",
        build_msg("/moodring/control/reset").dgram[:-1],
        build_msg("/moodring/control/smoothing", "calm").dgram[:-8],
        b"/moodring/control/rate\0\0,Q\0\0",
        b"/moodring/control/rate\0\0,f,\0" + bytes(4),
        b"/\xff\xfe\0,\0\0\0",
        endless_bundle(),
        deep_bundle(9),
        deep_bundle(300),
        b"#bundle\0",
        b"#bundle\0" + bytes(8) + struct.pack(">i", 2**31 - 1),
        build_msg("/moodring/control/smoothing", "x" * LONGEST_PACKET).dgram,
    ],
)
def test_what_is_no_osc_is_counted_and_dropped(desk, packet, capfd):
    desk.sender.send(packet)
    assert desk.asked() == []
    assert desk.osc.malformed == 1
    assert capfd.readouterr().err == ""


def test_too_much_at_once_is_refused_and_said(desk):
    while desk.controls.ask(Reset()):
        pass
    desk.send("calibrate")
    assert desk.answer() == ["calibrate", 0, "too much is asked at once: try again"]
    assert desk.osc.refused == 1


def test_an_answer_to_somebody_who_has_gone_is_no_trouble(desk):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.sendto(build_msg("/moodring/control/reset").dgram, ("127.0.0.1", desk.osc.port))
        wait_for(lambda: desk.controls._waiting)
    ((_, answer),) = desk.controls.take()
    for _ in range(3):
        answer("forgotten", True)
    desk.send("freeze")
    assert desk.asked() == [Freeze()]


def test_an_answer_after_the_end_goes_nowhere():
    desk = Desk()
    desk.send("reset")
    ((_, answer),) = desk.taken()
    desk.close()
    answer("forgotten", True)


def test_another_prefix_takes_its_own_addresses_and_answers_with_it():
    controls = Controls()
    osc = OscControl(controls, 0, prefix="/stage/left/")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.settimeout(5)
        sender.sendto(build_msg("/stage/left/control/rate", -1).dgram, ("127.0.0.1", osc.port))
        assert OscMessage(sender.recv(4096)).address == "/stage/left/answer"
    osc.close()


def test_only_this_machine_is_heard_unless_asked():
    osc, open_to_all = OscControl(Controls(), 0), OscControl(Controls(), 0, host="0.0.0.0")
    assert osc._socket.getsockname()[0] == "127.0.0.1"
    assert open_to_all._socket.getsockname()[0] == "0.0.0.0"
    osc.close()
    open_to_all.close()


def test_a_port_in_use_is_named_with_what_to_do(desk):
    with pytest.raises(MoodringError, match=rf"UDP port {desk.osc.port} is in use.*--osc-in"):
        OscControl(Controls(), desk.osc.port)


def test_an_address_of_another_machine_is_named():
    with pytest.raises(MoodringError, match=r"cannot listen on 192\.0\.2\.1"):
        OscControl(Controls(), 0, host="192.0.2.1")


def test_a_port_that_is_none_is_wrong_use():
    with pytest.raises(UsageError, match="-1"):
        OscControl(Controls(), -1)


def test_close_twice_is_fine_ends_the_thread_and_frees_the_port():
    osc = OscControl(Controls(), 0)
    osc.close()
    osc.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "osc-control"]
    OscControl(Controls(), osc.port).close()


@pytest.fixture(scope="module")
def one_desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.close()


valid = st.builds(
    lambda name, arguments: build_msg(f"/moodring/control/{name}", arguments).dgram,
    st.sampled_from(["calibrate", "reset", "freeze", "smoothing", "rate", "model", "label", "record", "other"]),
    st.lists(
        st.one_of(
            st.integers(-(2**31), 2**31 - 1),
            st.floats(width=32),
            st.booleans(),
            st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20),
            st.binary(min_size=1, max_size=20),
        ),
        max_size=4,
    ),
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A valid packet, perhaps in a bundle, some of whose bytes are others."""
    packet = draw(valid)
    if draw(st.booleans()):
        packet = (
            b"#bundle\0" + bytes(8) + b"".join(struct.pack(">i", len(each)) + each for each in (packet, draw(valid)))
        )
    changed = bytearray(packet)
    for _ in range(draw(st.integers(0, 4))):
        changed[draw(st.integers(0, len(changed) - 1))] = draw(st.integers(0, 255))
    return bytes(changed[: draw(st.integers(0, len(changed)))] if draw(st.booleans()) else changed)


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
@settings(max_examples=400)
@given(packet=st.one_of(st.binary(max_size=200), mutated()))
@example(packet=endless_bundle())
def test_whatever_bytes_come_the_next_message_is_done(one_desk, packet):
    osc = one_desk.osc
    before = osc.received
    one_desk.sender.send(packet)
    one_desk.send("label", 0.5, -0.25, "last")
    asked = one_desk.asked()
    assert asked[-1] == Label(0.5, -0.25, "last")
    assert osc.received == before + 3
    assert all(math.isfinite(label.valence) and -1 <= label.arousal <= 1 for label in asked if isinstance(label, Label))
