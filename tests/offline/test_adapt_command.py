"""What was learned is a bundle like any other, which says what it was and what it is; what is no better is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from models.agreement import read_examples, verify_agreement
from models.bundle import BUNDLED, CARD, SEQUENCE_NETWORK, load
from models.errors import MoodringError, UsageError
from models.installing import install
from models.predictor import Predictor
from models.transcription import open_network
from offline.adapt_command import adapt
from offline.adaptation.correction import Correction
from offline.adaptation.graph import write_adapted
from offline.dataset import DYNAMIC, Dataset, PieceSteps, read_dataset, write_dataset
from realtime.demo import SCORE
from realtime.sources.midi_file import MidiFile
from realtime.tracker import EmotionTracker

STRETCHED = Correction(np.array([1.6, 0.8]), np.array([-2.0, 1.2]), np.array([1.0, 1.3]))


def with_features(name: str) -> Correction:
    """A correction that looks at the features, too."""
    width = sum(len(known.features) for known in load(BUNDLED / name).feature_sets)
    rng = np.random.default_rng(1)
    weights = rng.normal(0, 0.05, (width, 2))
    return replace(STRETCHED, centre=rng.normal(size=width), scale=rng.uniform(0.5, 2, width), weights=weights)


def rated_dataset(path: Path, of: Dataset, *, listener: bool = True) -> Path:
    """Pieces rated by somebody who hears what ``seed-rnn`` hears on another scale, or at random."""
    predictor, rng = Predictor(load("seed-rnn")), np.random.default_rng(1)
    pieces = []
    for number, piece in enumerate(of.pieces):
        state, said = predictor.start(), np.full(piece.labels.shape, np.nan, np.float32)
        for step, features in enumerate(piece.features["notes22"]):
            affect, state = predictor.step({"notes22": features}, state)
            said[step, [0, 2]] = 5 + 2.5 * (affect[[0, 2]] - 4.4)
        if not listener:
            said[:, [0, 2]] = rng.uniform(1, 9, 2)
        said[:4] = np.nan
        group = f"take {number}"
        pieces.append(PieceSteps(group, group, piece.times_s, piece.features, piece.labels, said, cohort="ada"))
    write_dataset(path, pieces, {**of.provenance, "feature_sets": ["notes22"]})
    assert np.isnan(read_dataset(path).pieces[0].dynamic[:4]).all(), DYNAMIC
    return path


def run(base: str, dataset: Path, output: Path, rater: str | None = None) -> list[str]:
    return list(adapt(base, dataset, output, rater=rater, seed=1))


@pytest.mark.parametrize("base", ["seed-rnn", "seed-dense", "notes"])
@pytest.mark.parametrize("looks_at_features", [False, True])
def test_the_networks_say_what_base_and_correction_say(base: str, looks_at_features: bool, tmp_path: Path):
    bundle = load(BUNDLED / base)
    correction = with_features(base) if looks_at_features else STRETCHED
    write_adapted(bundle, correction, tmp_path / "mine", about={"name": "mine"})
    mine, examples = load(tmp_path / "mine"), read_examples(bundle)
    assert verify_agreement(mine, read_examples(mine)).worst < 1e-5
    features = np.concatenate([examples.features[known.name] for known in bundle.feature_sets], axis=-1)
    expected = correction.apply(examples.affect, features)
    said = open_network(mine.path / SEQUENCE_NETWORK).run(["affect"], dict(examples.features))[0]
    np.testing.assert_allclose(said, expected, atol=2e-5)
    assert np.abs(expected - examples.affect).max() > 0.3


def test_a_taught_bundle_can_be_taught_again(tmp_path: Path):
    bundle = load(BUNDLED / "seed-dense")
    write_adapted(bundle, STRETCHED, tmp_path / "once", about={"name": "once"})
    once = load(tmp_path / "once")
    write_adapted(once, with_features("seed-dense"), tmp_path / "twice", about={"name": "twice"})
    write_adapted(load(tmp_path / "twice"), STRETCHED, tmp_path / "thrice", about={"name": "thrice"})
    thrice, examples = load(tmp_path / "thrice"), read_examples(bundle)
    expected = examples.affect.astype(np.float64)
    for correction in (STRETCHED, with_features("seed-dense"), STRETCHED):
        expected = correction.apply(expected, examples.features["notes22"])
    said = open_network(thrice.path / SEQUENCE_NETWORK).run(["affect"], dict(examples.features))[0]
    np.testing.assert_allclose(said, expected, atol=2e-5)


def test_ratings_become_a_bundle_that_installs_and_listens(small_dataset: Dataset, tmp_path: Path, home: Path):
    output = tmp_path / "mine"
    said = run("seed-rnn", rated_dataset(tmp_path / "mine.parquet", small_dataset), output, "ada")
    assert said[0] == "learned from    7.9 rated minutes by ada in 17 sessions"
    assert said[1] == "reaction delay  0.0 s (± 0.0)"
    assert "better than 'seed-rnn'; 'moodring models install" in said[-1]
    installed = install(output).bundle
    assert (installed.name, installed.path) == ("mine", home / "mine")
    tracker, base, source = EmotionTracker(load("mine")), EmotionTracker(load("seed-rnn")), MidiFile(SCORE)
    mine, theirs = [], []
    while not source.ended:
        events = source.read(0.0)
        mine += tracker.push(events)
        theirs += base.push(events)
    assert len(mine) == len(theirs) > 50
    assert np.std([one.valence for one in mine]) > 1.1 * np.std([one.valence for one in theirs])


def test_the_card_names_the_base_and_what_was_learned(small_dataset: Dataset, tmp_path: Path):
    output = tmp_path / "mine"
    run("seed-rnn", rated_dataset(tmp_path / "mine.parquet", small_dataset), output)
    card, base = json.loads((output / CARD).read_text()), load("seed-rnn").card
    assert card["name"] == "mine"
    assert card["base"] == {"name": "seed-rnn", "files": base["files"]}
    assert card["files"] != base["files"]
    adaptation = card["adaptation"]
    assert (adaptation["raters"], adaptation["minutes"]) == (["ada"], 7.88)
    assert adaptation["chosen"] == "shift and stretch"
    assert adaptation["spread"] == "the base's: one listener does not tell it"
    assert "take 3" in adaptation["sessions"]
    assert {"take 3", *base["groups"]} <= set(card["groups"])
    evaluation = card["evaluation"]
    assert datetime.fromisoformat(adaptation["date"])
    assert evaluation["gain_ccc_interval"][0] > 0
    assert evaluation["by_chance"] < 0.025
    for name, (low, high) in evaluation["difference_intervals"].items():
        assert low < evaluation["model"][name] - evaluation["base"][name] < high
    assert evaluation["model"]["ccc_valence_mean"] > evaluation["base"]["ccc_valence_mean"]


def test_ratings_at_random_are_refused_and_nothing_is_written(small_dataset: Dataset, tmp_path: Path):
    dataset = rated_dataset(tmp_path / "mine.parquet", small_dataset, listener=False)
    with pytest.raises(MoodringError, match=r"not better than 'seed-rnn' on sessions left out: .* nothing was written"):
        run("seed-rnn", dataset, tmp_path / "mine")
    assert sorted(tmp_path.iterdir()) == [dataset]


def test_few_sessions_are_refused_with_how_many_it_takes(small_dataset: Dataset, tmp_path: Path):
    few = Dataset(small_dataset.pieces[:3], small_dataset.provenance)
    with pytest.raises(MoodringError, match="3 rated sessions: it takes 5 at least"):
        run("seed-rnn", rated_dataset(tmp_path / "mine.parquet", few), tmp_path / "mine")


def test_what_is_no_bundle_is_never_replaced(small_dataset: Dataset, tmp_path: Path):
    dataset = rated_dataset(tmp_path / "mine.parquet", small_dataset)
    with pytest.raises(UsageError, match="is there and is no bundle"):
        run("seed-rnn", dataset, dataset)
    with pytest.raises(UsageError, match="is not a folder"):
        run("seed-rnn", dataset, tmp_path / "nowhere" / "mine")


def test_nothing_of_it_needs_tensorflow():
    said = "import sys, offline.adapt_command, offline.corpora.sessions, onnx; "
    said += "print({'tensorflow', 'keras', 'librosa', 'tf2onnx'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
