"""An input that goes away and comes back, with a stand-in for the input and for time."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pytest

from models.errors import MoodringError
from realtime.events import Advance, AllNotesOff, Event, Lost, NoteOn, Sound
from realtime.sources import returning
from realtime.sources.returning import Returning


class Input:
    """Gives what is put into ``given``, one list a read; it can be reopened while ``there`` says so."""

    name = "Piano"
    is_live = True
    arrived_s = 7.0
    overflows = 0

    def __init__(self, kind: Literal["sound", "notes"], there: threading.Event, started_at: float = 0.0) -> None:
        self.kind = kind
        self.started_at = started_at
        self.there = there
        self.ended = False
        self.dropped = 0
        self.given: list[list[Event]] = []
        self.next: Input | None = None
        self.looks = 0
        # The clock's time at which it would be opened again.
        self.opens_at = 0.0

    def read(self, timeout_s: float) -> Sequence[Event]:
        return self.given.pop(0) if self.given else []

    def reopen(self) -> Input:
        self.looks += 1
        if not self.there.is_set():
            raise MoodringError("not there")
        self.next = Input(self.kind, self.there, self.opens_at)
        return self.next

    def close(self) -> None:
        self.ended = True


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(returning, "FIRST_LOOK_S", 0.001)
    monkeypatch.setattr(returning, "LONGEST_LOOK_S", 0.002)


def read_until_back(source: Returning) -> Event:
    for _ in range(1000):
        (event,) = source.read(0.01)
        if source.arrived_s is not None:
            return event
    raise AssertionError("it never came back")


def test_stream_time_goes_on_while_a_keyboard_is_away_and_after() -> None:
    there, clock = threading.Event(), Clock()
    keyboard = Input("notes", there)
    source = Returning(keyboard, clock)
    keyboard.given = [[NoteOn(2.0, 60, 90), Lost(3.0)]]
    assert source.read(0.0) == [NoteOn(2.0, 60, 90), Lost(3.0)]
    assert source.losses == 1
    clock.now_s += 4.0
    assert source.read(0.0) == [Advance(7.0)]
    there.set()
    clock.now_s += 1.0
    keyboard.opens_at = clock.now_s
    assert read_until_back(source) == AllNotesOff(8.0)
    assert keyboard.ended
    assert keyboard.looks >= 1
    assert keyboard.next is not None
    keyboard.next.given = [[NoteOn(0.5, 64, 90), Advance(0.6)]]
    assert source.read(0.0) == [NoteOn(8.5, 64, 90), Advance(8.6)]


def test_keys_keep_the_time_of_the_clock_however_late_a_return_is_taken_up() -> None:
    there, clock = threading.Event(), Clock()
    keyboard = Input("notes", there, clock.now_s)
    source = Returning(keyboard, clock)
    clock.now_s, keyboard.given = 102.0, [[Lost(2.0)]]
    source.read(0.0)
    clock.now_s = keyboard.opens_at = 104.0
    there.set()
    clock.now_s = 107.0  # the program stood still
    assert read_until_back(source) == AllNotesOff(7.0)
    assert keyboard.next is not None
    keyboard.next.given = [[NoteOn(1.0, 60, 90), NoteOn(4.5, 64, 90)]]
    # What was played before comes as early as it still can.
    assert source.read(0.0) == [NoteOn(7.0, 60, 90), NoteOn(8.5, 64, 90)]


def test_sound_is_given_as_it_comes_and_what_was_left_out_is_counted_over_all_openings() -> None:
    there, clock = threading.Event(), Clock()
    microphone = Input("sound", there)
    microphone.dropped = 3
    source = Returning(microphone, clock)
    block = Sound(np.zeros(8, np.float32), 8)
    microphone.given = [[block, Lost(1.0)]]
    assert source.read(0.0) == [block, Lost(1.0)]
    there.set()
    assert read_until_back(source) == Advance(1.0)
    assert microphone.next is not None
    microphone.next.dropped = 2
    assert source.dropped == 5
    microphone.next.given = [[block]]
    assert source.read(0.0) == [block]


def test_a_gap_in_the_sound_is_no_loss_of_the_input() -> None:
    microphone = Input("sound", threading.Event())
    source = Returning(microphone)
    microphone.given = [[Lost(1.0), Sound(np.zeros(8, np.float32), 8)]]
    assert len(source.read(0.0)) == 2
    assert source.losses == 0
    assert not microphone.ended


def test_what_goes_wrong_in_the_search_is_told_to_the_reader() -> None:
    keyboard = Input("notes", threading.Event())
    source = Returning(keyboard)
    keyboard.given = [[Lost(1.0)]]
    keyboard.reopen = lambda: 1 // 0  # type: ignore[method-assign, assignment, return-value]
    source.read(0.0)
    with pytest.raises(ZeroDivisionError):
        source.read(30.0)


def test_closing_ends_the_search() -> None:
    keyboard = Input("notes", threading.Event())
    source = Returning(keyboard)
    keyboard.given = [[Lost(1.0)]]
    source.read(0.0)
    source.close()
    source.close()
    assert source.read(0.0) == []
    for thread in threading.enumerate():
        if thread.name == "input-finder":
            thread.join(5.0)
            assert not thread.is_alive()
