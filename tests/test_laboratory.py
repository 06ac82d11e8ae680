"""From a rated corpus to an installed model with the three commands that README names."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("tensorflow", reason="TensorFlow is not installed (extra 'offline')")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """The environment of somebody who has never used it."""
    own = {name: str(tmp_path / name) for name in ("XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
    return {**os.environ, **own}


def moodring(home: dict[str, str], *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cli", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=home, capture_output=True, text=True, timeout=600, check=False)


def test_three_commands_lead_from_deam_to_an_installed_model(home: dict[str, str], shared_data: Path, tmp_path: Path):
    deam = tmp_path / "DEAM"
    audio = deam / "DEAM_audio" / "MEMD_audio"
    audio.mkdir(parents=True)
    for song in sorted((shared_data / "deam" / "audio").iterdir())[::120]:
        shutil.copy(song, audio)
    shutil.copytree(shared_data / "deam" / "annotations", deam / "DEAM_Annotations" / "annotations")
    shutil.copytree(shared_data / "deam" / "metadata", deam / "metadata")
    prepared = moodring(
        home, "prepare", "deam", deam, "--audio-offset", "30", "-o", tmp_path / "deam.parquet", "--jobs", "1"
    )
    assert prepared.returncode == 0, prepared.stderr
    assert "swapped back in ids 2 to 1000" in prepared.stderr
    trained = moodring(
        home, "train", tmp_path / "deam.parquet", "--arch", "dense", "--folds", "2", "-o", tmp_path / "own"
    )
    assert trained.returncode == 0, trained.stderr
    assert "fold 2 of 2" in trained.stderr
    assert "mean predictor  squared error" in trained.stdout
    assert not [line for line in trained.stderr.splitlines() if "cuda" in line or "WARNING" in line]
    installed = moodring(home, "models", "install", tmp_path / "own")
    assert installed.returncode == 0, installed.stderr
    assert "ONNX agrees with Keras to" in installed.stdout
    listed = [json.loads(line) for line in moodring(home, "models", "list", "--json").stdout.splitlines()]
    assert [model["arch"] for model in listed if model["name"] == "own"] == ["dense"]
    analyzed = moodring(home, "analyze", next(audio.iterdir()), "--model", "own", "--json")
    assert json.loads(analyzed.stdout or "{}").get("model") == "own", analyzed.stderr
    (tmp_path / "test.txt").write_text("\n".join(song.stem for song in sorted(audio.iterdir())[::3]) + "\n")
    split = moodring(
        home,
        "train",
        tmp_path / "deam.parquet",
        "--arch",
        "dense",
        "--test",
        tmp_path / "test.txt",
        "-o",
        tmp_path / "split",
    )
    assert split.returncode == 0, split.stderr
    evaluation = json.loads((tmp_path / "split" / "card.json").read_text())["evaluation"]
    assert (evaluation["pieces"], evaluation["folds"]) == (len(list(audio.iterdir())[::3]), 1)
    assert "judged on pieces that were named" in evaluation["what"]
    refused = moodring(home, "evaluate", "own", tmp_path / "deam.parquet")
    assert refused.returncode == 1
    assert "was trained on" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_own_ratings_take_the_same_commands(home: dict[str, str], shared_data: Path, tmp_path: Path):
    songs = sorted((shared_data / "vgmidi" / "midi").iterdir())[::17]
    rows = [f"{song},{number % 6},,{3 + number % 5},{2 + number % 7}" for number, song in enumerate(songs)]
    (tmp_path / "ratings.csv").write_text("file,group,time,valence,arousal\n" + "\n".join(rows) + "\n")
    prepared = moodring(home, "prepare", "csv", tmp_path / "ratings.csv", "-o", tmp_path / "own.parquet", "--jobs", "1")
    assert prepared.returncode == 0, prepared.stderr
    trained = moodring(home, "train", tmp_path / "own.parquet", "--folds", "2", "-o", tmp_path / "own")
    assert trained.returncode == 0, trained.stderr
    card = json.loads((tmp_path / "own" / "card.json").read_text())
    assert card["training"]["corpus"] == "csv"
    assert card["evaluation"]["model"]["r_valence_std"] is None  # nobody told a spread


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--arch", "transformer"), "unknown architecture 'transformer'"),
        (("--teacher", "nobody"), "no model 'nobody'"),
        (("--search", "-1"), "'--search'"),
        (("--folds", "1"), "'--folds'"),
        (("--test", "nowhere.txt"), "nowhere.txt cannot be read"),
    ],
)
def test_what_cannot_be_trained_is_said_in_a_line(
    home: dict[str, str], tmp_path: Path, arguments: tuple[str, ...], message: str
):
    found = moodring(home, "train", tmp_path / "none.parquet", "-o", tmp_path / "own", *arguments)
    assert found.returncode == 2
    assert message in found.stderr
    assert len(found.stderr.splitlines()) == 1
