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
