"""From a dataset to a bundle, as the command does it: settings, curves, and being killed on the way."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="TensorFlow is not installed (extra 'offline')")

from models.agreement import read_examples, verify_agreement
from models.bundle import load, load_for
from models.errors import UsageError
from offline.bundling import chosen_inputs, default_inputs, train
from offline.dataset import Dataset, write_dataset
from offline.limits import limits
from offline.recipe import Recipe

ROOT = Path(__file__).resolve().parents[2]
PNG = b"\x89PNG\r\n\x1a\n"


def quick(arch: str) -> Recipe:
    return Recipe(arch, folds=2, most_epochs=3, patience=2)


@pytest.fixture(scope="module", params=["rnn", "cnn", "dense"])
def bundle(request: pytest.FixtureRequest, small_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles") / f"quick-{request.param}"
    train(small_dataset, folder, quick(request.param))
    return folder


def test_a_trained_bundle_loads_and_says_how_it_was_made(bundle: Path, small_dataset: Dataset):
    card = json.loads((bundle / "card.json").read_text())
    assert load(bundle).hop_s == 0.5
    assert card["training"]["corpus"] == "vgmidi"
    settings = {"seed": 1, "folds": 2, "learning_rate": 2e-3, "weight_decay": 1e-3, "dropout": 0.2, "batch": 64}
    settings |= {"most_epochs": 3, "patience": 2, "held_out": 0.15}
    assert settings.items() <= card["training"].items()
    assert card["training"]["epochs"] in (1, 2, 3)
    assert card["groups"] == sorted(set(small_dataset.groups))
    assert card["evaluation"]["model"].keys() == card["evaluation"]["mean_predictor"].keys()
    assert bundle.with_name(f"{bundle.name}-curves.png").read_bytes().startswith(PNG)


def test_a_student_of_a_searched_recipe_says_so_in_its_card(small_dataset: Dataset, tmp_path: Path):
    said: list[str] = []
    folder = tmp_path / "student"
    found = train(
        small_dataset,
        folder,
        quick("dense"),
        teacher=load("seed-rnn"),
        search=2,
        progress=lambda line: said.append(line),
    )
    training = json.loads((folder / "card.json").read_text())["training"]
    assert training["teacher"]["name"] == "seed-rnn"
    assert len(training["search"]["held_out_errors"]) == 3
    assert training["learning_rate"] == found.recipe.learning_rate
    assert training["taught"] == found.recipe.taught
    assert any(line.startswith("best of 3 settings: ") for line in said)
    # The student sees what it saw without a teacher: 22 numbers, and nothing of the teacher's state.
    assert [len(known.features) for known in load(folder).feature_sets] == [22]
    assert load(folder).states == {}


def test_what_no_piece_has_is_not_learned_from(small_dataset: Dataset):
    deaf = [
        replace(piece, features={**piece.features, "activity": np.zeros((len(piece.times_s), 83), np.float32)})
        for piece in small_dataset.pieces
    ]
    dataset = Dataset(tuple(deaf), {**small_dataset.provenance, "feature_sets": ["notes22", "activity"]})
    assert default_inputs("kernel", dataset) == ("notes22",)
    with pytest.raises(UsageError, match="no piece of the dataset has the features 'activity', which need sound"):
        chosen_inputs(("notes22", "activity"), "kernel", dataset)


def test_a_model_that_learned_from_sound_and_notes_alone_takes_both(small_dataset: Dataset, tmp_path: Path):
    pieces = []
    random = np.random.default_rng(1)
    for number, piece in enumerate(small_dataset.pieces):
        # What the network hears of every other piece, as if it had come as sound.
        activity = random.uniform(1, 2, (len(piece.times_s), 83)).astype(np.float32) * (number % 2)
        pieces.append(replace(piece, features={**piece.features, "activity": activity}))
    both = Dataset(tuple(pieces), {**small_dataset.provenance, "feature_sets": ["notes22", "activity"]})
    train(both, tmp_path / "both", quick("kernel"), inputs=("notes22", "activity"))
    card = json.loads((tmp_path / "both" / "card.json").read_text())
    assert [entry.get("optional", False) for entry in card["inputs"]] == [False, True]
    assert not any("fader" in sentence for sentence in card["limits"])
    assert load_for("notes", str(tmp_path / "both")).name == "both"

    of_sound = Dataset(both.pieces[1::2], both.provenance)
    train(of_sound, tmp_path / "sound", quick("kernel"), inputs=("notes22", "activity"))
    with pytest.raises(UsageError, match="'sound' listens to sound"):
        load_for("notes", str(tmp_path / "sound"))


def test_a_card_says_whether_it_counts_how_loud_the_input_is():
    assert any("set the gain" in sentence for sentence in limits(("mel", "intensity")))
    assert any("a fader moves nothing" in sentence for sentence in limits(("mel", "level")))
    assert not any("gain" in sentence or "fader" in sentence for sentence in limits(("tonal",)))


def test_a_kernel_says_what_it_was_solved_with_and_learns_from_no_teacher(small_dataset: Dataset, tmp_path: Path):
    found = train(small_dataset, tmp_path / "kernel", quick("kernel"))
    training = json.loads((tmp_path / "kernel" / "card.json").read_text())["training"]
    expected = {"landmarks": 2400, "components": 32, "clip": 4.0, "seed": 1, "feature_sets": ["notes22"]}
    assert {name: training[name] for name in expected} == expected
    assert "learning_rate" not in training
    assert set(found.evaluation.by_corpus) == {"vgmidi"}
    assert {"per_piece", "per_step", "spread"} <= set(found.evaluation.by_corpus["vgmidi"])
    assert sorted(file.name for file in tmp_path.iterdir()) == ["kernel"]
    with pytest.raises(UsageError, match="cannot learn from a teacher"):
        train(small_dataset, tmp_path / "kernel", quick("kernel"), teacher=load("seed-rnn"))
    with pytest.raises(UsageError, match="the dataset has no features 'tonal', only notes22"):
        train(small_dataset, tmp_path / "kernel", quick("kernel"), inputs=("tonal",))


def command(dataset: Path, output: Path) -> list[str]:
    return [sys.executable, "-m", "cli", "train", str(dataset), "--arch", "dense", "--folds", "2", "-o", str(output)]


def said_by(bundle: Path) -> bytes:
    """What a whole bundle's network said of real sequences at its export, to the bit."""
    verify_agreement(load(bundle), read_examples(load(bundle)))
    return (bundle / "agreement.npz").read_bytes()


