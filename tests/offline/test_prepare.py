"""What training sees is what the tracker sees live, and one broken file does not stop the rest."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import mido
import numpy as np
import pytest
import soundfile
from support import require

from models.affect import OUTPUTS, Reading
from models.bundle import BUNDLED, load
from models.errors import MoodringError
from models.features import feature_set
from models.predictor import Predictor
from offline import synthesizer
from offline.corpora import Labels, Piece, open_corpus
from offline.dataset import PieceSteps, read_dataset
from offline.prepare import HOP_S, WINDOW_S, Hearing, prepare, prepare_piece
from realtime.events import Event, Sound
from realtime.listener import Listener
from realtime.outputs import Status
from realtime.session import Session
from realtime.sources.files import open_file
from realtime.sources.midi_file import MidiFile
from realtime.sources.paced import Paced
from realtime.tracker import EmotionTracker

NEUTRAL = Labels(np.zeros(1), np.array([[5.0, 1.0, 5.0, 1.0]], np.float32))


@dataclass
class Pieces:
    """A corpus of the pieces given."""

    pieces: list[Piece]
    name: str = "some"
    kind: Literal["sound", "notes"] = "notes"
    terms: str = "free for all"
    corrections: tuple[str, ...] = ("one row put right",)

    def __iter__(self) -> Iterator[Piece]:
        return iter(self.pieces)

    def __len__(self) -> int:
        return len(self.pieces)


def tune(path: Path, notes: int = 12) -> Path:
    """A scale, four notes a second."""
    song = mido.MidiFile()
    track = song.add_track()
    for number in range(notes):
        track.append(mido.Message("note_on", note=60 + number, velocity=80))
        track.append(mido.Message("note_off", note=60 + number, time=240))
    song.save(path)
    return path


def prepared(piece: Piece) -> PieceSteps:
    steps = prepare_piece(piece)
    assert isinstance(steps, PieceSteps)
    return steps


def live(events: list[Event]) -> tuple[np.ndarray, np.ndarray]:
    """Times and features that a listener gives when the events come one at a time."""
    listener = Listener((feature_set("notes22"),), window_s=WINDOW_S, rate_hz=1 / HOP_S)
    moments = [moment for event in events for moment in listener.push([event])] + listener.finish()
    return np.array([m.time for m in moments]), np.stack([m.features["notes22"] for m in moments])


@pytest.mark.parametrize(("song", "block"), [("1000", 64), ("1500", 4410), ("2001", 10**9)])
def test_sound_is_prepared_as_it_is_heard_live(shared_data: Path, song: str, block: int) -> None:
    (piece,) = (p for p in open_corpus("deam", shared_data / "deam") if p.name == song)
    samples, rate = soundfile.read(piece.path, dtype="float32")
    times_s, features = live([Sound(samples[i : i + block], rate) for i in range(0, len(samples), block)])
    steps = prepared(piece)
    np.testing.assert_array_equal(steps.times_s, times_s)
    np.testing.assert_array_equal(steps.features["notes22"], features)
    assert (steps.piece, steps.group) == (piece.name, piece.group)
    np.testing.assert_array_equal(steps.labels, np.repeat(piece.labels.values, len(times_s), axis=0))


@pytest.mark.parametrize("block_s", [0.017, 1.0, 1e9])
def test_keys_are_prepared_as_they_are_played_live(shared_data: Path, block_s: float) -> None:
    piece = next(iter(open_corpus("vgmidi", shared_data / "vgmidi")))
    source = MidiFile(piece.path, block_s)
    events: list[Event] = []
    while not source.ended:
        events += source.read(0.0)
    times_s, features = live(events)
    steps = prepared(piece)
    rated = times_s <= piece.end_s
    np.testing.assert_array_equal(steps.times_s, times_s[rated])
    np.testing.assert_array_equal(steps.features["notes22"], features[rated])


class Remembered:
    """An output that keeps the readings."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []

    def write(self, reading: Reading, status: Status) -> None:
        self.readings.append(reading)

    def close(self) -> None:
        pass


