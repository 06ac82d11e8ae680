"""What holds for every corpus."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import mido
import numpy as np
import pytest

from models.errors import UsageError
from offline.corpora import Labels, open_corpus
from offline.corpora.manifest import Manifest
from offline.dataset import PieceSteps, read_dataset
from offline.prepare import prepare, prepare_piece


def test_a_label_holds_from_its_time_to_the_next() -> None:
    labels = Labels(np.array([0.0, 2.0, 4.0]), np.arange(12, dtype=np.float32).reshape(3, 4))
    rows = {time_s: labels.at(time_s)[0] for time_s in (-1.0, 0.0, 1.99, 2.0, 3.0, 4.0, 99.0)}
    assert rows == {-1.0: 0, 0.0: 0, 1.99: 0, 2.0: 4, 3.0: 4, 4.0: 8, 99.0: 8}


def test_corpora_are_opened_by_name(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("file,group,time,valence,arousal\na.mid,g,,5,5\n")
    assert isinstance(open_corpus("csv", tmp_path), Manifest)
    with pytest.raises(UsageError, match=r"^unknown corpus 'daem'; there are deam, vgmidi, csv, sessions$"):
        open_corpus("daem", tmp_path)


def test_spreads_that_nobody_knows_and_genres_reach_the_dataset(tmp_path: Path) -> None:
    song = mido.MidiFile()
    track = song.add_track()
    for note in range(60, 72):
        track.append(mido.Message("note_on", note=note, velocity=80))
        track.append(mido.Message("note_off", note=note, time=240))
    song.save(tmp_path / "a.mid")
    rows = ("a.mid,g,0,2,6,", "a.mid,g,2,4,6,1.5", "gone.mid,g,,5,5,")
    (tmp_path / "own.csv").write_text("\n".join(["file,group,time,valence,arousal,arousal_std", *rows]))
    corpus = open_corpus("csv", tmp_path)
    (failed,) = prepare(corpus, tmp_path / "own.parquet")
    assert str(failed).startswith(f"{tmp_path / 'gone.mid'} is not there")
    (piece,) = read_dataset(tmp_path / "own.parquet").pieces
    assert (piece.piece, piece.group, piece.genre) == ("a.mid", "g", None)
    np.testing.assert_array_equal(piece.labels[0], [2.0, np.nan, 6.0, np.nan])
    np.testing.assert_array_equal(piece.labels[-1], [4.0, np.nan, 6.0, 1.5])
    steps = prepare_piece(replace(next(iter(corpus)), genre="folk"))
    assert isinstance(steps, PieceSteps)
    assert steps.genre == "folk"
