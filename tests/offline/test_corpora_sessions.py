"""Recordings of one's own as a corpus, written by the recorder that makes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.bundle import load
from models.errors import MoodringError, UsageError
from offline.corpora import open_corpus
from realtime.controls import Label
from realtime.events import Advance, NoteOff, NoteOn
from realtime.recording import Recorder


def record(path: Path, labels: list[tuple[float, Label]], source: str = "Stage Piano") -> None:
    recorder = Recorder(
        path,
        source=source,
        kind="notes",
        model=load("notes"),
        rate_hz=10.0,
        settings={},
        with_sound=False,
        version="test",
    )
    waiting = list(labels)
    for step in range(40):
        time_s = 0.5 * step
        while waiting and waiting[0][0] <= time_s:
            due_s, label = waiting.pop(0)
            recorder.control(due_s, label, "")
        recorder.hear([NoteOn(time_s, 60 + step % 7, 80), NoteOff(time_s + 0.4, 60 + step % 7), Advance(time_s + 0.5)])
    recorder.close()


def test_a_rating_holds_until_the_next_and_none_is_known_before_the_first(tmp_path: Path):
    record(tmp_path / "evening.jsonl", [(4.0, Label(0.5, -0.5)), (8.0, Label(-1.0, 1.0))])
    (piece,) = open_corpus("sessions", tmp_path)
    assert piece.name == piece.group == "evening"
    assert piece.dynamic is not None
    assert np.isnan(piece.dynamic.at(3.9)).all()
    np.testing.assert_allclose(piece.dynamic.at(5.0)[[0, 2]], [7.0, 3.0])
    np.testing.assert_allclose(piece.dynamic.at(9.0)[[0, 2]], [1.0, 9.0])
    assert np.isnan(piece.dynamic.at(9.0)[[1, 3]]).all()


def test_several_raters_become_mean_and_spread(tmp_path: Path):
    labels = [(2.0, Label(0.5, 0.0, "Ann")), (4.0, Label(-0.5, 0.0, "Ben"))]
    record(tmp_path / "evening.jsonl", labels)
    (piece,) = open_corpus("sessions", tmp_path)
    assert piece.dynamic is not None
    np.testing.assert_allclose(piece.dynamic.at(6.0), [5.0, 2.0, 5.0, 0.0])
    assert piece.cohort == "Ann, Ben"


def test_takes_of_one_file_stay_together_and_unrated_ones_are_told(tmp_path: Path):
    for name in ("first", "second"):
        record(tmp_path / f"{name}.jsonl", [(1.0, Label(0.1, 0.1))], source="nocturne.mid")
    record(tmp_path / "silent.jsonl", [])
    corpus = open_corpus("sessions", tmp_path)
    assert {piece.group for piece in corpus} == {"nocturne.mid"}
    assert corpus.unrated == ("silent",)


def test_a_folder_without_recordings_or_ratings_says_what_to_do(tmp_path: Path):
    with pytest.raises(UsageError, match="--record"):
        open_corpus("sessions", tmp_path)
    record(tmp_path / "silent.jsonl", [])
    with pytest.raises(MoodringError, match="rate while you record"):
        open_corpus("sessions", tmp_path)
