"""What ``train`` and ``study`` do between the command line and the library."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from models.errors import UsageError
from offline.recipe import Recipe

_console = Console(file=sys.stderr)


def train_bundle(
    datasets: list[Path],
    output: Path,
    *,
    recipe: Recipe,
    inputs: tuple[str, ...],
    teacher: str | None,
    varied: list[Path],
    judged: list[Path],
    weights: tuple[float, ...],
    test: Path | None,
    search: int,
    jobs: int,
    scheduler: str | None,
) -> None:
    """Train with learning curves and a line a fold; prints the cross-validated scores beside the mean predictor's."""
    from models.bundle import load
    from offline.bundling import train
    from offline.combining import combined
    from offline.dataset import read_dataset
    from offline.networks import architecture
    from offline.placing import verify_output

    # What would stop it in the end stops it before the hours of training.
    architecture(recipe.arch)
    verify_output(output)
    if not output.absolute().parent.is_dir():
        raise UsageError(f"{output.parent} is not a folder; choose another place for the bundle")
    apart = [] if test is None else _names(test)
    taught_by = load(teacher) if teacher else None
    opened = combined([read_dataset(path) for path in datasets], weights)
    others = {name: [read_dataset(path) for path in paths] for name, paths in (("varied", varied), ("judged", judged))}
    with _means(jobs, scheduler) as means:
        means |= others
        validated = train(opened, output, recipe, inputs=inputs, teacher=taught_by, apart=apart, search=search, **means)
    for name, scores in (
        ("model", validated.evaluation.model),
        ("mean predictor", validated.evaluation.mean_predictor),
    ):
        print(
            f"{name:15} squared error {scores['mse']:.3f}, R² {scores['r2_valence_mean']:.3f} valence, "
            f"{scores['r2_arousal_mean']:.3f} arousal"
        )
    for corpus, found in validated.evaluation.by_corpus.items():
        print(
            f"{corpus:15} a row a step: R² {found['per_step']['r2_valence_mean']:.3f} valence, "
            f"{found['per_step']['r2_arousal_mean']:.3f} arousal"
        )
    for condition, heard in validated.evaluation.by_condition.items():
        now, before = (
            f"{heard[how]['r2_valence_mean']:.3f} valence, {heard[how]['r2_arousal_mean']:.3f} arousal"
            for how in ("heard", "as_is")
        )
        print(f"{condition:15} R² {now}; the same pieces as they are {before}")
    print(f"{output}; 'moodring models install {output}' makes it known by its name")


def _names(path: Path) -> list[str]:
    """The names of pieces in a text file, one a line."""
    try:
        names = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{path} cannot be read ({error}); give a text file with a piece's name in each line"
        ) from None
    if not names:
        raise UsageError(f"{path} names no piece; give a text file with a piece's name in each line")
    return names


def print_study(datasets: list[Path], *, seed: int, jobs: int, scheduler: str | None) -> Iterator[str]:
    """The study's networks on each dataset, as a Markdown table."""
    from offline.dataset import read_dataset
    from offline.study import study, table

    with _means(jobs, scheduler) as means:
        rows = [row for path in datasets for row in study(read_dataset(path), seed=seed, **means)]
    yield from table(rows)


def print_ablation(dataset: Path, *, features: tuple[str, ...], seed: int) -> Iterator[str]:
    """What each feature set of a dataset is worth, as a Markdown table."""
    from offline.ablation import ablate, table
    from offline.bundling import chosen_inputs
    from offline.dataset import read_dataset

    opened = read_dataset(dataset)
    inputs = chosen_inputs(features, "kernel", opened)
    yield from table(*ablate(opened, inputs, seed=seed, progress=lambda line: _console.print(line, highlight=False)))


@contextmanager
def _means(jobs: int, scheduler: str | None) -> Iterator[dict[str, Any]]:
    """Workers, what is kept from an earlier run, and how progress is shown."""
    from offline.curves import LiveCurves
    from offline.kept import Kept
    from offline.workers import workers

    def say(line: str) -> None:
        _console.print(line, highlight=False)

    with Kept("trained") as kept, workers(jobs, scheduler) as share:
        means: dict[str, Any] = {"share": share, "kept": kept, "progress": say}
        if jobs == 1 and scheduler is None and _console.is_terminal:
            with LiveCurves(_console) as curves:
                yield {**means, "watch": curves.epoch}
        else:
            yield means