@pytest.mark.parametrize(("corpus", "number"), [("deam", 700), ("vgmidi", 50)])
def test_a_session_in_real_time_reads_what_a_network_makes_of_the_prepared_features(
    shared_data: Path, corpus: str, number: int
) -> None:
    """The whole way that a performance goes, on a clock that jumps to whenever the next block is due."""
    piece = list(open_corpus(corpus, shared_data / corpus))[number]
    bundle = load(BUNDLED / "seed-rnn")
    now_s = [0.0]
    source = Paced(open_file(piece.path), lambda: now_s[0], lambda wait_s: now_s.append(now_s.pop() + wait_s))
    remembered = Remembered()
    Session(source, EmotionTracker(bundle), [remembered]).run()

    steps = prepare_piece(piece, Hearing(tuple(known.name for known in bundle.feature_sets), bundle.window_s))
    assert isinstance(steps, PieceSteps)
    predictor = Predictor(bundle)
    state, expected = predictor.start(), []
    for row in range(len(steps.times_s)):
        affect, state = predictor.step({name: values[row] for name, values in steps.features.items()}, state)
        expected.append((float(steps.times_s[row]), *affect.tolist()))
    assert len(expected) >= 20
    heard = [(r.time, r.valence, r.valence_std, r.arousal, r.arousal_std) for r in remembered.readings]
    assert heard[: len(expected)] == expected


def test_a_file_that_runs_on_past_its_labels_is_left_there(tmp_path: Path) -> None:
    piece = Piece("tune", tune(tmp_path / "tune.mid", notes=40), "some", NEUTRAL, end_s=4.2)
    assert prepared(piece).times_s.tolist() == [0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0]


def test_the_label_of_a_step_is_that_of_the_half_second_before_it(tmp_path: Path) -> None:
    """Measures of one second: the reading at 1.0 is about the first, the one at 1.5 about the second."""
    values = np.repeat(np.arange(1.0, 4.0, dtype=np.float32)[:, None], len(OUTPUTS), axis=1)
    labels = Labels(np.array([0.0, 1.0, 2.0]), values)
    steps = prepared(Piece("tune", tune(tmp_path / "tune.mid"), "some", labels, end_s=3.0))
    assert dict(zip(steps.times_s.tolist(), steps.labels[:, 0].tolist(), strict=True)) == {
        0.5: 1.0,
        1.0: 1.0,
        1.5: 2.0,
        2.0: 2.0,
        2.5: 3.0,
        3.0: 3.0,
    }


def broken(folder: Path) -> list[Path]:
    """Files that are none: missing, empty, text, cut off."""
    empty, text, cut = (folder / name for name in ("empty.mid", "text.opus", "cut.mid"))
    empty.touch()
    text.write_text("not a sound\n" * 50)
    cut.write_bytes(tune(folder / "whole.mid").read_bytes()[:-30])
    return [folder / "missing.mid", empty, text, cut]


def test_a_broken_file_comes_back_as_the_error_it_is(tmp_path: Path) -> None:
    for path in broken(tmp_path):
        error = prepare_piece(Piece(path.stem, path, "some", NEUTRAL))
        assert isinstance(error, MoodringError), path
        assert str(path) in str(error)


def test_a_file_that_breaks_while_it_is_read_comes_back_as_an_error(tmp_path: Path) -> None:
    """A FLAC whose header is whole and whose first block is not: it opens, and cannot be read."""
    path = tmp_path / "cut.flac"
    noise = np.random.default_rng(0).normal(0, 0.1, (48_000, 2))
    soundfile.write(path, noise, 48_000)
    path.write_bytes(path.read_bytes()[:8_400])
    assert isinstance(prepare_piece(Piece("cut", path, "some", NEUTRAL)), MoodringError)


def test_a_piece_shorter_than_a_step_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "short.wav"
    soundfile.write(path, np.zeros(1_000), 22_050)
    error = prepare_piece(Piece("short", path, "some", NEUTRAL))
    assert isinstance(error, MoodringError)
    assert str(error) == f"{path} is shorter than one step of 0.5 s"


