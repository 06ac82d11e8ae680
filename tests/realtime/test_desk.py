"""What is asked of a running session is done while it runs, and nothing of the stream is lost by it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from test_session import MUSIC, Input, Remembered

from models.affect import State
from realtime.controls import (
    Calibrate,
    Control,
    Controls,
    Freeze,
    Label,
    Learn,
    MoveLabel,
    Quit,
    Record,
    Reset,
    SetRate,
    Smooth,
    UseModel,
)
from realtime.desk import Desk
from realtime.events import Event
from realtime.note_events import Struck
from realtime.outputs import Status
from realtime.recording import Recorder
from realtime.session import Session
from realtime.sources.recorded import Recorded
from realtime.tracker import EmotionTracker


class Asking(Input):
    """Asks for things at their places among the events."""

    def __init__(self, events: list[Event], asked: dict[int, list[Control]], controls: Controls) -> None:
        super().__init__(events, is_live=False)
        self._asked, self._controls, self._reads = asked, controls, 0
        self.answers: list[tuple[str, bool]] = []

    def read(self, timeout_s: float):
        for control in self._asked.get(self._reads, ()):
            assert self._controls.ask(control, lambda said, done: self.answers.append((said, done)))
        self._reads += 1
        return super().read(timeout_s)


class Played(Remembered):
    def __init__(self) -> None:
        super().__init__()
        self.notes: list[Struck] = []

    def play(self, notes) -> None:
        self.notes += notes


def run(
    asked: dict[int, list[Control]], *, record: Callable[[EmotionTracker], Recorder] | None = None
) -> tuple[Played, Asking]:
    controls, output = Controls(), Played()
    tracker = EmotionTracker("notes", rate_hz=10.0)
    source = Asking(list(MUSIC), asked, controls)
    stop = threading.Event()
    desk = Desk(
        tracker,
        "notes",
        record=None if record is None else lambda: record(tracker),
        end=stop.set,
        loads_at_once=True,
    )
    if record is not None:
        desk.recording = record(tracker)
    Session(source, tracker, [output], stop=stop, controls=controls, desk=desk).run()
    return output, source


def statuses(output: Played) -> list[Status]:
    return [status for _, status in output.readings]


def test_frozen_values_are_held_and_the_true_ones_stay_beside_them() -> None:
    output, source = run({30: [Freeze()], 60: [Freeze(False)]})
    held = [(reading, status) for reading, status in output.readings if status.is_frozen]
    assert len({(reading.valence, reading.arousal) for reading, _ in held}) == 1
    assert len({status.raw.valence for _, status in held if status.raw is not None}) > 5
    assert source.answers == [("frozen", True), ("going on", True)]
    assert len({reading.valence for reading, status in output.readings if not status.is_frozen}) > 20


def test_another_model_and_rate_come_without_a_gap() -> None:
    output, source = run({20: [UseModel("seed-rnn")], 40: [SetRate(4.0)], 60: [SetRate(step=1)]})
    steps = [after.time - before.time for (before, _), (after, _) in pairwise(output.readings)]
    assert {round(step, 3) for step in steps} <= {0.1, 0.15, 0.2, 0.25, 0.167, 0.166, 0.05, 0.083, 0.117}
    assert {reading.model for reading, _ in output.readings} == {"notes", "seed-rnn"}
    assert [done for _, done in source.answers] == [True, True, True]
    assert statuses(output)[-1].rate_hz == 6.0


def test_what_cannot_be_done_is_answered_with_the_reason_and_changes_nothing() -> None:
    output, source = run(
        {10: [Calibrate(), UseModel("oracle"), SetRate(3.0), Smooth("wild"), Record(), UseModel("audio")]}
    )
    assert [done for _, done in source.answers] == [False] * 6
    assert "no sound" in source.answers[0][0]
    assert "no model 'oracle'" in source.answers[1][0]
    assert {reading.model for reading, _ in output.readings} == {"notes"}
    assert len(output.readings) == 250


def test_smoothing_goes_round_and_labels_move_within_the_plane() -> None:
    moves: list[Control] = [MoveLabel(0.5, -0.5)] * 3
    output, source = run({10: [Smooth(), Smooth()], 20: [Label(0.3, 0.4)], 30: moves})
    assert statuses(output)[-1].smoothing == "normal"
    assert statuses(output)[-1].label == (1.0, -1.0)
    assert "valence +0.30" in source.answers[2][0]


def test_begun_anew_the_music_before_counts_no_more() -> None:
    output, _ = run({60: [Reset()]})
    notes = [reading.notes for reading, _ in output.readings]
    assert min(notes[58:64]) <= 1
    assert all(state is not State.LOST for state in {reading.state for reading, _ in output.readings[:75]})


def test_notes_are_handed_on_as_they_begin() -> None:
    output, _ = run({})
    assert len(output.notes) == 230
    assert [note.time_s for note in output.notes] == sorted(note.time_s for note in output.notes)


def test_a_controller_is_learned_anew_where_there_is_one() -> None:
    output, source = run({10: [Learn()]})
    assert source.answers == [("there is no controller to learn: start with --label-midi PORT", False)]
    desk, answers = Desk(EmotionTracker("notes"), "notes", learn=lambda: "move it"), list[tuple[str, bool]]()
    desk.do(Learn(), lambda said, done: answers.append((said, done)))
    assert answers == [("move it", True)]
    assert len(output.readings) == 250


def test_quitting_ends_it() -> None:
    output, source = run({50: [Quit()]})
    assert len(output.readings) < 60
    assert source.answers == [("ending", True)]


def test_a_session_that_was_changed_while_it_ran_is_replayed_to_the_bit(tmp_path: Path) -> None:
    def recorder(tracker: EmotionTracker) -> Recorder:
        return Recorder(
            tmp_path / "take.jsonl",
            source="Piano",
            kind="notes",
            model=tracker.bundle,
            rate_hz=tracker.rate_hz,
            settings={},
            with_sound=False,
            began_s=tracker.time_s,
            version="test",
        )

    asked: dict[int, list[Control]] = {
        30: [UseModel("seed-rnn")],
        50: [SetRate(step=-1), Label(0.5, 0.5)],
        70: [Reset()],
    }
    output, _ = run(asked, record=recorder)
    again = Played()
    tracker = EmotionTracker("notes", rate_hz=10.0)
    desk = Desk(tracker, "notes", loads_at_once=True)
    Session(Recorded(tmp_path / "take.jsonl"), tracker, [again], desk=desk).run()
    assert [reading for reading, _ in again.readings] == [reading for reading, _ in output.readings]
    lines = [json.loads(line) for line in (tmp_path / "take.jsonl").read_text().splitlines()]
    assert [line["valence_norm"] for line in lines if line["type"] == "label"] == [0.5]


@pytest.mark.parametrize("is_replayed", [False, True])
def test_a_model_that_is_loaded_on_the_side_is_taken_up(is_replayed: bool) -> None:
    tracker = EmotionTracker("notes", rate_hz=10.0)
    desk = Desk(tracker, "notes", loads_at_once=is_replayed)
    desk.do(UseModel())
    deadline = time.monotonic() + 20
    while tracker.bundle.name == "notes" and time.monotonic() < deadline:
        desk.follow("notes")
        time.sleep(0.01)
    assert tracker.bundle.name != "notes"
