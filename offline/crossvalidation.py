"""Trains a recipe on all folds but one in turn and judges it on the one that is left, each group on one side only.

Every fold is kept in a cache on disk by the data, the recipe and the code that trains, so that a training that was
killed goes on after the last fold that it had finished, to the same result.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial, reduce
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold

from models.bundle import Bundle
from models.errors import MoodringError, UsageError
from offline.baselines import Fold
from offline.breakdown import by_corpus, by_genre
from offline.dataset import Dataset
from offline.evaluation import Evaluation, piece_labels, summarize_piece
from offline.kept import Kept
from offline.metrics import Values, known_mean, scores
from offline.otherwise import Otherwise, same_pieces, steps_of
from offline.recipe import Recipe
from offline.sequences import Sequences, sequences
from offline.training import Fitted, fit
from offline.transfer import Lesson, lesson_of_bundle, lesson_of_network
from offline.workers import Share, one_after_another

Progress = Callable[[str], None]
#: Called after each epoch with the task, the epoch's number, the error trained on and that on the held-out groups.
TaskWatch = Callable[["Task", int, float, float | None], None]


@dataclass(frozen=True, slots=True, eq=False)
class Teacher:
    """Who teaches, from the feature sets ``inputs``: a ``bundle``, or a ``recipe`` by which every fold trains
    a teacher of its own on its training groups.

    A bundle that has seen the groups that a fold is judged on must not teach: its student would know of them through
    it.
    """

    inputs: tuple[str, ...]
    bundle: Bundle | None = None
    recipe: Recipe | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What folds are made of: sequences of the student's features, groups of the pieces [shape=(pieces,)], and where
    there is a teacher its sequences and what it says of them (None where it is trained anew in each fold).

    ``varied`` are the same pieces heard otherwise, to learn from beside. Pieces ``apart`` make one fold: they are
    judged, all others learned from, whatever their groups.
    """

    own: Sequences
    groups: NDArray[np.str_]
    taught: Sequences | None = None
    lesson: Lesson | None = None
    varied: Sequences | None = None
    apart: NDArray[np.int64] | None = None

    def folds(self, recipe: Recipe) -> list[Fold]:
        """The pieces to train on and those to judge by, for each fold."""
        if self.apart is None:
            return split(recipe, self.groups)
        return [(np.setdiff1d(np.arange(len(self.groups)), self.apart), self.apart)]

    def learned_from(self, pieces: NDArray[np.int64]) -> tuple[Sequences, NDArray[np.str_]]:
        """The sequences of some pieces, those heard otherwise behind the others, and the groups of all of them."""
        own, groups = self.own.take(pieces), self.groups[pieces]
        if self.varied is None:
            return own, groups
        varied = self.varied.take(np.flatnonzero(np.isin(self.varied.numbers, pieces)))
        return own.with_more(varied), np.concatenate([groups, self.groups[varied.numbers]])

    def digest(self) -> str:
        """A hash of everything that goes into a training."""
        digest = hashlib.sha256(" ".join(self.groups.tolist()).encode())
        arrays: list[NDArray[Any]] = [
            self.own.features,
            self.own.labels,
            self.own.dynamic,
            self.own.filled,
            self.own.counts,
        ]
        digest.update(" ".join(self.own.cohorts.tolist()).encode())
        if self.varied is not None:
            arrays += [self.varied.features, self.varied.counts, self.varied.numbers]
        if self.apart is not None:
            arrays.append(self.apart)
        if self.taught is not None:
            arrays.append(self.taught.features)
        if self.lesson is not None:
            arrays += [self.lesson.affect, self.lesson.embedding]
        for array in arrays:
            digest.update(repr(array.shape).encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Task:
    """One fold of one recipe; ``teacher`` is the recipe of a teacher that each fold trains for itself."""

    recipe: Recipe
    fold: int
    teacher: Recipe | None = None


@dataclass(frozen=True, slots=True, eq=False)
class CrossValidation:
    """The scores, the recipe that was chosen, the median epochs it took, and the chosen network of each fold.

    ``predicted`` and ``truth`` are the summaries and labels of each piece that was judged [shape=(judged, 4)];
    ``candidates`` the mean error of each recipe on the groups that early stopping watched; ``material`` is what the
    folds were made of, and ``splits`` which pieces each was trained on and judged by.
    """

    evaluation: Evaluation
    recipe: Recipe
    epochs: int
    folds: tuple[Fitted, ...]
    predicted: Values
    truth: Values
    candidates: tuple[float, ...]
    material: Material
    splits: tuple[Fold, ...] = ()


def material(
    dataset: Dataset,
    inputs: Sequence[str],
    teacher: Teacher | None = None,
    varied: Sequence[Dataset] = (),
    apart: NDArray[np.int64] | None = None,
) -> Material:
    """What the folds of ``dataset`` are made of; raises ``MoodringError`` where a teacher needs other features, or
    ``varied`` are not the same pieces."""
    own = sequences(dataset, inputs)
    if varied and teacher is not None:
        raise UsageError("a teacher has not heard what is varied; leave out one of the two")
    if varied:
        # All versions of a piece together count half of what it counts: enough to know it, too little to blur what is
        # clear.
        others = []
        for one in varied:
            numbers = same_pieces(dataset, one, inputs)
            heard = sequences(one, inputs)
            others.append(replace(heard, counts=heard.counts / np.float32(2 * len(varied)), numbers=numbers))
        return Material(own, dataset.groups, varied=reduce(Sequences.with_more, others), apart=apart)
    if teacher is None:
        return Material(own, dataset.groups, apart=apart)
    for name in teacher.inputs:
        if name not in dataset.provenance["feature_sets"]:
            raise MoodringError(f"the teacher needs the features '{name}', which the dataset lacks")
    taught = sequences(dataset, teacher.inputs)
    lesson = None if teacher.bundle is None else lesson_of_bundle(teacher.bundle, taught.padded())
    return Material(own, dataset.groups, taught, lesson, apart=apart)


def split(recipe: Recipe, groups: NDArray[np.str_]) -> list[Fold]:
    """The pieces to train on and those to judge by, for each fold; no group is on both sides."""
    if len(set(groups)) < 2 * recipe.folds:
        raise MoodringError(f"{recipe.folds} folds need at least {2 * recipe.folds} groups, not {len(set(groups))}")
    folds = GroupKFold(recipe.folds, shuffle=True, random_state=recipe.seed)
    return list(folds.split(np.empty(len(groups)), groups=groups))


def train_fold(task: Task, material: Material, watch: TaskWatch | None = None) -> Fitted:
    """Train on the groups of one fold. It stops by a part of them, never by the groups that it is judged on."""
    training, _ = material.folds(task.recipe)[task.fold]
    lesson = None if material.lesson is None else material.lesson.take(training)
    if task.teacher is not None and material.taught is not None:
        # One split for both: the teacher's own seed must not move groups between the sides.
        recipe = replace(task.teacher, seed=task.recipe.seed, folds=task.recipe.folds)
        taught = material.taught.take(training)
        fitted = fit(taught, material.groups[training], recipe)
        lesson = lesson_of_network(fitted.network(), taught.padded())
    own, groups = material.learned_from(training)
    watched = partial(watch, task) if watch else None
    return fit(own, groups, task.recipe, lesson=lesson, watch=watched)


def cross_validate(
    dataset: Dataset,
    inputs: Sequence[str],
    candidates: Sequence[Recipe],
    *,
    teacher: Teacher | None = None,
    varied: Sequence[Dataset] = (),
    judged: Sequence[Dataset] = (),
    apart: NDArray[np.int64] | None = None,
    share: Share = one_after_another,
    kept: Kept | None = None,
    watch: TaskWatch | None = None,
    progress: Progress = lambda line: None,
) -> CrossValidation:
    """The scores of a recipe, or of choosing one among ``candidates`` of one seed and number of folds.

    ``varied`` are the same pieces heard otherwise, to learn from beside; ``judged`` the same, to judge by: each fold's
    network on the pieces that it has not learned from. Where some pieces are set ``apart`` there is one fold, judged by
    them and trained on all others, whatever their groups.

    In each fold the candidate is chosen by the groups that early stopping watched, so the figures hold for the whole
    search: no choice has seen what it is judged by. The recipe that is given back is the best of all folds together.
    """
    everything, groups, truth = material(dataset, inputs, teacher, varied, apart), dataset.groups, piece_labels(dataset)
    otherwise = [Otherwise(one, same_pieces(dataset, one, inputs), sequences(one, inputs)) for one in judged]
    folds = everything.folds(candidates[0])
    teaching = None if teacher is None else teacher.recipe
    tasks = [Task(recipe, fold, teaching) for fold in range(len(folds)) for recipe in candidates]
    outcomes: list[list[Fitted]] = [[] for _ in folds]
    predicted, constant = np.full_like(truth, np.nan), np.full_like(truth, np.nan)
    steps: list[Values] = [np.empty((0, 4))] * len(truth)
    chosen: list[Fitted] = []
    ordered = _in_order(tasks, everything, share, kept, watch)
    for task, fitted in zip(tasks, ordered, strict=True):
        outcomes[task.fold].append(fitted)
        if len(outcomes[task.fold]) < len(candidates):
            continue
        training, test = folds[task.fold]
        chosen.append(min(outcomes[task.fold], key=lambda fitted: fitted.held_out_error))
        network = chosen[-1].network()
        for piece, affect in zip(test, steps_of(network, dataset, everything.own, test), strict=True):
            steps[piece] = affect
            predicted[piece] = summarize_piece(dataset.pieces[piece], affect, inputs, dataset.window_s)
        for one in otherwise:
            one.hear(network, test, inputs)
        constant[test] = known_mean(truth[training])
        found = scores(predicted[test], truth[test])
        took = f"{chosen[-1].epochs} epochs, " if chosen[-1].curves.trained else ""
        progress(
            f"fold {task.fold + 1} of {len(folds)}: {took}squared error {found['mse']:.3f}, "
            f"R² {found['r2_valence_mean']:.2f} valence, {found['r2_arousal_mean']:.2f} arousal"
        )
    errors = np.array([[fitted.held_out_error for fitted in fold] for fold in outcomes]).mean(axis=0)
    best = int(errors.argmin())
    epochs = int(np.median([fold[best].epochs for fold in outcomes]))
    rows = np.sort(np.concatenate([test for _, test in folds]))
    evaluation = Evaluation(
        len(rows),
        len(set(groups[rows])),
        len(folds),
        scores(predicted[rows], truth[rows]),
        scores(constant[rows], truth[rows]),
        by_corpus(dataset, folds, predicted, steps),
        {one.condition: one.scores(predicted, truth) for one in otherwise},
        by_genre([dataset.pieces[row] for row in rows], predicted[rows], truth[rows]),
    )
    about = (tuple(errors.tolist()), everything, tuple(folds))
    return CrossValidation(evaluation, candidates[best], epochs, tuple(chosen), predicted[rows], truth[rows], *about)


def _in_order(
    tasks: Sequence[Task], everything: Material, share: Share, kept: Kept | None, watch: TaskWatch | None
) -> Iterator[Fitted]:
    """The trained network of each task, in their order; what is not kept from before is trained and kept."""
    digest = everything.digest()
    keys = [fold_key(digest, task) for task in tasks]
    ready = {} if kept is None else {place: found for place, key in enumerate(keys) if (found := kept.get(key))}
    missing = [place for place in range(len(tasks)) if place not in ready]
    arriving = share(partial(train_fold, watch=watch), [tasks[place] for place in missing], everything)
    for place in range(len(tasks)):
        while place not in ready:
            number, fitted = next(arriving)
            ready[missing[number]] = fitted
            if kept is not None:
                kept.set(keys[missing[number]], fitted)
        yield ready.pop(place)


def fold_key(digest: str, task: object) -> str:
    """What the cache knows a training by: the data, what was to be trained, and the code that trains."""
    return hashlib.sha256(repr((digest, task, training_code())).encode()).hexdigest()


@cache
def training_code() -> str:
    """A hash of everything that decides what a training gives: our code and the libraries' versions."""
    here = Path(__file__).parent
    own = ("training.py", "transfer.py", "steadying.py", "sequences.py", "crossvalidation.py")
    files = [*here.glob("networks/*.py"), *here.glob("kernel_*.py"), *(here / name for name in own)]
    digest = hashlib.sha256(repr([metadata.version(name) for name in ("tensorflow", "keras", "numpy")]).encode())
    for file in sorted(files):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()
