"""Trains one network on sequences that are split by groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupShuffleSplit

import offline.quiet  # noqa: F401  # before anything that loads TensorFlow
from models.features import feature_set
from offline.dataset import Dataset
from offline.recipe import Recipe
from offline.transfer import Lesson


@dataclass(frozen=True, slots=True, eq=False)
class Sequences:
    """A dataset as arrays, padded with masked steps.

    ``features`` are raw [shape=(pieces, steps, features)], the sets of ``widths`` side by side; ``labels`` and, NaN
    where there are none, ``dynamic`` ratings given while listening [shape=(pieces, steps, 4)]; ``filled`` is how much
    of its window each step has heard, 0 where a step is not the piece's own, else up to 1 [shape=(pieces, steps)];
    ``cohorts`` tells which pieces were rated on one scale, ``counts`` what each counts beside the others, ``numbers``
    which piece of the dataset each is or, heard otherwise, is a version of [shape=(pieces,)]; ``step_share`` is a hop
    over a window; ``optional`` tells which of the sets need sound and are
    missing where pieces have only notes.
    """

    features: NDArray[np.float32]
    labels: NDArray[np.float32]
    dynamic: NDArray[np.float32]
    filled: NDArray[np.float32]
    cohorts: NDArray[np.str_]
    counts: NDArray[np.float32]
    numbers: NDArray[np.int64]
    widths: tuple[int, ...]
    step_share: float
    optional: tuple[bool, ...]

    def take(self, pieces: NDArray[np.int64]) -> Sequences:
        """Some of the pieces."""
        parts: dict[str, Any] = {name: getattr(self, name)[pieces] for name in _BY_PIECE}
        return replace(self, **parts)

    def with_more(self, others: Sequences) -> Sequences:
        """These pieces and then the ``others``, of the same feature sets."""
        steps = max(self.features.shape[1], others.features.shape[1])
        both: dict[str, Any] = {
            # A step that is not there was not rated while listening, which is not a rating of nought.
            name: _stacked([getattr(one, name) for one in (self, others)], steps, np.nan if name == "dynamic" else 0.0)
            for name in _BY_PIECE
        }
        return replace(self, **both)


@dataclass(frozen=True, slots=True)
class Curves:
    """Errors after each epoch, on what was trained on and on the groups that were held out (empty where none were)."""

    trained: list[float] = field(default_factory=list)
    held_out: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A trained network: its weights, the ``statistics`` that it was built with, and how it came about.

    ``held_out_error`` is the mean squared label error on the held-out groups at the best epoch, NaN without any.
    """

    arch: str
    dropout: float
    statistics: Any
    weights: list[NDArray[np.float32]]
    epochs: int
    held_out_error: float
    curves: Curves

    def network(self) -> Any:
        """The Keras network."""
        from offline.networks import architecture

        network = architecture(self.arch).build(self.statistics, self.dropout, 0)
        network.set_weights(self.weights)
        return network


_BY_PIECE = ("features", "labels", "dynamic", "filled", "cohorts", "counts", "numbers")

_KERNEL_STRIDE = 4

#: Called after each epoch with its number, the error on what is trained on and, where groups are held out, on those.
Watch = Callable[[int, float, float | None], None]


def sequences(dataset: Dataset, inputs: Iterable[str]) -> Sequences:
    """The dataset's pieces with the features of the sets ``inputs`` side by side."""
    longest = max(len(piece.times_s) for piece in dataset.pieces)
    names = list(inputs)
    widths = tuple(dataset.pieces[0].features[name].shape[1] for name in names)
    shape = (len(dataset.pieces), longest)
    features, labels = np.zeros((*shape, sum(widths)), np.float32), np.ones((*shape, 4), np.float32)
    dynamic, filled = np.full((*shape, 4), np.nan, np.float32), np.zeros(shape, np.float32)
    for row, piece in enumerate(dataset.pieces):
        steps = len(piece.times_s)
        features[row, :steps] = np.concatenate([piece.features[name] for name in names], axis=1)
        labels[row, :steps] = piece.labels
        if piece.dynamic is not None:
            dynamic[row, :steps] = piece.dynamic
        filled[row, :steps] = np.minimum(piece.times_s / dataset.window_s, 1.0)
    cohorts = np.array([piece.cohort or "" for piece in dataset.pieces])
    parts, weights = dataset.provenance.get("parts", {}), dataset.provenance.get("weights", {})
    counts = np.ones(len(dataset.pieces), np.float32)
    if weights:
        counts = np.repeat(np.array([weights[corpus] for corpus in parts], np.float32), list(parts.values()))
    numbers = np.arange(len(dataset.pieces))
    share, optional = dataset.hop_s / dataset.window_s, _optional(features, names, widths)
    return Sequences(features, labels, dynamic, filled, cohorts, counts, numbers, widths, share, optional)


def _optional(features: NDArray[np.float32], names: Sequence[str], widths: Sequence[int]) -> tuple[bool, ...]:
    """Which sets need sound and are missing from pieces that something else was heard of."""
    heard = features.any(axis=(1, 2))
    parts = np.split(features, np.cumsum(widths)[:-1], axis=2)
    return tuple(
        feature_set(name).needs_sound and bool((heard & ~own.any(axis=(1, 2))).any())
        for name, own in zip(names, parts, strict=True)
    )


