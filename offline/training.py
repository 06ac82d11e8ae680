"""Training and cross-validation of the architectures on a prepared dataset, split by groups."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold, GroupShuffleSplit

from models.errors import MoodringError
from offline.dataset import Dataset
from offline.evaluation import Evaluation, piece_labels, summarize_steps
from offline.metrics import scores


@dataclass(frozen=True, slots=True)
class Recipe:
    """Settings of one training. ``patience`` and ``most_epochs`` are epochs, ``held_out`` the share of groups that
    early stopping watches."""

    arch: str
    seed: int = 1
    folds: int = 5
    learning_rate: float = 2e-3
    weight_decay: float = 1e-3
    batch: int = 64
    most_epochs: int = 150
    patience: int = 15
    held_out: float = 0.15


@dataclass(frozen=True, slots=True, eq=False)
class Sequences:
    """A dataset as arrays, padded with masked steps: ``features`` [shape=(pieces, steps, features)], ``labels``
    [shape=(pieces, steps, 4)] and ``present``, true where a step is the piece's own [shape=(pieces, steps)]."""

    features: NDArray[np.float32]
    labels: NDArray[np.float32]
    present: NDArray[np.bool_]

    def take(self, pieces: NDArray[np.int64]) -> Sequences:
        """Some of the pieces."""
        return Sequences(self.features[pieces], self.labels[pieces], self.present[pieces])


Progress = Callable[[str], None]


def sequences(dataset: Dataset, feature_set_name: str) -> Sequences:
    """The dataset's pieces with the features of one set."""
    longest = max(len(piece.times_s) for piece in dataset.pieces)
    width = dataset.pieces[0].features[feature_set_name].shape[1]
    shape = (len(dataset.pieces), longest)
    features, labels = np.zeros((*shape, width), np.float32), np.ones((*shape, 4), np.float32)
    present = np.zeros(shape, bool)
    for row, piece in enumerate(dataset.pieces):
        steps = len(piece.times_s)
        features[row, :steps] = piece.features[feature_set_name]
        labels[row, :steps] = piece.labels
        present[row, :steps] = True
    return Sequences(features, labels, present)


def fit(data: Sequences, groups: NDArray[np.str_], recipe: Recipe, *, epochs: int | None = None) -> tuple[Any, int]:
    """Train on ``data``; gives the network and how many epochs it took.

    With ``epochs`` it trains that long on everything; without, it holds out a part of the groups and stops when the
    loss on them no longer falls.
    """
    import keras

    from offline.networks import Statistics, architecture

    keras.utils.set_random_seed(recipe.seed)
    watched = None
    if epochs is None:
        split = GroupShuffleSplit(1, test_size=recipe.held_out, random_state=recipe.seed)
        training, validation = next(split.split(data.features, groups=groups))
        watched, data = data.take(validation), data.take(training)
    network = architecture(recipe.arch).build(Statistics.of(data.features, data.labels))
    optimizer = keras.optimizers.AdamW(recipe.learning_rate, weight_decay=recipe.weight_decay)
    network.compile(optimizer, loss="mse")
    stopping = keras.callbacks.EarlyStopping("val_loss", patience=recipe.patience, restore_best_weights=True)
    history = network.fit(
        data.features,
        data.labels,
        sample_weight=_counted(data),
        batch_size=recipe.batch,
        epochs=recipe.most_epochs if epochs is None else epochs,
        validation_data=None if watched is None else (watched.features, watched.labels, _counted(watched)),
        callbacks=[] if watched is None else [stopping],
        verbose=0,
    )
    best = len(history.epoch) if watched is None else int(np.argmin(history.history["val_loss"])) + 1
    return network, best


def cross_validate(
    dataset: Dataset, feature_set_name: str, recipe: Recipe, progress: Progress = lambda line: None
) -> tuple[Evaluation, int]:
    """Train on all folds but one in turn, each group on one side only; the scores, and the median epochs it took.

    Each fold stops by a part of its own training groups, never by the groups that it is judged on.
    """
    data, groups, truth = sequences(dataset, feature_set_name), dataset.groups, piece_labels(dataset)
    if len(set(groups)) < 2 * recipe.folds:
        raise MoodringError(f"{recipe.folds} folds need at least {2 * recipe.folds} groups, not {len(set(groups))}")
    predicted, constant = np.empty_like(truth), np.empty_like(truth)
    epochs = []
    splitter = GroupKFold(recipe.folds, shuffle=True, random_state=recipe.seed)
    for fold, (training, test) in enumerate(splitter.split(truth, groups=groups), start=1):
        network, best = fit(data.take(training), groups[training], recipe)
        epochs.append(best)
        affect = np.asarray(network(data.features[test], training=False))
        for row, piece in enumerate(test):
            steps = dataset.pieces[piece]
            heard = steps.features[feature_set_name].any(axis=1)
            own = affect[row, : len(steps.times_s)]
            predicted[piece] = summarize_steps(own, steps.times_s, heard, dataset.window_s)
        constant[test] = truth[training].mean(axis=0)
        fold_scores = scores(predicted[test], truth[test])
        progress(
            f"fold {fold} of {recipe.folds}: {best} epochs, squared error {fold_scores['mse']:.3f}, "
            f"R² {fold_scores['r2_valence_mean']:.2f} valence, {fold_scores['r2_arousal_mean']:.2f} arousal"
        )
    evaluation = Evaluation(
        len(truth), len(set(groups)), recipe.folds, scores(predicted, truth), scores(constant, truth)
    )
    return evaluation, int(np.median(epochs))


def train(dataset: Dataset, output: Path, recipe: Recipe, progress: Progress = lambda line: None) -> Evaluation:
    """Cross-validate, train on everything for as long, and write the bundle ``output``."""
    from offline.export import export

    feature_set_name = dataset.provenance["feature_sets"][0]
    evaluation, epochs = cross_validate(dataset, feature_set_name, recipe, progress)
    data = sequences(dataset, feature_set_name)
    network, _ = fit(data, dataset.groups, recipe, epochs=epochs)
    about = {
        "training": {
            **dataset.provenance,
            **asdict(recipe),
            "epochs": epochs,
            "moodring": metadata.version("moodring"),
        },
        "groups": sorted(set(dataset.groups.tolist())),
        "evaluation": {
            "what": "one row a piece, cross-validated, no group in two folds",
            "command": f"moodring train DATASET --arch {recipe.arch} --seed {recipe.seed} -o {output.name}",
            **evaluation.as_card(),
        },
    }
    agreement = export(
        network,
        output,
        arch=recipe.arch,
        feature_set_name=feature_set_name,
        hop_s=dataset.hop_s,
        window_s=dataset.window_s,
        examples=_examples(data),
        about=about,
    )
    progress(f"Keras and ONNX agree to {agreement.sequence:.0e} over sequences, {agreement.step:.0e} stepped")
    return evaluation


def _counted(data: Sequences) -> NDArray[np.float32]:
    """What each step weighs in the loss: a step that heard nothing teaches nothing."""
    counted: NDArray[np.float32] = (data.present & data.features.any(axis=-1)).astype(np.float32)
    return counted


def _examples(data: Sequences, count: int = 24) -> NDArray[np.float32]:
    """Real sequences for the check of an export, some steps of each masked."""
    chosen: NDArray[np.float32] = data.features[np.linspace(0, len(data.features) - 1, count).astype(int)].copy()
    chosen[:, ::7] = 0.0
    chosen[0, 3:] = 0.0
    return chosen