def test_killed_at_random_it_leaves_nothing_half_written_and_goes_on(small_dataset: Dataset, tmp_path: Path):
    dataset = tmp_path / "set.parquet"
    write_dataset(dataset, small_dataset.pieces, small_dataset.provenance)
    undisturbed, output = tmp_path / "whole" / "mine", tmp_path / "killed" / "mine"
    for folder in (undisturbed, output):
        folder.parent.mkdir()
    rng = random.Random(2)

    def env(cache: str) -> dict[str, str]:
        return {**os.environ, "XDG_CACHE_HOME": str(tmp_path / cache)}

    start = time.monotonic()
    subprocess.run(command(dataset, undisturbed), cwd=ROOT, env=env("a"), check=True, capture_output=True)
    took_s = time.monotonic() - start
    expected = said_by(undisturbed)
    for _ in range(2):
        process = subprocess.Popen(command(dataset, output), cwd=ROOT, env=env("b"), stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.2, 0.9) * took_s)
        process.send_signal(signal.SIGKILL)
        process.wait()
        if output.exists():
            assert said_by(output) == expected
    subprocess.run(command(dataset, output), cwd=ROOT, env=env("b"), check=True, capture_output=True)
    assert said_by(output) == expected
    assert sorted(file.name for file in output.parent.iterdir()) == ["mine", "mine-curves.png"]
