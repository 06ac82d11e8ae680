"""The microphone: real sound through a PulseAudio server, and a PortAudio of our own for what none does on demand."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
from support.portaudio import OWN_LATENCY_S, FakePortAudio, FakeStream, PortAudioError
from support.pulse import Pulse, pulse_server

from models.errors import MoodringError, UsageError
from realtime.events import Event, Lost, Sound
from realtime.sources.microphone import Microphone
from realtime.sources.sound_inputs import Device, input_devices

REPOSITORY = Path(__file__).resolve().parents[3]


def child(code: str, env: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    """A program of its own: PortAudio reads the environment once, when it is loaded."""
    command = [sys.executable, "-u", "-c", code, *arguments]
    return subprocess.Popen(
        command,
        env={**env, "PYTHONPATH": str(REPOSITORY)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


# Real sound

RECORD = """
import sys, threading
import numpy as np
from realtime.events import Sound
from realtime.sources.microphone import Microphone

microphone = Microphone(sys.argv[2])
told_to_stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.readline(), told_to_stop.set()), daemon=True).start()
blocks, left = [], None
while left is None or left > 0:
    for event in microphone.read(0.5):
        assert isinstance(event, Sound), event
        blocks.append(event.samples)
        if len(blocks) == 1:
            print("hearing", flush=True)
        if left is not None:
            left -= len(event.samples)
    if left is None and told_to_stop.is_set():
        left = microphone.sample_rate  # a second more, for what is still on its way