def test_a_corpus_is_prepared_without_its_broken_files(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("pyarrow")
    files = [tune(tmp_path / "one.mid"), *broken(tmp_path), tune(tmp_path / "two.mid", notes=20)]
    corpus = Pieces([Piece(path.stem, path, "some", NEUTRAL) for path in files])
    output, progress = tmp_path / "some.parquet", []
    with caplog.at_level(logging.WARNING):
        failed = prepare(corpus, output, jobs=2, progress=lambda done, total: progress.append((done, total)))
    assert len(failed) == 4
    assert all(isinstance(error, MoodringError) for error in failed)
    assert progress == [(done, 6) for done in range(7)]
    assert "some: one row put right" in caplog.messages

    dataset = read_dataset(output)
    assert [piece.piece for piece in dataset.pieces] == ["one", "two"]
    for piece in dataset.pieces:
        direct = prepared(next(p for p in corpus if p.name == piece.piece))
        np.testing.assert_array_equal(piece.features["notes22"], direct.features["notes22"])
        np.testing.assert_array_equal(piece.times_s, direct.times_s)
    assert dataset.provenance["corpus"] == "some"
    assert dataset.provenance["terms"] == "free for all"
    assert dataset.provenance["corrections"] == ["one row put right"]
    assert (dataset.hop_s, dataset.window_s) == (HOP_S, WINDOW_S)


def test_every_so_many_pieces_are_prepared(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    files = [tune(tmp_path / f"{number}.mid", notes=10 + number) for number in range(5)]
    corpus = Pieces([Piece(path.stem, path, "some", NEUTRAL) for path in files])
    assert prepare(corpus, tmp_path / "some.parquet", every=2) == []
    assert [piece.piece for piece in read_dataset(tmp_path / "some.parquet").pieces] == ["0", "2", "4"]


def test_long_pieces_come_as_excerpts_of_what_was_heard_whole(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    times_s = np.arange(12.0)
    rising = Labels(times_s, np.repeat(np.linspace(2, 8, 12, dtype=np.float32)[:, None], len(OUTPUTS), axis=1))
    long, short = (Piece(f"{n}", tune(tmp_path / f"{n}.mid", notes=n), "some", rising) for n in (36, 12))
    whole = prepared(long)
    assert prepare(Pieces([long, short]), tmp_path / "some.parquet", excerpt_s=4.0) == []
    dataset = read_dataset(tmp_path / "some.parquet")
    assert [piece.piece for piece in dataset.pieces] == ["36 1", "36 2", "36 3", "12"]
    parts = dataset.pieces[:3]
    assert [len(part.times_s) for part in parts] == [8, 8, len(whole.times_s) - 16]
    np.testing.assert_array_equal(np.concatenate([part.times_s for part in parts]), whole.times_s)
    heard = np.concatenate([part.features["notes22"] for part in parts])
    np.testing.assert_array_equal(heard, whole.features["notes22"])
    np.testing.assert_array_equal(np.concatenate([part.labels for part in parts]), whole.labels)
    assert dataset.provenance["excerpt_s"] == 4.0


def test_midi_is_heard_as_a_synthesizer_plays_it(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    require({"fluidsynth": "fluidsynth"})
    piece = Piece("tune", tune(tmp_path / "tune.mid", notes=40), "some", NEUTRAL, end_s=9.5)
    sets = ("notes22", "activity")
    assert prepare(Pieces([piece]), tmp_path / "played.parquet", hearing=Hearing(sets, is_played=True)) == []
    played = read_dataset(tmp_path / "played.parquet")
    assert (played.provenance["kind"], played.provenance["corpus"]) == ("sound", "some played")
    (heard,) = played.pieces
    assert heard.features["activity"].any(axis=1).sum() > 15
    # The transcription gives back most of what was written: the same notes by their pitch.
    place = feature_set("notes22").names.index("pitch_mean")
    written = prepared(piece).features["notes22"][:, place]
    assert np.median(np.abs(heard.features["notes22"][4:, place] - written[4:])) < 1.0
    noisy = prepare_piece(piece, Hearing(sets, condition="noise", is_played=True))
    assert isinstance(noisy, PieceSteps)
    assert not np.array_equal(noisy.features["activity"], heard.features["activity"])


def test_midi_that_cannot_be_played_comes_back_as_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    piece = Piece("tune", tune(tmp_path / "tune.mid"), "some", NEUTRAL)
    monkeypatch.setattr(synthesizer, "SOUNDFONTS", (tmp_path / "none.sf2",))
    error = prepare_piece(piece, Hearing(is_played=True))
    assert isinstance(error, MoodringError)
    assert "apt-get install fluidsynth fluid-soundfont-gm" in str(error)


def test_a_corpus_of_which_nothing_can_be_read_writes_nothing(tmp_path: Path) -> None:
    corpus = Pieces([Piece("missing", tmp_path / "missing.mid", "some", NEUTRAL)])
    with pytest.raises(MoodringError, match=r"^no piece of some could be read; the first: .*missing\.mid is not there"):
        prepare(corpus, tmp_path / "some.parquet")
    assert list(tmp_path.iterdir()) == []
