"""The MIDI port: real messages through a JACK server, and a backend of our own for what no server does on demand."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mido import Message
from support.jack import BACKEND, Jack
from support.midi_backend import FakeBackend, FakeInput

from models.errors import MoodringError, UsageError
from realtime.events import Advance, AllNotesOff, Event, Lost, NoteOff, NoteOn, Pedal, Tempo
from realtime.sources.midi_port import MidiPort, input_ports

REPOSITORY = Path(__file__).resolve().parents[3]


def music(events: list[Event]) -> list[Event]:
    return [event for event in events if not isinstance(event, Advance)]


# Real messages


def read_until(port: MidiPort, count: int) -> list[Event]:
    """Everything up to the ``count``-th event that is no ``Advance``."""
    events: list[Event] = []
    for _ in range(1_000):
        events += port.read(0.1)
        if len(music(events)) >= count:
            return events
    raise AssertionError(f"only {events} came")


@pytest.fixture
def here(jack: Jack) -> Any:
    pytest.importorskip("rtmidi")
    with jack.here():
        yield


@pytest.mark.jack
def test_it_hears_what_is_played(jack: Jack, here: None) -> None:
    with jack.keyboard("Stage Piano") as keyboard:
        port = MidiPort("stage piano")
        for message in [
            Message("note_on", note=61, velocity=33, channel=2),
            Message("control_change", control=64, value=127, channel=2),
            Message("program_change", program=5),
            Message("note_on", note=61, velocity=0, channel=2),
        ]:
            keyboard.send(message)
        events = read_until(port, 3)
        port.close()
        port.close()
    on, pedal, off = music(events)
    assert isinstance(on, NoteOn)
    assert (on.pitch, on.velocity, on.channel) == (61, 33, 2)
    assert isinstance(pedal, Pedal)
    assert (pedal.down, pedal.channel) == (True, 2)
    assert isinstance(off, NoteOff)
    assert (off.pitch, off.channel) == (61, 2)
    times = [event.time_s for event in events]
    assert times == sorted(times)
    assert isinstance(events[-1], Advance)


@pytest.mark.jack
def test_what_sounds_ends_where_active_sensing_stops(jack: Jack, here: None) -> None:
    with jack.keyboard("Stage Piano") as keyboard:
        port = MidiPort("stage piano")
        keyboard.send(Message("note_on", note=61))
        keyboard.send(Message("active_sensing"))
        events = read_until(port, 2)
        port.close()
    on, ended = music(events)
    assert isinstance(on, NoteOn)
    assert isinstance(ended, AllNotesOff)
    assert 1.0 < ended.time_s - on.time_s < 3.0


@pytest.mark.jack
def test_ports_are_listed_and_chosen_by_any_part_of_their_name(jack: Jack, here: None) -> None:
    with jack.keyboard("Stage Piano"), jack.keyboard("Organ"):
        assert sorted(input_ports()) == ["Organ:keys", "Stage Piano:keys"]
        for wanted, name in [("Organ:keys", "Organ:keys"), ("ORG", "Organ:keys"), ("piano", "Stage Piano:keys")]:
            port = MidiPort(wanted)
            assert port.name == name
            port.close()


@pytest.mark.jack
@pytest.mark.parametrize("variable", ["MOODRING_MIDI_BACKEND", "MIDO_BACKEND"])
def test_the_environment_chooses_the_backend(jack: Jack, variable: str) -> None:
    pytest.importorskip("rtmidi")
    code = (
        "from realtime.sources.midi_port import MidiPort\n"
        "port = MidiPort()\n"
        "print(port.name, flush=True)\n"
        "events = []\n"
        "while len(events) < 2: events = port.read(10)\n"
        "print(type(events[0]).__name__, events[0].pitch)\n"
        "port.close()\n"
    )
    env = {name: value for name, value in jack.env.items() if name not in ("MOODRING_MIDI_BACKEND", "MIDO_BACKEND")}
    env |= {variable: BACKEND, "PYTHONPATH": str(REPOSITORY)}
    with jack.keyboard("Stage Piano") as keyboard:
        listener = subprocess.Popen(
            [sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert listener.stdout is not None
        assert listener.stdout.readline() == "Stage Piano:keys\n"
        keyboard.send(Message("note_on", note=72))
        said, complaints = listener.communicate(timeout=60)
    assert said == "NoteOn 72\n", complaints


def test_no_midi_system_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rtmidi")
    monkeypatch.setenv("JACK_DEFAULT_SERVER", f"nobody-{os.getpid()}")
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    assert refusal(MoodringError, backend=BACKEND) == (
        "no MIDI system answers (MidiInJack::initialize: JACK server not running?): "
        "on Linux run modprobe snd-seq, or start JACK if MOODRING_MIDI_BACKEND asks for it"
    )


# A backend of our own


class Clock:
    def __init__(self) -> None:
        self.now_s = 300.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> FakeBackend:
    fake = FakeBackend()
    monkeypatch.setitem(sys.modules, "fake_midi", fake)
    return fake


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def piano(backend: FakeBackend, clock: Clock) -> tuple[MidiPort, FakeInput]:
    backend.ports = ["Piano"]
    port = MidiPort(backend="fake_midi", clock=clock, queue_length=3)
    return port, backend.opened[0]


def read_while(port: MidiPort, act: Callable[[], None]) -> list[Event]:
    """What a read gives that waits without end while ``act`` is done."""
    read: list[list[Event]] = []
    reader = threading.Thread(target=lambda: read.append(list(port.read(3_600.0))), daemon=True)
    reader.start()
    act()
    reader.join(30.0)
    assert read, "the reader still waits"
    return read[0]


def test_messages_are_stamped_when_they_come(piano: tuple[MidiPort, FakeInput], clock: Clock) -> None:
    port, keys = piano
    clock.now_s += 1.0
    keys.play(60)
    clock.now_s += 0.5
    keys.play(62)
    clock.now_s += 0.25
    assert port.read(0.0) == [NoteOn(1.0, 60, 64), NoteOn(1.5, 62, 64), Advance(1.75)]


def test_time_goes_on_when_nobody_plays(piano: tuple[MidiPort, FakeInput], clock: Clock) -> None:
    port, _ = piano
    assert port.read(0.0) == [Advance(0.0)]
    clock.now_s += 2.0
    assert port.read(0.001) == [Advance(2.0)]


def test_a_message_without_notes_gives_nothing(piano: tuple[MidiPort, FakeInput]) -> None:
    port, keys = piano
    assert keys.callback is not None
    keys.callback(Message("clock"))
    assert port.read(0.0) == [Advance(0.0)]


def test_a_reader_that_waits_is_woken_by_a_note(piano: tuple[MidiPort, FakeInput]) -> None:
    port, keys = piano
    assert music(read_while(port, lambda: keys.play(60))) == [NoteOn(0.0, 60, 64)]


def test_no_note_is_stamped_before_a_time_that_was_already_said(backend: FakeBackend) -> None:
    """A note whose stamp has been taken, and which the system then holds up before it is in the queue."""
    backend.ports = ["Piano"]
    now_s = 0.0
    reader_is_done = threading.Event()
    players = set()

    def clock() -> float:
        nonlocal now_s
        stamp_s, now_s = now_s, now_s + 1.0
        if threading.current_thread() in players:
            reader_is_done.wait(0.3)  # time enough for a reader, were it let in here
        return stamp_s

    port = MidiPort(backend="fake_midi", clock=clock)
    player = threading.Thread(target=backend.opened[0].play, args=(60,))
    players.add(player)
    player.start()
    said = list(port.read(0.1))
    reader_is_done.set()
    player.join()
    said += port.read(0.0)
    times = [event.time_s for event in said]
    assert len(music(said)) == 1
    assert times == sorted(times)


def test_what_nobody_reads_is_left_out_and_counted(piano: tuple[MidiPort, FakeInput]) -> None:
    port, keys = piano  # three fit
    keys.play(60, 61, 62, 63, 64)
    assert port.dropped == 2
    # A key may have come up in what was left out: nothing hangs.
    assert music(list(port.read(0.0))) == [*(NoteOn(0.0, pitch, 64) for pitch in (60, 61, 62)), AllNotesOff(0.0)]
    keys.play(65)
    assert music(list(port.read(0.0))) == [NoteOn(0.0, 65, 64)]


def test_a_tempo_is_told_again_where_something_was_left_out(piano: tuple[MidiPort, FakeInput], clock: Clock) -> None:
    port, keys = piano
    assert keys.callback is not None
    told: list[Event] = []
    for beat in range(4):
        for _ in range(24):
            clock.now_s += 0.5 / 24
            keys.callback(Message("clock"))
            told += [event for event in port.read(0.0) if isinstance(event, Tempo)]
        if beat == 1:
            keys.play(60, 61, 62, 63)
            port.read(0.0)
    assert [event.bpm for event in told] == pytest.approx([120.0, 120.0])


def test_a_source_says_what_it_is(piano: tuple[MidiPort, FakeInput]) -> None:
    port, _ = piano
    assert (port.name, port.kind, port.is_live) == ("Piano", "notes", True)
    assert (port.ended, port.dropped, port.overflows) == (False, 0, 0)


def test_closing_twice_is_fine_and_ends_the_stream(piano: tuple[MidiPort, FakeInput]) -> None:
    port, keys = piano
    keys.play(60)
    port.close()
    port.close()
    assert keys.times_closed == 1
    assert port.ended
    assert port.read(600.0) == []


def test_closing_wakes_a_reader_that_waits(piano: tuple[MidiPort, FakeInput]) -> None:
    port, _ = piano
    assert read_while(port, port.close) == []


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        (None, "Keystation 49"),
        ("keystation 49", "Keystation 49"),
        ("49 B", "Keystation 49 B"),
        ("STATION", "Keystation 49"),
        ("through", "Midi Through:Midi Through Port-0 14:0"),
    ],
)
def test_a_port_is_chosen(backend: FakeBackend, wanted: str | None, name: str) -> None:
    backend.ports = ["Midi Through:Midi Through Port-0 14:0", "Keystation 49", "Keystation 49 B"]
    assert MidiPort(wanted, backend="fake_midi").name == name


def test_an_exact_name_goes_before_a_part_of_an_earlier_one(backend: FakeBackend) -> None:
    backend.ports = ["Piano 2", "Piano"]
    assert MidiPort("piano", backend="fake_midi").name == "Piano"


def test_a_backend_asked_for_goes_before_the_environment(backend: FakeBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOODRING_MIDI_BACKEND", "another")
    backend.ports = ["Piano"]
    assert input_ports("fake_midi") == ["Piano"]


def refusal(kind: type[MoodringError], name: str | None = None, backend: str = "fake_midi") -> str:
    with pytest.raises(MoodringError) as caught:
        MidiPort(name, backend)
    assert type(caught.value) is kind
    return str(caught.value)


@pytest.mark.parametrize("ports", [[], ["Midi Through:Midi Through Port-0 14:0"]])
def test_nothing_is_plugged_in(backend: FakeBackend, ports: list[str]) -> None:
    backend.ports = ports
    assert refusal(MoodringError) == "no MIDI port was found: plug in a keyboard, switch it on and try again"


def test_nothing_is_plugged_in_and_something_was_asked_for(backend: FakeBackend) -> None:
    assert refusal(MoodringError, "organ") == (
        'no MIDI port was found, so none called "organ": plug in a keyboard and try again'
    )


def test_a_port_that_is_not_there(backend: FakeBackend) -> None:
    backend.ports = ["Piano", "Pads"]
    assert refusal(UsageError, "organ") == 'no MIDI port is called "organ": choose one of "Piano"; "Pads"'


def test_a_port_that_does_not_open(backend: FakeBackend) -> None:
    backend.ports = ["Piano"]
    backend.refuses = "device or resource busy"
    assert refusal(MoodringError) == (
        'cannot open the MIDI port "Piano" (device or resource busy): close the programs that use it, or choose another'
    )


def test_python_rtmidi_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rtmidi", None)  # type: ignore[arg-type]
    monkeypatch.delitem(sys.modules, "mido.backends.rtmidi", raising=False)
    assert refusal(MoodringError, backend="mido.backends.rtmidi") == (
        "MIDI ports need python-rtmidi: pip install python-rtmidi"
    )


def test_a_backend_that_does_not_exist() -> None:
    assert refusal(UsageError, backend="mido.backends.harp") == (
        "MIDI backend \"mido.backends.harp\" is not there (No module named 'mido.backends.harp'): "
        "unset MOODRING_MIDI_BACKEND and MIDO_BACKEND, or name one such as mido.backends.rtmidi"
    )


def test_a_backend_without_its_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_midi.py").write_text("raise OSError('libharp.so: cannot open shared object file')")
    monkeypatch.syspath_prepend(tmp_path)
    assert refusal(MoodringError, backend="broken_midi") == (
        'MIDI backend "broken_midi" does not load (libharp.so: cannot open shared object file): '
        "install the library it needs"
    )


def test_a_system_that_the_backend_does_not_know() -> None:
    pytest.importorskip("rtmidi")
    assert refusal(UsageError, backend="mido.backends.rtmidi/HARP") == (
        'MIDI backend "mido.backends.rtmidi/HARP" cannot be used: unknown API HARP'
    )


def test_what_muted_channels_say_is_ignored(backend: FakeBackend, clock: Clock) -> None:
    backend.ports = ["Piano"]
    port = MidiPort(backend="fake_midi", clock=clock, muted=frozenset({9}))
    hear = backend.opened[0].callback
    assert hear is not None
    hear(Message("note_on", note=36, channel=9))
    hear(Message("note_on", note=60, channel=8))
    assert [event.channel for event in port.read(0.0) if isinstance(event, NoteOn)] == [8]


def test_a_clock_sets_the_tempo_and_its_silence_ends_it(backend: FakeBackend, clock: Clock) -> None:
    backend.ports = ["Sequencer"]
    port = MidiPort(backend="fake_midi", clock=clock)
    hear = backend.opened[0].callback
    assert hear is not None
    for _ in range(97):
        hear(Message("clock"))
        clock.now_s += 60 / 96 / 24
    told = [event.bpm for event in port.read(0.0) if isinstance(event, Tempo)]
    assert told == [pytest.approx(96.0, rel=1e-3)]
    clock.now_s += 1.0
    assert [event.bpm for event in port.read(0.0) if isinstance(event, Tempo)] == [None]


def test_a_port_that_disappears_is_said_once(backend: FakeBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime.sources.midi_port.WATCH_S", 0.01)
    backend.ports = ["Piano 20:0"]
    port = MidiPort(backend="fake_midi")
    backend.opened[0].play(60)
    backend.ports = []
    events: list[Event] = []
    while not any(isinstance(event, Lost) for event in events):
        events += port.read(5.0)
    assert not any(isinstance(event, Lost) for event in port.read(0.0))
    with pytest.raises(MoodringError, match="Piano 20:0"):
        port.reopen()
    # It is the same instrument under the number that the system gives it this time.
    backend.ports = ["Pads 20:0", "Piano 24:0"]
    assert port.reopen().name == "Piano 24:0"


def test_a_port_that_cannot_be_closed_is_let_go_all_the_same(
    piano: tuple[MidiPort, FakeInput], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, keys = piano

    def refuses() -> None:
        raise RuntimeError("no client")

    monkeypatch.setattr(keys, "close", refuses)
    port.close()
    assert port.ended
    assert keys.callback is None


# Active sensing


def later(port: MidiPort, clock: Clock, seconds: float) -> list[Event]:
    """What is read over so many seconds, ten times a second."""
    events: list[Event] = []
    for _ in range(round(seconds * 10)):
        clock.now_s += 0.1
        events += port.read(0.0)
    return music(events)


def test_an_instrument_that_was_sensed_and_says_nothing_more_is_silent(
    piano: tuple[MidiPort, FakeInput], clock: Clock
) -> None:
    port, played = piano
    sense = Message("active_sensing")
    for _ in range(10):
        assert played.callback is not None
        played.callback(sense)
        assert later(port, clock, 0.3) == []
    played.play(60)
    assert [type(event) for event in later(port, clock, 2.0)] == [NoteOn, AllNotesOff]
    assert later(port, clock, 2.0) == []
    # It is switched on again, and off.
    played.callback(sense)
    assert [type(event) for event in later(port, clock, 2.0)] == [AllNotesOff]


def test_an_instrument_without_active_sensing_may_be_silent_for_long(
    piano: tuple[MidiPort, FakeInput], clock: Clock
) -> None:
    port, played = piano
    played.play(60)
    assert [type(event) for event in later(port, clock, 60.0)] == [NoteOn]


def test_a_program_that_stood_still_does_not_take_that_for_silence(
    piano: tuple[MidiPort, FakeInput], clock: Clock
) -> None:
    port, played = piano
    assert played.callback is not None
    played.callback(Message("active_sensing"))
    assert later(port, clock, 0.3) == []
    clock.now_s += 5.0
    assert later(port, clock, 0.3) == []
    played.callback(Message("active_sensing"))
    assert later(port, clock, 0.8) == []
