"""Recordings with ratings are a corpus: who rated what, from when on, and what was heard."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.recording import recorder

from models.bundle import load
from models.errors import MoodringError, UsageError
from offline.commands import audit_corpus
from offline.corpora import Piece, open_corpus
from offline.corpora.sessions import SessionEvents, Sessions
from realtime.controls import Label, Smooth
from realtime.events import Advance, Event, NoteOff, NoteOn, Sound
from realtime.recording.ratings import RatingPass
from realtime.sources.recorded import Recorded

#: What a session's raters said: time, valence and arousal on −1…1, rater.
Ratings = list[tuple[float, float, float, str]]


def notes(seconds: float) -> list[Event]:
    """A note each half second."""
    events: list[Event] = []
    for number in range(int(2 * seconds)):
        events += [NoteOn(0.5 * number, 60 + number % 12, 80), NoteOff(0.5 * number + 0.4, 60 + number % 12)]
    return [*events, Advance(seconds)]


def session(path: Path, ratings: Ratings, *, seconds: float = 20.0, **settings: Any) -> Path:
    """Record notes and ratings in the order in which they happen."""
    recording = recorder(path, load("seed-rnn"), **{"kind": "notes", "with_sound": False, **settings})
    waiting = list(ratings)
    for event in notes(seconds):
        while waiting and waiting[0][0] <= getattr(event, "time_s", 0.0):
            time_s, valence, arousal, rater = waiting.pop(0)
            recording.control(time_s, Label(valence, arousal, rater), "marked")
        recording.hear([event])
    recording.close()
    assert not recording.problem
    return path


def only(folder: Path) -> Piece:
    (piece,) = Sessions(folder)
    return piece


def at(piece: Piece, time_s: float) -> list[float]:
    assert piece.dynamic is not None
    return piece.dynamic.at(time_s).tolist()


def test_a_rating_holds_until_the_next_and_before_the_first_there_is_none(tmp_path: Path):
    session(tmp_path / "evening.jsonl", [(4.0, 0.5, -0.25, ""), (9.5, -1.0, 1.0, "")])
    piece = only(tmp_path)
    assert (piece.name, piece.group, piece.path) == ("evening", "evening", tmp_path / "evening.jsonl")
    assert piece.cohort is None
    np.testing.assert_array_equal(at(piece, 3.9), np.full(4, np.nan))
    for time_s, valence, arousal in ((4.0, 7.0, 4.0), (9.4, 7.0, 4.0), (9.5, 1.0, 9.0), (99.0, 1.0, 9.0)):
        np.testing.assert_array_equal(at(piece, time_s), [valence, np.nan, arousal, np.nan])
    assert piece.labels.times_s[0] == 0
    np.testing.assert_array_equal(piece.labels.at(0.0), [7.0, np.nan, 4.0, np.nan])
    np.testing.assert_array_equal(piece.labels.at(9.5), [1.0, np.nan, 9.0, np.nan])


def test_several_raters_become_mean_and_spread(tmp_path: Path):
    session(tmp_path / "a.jsonl", [(1.0, 0.5, 0.0, "ben"), (3.0, -0.5, 0.0, "ada"), (5.0, 0.5, 0.5, "ada")])
    piece = only(tmp_path)
    assert piece.cohort == "ada, ben"
    np.testing.assert_array_equal(at(piece, 2.0), [7.0, np.nan, 5.0, np.nan])
    np.testing.assert_array_equal(at(piece, 3.0), [5.0, 2.0, 5.0, 0.0])
    np.testing.assert_array_equal(at(piece, 5.0), [7.0, 0.0, 6.0, 1.0])


def test_takes_of_one_piece_stay_together(tmp_path: Path):
    rating: Ratings = [(1.0, 0.0, 0.0, "")]
    session(tmp_path / "one.jsonl", rating, source="nocturne.mid")
    session(tmp_path / "two.jsonl", rating, source="nocturne.mid")
    session(tmp_path / "three.jsonl", rating, settings={"group": "The  Nocturne"})
    assert [piece.group for piece in Sessions(tmp_path)] == ["nocturne.mid", "The Nocturne", "nocturne.mid"]


def test_a_session_that_nobody_rated_is_said_and_left_out(tmp_path: Path):
    session(tmp_path / "rated.jsonl", [(1.0, 0.0, 0.0, "")])
    session(tmp_path / "unrated.jsonl", [])
    corpus = open_corpus("sessions", tmp_path)
    assert [piece.name for piece in corpus] == ["rated"]
    assert corpus.unrated == ("unrated",)
    assert corpus.kind == "notes"


def test_what_was_heard_comes_back_without_what_was_asked(tmp_path: Path):
    path = session(tmp_path / "a.jsonl", [(1.0, 0.5, 0.0, "")], seconds=8.0)
    source = SessionEvents(path, 5.0)
    events: list[Event] = []
    while not source.ended:
        events += source.read(0.0)
    source.close()
    source.close()
    assert [event for event in events if not isinstance(event, Advance)] == notes(8.0)[:-1]
    assert events[-1] == Advance(8.0)


def test_a_session_of_sound_is_heard_to_its_end(tmp_path: Path):
    recording = recorder(tmp_path / "sound.jsonl", load("seed-rnn"))
    samples = np.linspace(-0.5, 0.5, 22050, dtype=np.float32)
    for number in range(4):
        recording.hear([Sound(samples, 22050)])
        recording.control(number + 1.0, Label(0.1 * number, 0.0), "marked")
        recording.control(number + 1.0, Smooth("slow"), "smoother")
    recording.close()
    corpus = Sessions(tmp_path)
    assert corpus.kind == "sound"
    source = SessionEvents(tmp_path / "sound.jsonl", 5.0)
    sounds = []
    while not source.ended:
        sounds += source.read(0.0)
    assert sum(len(one.samples) for one in sounds if isinstance(one, Sound)) == 4 * 22050


def test_sound_and_notes_do_not_go_together(tmp_path: Path):
    session(tmp_path / "keys.jsonl", [(1.0, 0.0, 0.0, "")])
    recording = recorder(tmp_path / "mic.jsonl", load("seed-rnn"))
    recording.hear([Sound(np.zeros(22050, np.float32), 22050)])
    recording.control(1.0, Label(0.0, 0.0), "marked")
    recording.close()
    with pytest.raises(MoodringError, match="'mic' is of sound and 'keys' of notes; keep them in folders of their own"):
        Sessions(tmp_path)


def test_a_folder_without_recordings_or_without_ratings_says_what_to_do(tmp_path: Path):
    with pytest.raises(UsageError, match=r"holds no recordings .* 'moodring live --record FILE' makes one"):
        Sessions(tmp_path)
    session(tmp_path / "a.jsonl", [])
    with pytest.raises(MoodringError, match=r"no recording in .* has a rating; rate while you record"):
        Sessions(tmp_path)


def test_a_file_that_is_no_recording_is_named_or_left_out(tmp_path: Path):
    session(tmp_path / "a.jsonl", [(1.0, 0.0, 0.0, "")])
    (tmp_path / "b.jsonl").write_text(json.dumps({"type": "reading"}) + "\n")
    with pytest.raises(MoodringError, match=r"b\.jsonl is no recording"):
        Sessions(tmp_path)
    corpus = Sessions(tmp_path, strict=False)
    assert len(corpus) == 1
    assert "b.jsonl" in corpus.problems[0]


def rated_again(path: Path, rater: str, ratings: Ratings, *, end_s: float | None = None, name: str = "") -> Path:
    """Rate the session at ``path`` once more, as a replay does, until ``end_s``."""
    again = RatingPass(path, Recorded(path).header, rater=rater, is_blind=True, version="1.2.3")
    for time_s, valence, arousal, by in ratings:
        again.keep(time_s, Label(valence, arousal, by or rater), "marked")
    again.close(end_s)
    assert again.path is not None
    return again.path


def test_what_was_rated_in_a_replay_belongs_to_its_session(tmp_path: Path):
    path = session(tmp_path / "a.jsonl", [(1.0, 0.5, 0.0, "")], settings={"rater": "ana"})
    session(tmp_path / "b.jsonl", [])
    rated_again(path, "ben", [(3.0, -0.5, 0.0, ""), (4.0, -0.5, 0.5, "")], end_s=6.0)
    rated_again(tmp_path / "b.jsonl", "ben", [(2.0, 1.0, -1.0, "")])
    corpus = Sessions(tmp_path)
    first, second = corpus
    assert (first.name, first.cohort, second.name, second.cohort) == ("a", "ana, ben", "b", "ben")
    assert corpus.unrated == ()
    assert [one.rater for one in corpus.passes["a"]] == ["ana", "ben"]
    for time_s, said in (
        (2.9, [7.0, np.nan, 5.0, np.nan]),
        (3.0, [5.0, 2.0, 5.0, 0.0]),
        (4.0, [5.0, 2.0, 6.0, 1.0]),
        (6.0, [7.0, np.nan, 5.0, np.nan]),
    ):
        np.testing.assert_array_equal(at(first, time_s), said)
    np.testing.assert_array_equal(at(second, 99.0), [9.0, np.nan, 1.0, np.nan])


def test_where_a_pass_was_ended_nothing_is_rated_any_more(tmp_path: Path):
    path = session(tmp_path / "a.jsonl", [])
    rated_again(path, "ben", [(2.0, 1.0, -1.0, "")], end_s=6.0)
    piece = only(tmp_path)
    np.testing.assert_array_equal(at(piece, 5.9), [9.0, np.nan, 1.0, np.nan])
    np.testing.assert_array_equal(at(piece, 6.0), np.full(4, np.nan))
    for time_s in (0.0, 2.0, 6.0, 19.0):
        np.testing.assert_array_equal(piece.labels.at(time_s), [9.0, np.nan, 1.0, np.nan])


def test_the_passes_of_one_rater_count_as_one_rater(tmp_path: Path):
    path = session(tmp_path / "a.jsonl", [(1.0, 0.0, 0.0, "ana"), (1.0, 0.5, 0.5, "ben")])
    rated_again(path, "ana", [(1.0, 0.5, -0.5, "")])
    piece = only(tmp_path)
    assert [one.rater for one in Sessions(tmp_path).passes["a"]] == ["ana", "ben", "ana"]
    np.testing.assert_array_equal(at(piece, 1.0), [6.5, 0.5, 5.5, 1.5])


def test_ratings_of_another_recording_or_of_none_are_refused(tmp_path: Path):
    path = session(tmp_path / "a.jsonl", [(1.0, 0.5, 0.0, "")])
    later = rated_again(path, "ben", [(3.0, -0.5, 0.0, "")])
    whole = later.read_text()
    later.write_text(whole.replace('"session":"a.jsonl"', '"session":"c.jsonl"'))
    with pytest.raises(MoodringError, match=r"a\.ben\.jsonl rates c\.jsonl, which is not beside it"):
        Sessions(tmp_path)
    began = Recorded(path).header.began
    later.write_text(whole.replace(began, "1999-12-31T23:59:59.000+00:00"))
    with pytest.raises(MoodringError, match=r"a\.ben\.jsonl rates another recording that was called a\.jsonl"):
        Sessions(tmp_path)
    corpus = Sessions(tmp_path, strict=False)
    assert [one.rater for one in corpus.passes["a"]] == [""]
    assert len(corpus.problems) == 1


def test_a_recorded_replay_stays_with_what_it_replays(tmp_path: Path):
    rating: Ratings = [(1.0, 0.0, 0.0, "")]
    session(tmp_path / "one.jsonl", rating, source="nocturne.mid")
    session(tmp_path / "two.jsonl", rating, source="one.jsonl")
    session(tmp_path / "three.jsonl", rating, source="elsewhere.jsonl")
    session(tmp_path / "four.jsonl", rating, source="five.jsonl")
    session(tmp_path / "five.jsonl", rating, source="four.jsonl")
    groups = {piece.name: piece.group for piece in Sessions(tmp_path)}
    assert groups["one"] == groups["two"] == "nocturne.mid"
    assert groups["three"] == "elsewhere"
    assert {groups["four"], groups["five"]} == {"four", "five"}


def test_an_audit_of_sessions_finds_nothing_wrong_and_says_how_far_raters_agree(tmp_path: Path):
    path = session(tmp_path / "a.jsonl", [(1.0, 0.5, 0.0, "ana"), (5.0, -0.5, 0.25, "ana")])
    rated_again(path, "ben", [(1.0, 0.25, 0.0, ""), (5.0, -0.75, 0.25, "")], end_s=10.0)
    said = list(audit_corpus("sessions", tmp_path, audio_offset_s=0.0, as_json=False))
    assert said[-1] == "sessions: 1 rated pieces, no findings"
    assert said[0].startswith("raters: ana and ben: agreement (CCC) 0.")
    (line,) = audit_corpus("sessions", tmp_path, audio_offset_s=0.0, as_json=True)
    assert json.loads(line)["raters"] == ["ana", "ben"]


def test_one_raters_own_ratings_can_be_taken_alone(tmp_path: Path):
    path = session(tmp_path / "a.jsonl", [(1.0, 0.5, 0.0, "ana")])
    session(tmp_path / "b.jsonl", [(1.0, 0.5, 0.0, "ana")])
    rated_again(path, "ben", [(3.0, -0.5, 0.0, "")])
    corpus = open_corpus("sessions", tmp_path, rater="ben")
    (piece,) = corpus
    assert (piece.name, piece.cohort, corpus.unrated) == ("a", "ben", ("b",))
    np.testing.assert_array_equal(at(piece, 3.0), [3.0, np.nan, 5.0, np.nan])
    with pytest.raises(UsageError, match="nobody called 'cleo' has rated; there are ratings by ana, ben"):
        open_corpus("sessions", tmp_path, rater="cleo")
    with pytest.raises(UsageError, match="known of sessions alone, not of vgmidi; leave --rater out"):
        open_corpus("vgmidi", tmp_path, rater="ben")


def test_who_begins_to_rate_as_the_replay_ends_has_rated_nothing(tmp_path: Path):
    path = session(tmp_path / "a.jsonl", [(1.0, 0.5, 0.0, "ana")])
    rated_again(path, "ben", [(6.0, 1.0, -1.0, "")], end_s=6.0)
    assert [one.rater for one in Sessions(tmp_path).passes["a"]] == ["ana"]
    other = session(tmp_path / "b.jsonl", [])
    rated_again(other, "ben", [(6.0, 1.0, -1.0, "")], end_s=6.0)
    assert Sessions(tmp_path).unrated == ("b",)