def _stacked(arrays: list[NDArray[Any]], steps: int, fill: float) -> NDArray[Any]:
    """Arrays [shape=(pieces, steps, …)] one after another, padded with ``fill`` to so many steps."""
    padded = [
        one
        if one.ndim == 1
        else np.pad(one, [(0, 0), (0, steps - one.shape[1]), *[(0, 0)] * (one.ndim - 2)], constant_values=fill)
        for one in arrays
    ]
    return np.concatenate(padded)


def fit(
    data: Sequences,
    groups: NDArray[np.str_],
    recipe: Recipe,
    *,
    epochs: int | None = None,
    lesson: Lesson | None = None,
    watch: Watch | None = None,
) -> Fitted:
    """Train on ``data``, with a teacher's ``lesson`` of the same pieces if there is one.

    With ``epochs`` it trains that long on everything; without, it holds out a part of the groups and stops when the
    error on their labels no longer falls. A kernel is solved in closed form instead; it takes no lesson.
    """
    if recipe.arch == "kernel":
        return _solve(data, groups, recipe)
    import keras

    from offline.networks import Statistics, architecture
    from offline.transfer import affect_error, label_error, student

    keras.utils.set_random_seed(recipe.seed)
    targets = data.labels if lesson is None else lesson.beside(data.labels)
    everything = np.arange(len(data.features))
    training, watched = everything, everything[:0]
    if epochs is None:
        split = GroupShuffleSplit(1, test_size=recipe.held_out, random_state=recipe.seed)
        training, watched = next(split.split(everything, groups=groups))
    counted = _counted(data)
    own = data.take(training)
    known = architecture(recipe.arch)
    statistics = Statistics.of(own.features, own.labels, own.widths, own.optional)
    network = known.build(statistics, recipe.dropout, recipe.seed)
    learner = network if lesson is None else student(network, known.hidden, lesson, recipe.seed)
    learner.compile(
        keras.optimizers.AdamW(recipe.learning_rate, weight_decay=recipe.weight_decay),
        loss=label_error if lesson is None else affect_error(taught=recipe.taught, hinted=recipe.hinted),
        weighted_metrics=[label_error],
    )
    curves = Curves()

    def note(epoch: int, logs: dict[str, float]) -> None:
        curves.trained.append(logs["label_error"])
        if "val_label_error" in logs:
            curves.held_out.append(logs["val_label_error"])
        if watch is not None:
            watch(epoch + 1, logs["label_error"], logs.get("val_label_error"))

    callbacks = [keras.callbacks.LambdaCallback(on_epoch_end=note)]
    if len(watched):
        stopping = {"patience": recipe.patience, "mode": "min", "restore_best_weights": True}
        callbacks.append(keras.callbacks.EarlyStopping("val_label_error", **stopping))
    learner.fit(
        own.features,
        targets[training],
        sample_weight=counted[training],
        batch_size=recipe.batch,
        epochs=recipe.most_epochs if epochs is None else epochs,
        validation_data=(data.features[watched], targets[watched], counted[watched]) if len(watched) else None,
        callbacks=callbacks,
        verbose=0,
    )
    best = int(np.argmin(curves.held_out)) + 1 if curves.held_out else len(curves.trained)
    error = curves.held_out[best - 1] if curves.held_out else float("nan")
    return Fitted(recipe.arch, recipe.dropout, statistics, network.get_weights(), best, error, curves)


def _solve(data: Sequences, groups: NDArray[np.str_], recipe: Recipe) -> Fitted:
    """The kernel network; its error is that on groups that inner folds held out."""
    from offline.kernel_fit import solve
    from offline.kernel_ridge import Rows
    from offline.networks import Statistics, standardization
    from offline.steadying import steadied

    statistics = Statistics.of(data.features, data.labels, data.widths, data.optional)
    # Neighbouring steps share most of their window: one in two seconds says what all of them do.
    last = (data.filled > 0).sum(axis=1, keepdims=True) - 1
    chosen = (_counted(data) > 0) & ((last - np.arange(data.filled.shape[1])) % _KERNEL_STRIDE == 0)
    pieces, steps = np.nonzero(chosen)
    # The first of all rows that are one step of one piece is the original: versions lie behind.
    _, first, of = np.unique(
        data.numbers[pieces] * data.filled.shape[1] + steps, return_index=True, return_inverse=True
    )
    # A window that has only begun says less of a piece than the fullest one that it has.
    fullest = (data.filled / data.filled.max(axis=1, keepdims=True))[chosen].astype(np.float64)
    rows = Rows(
        np.asarray(standardization(statistics)(data.features[chosen])),
        steadied(data.labels, data.dynamic, data.cohorts)[chosen].astype(np.float64),
        fullest**2 * min(_KERNEL_STRIDE * data.step_share, 1.0) * data.counts[pieces],
        groups[pieces],
        first[of],
    )
    solution = solve(rows, data.widths, seed=recipe.seed)
    statistics = replace(statistics, landmarks=solution.landmarks)
    return Fitted(recipe.arch, recipe.dropout, statistics, solution.weights, 1, solution.error, Curves())


def _counted(data: Sequences) -> NDArray[np.float32]:
    """What each step weighs in the loss: a step that heard nothing teaches nothing."""
    counted: NDArray[np.float32] = ((data.filled > 0) & data.features.any(axis=-1)).astype(np.float32)
    return counted * data.counts[:, None]
