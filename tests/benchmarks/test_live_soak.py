"""The live soak on minutes of stream time: all of it holds, and what does not is found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from realtime.window import NoteWindow
from tests.benchmarks import live_soak
from tests.benchmarks.live_soak import Round, Soak, not_flat
from tests.benchmarks.stage_day import Evening


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Soak:
    """Two rounds of half a minute with the faults that take no longer than that."""
    monkeypatch.setenv("MOODRING_DATA", str(tmp_path / "nowhere"))
    monkeypatch.setattr(live_soak, "MUSIC_S", 60.0)
    monkeypatch.setattr(Evening, "_sound_faults", lambda self: [self.not_numbers, self.stall, self.pull_microphone])
    monkeypatch.setattr(Evening, "_key_faults", lambda self: [self.pull_keyboard, self.too_many, self.no_midi_system])
    return Soak(0.01, 1, tmp_path)


def test_minutes_on_stage_hold(short: Soak, capsys: pytest.CaptureFixture[str]) -> None:
    short.run()
    assert not short.problems
    assert len(short.rounds) == len([line for line in capsys.readouterr().out.splitlines() if " h (" in line]) == 2
    assert short.evening.faults["pull microphone"] == 4
    assert short.together.dropped > 2_000
    assert short.recorded > 0
    assert short.tracker.given > 500
    assert short.told()[0].startswith("0.0")


def test_what_does_not_hold_is_found(short: Soak, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NoteWindow, "release", lambda self, time_s, pitch, channel=0: None)
    monkeypatch.setattr(live_soak.Counted, "write", lambda self, reading, status: None)
    short.run()
    assert any("hang" in problem for problem in short.problems)
    assert any("readings, but 0 in 3 outputs" in problem for problem in short.problems)


def test_what_grows_is_found_from_three_hours_on() -> None:
    flat = [
        Round(300_000_000, 320_000_000, 10, 7, 180.0 * hour, {"keys": 2.0}, {"keys": 3.0}, {"keys": 100.0})
        for hour in range(4)
    ]
    assert not_flat(flat, 3600.0) == []
    for changed, says in (
        (replace(flat[-1], resident=400_000_000), "memory has grown by 100.0 MB"),
        (replace(flat[-1], threads=12), "threads and open files"),
        (replace(flat[-1], median_ms={"keys": 9.0}), "median_ms in keys was 2.00 and is 9.00"),
        (replace(flat[-1], p99_ms={"keys": 9.0}), "p99_ms in keys"),
        (replace(flat[-1], late_ms={"keys": 140.0}), "late_ms in keys"),
    ):
        (problem,) = not_flat([*flat[:-1], changed], 3600.0)
        assert says in problem
        assert not_flat([flat[0], changed], 3600.0) == []
        assert not_flat([*flat[:-1], changed], 60.0) == []


@pytest.mark.parametrize("late_ms", [1500.0, -700.0])
def test_stalls_that_are_not_caught_up_and_readings_from_the_future_are_found(late_ms: float) -> None:
    rounds = [Round(300, 300, 10, 7, 180.0, {}, {}, {"keys": late_ms}) for _ in range(4)]
    problems = [problem for problem in not_flat(rounds, 3600.0) if problem.endswith("late where nothing stalls")]
    assert len(problems) == 4
    assert problems[0].startswith("round 1, keys: readings are")
