"""A preparation that is cut off goes on where it was, and what it makes does not depend on who made it."""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from models.errors import MoodringError, UsageError
from offline.corpora import Labels, Piece, open_corpus
from offline.dataset import read_dataset
from offline.prepare import Heard, Hearing, hear, listening_code, prepare

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def corpus_folder(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve songs of DEAM with all its labels."""
    folder = tmp_path_factory.mktemp("deam")
    (folder / "audio").mkdir()
    for song in sorted((shared_data / "deam" / "audio").iterdir())[::150]:
        shutil.copy(song, folder / "audio")
    shutil.copytree(shared_data / "deam" / "annotations", folder / "annotations")
    shutil.copytree(shared_data / "deam" / "metadata", folder / "metadata")
    return folder


@pytest.fixture(scope="module")
def undisturbed(corpus_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("undisturbed")
    prepare(open_corpus("deam", corpus_folder), folder / "set.parquet", cache_folder=folder / "cache")
    return (folder / "set.parquet").read_bytes()


def command(corpus: Path, output: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "cli", "prepare", "deam", str(corpus), "-o", str(output), *more]


def test_killed_at_random_it_leaves_nothing_half_written_and_goes_on(
    corpus_folder: Path, undisturbed: bytes, tmp_path: Path
):
    output = tmp_path / "out" / "set.parquet"
    output.parent.mkdir()
    env = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    rng = random.Random(1)
    (output.parent / ".set.parquet.x7_k2ab9").write_bytes(undisturbed[:1000])  # killed while it wrote
    (output.parent / ".set.parquet.before").write_bytes(b"somebody's own")
    cut_off = 0
    for _ in range(4):
        process = subprocess.Popen(command(corpus_folder, output, "--jobs", "1"), cwd=ROOT, env=env)
        time.sleep(rng.uniform(1.0, 4.0))
        cut_off += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not output.exists() or output.read_bytes() == undisturbed
    assert cut_off
    subprocess.run(command(corpus_folder, output, "--jobs", "1"), cwd=ROOT, env=env, check=True)
    assert output.read_bytes() == undisturbed
    assert {file.name for file in output.parent.iterdir()} == {"set.parquet", ".set.parquet.before"}


def test_what_was_heard_is_not_heard_again_and_new_labels_cost_nothing(
    corpus_folder: Path, undisturbed: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    corpus = open_corpus("deam", corpus_folder)
    prepare(corpus, tmp_path / "first.parquet", cache_folder=tmp_path / "cache")

    def deaf(*arguments: object) -> None:
        raise AssertionError("a piece was heard again")

    monkeypatch.setattr("offline.prepare.hear", deaf)
    prepare(corpus, tmp_path / "second.parquet", cache_folder=tmp_path / "cache")
    assert (tmp_path / "second.parquet").read_bytes() == undisturbed
    published = open_corpus("deam", corpus_folder, as_published=True)
    prepare(published, tmp_path / "third.parquet", cache_folder=tmp_path / "cache")
    ours, theirs = read_dataset(tmp_path / "second.parquet"), read_dataset(tmp_path / "third.parquet")
    np.testing.assert_array_equal(ours.pieces[0].labels, theirs.pieces[0].labels[:, [2, 3, 0, 1]])


def test_what_was_heard_otherwise_is_heard_anew_once_the_conditions_are_others(
    corpus_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    corpus = open_corpus("deam", corpus_folder)
    heard: list[Path] = []

    def listening(piece: Piece, hearing: Hearing) -> Heard | MoodringError:
        heard.append(piece.path)
        return hear(piece, hearing)

    def twice_prepared(hearing: Hearing) -> int:
        """How many pieces were heard again after the code of the conditions has changed."""
        for code in (b"", b"# another room"):
            (tmp_path / "conditions.py").write_bytes(code)
            heard.clear()
            prepare(corpus, tmp_path / "set.parquet", hearing=hearing, every=4, cache_folder=tmp_path / "cache")
        return len(heard)

    monkeypatch.setattr("offline.prepare.hear", listening)
    listening_code()  # of the code as it is, before there seems to be less
    monkeypatch.setattr("offline.prepare.__file__", str(tmp_path / "prepare.py"))
    assert twice_prepared(Hearing(condition="quiet")) == 4
    assert twice_prepared(Hearing()) == 0


def test_a_cluster_whose_worker_is_killed_gives_the_same_dataset(
    corpus_folder: Path, undisturbed: bytes, tmp_path: Path
):
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        victims = [worker.pid for worker in cluster.workers.values()]

        def kill_one(done: int, total: int) -> None:
            if done == 3 and victims:
                os.kill(victims.pop(), signal.SIGKILL)

        prepare(
            open_corpus("deam", corpus_folder),
            tmp_path / "set.parquet",
            scheduler=cluster.scheduler_address,
            cache_folder=tmp_path / "cache",
            progress=kill_one,
        )
    assert len(victims) == 1
    assert (tmp_path / "set.parquet").read_bytes() == undisturbed


def test_workers_say_nothing_on_stderr_even_where_dasks_usual_port_is_taken(corpus_folder: Path, tmp_path: Path):
    """Three songs, two processes, the warnings of Python on: the corrections and how far it has got."""
    folder = tmp_path / "deam"
    shutil.copytree(corpus_folder, folder, ignore=lambda at, names: sorted(n for n in names if ".opus" in n)[3:])
    env = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONWARNINGS": "default"}
    with socket.socket() as taken:
        with contextlib.suppress(OSError):
            taken.bind(("127.0.0.1", 8787))
            taken.listen()
        ran = subprocess.run(
            command(folder, tmp_path / "set.parquet", "--jobs", "2"), cwd=ROOT, env=env, capture_output=True, text=True
        )
    assert ran.returncode == 0
    first, *lines = ran.stderr.splitlines()
    assert first.startswith("deam: valence and arousal swapped back in ids 2 to 1000")
    assert lines
    assert all(
        re.fullmatch(r"deam: \d of 3, \d+\.\d pieces a (second|minute)(, \d+ s left)?", line) for line in lines
    ), lines
    assert lines[-1].startswith("deam: 3 of 3, ")
    assert ran.stdout == f"{tmp_path / 'set.parquet'}: 3 pieces\n"


def test_a_scheduler_that_does_not_answer(corpus_folder: Path, tmp_path: Path):
    with pytest.raises(UsageError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:1"):
        prepare(
            open_corpus("deam", corpus_folder),
            tmp_path / "set.parquet",
            scheduler="tcp://127.0.0.1:1",
            cache_folder=tmp_path / "cache",
        )


def test_dynamic_labels_are_in_the_dataset(corpus_folder: Path, tmp_path: Path):
    corpus = open_corpus("deam", corpus_folder, audio_offset_s=30.0)
    prepare(corpus, tmp_path / "set.parquet", cache_folder=tmp_path / "cache")
    pieces = {piece.name: piece for piece in corpus}
    for steps in read_dataset(tmp_path / "set.parquet").pieces:
        dynamic = pieces[steps.piece].dynamic
        assert steps.dynamic is not None
        if isinstance(dynamic, Labels):
            np.testing.assert_array_equal(steps.dynamic[4], dynamic.at(2.25))
        else:
            assert np.isnan(steps.dynamic).all()
