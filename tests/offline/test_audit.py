"""What is wrong with a corpus is said before anyone trains on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from offline.audit import audit
from offline.corpora import open_corpus
from offline.corpora.swaps import swap_evidence


@pytest.mark.parametrize("swapped", [False, True])
def test_a_block_is_swapped_where_the_other_axis_fits_clearly_better(swapped: bool):
    rng = np.random.default_rng(3)
    dynamic = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], 150)
    static = dynamic + rng.normal(0, 0.3, dynamic.shape)
    (run,) = swap_evidence(list(range(1, 151)), dynamic, static[:, ::-1] if swapped else static)
    assert run.is_swapped is swapped


def test_labels_that_have_nothing_to_do_with_each_other_are_not_called_swapped():
    rng = np.random.default_rng(4)
    evidence = swap_evidence(list(range(1, 1001)), rng.normal(size=(1000, 2)), rng.normal(size=(1000, 2)))
    assert not any(run.is_swapped for run in evidence)


def test_a_block_of_few_songs_is_not_judged():
    rng = np.random.default_rng(5)
    values = rng.normal(size=(15, 2))
    assert swap_evidence(list(range(1, 16)), values, values[:, ::-1]) == []


def test_deam_is_found_swapped_and_said_why(shared_data: Path):
    kinds = {finding.kind: finding for finding in audit(open_corpus("deam", shared_data / "deam"))}
    assert set(kinds) == {"swapped axes", "unchecked axes"}
    assert len(kinds["swapped axes"].pieces) == 744
    assert "arousal_mean at 0.57 and with valence_mean at 0.96" in kinds["swapped axes"].message
    assert kinds["unchecked axes"].pieces == tuple(str(song) for song in range(2001, 2059))


def test_missing_broken_and_doubled_files_are_named(tmp_path: Path):
    (tmp_path / "audio").mkdir()
    noise = np.random.default_rng(6).normal(0, 0.1, 22050)
    for song in (1101, 1102, 1105):
        soundfile.write(tmp_path / "audio" / f"{song}.wav", noise, 22050)
    (tmp_path / "audio" / "1103.wav").write_text("no sound")
    rows = "\n".join(f"{song}, 5, 1, 5, 1" for song in (1101, 1102, 1103, 1104))
    (tmp_path / "static_annotations_averaged_songs_1_2000.csv").write_text(
        f"song_id, valence_mean, valence_std, arousal_mean, arousal_std\n{rows}\n"
    )
    found = {finding.kind: finding.pieces for finding in audit(open_corpus("deam", tmp_path))}
    assert found["missing"] == ("1104",)
    assert found["unrated"] == ("1105",)
    assert found["unreadable"] == ("1103",)
    assert found["duplicates"] == ("1101", "1102")


def test_a_table_of_ones_own_is_audited_like_any_corpus(tmp_path: Path):
    noise = np.random.default_rng(7).normal(0, 0.1, 22050)
    for name in ("a", "b"):
        soundfile.write(tmp_path / f"{name}.wav", noise, 22050)
    (tmp_path / "c.wav").write_text("no sound")
    table = tmp_path / "ratings.csv"
    rows = "\n".join(f"{name}.wav,g,,{rating},5" for name, rating in zip("abcde", (5, 5, 5, 5, 55), strict=True))
    table.write_text(f"file,group,time,valence,arousal\n{rows}\n")
    findings = audit(open_corpus("csv", table, strict=False))
    assert [(finding.kind, finding.pieces) for finding in findings] == [
        ("labels", ()),
        ("missing", ("d.wav",)),
        ("unreadable", ("c.wav",)),
        ("duplicates", ("a.wav", "b.wav")),
    ]
    assert findings[0].message.startswith(f"{table}, row 6: valence must be in range 1..9, not 55")
    assert findings[1].message == "1 rated pieces have no file: d.wav"


def test_sound_that_breaks_off_before_its_first_block_is_unreadable(tmp_path: Path):
    path = tmp_path / "a.flac"
    soundfile.write(path, np.random.default_rng(8).normal(0, 0.1, 22050), 22050)
    path.write_bytes(path.read_bytes()[:2000])  # its header and a little of the first frame
    (tmp_path / "ratings.csv").write_text("file,group,time,valence,arousal\na.flac,g,,5,5\n")
    (finding,) = audit(open_corpus("csv", tmp_path))
    assert (finding.kind, finding.pieces) == ("unreadable", ("a.flac",))


def test_vgmidis_pieces_without_a_file_and_files_without_a_rating_are_named(shared_data: Path, tmp_path: Path):
    rated = sorted((shared_data / "vgmidi" / "midi").glob("*.mid"))
    (tmp_path / "annotations").symlink_to(shared_data / "vgmidi" / "annotations")
    (tmp_path / "midi").mkdir()
    for file in rated[:3]:
        (tmp_path / "midi" / file.name).write_bytes(file.read_bytes())
    (tmp_path / "midi" / rated[3].name).write_bytes(rated[2].read_bytes())
    (tmp_path / "midi" / "Nobody_Asked.mid").write_bytes(b"MThd")
    findings = {finding.kind: finding for finding in audit(open_corpus("vgmidi", tmp_path))}
    assert set(findings) == {"missing", "unrated", "duplicates"}
    assert len(findings["missing"].pieces) == 196
    assert findings["missing"].message.endswith(", …")
    assert findings["unrated"].pieces == ("Nobody_Asked",)
    assert findings["duplicates"].pieces == (rated[2].stem, rated[3].stem)
