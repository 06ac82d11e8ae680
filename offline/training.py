"""Trains one network on sequences that are split by groups."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupShuffleSplit

import offline.quiet  # noqa: F401  # before anything that loads TensorFlow
from offline.recipe import Recipe
from offline.sequences import Sequences
from offline.transfer import Lesson


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


_KERNEL_STRIDE = 4

#: Called after each epoch with its number, the error on what is trained on and, where groups are held out, on those.
Watch = Callable[[int, float, float | None], None]


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
    everything = np.arange(len(data.filled))
    training, watched = everything, everything[:0]
    if epochs is None:
        split = GroupShuffleSplit(1, test_size=recipe.held_out, random_state=recipe.seed)
        training, watched = next(split.split(everything, groups=groups))
    counted = _counted(data)
    own = data.take(training)
    known = architecture(recipe.arch)
    statistics = Statistics.of(own.features, own.labels[own.is_step], own.widths, own.optional)
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
        own.padded(),
        targets[training],
        sample_weight=counted[training],
        batch_size=recipe.batch,
        epochs=recipe.most_epochs if epochs is None else epochs,
        validation_data=(data.padded(watched), targets[watched], counted[watched]) if len(watched) else None,
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

    statistics = Statistics.of(data.features, data.labels[data.is_step], data.widths, data.optional)
    # Neighbouring steps share most of their window: one in two seconds says what all of them do.
    last = data.is_step.sum(axis=1, keepdims=True) - 1
    chosen = (_counted(data) > 0) & ((last - np.arange(data.filled.shape[1])) % _KERNEL_STRIDE == 0)
    pieces, steps = np.nonzero(chosen)
    # The first of all rows that are one step of one piece is the original: versions lie behind.
    _, first, of = np.unique(
        data.numbers[pieces] * data.filled.shape[1] + steps, return_index=True, return_inverse=True
    )
    # A window that has only begun says less of a piece than the fullest one that it has.
    fullest = (data.filled / data.filled.max(axis=1, keepdims=True))[chosen].astype(np.float64)
    rows = Rows(
        np.asarray(standardization(statistics)(data.features[chosen[data.is_step]])),
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
    counted = data.is_step.astype(np.float32)
    counted[data.is_step] = data.features.any(axis=1)
    weights: NDArray[np.float32] = counted * data.counts[:, None]
    return weights