microphone.close()
microphone.close()
np.savez(sys.argv[1], samples=np.concatenate(blocks), rate=microphone.sample_rate)
print(microphone.dropped, microphone.ended)
"""


def tune(path: Path, rate: int = 44_100) -> np.ndarray:
    """A tone that rises in the left ear and another that falls in the right one, with noise: alike nowhere."""
    time_s = np.arange(2 * rate) / rate
    rising = np.sin(2 * np.pi * (200 + 400 * time_s) * time_s)
    falling = np.sin(2 * np.pi * (1_500 - 300 * time_s) * time_s)
    noise = np.random.default_rng(1).normal(0, 0.1, (len(time_s), 2))
    samples = 0.3 * (np.stack([rising, falling], axis=1) + noise)
    soundfile.write(path, samples, rate)
    return samples


def similarity(heard: np.ndarray, played: np.ndarray) -> float:
    """The usual correlation of a piece of ``played`` with what was ``heard``, each where it fits best.

    In pieces, so that a moment which a busy machine's driver lost does not put all after it out of step.
    """
    return float(np.median([_best_fit(heard, piece) for piece in np.split(played, 8)]))


def _best_fit(heard: np.ndarray, played: np.ndarray) -> float:
    size = 1 << (len(heard) + len(played)).bit_length()
    shifts = np.fft.irfft(np.fft.rfft(heard, size) * np.fft.rfft(played, size).conj(), size)
    start = int(np.argmax(shifts[: len(heard) - len(played)]))
    return float(np.corrcoef(heard[start : start + len(played)], played)[0, 1])


@pytest.mark.pulseaudio
@pytest.mark.parametrize("device", ["default", "PUL"])
def test_it_hears_what_is_played(pulse: Pulse, tmp_path: Path, device: str) -> None:
    played = tune(tmp_path / "tune.wav")
    with child(RECORD, pulse.env, str(tmp_path / "heard.npz"), device) as recorder:
        assert recorder.stdout is not None
        assert recorder.stdout.readline() == "hearing\n"
        pulse.play(tmp_path / "tune.wav")
        said, complaints = recorder.communicate("stop\n", timeout=60)
    assert (recorder.returncode, said) == (0, "0 True\n"), complaints
    heard = np.load(tmp_path / "heard.npz")
    assert (heard["rate"], heard["samples"].dtype, heard["samples"].shape[1]) == (44_100, np.dtype(np.float32), 2)
    for channel in range(2):
        assert similarity(heard["samples"][:, channel], played[:, channel]) > 0.98


@pytest.mark.pulseaudio
def test_a_server_that_goes_away_is_said_once_and_does_not_hang() -> None:
    code = (
        "from realtime.events import Lost\n"
        "from realtime.sources.microphone import Microphone\n"
        "microphone = Microphone()\n"
        "while not microphone.read(0.5): pass\n"
        "print('hearing')\n"
        "lost = []\n"
        "while not lost: lost = [e for e in microphone.read(0.5) if isinstance(e, Lost)]\n"
        "print(len(lost), microphone.read(0.2), microphone.ended)\n"
        "microphone.close()\n"
    )
    with pulse_server() as server, child(code, server.env) as listener:
        assert listener.stdout is not None
        assert listener.stdout.readline() == "hearing\n"
        server.stop()
        said, complaints = listener.communicate(timeout=60)
    assert (listener.returncode, said) == (0, "1 [] False\n"), complaints


def test_importing_the_sources_loads_no_driver() -> None:
    code = (
        "import sys\n"
        "import realtime.sources, realtime.sources.audio_file, realtime.sources.microphone\n"
        "import realtime.sources.midi_file, realtime.sources.midi_port, realtime.sources.paced\n"
        "print(sorted({'sounddevice', '_sounddevice', 'rtmidi'} & set(sys.modules)))\n"
    )
    said, complaints = child(code, dict(os.environ)).communicate(timeout=60)
    assert said == "[]\n", complaints


def test_portaudio_is_not_installed() -> None:
    code = (
        "import ctypes.util\n"
        "ctypes.util.find_library = lambda name: None\n"  # what a machine without it answers
        "from models.errors import MoodringError\n"
        "from realtime.sources.microphone import Microphone\n"
        "try: Microphone()\n"
        "except MoodringError as error: print(error.exit_status, error)\n"
    )
    if sys.platform != "linux":
        pytest.skip("only on Linux does sounddevice come without PortAudio")
    said, complaints = child(code, dict(os.environ)).communicate(timeout=60)
    assert said == (
        "1 sound input needs the PortAudio library: install it "
        "(Debian, Ubuntu: apt install libportaudio2; macOS: brew install portaudio)\n"
    ), complaints


# A PortAudio of our own


@pytest.fixture
def portaudio(monkeypatch: pytest.MonkeyPatch) -> FakePortAudio:
    fake = FakePortAudio()
    monkeypatch.setitem(sys.modules, "sounddevice", fake)  # type: ignore[arg-type]
    return fake


@pytest.fixture
def stage(portaudio: FakePortAudio) -> Callable[[], tuple[Microphone, FakeStream]]:
    """Opens a microphone of 48 kHz and one channel that hears what the test says."""
    portaudio.add("Stage")

    def open_it() -> tuple[Microphone, FakeStream]:
        microphone = Microphone(queue_s=0.5)
        assert portaudio.stream is not None
        return microphone, portaudio.stream

    return open_it


Stage = Callable[[], tuple[Microphone, FakeStream]]


def values(events: Any) -> list[float]:
    return [float(event.samples[0, 0]) for event in events if isinstance(event, Sound)]


def read_while(microphone: Microphone, act: Callable[[], None]) -> list[Event]:
    """What a read gives that waits without end while ``act`` is done."""
    read: list[list[Event]] = []
    reader = threading.Thread(target=lambda: read.append(list(microphone.read(3_600.0))), daemon=True)
    reader.start()
    act()
    reader.join(30.0)
    assert read, "the reader still waits"
    return read[0]


def test_devices_are_listed_with_those_of_the_own_system_first(portaudio: FakePortAudio) -> None:
    portaudio.add("Speakers", channels=0, api=1)
    portaudio.add("Piano Mic", channels=1, rate=44_100.0, api=0)
    portaudio.add("Piano Mic", channels=8, rate=96_000.0, api=1)
    portaudio.own_api, portaudio.default_index = 1, 2
    assert input_devices() == [
        Device(2, "Piano Mic", 8, 96_000, "JACK", True, OWN_LATENCY_S),
        Device(1, "Piano Mic", 1, 44_100, "ALSA", False, OWN_LATENCY_S),
    ]


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (None, 3),
        (0, 0),
        ("4", 4),
        ("USB Audio: Mic (hw:1,0)", 1),
        ("usb audio: mic", 2),
        ("MIC", 1),
        ("line", 3),
        ("Loopback", 0),
    ],
)
def test_a_device_is_chosen(portaudio: FakePortAudio, wanted: int | str | None, index: int) -> None:
    portaudio.add("Loopback", api=1)
    portaudio.add("USB Audio: Mic (hw:1,0)", api=0)
    portaudio.add("USB Audio: Mic", api=0)
    portaudio.add("Line in", api=0)
    portaudio.add("Stage mic", api=1)
    portaudio.default_index = 3
    microphone = Microphone(wanted)
    assert portaudio.stream is not None
    assert portaudio.stream.settings["device"] == index
    assert microphone.name == portaudio.found[index]["name"]


def test_of_devices_alike_the_one_of_the_own_system_is_chosen(portaudio: FakePortAudio) -> None:
    portaudio.add("Mic", api=0)
    portaudio.add("Mic", api=1)
    portaudio.own_api = 1
    Microphone("mic")
    assert portaudio.stream is not None
    assert portaudio.stream.settings["device"] == 1


def test_without_a_default_the_first_input_is_chosen(portaudio: FakePortAudio) -> None:
    portaudio.add("Speakers", channels=0)
    portaudio.add("Mic")
    assert Microphone().name == "Mic"


@pytest.mark.parametrize(("has", "takes"), [(1, 1), (2, 2), (32, 2)])
def test_the_device_decides_rate_and_channels(portaudio: FakePortAudio, has: int, takes: int) -> None:
    portaudio.add("Mic", channels=has, rate=96_000.0)
    microphone = Microphone()
    assert portaudio.stream is not None
    settings = portaudio.stream.settings
    assert (settings["samplerate"], settings["channels"], settings["dtype"]) == (96_000, takes, "float32")
    assert (microphone.sample_rate, microphone.channels) == (96_000, takes)


def test_room_that_the_driver_is_asked_for_does_not_count_as_age(portaudio: FakePortAudio) -> None:
    portaudio.add("Mic")
    microphone = Microphone()
    assert portaudio.stream is not None
    assert portaudio.stream.latency > OWN_LATENCY_S
    assert microphone.latency_s == pytest.approx(OWN_LATENCY_S)


def test_a_source_says_what_it_is(stage: Stage) -> None:
    microphone, _ = stage()
    assert (microphone.name, microphone.kind, microphone.is_live) == ("Stage", "sound", True)
    assert (microphone.ended, microphone.dropped, microphone.overflows) == (False, 0, 0)


def test_blocks_come_in_order_and_are_its_own(stage: Stage) -> None:
    microphone, stream = stage()
    stream.hear(1, 2)
    first = microphone.read(0.0)
    stream.hear(3)
    assert values(first) == [1, 2]
    assert values(microphone.read(0.0)) == [3]
    assert [(event.samples.shape, event.sample_rate) for event in first if isinstance(event, Sound)] == [
        ((4_800, 1), 48_000)
    ] * 2
    assert microphone.read(0.0) == []


def test_a_reader_that_waits_is_woken_by_sound(stage: Stage) -> None:
    microphone, stream = stage()
    heard = read_while(microphone, lambda: stream.hear(5))
    assert values(heard) == [5]


def test_what_the_driver_hands_over_together_is_taken_together(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    microphone, stream = stage()
    stream.hear(1)
    monkeypatch.setattr("realtime.sources.microphone.time.sleep", lambda seconds: stream.hear(2))
    assert values(microphone.read(0.5)) == [1, 2]


def test_who_does_not_wait_does_not_wait_for_more_either(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    microphone, stream = stage()
    stream.hear(1)
    monkeypatch.setattr("realtime.sources.microphone.time.sleep", lambda seconds: stream.hear(2))
    assert values(microphone.read(0.0)) == [1]


def test_a_reader_that_waits_is_woken_by_the_death_of_the_stream(stage: Stage) -> None:
    microphone, stream = stage()
    assert read_while(microphone, stream.die) == [Lost(0.0)]


def test_what_nobody_reads_is_left_out_and_counted(stage: Stage) -> None:
    microphone, stream = stage()  # half a second fits: five blocks
    stream.hear(1, 2, 3, 4, 5, 6, 7)
    assert microphone.dropped == 2
    assert values(microphone.read(0.0)) == [1, 2, 3, 4, 5]
    stream.hear(8)
    events = microphone.read(0.0)
    assert events[0] == Lost(0.5)  # what follows does not follow without a gap
    assert values(events[1:]) == [8]
    assert microphone.dropped == 2


def test_what_the_driver_lost_is_counted(stage: Stage) -> None:
    microphone, stream = stage()
    stream.hear(1, 2)
    stream.hear(3, overflow=True)
    assert microphone.overflows == 1
    assert values(microphone.read(0.0)) == [1, 2, 3]


def test_a_stream_that_dies_is_said_once_after_its_last_sound(stage: Stage) -> None:
    microphone, stream = stage()
    stream.hear(1)
    microphone.read(0.0)
    stream.hear(2)
    stream.die()
    events = microphone.read(0.0)
    assert values(events) == [2]
    assert events[1:] == [Lost(0.2)]
    assert microphone.read(0.0) == []
    assert not microphone.ended


def test_a_stream_that_dies_without_a_word_is_lost_too(stage: Stage) -> None:
    microphone, stream = stage()
    stream.hear(1)
    stream.active = False
    assert values(microphone.read(0.0)) == [1]
    assert microphone.read(0.0) == [Lost(0.1)]
    assert microphone.read(0.0) == []


def test_closing_twice_is_fine_and_ends_the_stream(stage: Stage) -> None:
    microphone, stream = stage()
    stream.hear(1)
    microphone.close()
    microphone.close()
    assert stream.times_closed == 1
    assert microphone.ended
    assert microphone.read(600.0) == []


def test_no_sound_is_taken_once_closing_has_begun(stage: Stage) -> None:
    microphone, stream = stage()
    microphone.close()
    stream.hear(*range(100), overflow=True)
    assert (microphone.dropped, microphone.overflows) == (0, 0)


def test_closing_wakes_a_reader_that_waits(stage: Stage) -> None:
    microphone, stream = stage()
    stream.active = False  # and so has nothing more to say itself
    microphone.read(0.0)
    assert read_while(microphone, microphone.close) == []


def refusal(wanted: int | str | None, kind: type[MoodringError]) -> str:
    with pytest.raises(MoodringError) as caught:
        Microphone(wanted)
    assert type(caught.value) is kind
    return str(caught.value)


@pytest.mark.parametrize("wanted", [None, 0, "mic"])
def test_a_machine_without_an_input(portaudio: FakePortAudio, wanted: int | str | None) -> None:
    portaudio.add("Speakers", channels=0)
    assert refusal(wanted, MoodringError) == (
        "no microphone and no other sound input was found: connect one and try again"
    )


@pytest.mark.parametrize(
    ("wanted", "complaint"),
    [
        ("organ", 'no input device is called "organ"'),
        (0, "no input device has the number 0"),
        ("7", "no input device has the number 7"),
    ],
)
def test_a_device_that_is_not_there(portaudio: FakePortAudio, wanted: int | str, complaint: str) -> None:
    portaudio.add("Speakers", channels=0)
    portaudio.add("Piano mic")
    portaudio.add("Line in")
    assert refusal(wanted, UsageError) == f'{complaint}: choose one of 1 "Piano mic"; 2 "Line in"'


def test_a_device_that_does_not_open(portaudio: FakePortAudio) -> None:
    portaudio.add("Mic")
    portaudio.cannot_start = "Device unavailable [PaErrorCode -9985]"
    assert refusal(None, MoodringError) == (
        'cannot record from "Mic" (Device unavailable [PaErrorCode -9985]): '
        "close the programs that use it, or choose another device"
    )
    assert portaudio.stream is not None
    assert portaudio.stream.times_closed == 1


def test_a_reader_that_stays_behind_skips_ahead(stage: Stage) -> None:
    microphone, stream = stage()  # half a second fits: five blocks
    stream.hear(1, 2, 3, 4, 5, 6)
    assert values(microphone.read(0.0)) == [1, 2, 3, 4, 5]  # once is a stall, and caught up
    stream.hear(11, 12, 13, 14, 15, 16)
    assert values(microphone.read(0.0)) == [11, 12, 13, 14, 15]
    stream.hear(21, 22, 23, 24, 25, 26)
    assert microphone.read(0.0) == []  # again as far behind: what waited is left out
    assert microphone.dropped == 3 + 5
    stream.hear(31)
    events = microphone.read(0.0)
    assert events[0] == Lost(1.0)  # stream time counts what was given
    assert values(events[1:]) == [31]


def test_a_device_that_gives_nothing_while_it_is_waited_for_is_lost(stage: Stage) -> None:
    microphone, stream = stage()
    stream.hear(1)
    assert values(microphone.read(0.5)) == [1]
    given = [microphone.read(0.5) for _ in range(5)]
    assert given == [[], [], [], [Lost(0.1)], []]


def test_it_says_when_its_newest_sound_was_made(portaudio: FakePortAudio) -> None:
    portaudio.add("Stage")
    microphone = Microphone(clock=lambda: 50.0)
    assert portaudio.stream is not None
    assert microphone.arrived_s is None
    portaudio.stream.hear(1)
    microphone.read(0.0)
    assert microphone.arrived_s == pytest.approx(50.0 - OWN_LATENCY_S)


def test_it_is_reopened_by_its_name_under_another_number(stage: Stage, portaudio: FakePortAudio) -> None:
    microphone, _ = stage()
    portaudio.found.clear()
    with pytest.raises(MoodringError):
        microphone.reopen()
    portaudio.add("Built-in")
    portaudio.add("Stage")
    assert microphone.reopen().name == "Stage"
    assert portaudio.stream is not None
    assert portaudio.stream.settings["device"] == 1
    assert portaudio.starts == 2


def test_it_is_looked_for_by_its_first_name_though_it_had_another_in_between(
    stage: Stage, portaudio: FakePortAudio
) -> None:
    microphone, _ = stage()
    portaudio.found.clear()
    portaudio.add("2- Stage")
    again = microphone.reopen()
    assert again.name == "2- Stage"
    portaudio.found.clear()
    portaudio.add("Stage")
    assert again.reopen().name == "Stage"


def test_a_stream_that_the_system_does_not_know_any_more_is_lost(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    microphone, _ = stage()

    def unknown(self: FakeStream) -> bool:
        raise PortAudioError("Invalid stream pointer [PaErrorCode -9988]")

    monkeypatch.setattr(FakeStream, "active", property(unknown, lambda self, value: None), raising=False)
    assert microphone.read(0.0) == [Lost(0.0)]


def test_a_system_that_cannot_list_its_devices_is_told_in_words(
    portaudio: FakePortAudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> list[dict[str, Any]]:
        raise PortAudioError("PortAudio not initialized")

    monkeypatch.setattr(portaudio, "query_devices", fails)
    for asks in (input_devices, Microphone):
        with pytest.raises(MoodringError, match=r"the sound system does not answer \(PortAudio not initialized\)"):
            asks()


def test_a_system_that_does_not_start_is_no_end_of_the_search(stage: Stage, portaudio: FakePortAudio) -> None:
    microphone, _ = stage()
    portaudio.cannot_initialize = "no server"
    with pytest.raises(MoodringError, match="no server"):
        microphone.reopen()
    portaudio.cannot_initialize = ""
    assert microphone.reopen().name == "Stage"


def test_channels_are_chosen_as_they_are_counted_on_the_device(portaudio: FakePortAudio) -> None:
    portaudio.add("Interface", channels=18)
    microphone = Microphone(channels=(3, 1))
    stream = portaudio.stream
    assert stream is not None
    assert stream.settings["channels"] == 3
    buffer = np.tile(np.array([0.1, 0.2, 0.3], np.float32), (64, 1))
    stream.settings["callback"](buffer, 64, None, SimpleNamespace(input_overflow=False))
    buffer[:] = 0.9  # the driver uses it again
    (sound,) = microphone.read(0.0)
    assert isinstance(sound, Sound)
    np.testing.assert_array_equal(sound.samples, np.tile(np.array([0.3, 0.1], np.float32), (64, 1)))
    assert microphone.channels == 2
    assert microphone.reopen().channels == 2


@pytest.mark.parametrize(("has", "says"), [(1, "only channel 1"), (2, "channels 1 to 2")])
def test_a_channel_that_is_not_there(portaudio: FakePortAudio, has: int, says: str) -> None:
    portaudio.add("Stage", channels=has)
    with pytest.raises(UsageError, match=f'"Stage" has {says}, not 3'):
        Microphone(channels=(3,))
