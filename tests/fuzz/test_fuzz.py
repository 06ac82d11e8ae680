"""A few cases of each kind of fuzzing; and whatever does not hold is found, with the seed to see it again."""

from __future__ import annotations

import threading
import warnings
from collections import Counter

import numpy as np
import pytest

from realtime.sources.returning import Returning
from realtime.window import NoteWindow
from tests.fuzz import devices, midi, sound
from tests.fuzz.running import Case, fuzz


@pytest.mark.parametrize(
    ("kind", "case", "cases"), [("midi", midi.case, 3), ("sound", sound.case, 3), ("devices", devices.case, 3)]
)
def test_some_cases_hold(kind: str, case: Case, cases: int) -> None:
    found = fuzz(kind, case, seed=1, cases=cases)
    assert not found.failures
    assert found.cases == cases
    assert found.done["readings"] > 0


def raises(rng: np.random.Generator, done: Counter[str]) -> None:
    if rng.random() < 0.5:
        raise KeyError("pitch")


def kills_a_thread(rng: np.random.Generator, done: Counter[str]) -> None:
    thread = threading.Thread(target=lambda: 1 // 0, name="victim")
    thread.start()
    thread.join()


def warns(rng: np.random.Generator, done: Counter[str]) -> None:
    warnings.warn("on the dashboard", RuntimeWarning, stacklevel=1)


def test_what_fails_is_said_with_the_seed_that_fails_again(capsys: pytest.CaptureFixture[str]) -> None:
    found = fuzz("midi", raises, seed=10, cases=20)
    assert 0 < len(found.failures) < 20
    said = capsys.readouterr().out
    for seed in found.failures:
        assert f"python -m tests.fuzz midi --seed {seed} --cases 1\n" in said
        assert fuzz("midi", raises, seed=seed, cases=1, is_told=False).failures


@pytest.mark.parametrize(("case", "says"), [(kills_a_thread, "victim: ZeroDivisionError"), (warns, "RuntimeWarning")])
def test_a_thread_that_dies_and_a_warning_are_failures(case: Case, says: str) -> None:
    (problem,) = fuzz("midi", case, seed=1, cases=1, is_told=False).failures.values()
    assert says in problem


def test_notes_that_hang_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NoteWindow, "end_all", lambda self, time_s: None)
    found = fuzz("midi", midi.case, seed=1, cases=3, is_told=False)
    assert any("hang" in problem for problem in found.failures.values())


def test_an_input_that_is_not_looked_for_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.support.world.PATIENCE_S", 0.2)
    monkeypatch.setattr(Returning, "_look_for", lambda self, lost: lost.close())
    found = fuzz("devices", devices.case, seed=1, cases=1, is_told=False)
    assert any("nobody listened" in problem for problem in found.failures.values())
