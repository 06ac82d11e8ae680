"""Several inputs on one stream time: each keeps its order, goes away and comes back by itself, and counts once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from models.affect import State
from models.errors import UsageError
from realtime.events import (
    Advance,
    AllNotesOff,
    Event,
    Lost,
    NoteOff,
    NoteOn,
    Pedal,
    Sound,
    SoundLost,
)
from realtime.sources.together import Together
from realtime.tracker import EmotionTracker

RATE = 22_050


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Input:
    """Gives what is put into ``given``, one list a read; nothing but the time where that is empty."""

    is_live = True
    dropped = 1
    overflows = 2
    arrived_s: float | None = None

    def __init__(self, name: str, kind: Literal["sound", "notes"], clock: Clock) -> None:
        self.name, self.kind, self.clock = name, kind, clock
        self.started_at = clock()
        self.ended = False
        self.given: list[Event] = []

    def read(self, timeout_s: float) -> Sequence[Event]:
        given, self.given = self.given, []
        if self.kind == "sound":
            self.arrived_s = self.clock() - 0.02
            return given
        if not given:
            self.clock.now_s += timeout_s
        last: list[Event] = [] if given and isinstance(given[-1], Lost) else [Advance(self.clock() - self.started_at)]
        return [*given, *last]

    def reopen(self) -> Input:
        raise AssertionError

    def close(self) -> None:
        self.ended = True


def block(length_s: float = 0.1) -> Sound:
    return Sound(np.zeros(round(length_s * RATE), np.float32), RATE)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def mic(clock: Clock) -> Input:
    return Input("Scarlett", "sound", clock)


@pytest.fixture
def piano(clock: Clock) -> Input:
    return Input("Piano", "notes", clock)


def run(source: Together, mic: Input, clock: Clock, blocks: int) -> list[Event]:
    """So many tenths of a second of sound."""
    events: list[Event] = []
    for _ in range(blocks):
        clock.now_s += 0.1
        mic.given.append(block())
        events += source.read(0.1)
    return events


def test_a_key_is_placed_where_its_sound_is(mic: Input, piano: Input, clock: Clock) -> None:
    source = Together([mic, piano], clock)
    clock.now_s += 0.5  # the device takes a while to start
    run(source, mic, clock, 20)
    clock.now_s += 0.05
    piano.given.append(NoteOn(clock.now_s - piano.started_at, 60, 80))
    clock.now_s += 0.05
    mic.given.append(block())
    first, second = source.read(0.1)
    assert isinstance(second, Sound)
    assert isinstance(first, NoteOn)
    # Sound of 20 ms ago had been heard up to 2.0 s when 50 ms passed until the key went down.
    assert first.time_s == pytest.approx(2.0 + 0.02 + 0.05, abs=1e-6)


def test_the_driver_s_jitter_does_not_move_keys(mic: Input, piano: Input, clock: Clock) -> None:
    source = Together([mic, piano], clock)
    run(source, mic, clock, 20)
    placed = []
    for late_s in (0.0, 0.03, 0.08, 0.01):
        struck_s = clock.now_s
        clock.now_s += 0.1 + late_s
        piano.given.append(NoteOn(struck_s - piano.started_at, 60, 80))
        mic.given.append(block())
        placed += [(event.time_s, struck_s) for event in source.read(0.1) if isinstance(event, NoteOn)]
        clock.now_s -= late_s
    assert np.ptp([time_s - struck_s for time_s, struck_s in placed]) < 1e-9


def test_keys_of_several_ports_come_in_order(piano: Input, clock: Clock) -> None:
    organ = Input("Organ", "notes", clock)
    source = Together([piano, organ], clock)
    clock.now_s += 1.0
    piano.given += [NoteOn(0.2, 60, 80), NoteOn(0.6, 61, 80)]
    organ.given += [NoteOn(0.1, 40, 80), NoteOn(0.5, 41, 80)]
    events = source.read(0.1)
    assert [event.pitch for event in events if isinstance(event, NoteOn)] == [40, 60, 41, 61]
    assert events[-1] == Advance(1.0)
    assert source.kind == "notes"
    assert (source.dropped, source.overflows) == (2, 4)


def test_the_sound_goes_away_and_keys_carry_time_on(mic: Input, piano: Input, clock: Clock) -> None:
    source = Together([mic, piano], clock)
    run(source, mic, clock, 30)
    assert source.kind == "sound"
    mic.given.append(Lost(3.0))
    lost = source.read(0.1)
    assert any(isinstance(event, SoundLost) for event in lost)
    assert source.kind == "notes"
    assert source.trouble == "Scarlett is gone: going on with Piano"
    clock.now_s += 1.0
    events = source.read(0.0)
    assert isinstance(events[-1], Advance)
    assert events[-1].time_s == pytest.approx(4.0, abs=0.15)
    run(source, mic, clock, 5)
    assert source.kind == "sound"
    assert source.trouble == ""


def test_a_keyboard_that_goes_away_lets_go_of_its_own_keys_alone(piano: Input, clock: Clock) -> None:
    organ = Input("Organ", "notes", clock)
    source = Together([piano, organ], clock)
    piano.given += [NoteOn(0.0, 60, 80), Pedal(0.0, True), NoteOn(0.0, 61, 80)]
    organ.given += [NoteOn(0.0, 40, 80, 1)]
    clock.now_s += 1.0
    source.read(0.1)
    piano.given.append(Lost(1.0))
    organ.given.append(Advance(1.0))
    gone = source.read(0.0)
    clock.now_s += 0.1
    gone = [*gone, *source.read(0.0)]
    assert {(event.pitch, event.channel) for event in gone if isinstance(event, NoteOff)} == {(60, 0), (61, 0)}
    assert [event.down for event in gone if isinstance(event, Pedal)] == [False]
    assert source.trouble == "Piano is gone: going on with Organ"
    piano.given.append(AllNotesOff(2.0))
    source.read(0.1)
    assert source.trouble == ""


def test_it_is_lost_when_all_are(mic: Input, piano: Input, clock: Clock) -> None:
    source = Together([mic, piano], clock)
    run(source, mic, clock, 10)
    mic.given.append(Lost(1.0))
    piano.given.append(Lost(1.0))
    events = source.read(0.1)
    assert isinstance(events[-1], Lost)
    assert source.trouble == ""
    clock.now_s += 0.5
    assert isinstance(source.read(0.1)[-1], Advance)


def test_what_was_played_last_comes_before_all_are_lost(piano: Input, clock: Clock) -> None:
    organ = Input("Organ", "notes", clock)
    source = Together([piano, organ], clock)
    # The organ is known of for longer than the piano.
    piano.given = [Lost(0.5)]
    organ.given = [NoteOn(0.6, 48, 70), Lost(0.7)]
    first = source.read(0.0)
    clock.now_s += 1.0
    later = source.read(0.0)
    assert [type(event) for event in first if isinstance(event, NoteOn | NoteOff | Lost)] == [NoteOn, NoteOff, Lost]
    assert isinstance(first[-1], Lost)
    assert [type(event) for event in later] == [Advance]
    times = [event.time_s for event in [*first, *later] if not isinstance(event, Sound)]
    assert times == sorted(times)


def test_one_sound_input_at_a_time(mic: Input, clock: Clock) -> None:
    with pytest.raises(UsageError, match="one sound input"):
        Together([mic, Input("Other", "sound", clock)], clock)


def test_closing_closes_all_and_nothing_follows(mic: Input, piano: Input, clock: Clock) -> None:
    source = Together([mic, piano], clock)
    source.close()
    source.close()
    assert mic.ended
    assert piano.ended
    assert source.read(0.1) == []


def test_a_piano_that_is_miked_and_wired_counts_once() -> None:
    """The sound of the demo piece with its own keys comes to as many notes as its keys alone."""
    import soundfile

    from realtime.demo import RECORDING
    from realtime.sources.midi_file import MidiFile

    rate = soundfile.info(RECORDING).samplerate
    samples, _ = soundfile.read(RECORDING, dtype="float32", stop=20 * rate)
    midi = MidiFile(RECORDING.with_suffix(".mid"), block_s=0.1)
    keys: list[Event] = []
    while not midi.ended:
        keys += [event for event in midi.read(0.0) if isinstance(event, NoteOn | NoteOff | Pedal)]
    alone, wired = (EmotionTracker("audio") for _ in range(2))
    states = set()
    step = round(0.1 * rate)
    for number in range(len(samples) // step):
        end_s = (number + 1) * 0.1
        sound = Sound(samples[number * step : (number + 1) * step], rate)
        alone.push([sound])
        states |= {reading.state for reading in wired.push([*_until(keys, end_s), sound])}
    played = wired.notes_heard
    struck = sum(isinstance(event, NoteOn) for event in _first(RECORDING.with_suffix(".mid"), 20.0))
    assert State.LIVE in states
    # What the transcription hears beyond the keys (an overtone here and there) may add to them.
    assert struck <= played <= 1.25 * struck
    assert alone.notes_heard > 0.5 * struck


def _until(keys: list[Event], end_s: float) -> list[Event]:
    due: list[Event] = []
    while keys and not isinstance(keys[0], Sound) and keys[0].time_s <= end_s:
        due.append(keys.pop(0))
    return due


def _first(path: Path, until_s: float) -> list[Event]:
    from realtime.sources.midi_file import MidiFile

    midi = MidiFile(path, block_s=0.1)
    events: list[Event] = []
    while not midi.ended:
        events += [event for event in midi.read(0.0) if not isinstance(event, Sound) and event.time_s <= until_s]
    return events
