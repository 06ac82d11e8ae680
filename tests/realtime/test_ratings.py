"""A recorded session may be rated again and again: by whom is known, and the recording stays as it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.recording import lines, recorder

from models.bundle import load
from models.errors import MoodringError, UsageError
from realtime.controls import Control, Label, MoveLabel, PlaceLabel
from realtime.desk import Desk
from realtime.events import Advance, NoteOn
from realtime.recording.ratings import RatingPass, read_ratings
from realtime.sources.recorded import Recorded
from realtime.tracker import EmotionTracker


def take(folder: Path, *labels: Label) -> Path:
    """A recording of one second in which ``labels`` were given."""
    path = folder / "take.jsonl"
    recording = recorder(path, load("seed-rnn"), kind="notes", with_sound=False)
    recording.hear([NoteOn(0.0, 60, 80), Advance(0.5)])
    for label in labels:
        recording.control(0.5, label, "marked")
    recording.hear([Advance(1.0)])
    recording.close()
    return path


def rating(path: Path, rater: str = "Bela", *, is_blind: bool = True) -> RatingPass:
    return RatingPass(path, Recorded(path).header, rater=rater, is_blind=is_blind, version="1.2.3")


def desk(**settings: object) -> Desk:
    return Desk(EmotionTracker("seed-rnn"), "notes", **settings)  # type: ignore[arg-type]


def test_ratings_go_beside_the_recording_and_leave_it_as_it_is(tmp_path: Path):
    path = take(tmp_path)
    before = path.read_bytes()
    kept = rating(path)
    assert kept.path is None
    kept.keep(1.5, Label(0.5, -0.25, "Bela"), "marked")
    kept.keep(2.25, Label(-1.0, 1.0, "Cleo"), "marked")
    kept.close(3.0)
    kept.close()
    assert kept.path == tmp_path / "take.Bela.jsonl"
    assert (kept.kept, kept.problem) == (2, "")
    assert kept.told == f"{kept.path}: 2 kept, to be read together with take.jsonl"
    assert path.read_bytes() == before
    found = read_ratings(kept.path)
    assert found is not None
    header, labels, end_s = found
    assert end_s == 3.0
    assert (header.session, header.session_began) == ("take.jsonl", Recorded(path).header.began)
    assert (header.rater, header.is_blind) == ("Bela", True)
    assert labels == [(1.5, Label(0.5, -0.25, "Bela")), (2.25, Label(-1.0, 1.0, "Cleo"))]
    assert read_ratings(path) is None


def test_who_rates_nothing_leaves_nothing(tmp_path: Path):
    path = take(tmp_path)
    kept = rating(path)
    kept.close(1.0)
    assert kept.told == ""
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("rater", "name"),
    [("Bela", "Bela"), ("", "listener"), ("Zoë B.", "Zoë-B"), ("../../etc", "etc"), ("??", "listener")],
)
def test_every_pass_has_a_file_of_its_own_whatever_the_rater_is_called(tmp_path: Path, rater: str, name: str):
    path = take(tmp_path)
    for number in ("", "-2", "-3"):
        kept = rating(path, rater)
        kept.keep(0.0, Label(0.0, 0.0, rater), "marked")
        kept.close()
        assert kept.path == tmp_path / f"take.{name}{number}.jsonl"
        assert json.loads(kept.path.read_text(encoding="utf-8").splitlines()[0])["rater"] == rater


def test_a_torn_last_rating_is_left_out_and_a_first_line_that_is_damaged_is_named(tmp_path: Path):
    path = take(tmp_path)
    kept = rating(path)
    kept.keep(1.0, Label(0.5, 0.5), "marked")
    kept.keep(2.0, Label(0.75, 0.5), "marked")
    kept.close()
    assert kept.path is not None
    whole = kept.path.read_bytes()
    kept.path.write_bytes(whole[:-9])
    found = read_ratings(kept.path)
    assert found is not None
    assert found[1:] == ([(1.0, Label(0.5, 0.5))], None)
    kept.path.write_bytes(whole.replace(b'"rater":"Bela",', b"", 1))
    with pytest.raises(MoodringError, match=r"take\.Bela\.jsonl is damaged in line 1 \(rater is missing\)"):
        read_ratings(kept.path)


def test_ratings_cannot_be_replayed_themselves(tmp_path: Path):
    kept = rating(take(tmp_path))
    kept.keep(1.0, Label(0.5, 0.5), "marked")
    kept.close()
    assert kept.path is not None
    with pytest.raises(UsageError, match=r"holds ratings of take\.jsonl: give that recording"):
        Recorded(kept.path)


def test_where_nothing_can_be_written_the_rating_is_refused(tmp_path: Path):
    kept = rating(take(tmp_path))
    kept._session = tmp_path / "gone" / "take.jsonl"
    answers: list[tuple[str, bool]] = []
    own = desk(ratings=kept)
    own.do(Label(0.5, 0.5), lambda said, done: answers.append((said, done)))
    assert [done for _, done in answers] == [False]
    assert own.label is None


def test_whoever_rates_has_a_point_of_their_own(tmp_path: Path):
    kept = rating(take(tmp_path))
    own = desk(rater="Bela", ratings=kept)
    asked: list[Control] = [
        Label(0.5, 0.5),
        Label(-0.5, -0.5, "Ana"),
        MoveLabel(0.25, 0.0),
        PlaceLabel(arousal=-1.0),
        PlaceLabel(valence=0.0),
    ]
    for control in asked:
        own.do(control)
    assert own.label == (0.0, -1.0)
    kept.close()
    assert kept.path is not None
    found = read_ratings(kept.path)
    assert found is not None
    assert [label for _, label in found[1]] == [
        Label(0.5, 0.5, "Bela"),
        Label(-0.5, -0.5, "Ana"),
        Label(0.75, 0.5, "Bela"),
        Label(0.75, -1.0, "Bela"),
        Label(0.0, -1.0, "Bela"),
    ]


def test_what_was_rated_then_is_shown_but_not_kept_again(tmp_path: Path):
    path = take(tmp_path)
    kept = rating(path, is_blind=False)
    own = desk(rater="Bela", ratings=kept)
    own.do_again(Label(0.5, 0.5, "Ana"))
    assert own.label == (0.5, 0.5)
    own.do(MoveLabel(-0.25, 0.0))
    assert own.label == (-0.25, 0.0)
    assert kept.kept == 1
    kept.close()


def test_who_rates_blind_does_not_see_what_others_said():
    blind = desk(rater="Bela", is_blind=True)
    blind.do(Label(0.5, 0.5, "Ana"))
    assert blind.label is None
    overruled = desk(is_blind=True, overruled=(Label,))
    overruled.do_again(Label(0.5, 0.5))
    assert overruled.label is None


def test_what_is_recorded_is_not_kept_beside_too(tmp_path: Path):
    kept = rating(take(tmp_path))
    recording = recorder(tmp_path / "two.jsonl", load("seed-rnn"), kind="notes", with_sound=False)
    own = desk(rater="Bela", ratings=kept)
    own.recording = recording
    own.do(Label(0.5, 0.5))
    own.close()
    assert kept.path is None
    assert [line["rater"] for line in lines(tmp_path / "two.jsonl", "label")] == ["Bela"]
