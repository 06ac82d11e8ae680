"""From rated music to a bundle: networks, folds, export. On real pieces, small enough for a test."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="TensorFlow is not installed (extra 'offline')")
# After the check above, since they load it.
import keras

from models.affect import OUTPUTS
from models.bundle import load
from models.errors import MoodringError, UsageError
from models.predictor import Predictor
from offline.corpora import open_corpus
from offline.dataset import Dataset, PieceSteps, read_dataset
from offline.evaluation import piece_labels, summarize_steps
from offline.export import check_agreement, export
from offline.metrics import scores
from offline.networks import FLOOR, Bounds, Statistics, architecture
from offline.prepare import prepare, prepare_piece, provenance
from offline.training import Recipe, cross_validate, fit, sequences, train


@pytest.fixture(scope="module")
def dataset(shared_data: Path) -> Dataset:
    """Sixteen pieces of VGMIDI from across its series, the first thirty seconds of each."""
    corpus = open_corpus("vgmidi", shared_data / "vgmidi")
    pieces = []
    for piece in islice(corpus, 0, None, 12):
        steps = prepare_piece(piece)
        assert isinstance(steps, PieceSteps)
        own = {name: values[:60] for name, values in steps.features.items()}
        pieces.append(PieceSteps(steps.piece, steps.group, steps.times_s[:60], own, steps.labels[:60]))
    return Dataset(tuple(pieces), provenance(corpus, ["notes22"]))


def quick(arch: str, **settings: object) -> Recipe:
    return Recipe(arch, folds=2, most_epochs=3, patience=2, **settings)  # type: ignore[arg-type]


@pytest.fixture(scope="module", params=["rnn", "dense"])
def bundle(request: pytest.FixtureRequest, dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles") / f"quick-{request.param}"
    train(dataset, folder, quick(request.param))
    return folder


def test_a_trained_bundle_loads_and_says_how_it_was_made(bundle: Path, dataset: Dataset):
    card = json.loads((bundle / "card.json").read_text())
    assert load(bundle).hop_s == 0.5
    assert card["training"]["corpus"] == "vgmidi"
    assert card["training"]["seed"] == 1
    assert card["groups"] == sorted(set(dataset.groups))
    assert card["evaluation"]["model"].keys() == card["evaluation"]["mean_predictor"].keys()
    assert sorted(file.name for file in bundle.iterdir()) == ["card.json", "sequence.onnx", "step.onnx"]


def test_keras_and_onnx_agree_on_real_sequences_with_masked_steps(bundle: Path, dataset: Dataset):
    data = sequences(dataset, "notes22")
    arch = bundle.name.removeprefix("quick-")
    trained, _ = fit(data, dataset.groups, quick(arch), epochs=2)
    examples = data.features[:6].copy()
    examples[:, 5:9] = 0.0
    examples[1] = 0.0
    again = bundle.parent / f"again-{arch}"
    export(trained, again, arch=arch, feature_set_name="notes22", hop_s=0.5, window_s=10.0, examples=examples, about={})
    agreement = check_agreement(trained, again, examples)
    assert agreement.sequence <= 1e-5
    assert agreement.step <= 1e-5
    with pytest.raises(MoodringError, match="ONNX differs from Keras"):
        check_agreement(fit(data, dataset.groups, quick(arch, seed=2), epochs=1)[0], again, examples)


def test_a_masked_step_changes_no_state_and_says_what_was_said(bundle: Path, dataset: Dataset):
    loaded = load(bundle)
    predictor = Predictor(loaded)
    heard = dataset.pieces[0].features["notes22"][20]
    before, state = predictor.step({"notes22": heard}, predictor.start())
    masked, after = predictor.step({"notes22": np.zeros(22, np.float32)}, state)
    assert all(np.array_equal(state[name], after[name]) for name in state)
    if state:
        np.testing.assert_allclose(masked, before, atol=1e-6)
    else:
        np.testing.assert_allclose(masked, piece_steps_mean(dataset), atol=0.05)


def piece_steps_mean(dataset: Dataset) -> np.ndarray:
    heard = np.concatenate([piece.labels[piece.features["notes22"].any(axis=1)] for piece in dataset.pieces])
    return heard.mean(axis=0)


def test_training_twice_with_one_seed_gives_one_network(dataset: Dataset):
    data = sequences(dataset, "notes22")
    first, second = (fit(data, dataset.groups, quick("rnn"), epochs=2)[0] for _ in range(2))
    other = fit(data, dataset.groups, quick("rnn", seed=9), epochs=2)[0]
    assert np.array_equal(first(data.features), second(data.features))
    assert not np.array_equal(first(data.features), other(data.features))


def test_no_group_is_trained_on_and_judged_by(dataset: Dataset, monkeypatch: pytest.MonkeyPatch):
    import offline.training

    trained_on: list[set[str]] = []
    real_fit = offline.training.fit

    def watched(data, groups, recipe, **settings):
        trained_on.append(set(groups))
        return real_fit(data, groups, recipe, **settings)

    monkeypatch.setattr(offline.training, "fit", watched)
    evaluation, _ = cross_validate(dataset, "notes22", quick("dense"))
    assert len(trained_on) == 2
    # What each fold was judged on is what it was not trained on; together that is everything.
    judged = [set(dataset.groups) - groups for groups in trained_on]
    assert judged[0].isdisjoint(judged[1])
    assert judged[0] | judged[1] == set(dataset.groups)
    assert evaluation.pieces == len(dataset.pieces)


def test_the_floor_holds_and_keeps_its_gradient():
    import tensorflow as tf

    below = tf.Variable([[-3.0, 0.2, 5.0, 12.0]])
    with tf.GradientTape() as tape:
        bounded = Bounds()(below)
        loss = tf.reduce_sum(bounded)
    np.testing.assert_allclose(bounded.numpy(), [[FLOOR, FLOOR, 5.0, 9.0]], rtol=1e-6)
    assert tape.gradient(loss, below).numpy().tolist() == [[1.0, 1.0, 1.0, 1.0]]


def test_a_network_is_saved_and_loaded_with_its_own_layers(dataset: Dataset, tmp_path: Path):
    data = sequences(dataset, "notes22")
    for arch in ("rnn", "dense"):
        network = architecture(arch).build(Statistics.of(data.features, data.labels))
        network.save(tmp_path / f"{arch}.keras")
        again = keras.models.load_model(tmp_path / f"{arch}.keras")
        np.testing.assert_array_equal(again(data.features), network(data.features))


def test_an_unknown_architecture():
    with pytest.raises(UsageError, match="unknown architecture 'transformer'"):
        architecture("transformer")


def test_too_few_groups_for_the_folds(dataset: Dataset):
    few = Dataset(dataset.pieces[:2], dataset.provenance)
    with pytest.raises(MoodringError, match="2 folds need at least 4 groups"):
        cross_validate(few, "notes22", quick("dense"))


def test_scores_against_figures_computed_by_hand():
    truth = np.array([[1.0, 1, 2, 1], [2, 1, 4, 2], [3, 1, 6, 3], [6, 1, 8, 4]])
    predicted = truth + np.array([[1.0, 0, 0, 0], [-1, 0, 0, 0], [1, 0, 0, 0], [-1, 0, 0, 0]])
    found = scores(predicted, truth)
    # Valence: squared error 1 each; variance of 1, 2, 3, 6 about 3 is (4 + 1 + 0 + 9) / 4 = 3.5.
    assert found["rmse_valence_mean"] == pytest.approx(1.0)
    assert found["r2_valence_mean"] == pytest.approx(1 - 1 / 3.5)
    assert found["mse"] == pytest.approx(0.25)
    assert found["r2_arousal_mean"] == 1.0
    assert found["r_valence_std"] == 0.0  # a constant correlates with nothing
    assert set(found) == {"mse"} | {f"{kind}_{name}" for kind in ("r2", "rmse", "r", "ccc") for name in OUTPUTS}


def test_a_piece_is_summarized_by_the_steps_that_heard_something():
    affect = np.array([[9.0] * 4, [4.0] * 4, [6.0] * 4], np.float32)
    heard = np.array([False, True, True])
    # Half-full and full windows of 10 s count 0.5 and 1: (0.5 · 4 + 1 · 6) / 1.5.
    summary = summarize_steps(affect, np.array([1.0, 5.0, 12.0]), heard, 10.0)
    np.testing.assert_allclose(summary, [16 / 3] * 4)
    assert len(piece_labels(Dataset((PieceSteps("a", "b", np.ones(3), {}, affect),), {}))) == 1


def test_a_corpus_is_prepared_and_read_back(shared_data: Path, tmp_path: Path):
    class Few(list):  # type: ignore[type-arg]
        name, kind, terms, corrections = "vgmidi", "notes", "none", ()

    pieces = Few(islice(open_corpus("vgmidi", shared_data / "vgmidi"), 3))
    assert prepare(pieces, tmp_path / "few.parquet", jobs=2) == []
    again = read_dataset(tmp_path / "few.parquet")
    assert [piece.piece for piece in again.pieces] == [piece.name for piece in pieces]
