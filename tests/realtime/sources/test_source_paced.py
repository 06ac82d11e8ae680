"""Paced plays a file in real time, whatever the clock. Here the clock is a number."""

from __future__ import annotations

from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile

from realtime.events import Event, Sound
from realtime.sources import Source
from realtime.sources.audio_file import AudioFile
from realtime.sources.midi_file import MidiFile
from realtime.sources.paced import Paced


class Clock:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 5_000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.slept.append(seconds)
        self.now_s += seconds


@pytest.fixture
def tune(tmp_path: Path) -> Path:
    path = tmp_path / "tune.wav"
    soundfile.write(path, np.random.default_rng(0).uniform(-1, 1, (8_400, 1)), 8_000)  # 1.05 s
    return path


@pytest.fixture
def song(tmp_path: Path) -> Path:
    path = tmp_path / "song.mid"
    file = mido.MidiFile()
    track = file.add_track()
    for pitch in range(60, 72):
        track.append(mido.Message("note_on", note=pitch, velocity=90, time=37 * pitch % 101))
        track.append(mido.Message("note_off", note=pitch, time=80))
    file.save(path)
    return path


@pytest.fixture(params=["tune", "song"])
def sources(request: pytest.FixtureRequest) -> tuple[Source, Source]:
    """The same file twice: one to be paced, one to compare it with."""
    path = request.getfixturevalue(request.param)
    return (AudioFile(path), AudioFile(path)) if request.param == "tune" else (MidiFile(path), MidiFile(path))


def comparable(event: Event) -> object:
    return event.samples.tobytes() if isinstance(event, Sound) else event


def due_times(events: list[Event]) -> list[float]:
    ends_s = iter(np.cumsum([len(event.samples) / event.sample_rate for event in events if isinstance(event, Sound)]))
    return [next(ends_s) if isinstance(event, Sound) else event.time_s for event in events]


def read_all(source: Source) -> list[Event]:
    events: list[Event] = []
    for _ in range(5_000):
        events += source.read(0.0)
        if source.ended:
            return events
    raise AssertionError("the file never ended")


@pytest.mark.parametrize("timeout_s", [0.001, 0.05, 10.0])
def test_events_come_in_order_and_none_before_its_time(sources: tuple[Source, Source], timeout_s: float) -> None:
    clock = Clock()
    paced = Paced(sources[0], clock, clock.sleep)
    start_s = clock.now_s
    came: list[tuple[float, Event]] = []
    while not paced.ended and clock.now_s < start_s + 60.0:
        came += [(clock.now_s - start_s, event) for event in paced.read(timeout_s)]
    expected = read_all(sources[1])
    assert [comparable(event) for _, event in came] == [comparable(event) for event in expected]
    for (came_s, _), due_s in zip(came, due_times(expected), strict=True):
        assert due_s - 1e-9 <= came_s <= due_s + timeout_s


def test_sound_is_due_when_its_last_sample_is(tune: Path) -> None:
    clock = Clock()
    paced = Paced(AudioFile(tune, block_s=0.25), clock, clock.sleep)
    assert paced.read(0.0) == []
    clock.now_s += 0.249
    assert paced.read(0.0) == []
    clock.now_s += 0.002
    assert len(paced.read(0.0)) == 1


def test_a_read_waits_no_longer_than_it_may(tune: Path) -> None:
    clock = Clock()
    paced = Paced(AudioFile(tune), clock, clock.sleep)
    assert paced.read(0.03) == []
    assert sum(clock.slept) == pytest.approx(0.03)
    assert len(paced.read(5.0)) == 1
    assert sum(clock.slept) == pytest.approx(0.1)


def test_a_read_without_a_timeout_never_sleeps(tune: Path) -> None:
    clock = Clock()
    paced = Paced(AudioFile(tune), clock, clock.sleep)
    assert paced.read(0.0) == []
    assert clock.slept == []


def test_stream_time_starts_with_the_first_read(tune: Path) -> None:
    clock = Clock()
    paced = Paced(AudioFile(tune), clock, clock.sleep)
    clock.now_s += 100.0
    assert paced.read(0.0) == []


def test_who_falls_behind_catches_up_without_waiting(tune: Path) -> None:
    clock = Clock()
    paced = Paced(AudioFile(tune), clock, clock.sleep)
    paced.read(0.0)
    clock.now_s += 60.0
    while not paced.ended:
        assert paced.read(1.0)
    assert clock.slept == []


def test_it_is_called_what_its_source_is_called(sources: tuple[Source, Source]) -> None:
    paced = Paced(sources[0])
    assert (paced.name, paced.kind) == (sources[1].name, sources[1].kind)
    assert paced.is_live
    assert (paced.ended, paced.dropped, paced.overflows) == (False, 0, 0)


def test_what_its_source_lost_is_passed_on(tune: Path) -> None:
    clock = Clock()
    source = AudioFile(tune)
    paced = Paced(source, clock, clock.sleep)
    source.dropped, source.overflows = 3, 4
    paced.read(1.0)
    assert (paced.dropped, paced.overflows) == (3, 4)


def test_closing_twice_is_fine_and_closes_the_source(sources: tuple[Source, Source]) -> None:
    paced = Paced(sources[0])
    paced.read(0.0)
    paced.close()
    paced.close()
    assert paced.ended
    assert sources[0].ended
    assert paced.read(1.0) == []
