"""The shell around the tracker, with an input that says what the test wants."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pytest

from models.affect import Reading, State
from models.errors import UsageError
from realtime.events import Advance, Event, Lost, NoteOn
from realtime.outputs import Status
from realtime.outputs.osc import Osc
from realtime.outputs.visual import Visual
from realtime.session import Session
from realtime.tracker import EmotionTracker


class Input:
    """Gives one list of events a read, then ends."""

    name = "Piano"
    kind: Literal["sound", "notes"] = "notes"
    dropped = 0
    overflows = 0

    def __init__(self, events: list[Event], *, is_live: bool = True) -> None:
        self.is_live = is_live
        self.arrived_s = 99.75 if is_live else None
        self.ended = False
        self._given = [[event] for event in events]

    def read(self, timeout_s: float) -> Sequence[Event]:
        given = self._given.pop(0)
        self.ended = not self._given
        return given

    def close(self) -> None:
        self.ended = True


class Remembered:
    def __init__(self) -> None:
        self.readings: list[tuple[Reading, Status]] = []
        self.closed = 0

    def write(self, reading: Reading, status: Status) -> None:
        self.readings.append((reading, status))

    def close(self) -> None:
        self.closed += 1


MUSIC: list[Event] = [
    *(NoteOn(0.1 * step, 60 + step % 12, 40 + 8 * (step % 10)) for step in range(80)),
    Lost(8.0),
    *(Advance(8.0 + 0.1 * step) for step in range(1, 20)),
    *(NoteOn(10.0 + 0.1 * step, 60 + step % 12, 90) for step in range(150)),
    Advance(25.0),
]


def heard(*outputs: Remembered, is_live: bool = True, smoothing: str = "off") -> Session:
    tracker = EmotionTracker("notes", rate_hz=10.0)
    source = Input(MUSIC, is_live=is_live)
    session = Session(source, tracker, outputs, clock=lambda: 100.0, smoothing=smoothing)
    session.run()
    return session


def test_a_live_reading_is_as_late_as_what_it_knows_of() -> None:
    output = Remembered()
    heard(output)
    late_ms = [reading.latency_ms for reading, _ in output.readings if reading.state is State.LIVE]
    # The newest key came 0.25 s ago; most readings wait for the one after their own, a tenth of a second later.
    assert {round(late or 0.0) for late in late_ms} == {250, 350}
    assert {reading.latency_ms for reading, _ in output.readings if reading.state is State.LOST} == {None}


def test_what_comes_at_once_after_a_stall_is_the_later_the_longer_ago_it_was() -> None:
    output = Remembered()
    source = Input(MUSIC)
    source._given = [MUSIC[:40], MUSIC[40:80]]
    Session(source, EmotionTracker("notes", rate_hz=10.0), [output], clock=lambda: 100.0).run()
    late_ms = {round(reading.time, 1): reading.latency_ms for reading, _ in output.readings}
    assert late_ms[5.0] == pytest.approx(250.0 + 2900.0)
    assert late_ms[7.0] == pytest.approx(250.0 + 900.0)


def test_a_loss_is_said_while_it_lasts_and_its_end_for_a_while() -> None:
    output = Remembered()
    session = heard(output)
    messages = [(reading.time, status.message) for reading, status in output.readings]
    gone, back = "Piano is gone: waiting for it to come back", "Piano is back"
    assert {message for time_s, message in messages if 8.1 < time_s < 9.95} == {gone}
    assert {message for time_s, message in messages if 10.15 < time_s < 19.5} == {back}
    assert {message for time_s, message in messages if not 8.0 <= time_s <= 20.2} == {""}
    assert session.tally.losses == 1
    assert str(session.tally).endswith("input lost once")


def test_a_slow_output_is_skipped_and_the_others_get_everything() -> None:
    release = threading.Event()

    class Slow(Remembered):
        def write(self, reading: Reading, status: Status) -> None:
            release.wait(1.0)
            super().write(reading, status)

    slow, quick = Slow(), Remembered()
    session = heard(slow, quick)
    assert len(quick.readings) == 250
    assert session.tally.readings == 250
    assert 0 < session.tally.skipped < 250
    # One may be under way when the session has waited long enough.
    assert abs(len(slow.readings) + session.tally.skipped - 250) <= 1
    assert "skipped by a slow output" in str(session.tally)


def test_an_output_with_a_thread_of_its_own_gets_no_second_one() -> None:
    threads: list[str] = []

    class Called(Remembered):
        def write(self, reading: Reading, status: Status) -> None:
            threads.append(threading.current_thread().name)

    class Prompt(Called):
        never_waits: Literal[True] = True

    heard(Prompt())
    assert set(threads) == {threading.current_thread().name}
    threads.clear()
    heard(Called())
    assert set(threads) == {"queued-output"}
    assert all(kind.never_waits for kind in (Osc, Visual))


def test_what_is_not_live_waits_for_its_outputs() -> None:
    output = Remembered()
    heard(output, is_live=False)
    assert len(output.readings) == 250
    assert output.closed == 1


def test_an_output_that_fails_ends_the_session_and_the_others_are_closed() -> None:
    class Broken(Remembered):
        def close(self) -> None:
            raise OSError("disk full")

    other = Remembered()
    with pytest.raises(OSError, match="disk full"):
        heard(other, Broken(), is_live=False)
    assert other.closed == 1
    other = Remembered()
    with pytest.raises(OSError, match="disk full"):
        heard(Broken(), other, is_live=False)
    assert other.closed == 1


def test_smoothed_readings_have_the_raw_ones_beside_them() -> None:
    plain, smooth = Remembered(), Remembered()
    heard(plain)
    heard(smooth, smoothing="calm")
    assert all(status.raw is None for _, status in plain.readings)
    raw = [status.raw.arousal for _, status in smooth.readings if status.raw]
    assert raw == [reading.arousal for reading, _ in plain.readings]
    live = [reading.arousal for reading, _ in smooth.readings if reading.state is State.LIVE]
    predicted = [reading.arousal for reading, _ in plain.readings if reading.state is State.LIVE]
    assert np.abs(np.diff(live)).sum() < 0.8 * np.abs(np.diff(predicted)).sum()


def test_an_unknown_smoothing_is_refused() -> None:
    with pytest.raises(UsageError, match="calm, normal, nervous"):
        heard(smoothing="jumpy")
