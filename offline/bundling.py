"""From a dataset to a bundle: cross-validate, train on everything, export."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.atomic import write_atomically
from models.bundle import Bundle
from models.errors import MoodringError, UsageError
from models.features import feature_set
from offline.crossvalidation import (
    CrossValidation,
    Material,
    Progress,
    Task,
    TaskWatch,
    Teacher,
    cross_validate,
    fold_key,
)
from offline.curves import picture
from offline.dataset import Dataset
from offline.kept import Kept
from offline.kernel_ridge import HOLDS
from offline.limits import limits
from offline.networks.kernel import CLIP, COMPONENTS, LANDMARKS
from offline.recipe import Recipe
from offline.search import candidates
from offline.sequences import Sequences
from offline.training import Fitted, fit
from offline.transfer import lesson_of_bundle
from offline.workers import Share, one_after_another

#: The fold of a training on everything.
EVERYTHING = -1

#: The settings that mean something only where there is a teacher.
_TRANSFER = {"taught", "hinted"}
#: Those of what goes down a gradient; a kernel is solved in closed form.
_GRADIENT = {"learning_rate", "weight_decay", "dropout", "batch", "most_epochs", "patience", "held_out"}


def open_teacher(bundle: Bundle, dataset: Dataset) -> Teacher:
    """``bundle`` as a teacher on ``dataset``; raises ``MoodringError`` where it would tell what it must not.

    Where it was trained on groups of the dataset, its card must say how, so that every fold can train its like.
    """
    if not set(bundle.card.get("groups", ())) & set(dataset.groups.tolist()):
        return Teacher(_inputs(bundle), bundle=bundle)
    training = bundle.card.get("training", {})
    known = {field.name for field in fields(Recipe)} - _TRANSFER
    known -= _GRADIENT if training.get("arch") == "kernel" else set()
    if not known <= training.keys():
        missing = ", ".join(sorted(known - training.keys()))
        raise MoodringError(
            f"the teacher '{bundle.name}' was trained on groups of this dataset and its card does not say how "
            f"({missing} missing): its students' figures would not be honest; train the teacher again"
        )
    recipe = Recipe(**{name: training[name] for name in known})
    return Teacher(_inputs(bundle), recipe=recipe)


def _inputs(bundle: Bundle) -> tuple[str, ...]:
    return tuple(known.name for known in bundle.feature_sets)


def default_inputs(arch: str, dataset: Dataset) -> tuple[str, ...]:
    """The feature sets that an architecture takes where none are named: the study's networks its 22 numbers, a kernel
    all that any piece has."""
    if arch != "kernel":
        return ("notes22",)
    there = (name for name in dataset.provenance["feature_sets"] if name != "notes22" and _is_there(name, dataset))
    return tuple(there) or ("notes22",)


def chosen_inputs(asked: tuple[str, ...], arch: str, dataset: Dataset) -> tuple[str, ...]:
    """The feature sets ``asked`` for, or those that the architecture takes; raises ``UsageError`` for one that the
    dataset has not."""
    inputs = asked or default_inputs(arch, dataset)
    for name in inputs:
        if name not in dataset.provenance["feature_sets"]:
            there = ", ".join(dataset.provenance["feature_sets"])
            raise UsageError(f"the dataset has no features '{name}', only {there}; prepare it again with them")
        if not _is_there(name, dataset):
            raise UsageError(f"no piece of the dataset has the features '{name}', which need sound; leave them out")
    return inputs


def _is_there(name: str, dataset: Dataset) -> bool:
    """Whether any piece has a set that notes alone cannot give."""
    return not feature_set(name).needs_sound or any(piece.features[name].any() for piece in dataset.pieces)


def train(
    dataset: Dataset,
    output: Path,
    recipe: Recipe,
    *,
    inputs: tuple[str, ...] = (),
    teacher: Bundle | None = None,
    varied: Sequence[Dataset] = (),
    judged: Sequence[Dataset] = (),
    apart: Sequence[str] = (),
    search: int = 0,
    share: Share = one_after_another,
    kept: Kept | None = None,
    watch: TaskWatch | None = None,
    progress: Progress = lambda line: None,
) -> CrossValidation:
    """Cross-validate, train on everything for as long, and write the bundle ``output`` and its learning curves.

    ``varied`` and ``judged`` are the same pieces heard otherwise, to learn from and to judge by. Where pieces are set
    ``apart`` by name, they are judged and all others learned from, once, and the bundle is that network. ``search`` is
    how many other settings are tried in every fold. The curves are in ``<output>-curves.png``.
    """
    from offline.export import export

    inputs = chosen_inputs(inputs, recipe.arch, dataset)
    if teacher is not None and recipe.arch == "kernel":
        raise UsageError("a kernel is solved in closed form and cannot learn from a teacher; leave --teacher out")
    teaching = None if teacher is None else open_teacher(teacher, dataset)
    tried = candidates(recipe, search, has_teacher=teaching is not None) if search else [recipe]
    validated = cross_validate(
        dataset,
        inputs,
        tried,
        teacher=teaching,
        varied=varied,
        judged=judged,
        apart=_places(dataset, apart) if apart else None,
        share=share,
        kept=kept,
        watch=watch,
        progress=progress,
    )
    if search:
        progress(f"best of {len(tried)} settings: {_differences(recipe, validated.recipe)}")
    data = validated.material.own
    fitted = validated.folds[0]
    if not apart:
        fitted = _train_on_everything(dataset, data, validated, teacher, kept, watch)
    agreement = export(
        fitted.network(),
        output,
        arch=recipe.arch,
        inputs=inputs,
        hop_s=dataset.hop_s,
        window_s=dataset.window_s,
        examples=_examples(data),
        optional=_optional(inputs, data),
        about=_about(dataset, output, recipe, validated, inputs, teacher, search, varied, judged),
    )
    if any(fitted.curves.trained for fitted in validated.folds):
        write_atomically(output.with_name(f"{output.name}-curves.png"), picture(validated.folds, output.name))
    progress(f"Keras and ONNX agree to {agreement.sequence:.0e} over sequences, {agreement.step:.0e} stepped")
    return validated


def _places(dataset: Dataset, names: Sequence[str]) -> NDArray[np.int64]:
    """The places of pieces by name; raises ``UsageError`` for one that is not there, or where none or all are named."""
    places = {piece.piece: place for place, piece in enumerate(dataset.pieces)}
    unknown = [name for name in names if name not in places]
    if unknown:
        raise UsageError(f"the dataset has no piece '{unknown[0]}' to set apart; name pieces that it has, one a line")
    if len(set(names)) >= len(places):
        raise UsageError("all pieces are set apart to judge by; leave some to learn from")
    return np.array(sorted({places[name] for name in names}), np.int64)


def _train_on_everything(
    dataset: Dataset,
    data: Sequences,
    validated: CrossValidation,
    teacher: Bundle | None,
    kept: Kept | None,
    watch: TaskWatch | None,
) -> Fitted:
    lesson = None
    digest = validated.material.digest() if teacher is None else Material(data, dataset.groups).digest()
    if teacher is not None and validated.material.taught is not None:
        # Where every fold had a teacher of its own, the bundle itself has not been asked yet.
        lesson = validated.material.lesson or lesson_of_bundle(teacher, validated.material.taught.padded())
        digest = fold_key(digest, lesson.digest())
    task = Task(validated.recipe, EVERYTHING)
    key = fold_key(digest, (task, validated.epochs))
    fitted: Fitted | None = None if kept is None else kept.get(key)
    if fitted is None:
        watched = partial(watch, task) if watch else None
        everything, groups = validated.material.learned_from(np.arange(len(data.filled)))
        fitted = fit(everything, groups, validated.recipe, epochs=validated.epochs, lesson=lesson, watch=watched)
        if kept is not None:
            kept.set(key, fitted)
    return fitted


def _about(
    dataset: Dataset,
    output: Path,
    asked: Recipe,
    validated: CrossValidation,
    inputs: Sequence[str],
    teacher: Bundle | None,
    search: int,
    varied: Sequence[Dataset],
    judged: Sequence[Dataset],
) -> dict[str, Any]:
    """What the card says of training and evaluation."""
    command = f"moodring train DATASET{'...' if 'parts' in dataset.provenance else ''} --arch {asked.arch}"
    command += f" --seed {asked.seed} --folds {asked.folds}"
    training: dict[str, Any] = {
        **dataset.provenance,
        **asdict(validated.recipe),
        "epochs": validated.epochs,
        "feature_sets": list(inputs),
        "moodring": metadata.version("moodring"),
    }
    if teacher is not None:
        command += f" --teacher {teacher.name}"
        training["teacher"] = {"name": teacher.name, "files": teacher.card["files"]}
    else:
        training = {name: value for name, value in training.items() if name not in _TRANSFER}
    if asked.arch == "kernel":
        training = {name: value for name, value in training.items() if name not in {*_GRADIENT, "epochs"}}
        training |= {"landmarks": LANDMARKS, "components": COMPONENTS, "clip": CLIP}
        if varied:
            training["holds"] = dict(zip(("valence", "arousal"), HOLDS, strict=True))
    for option, others in (("varied", varied), ("judge", judged)):
        command += "".join(f" --{option} {one.provenance['condition'].upper()}" for one in others)
    if varied:
        training["varied"] = [f"{one.provenance['condition']}, draw {one.provenance['draw']}" for one in varied]
    if search:
        command += f" --search {search}"
        training["search"] = {"tried": len(validated.candidates), "held_out_errors": list(validated.candidates)}
    how, groups = "cross-validated, no group in two folds", dataset.groups
    if validated.material.apart is not None:
        command += " --test FILE"
        how, groups = "judged on pieces that were named, trained on all others", groups[validated.splits[0][0]]
    return {
        "training": training,
        "limits": limits([name for name in inputs if name not in _optional(inputs, validated.material.own)]),
        "groups": sorted(set(groups.tolist())),
        "evaluation": {
            "what": f"one row a piece, {how}",
            "command": f"{command} -o {output.name}",
            **validated.evaluation.as_card(),
        },
    }


def _differences(recipe: Recipe, chosen: Recipe) -> str:
    changed = {name: value for name, value in asdict(chosen).items() if value != getattr(recipe, name)}
    return ", ".join(f"{name} {value}" for name, value in changed.items()) or "those given"


def _optional(inputs: Sequence[str], data: Sequences) -> list[str]:
    return [name for name, is_optional in zip(inputs, data.optional, strict=True) if is_optional]


def _examples(data: Sequences, count: int = 24) -> NDArray[np.float32]:
    """Real sequences for the check of an export, some steps of each masked."""
    chosen = data.padded(np.linspace(0, len(data.filled) - 1, count).astype(int))
    chosen[:, ::7] = 0.0
    chosen[0, 3:] = 0.0
    return chosen
