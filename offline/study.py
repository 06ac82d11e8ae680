"""The study's table: its networks on one dataset, cross-validated by groups, and whether the teacher helps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from offline.crossvalidation import CrossValidation, Progress, TaskWatch, Teacher, cross_validate
from offline.dataset import Dataset
from offline.kept import Kept
from offline.metrics import Interval, Scores, group_numbers, interval, score_statistic
from offline.recipe import Recipe
from offline.workers import Share, one_after_another

#: The study's networks, and which of them has a teacher: its own model 1.
NETWORKS = (("rnn", None), ("cnn", None), ("dense", None), ("dense", "rnn"))


@dataclass(frozen=True, slots=True)
class Row:
    """One network on one dataset: its scores, and for a network with a teacher the 95 % interval of how much smaller
    (below 0) or greater its squared error is than without."""

    labels: str
    network: str
    scores: Scores
    change: tuple[float, float] | None = None


def study(
    dataset: Dataset,
    *,
    seed: int = 1,
    share: Share = one_after_another,
    kept: Kept | None = None,
    watch: TaskWatch | None = None,
    progress: Progress = lambda line: None,
) -> list[Row]:
    """Cross-validate the study's networks on the same folds."""
    inputs = ("notes22",)
    labels = "corrected" if dataset.provenance["corrections"] else "as published"
    found: dict[str, CrossValidation] = {}
    rows: list[Row] = []
    for arch, teacher in NETWORKS:
        title = f"{arch}, teacher {teacher}" if teacher else arch
        progress(f"{dataset.provenance['corpus']} {labels}: {title}")
        taught_by = Teacher(inputs, recipe=Recipe(teacher, seed=seed)) if teacher else None
        found[title] = cross_validate(
            dataset,
            inputs,
            [Recipe(arch, seed=seed)],
            teacher=taught_by,
            share=share,
            kept=kept,
            watch=watch,
            progress=progress,
        )
        change = _change(found[arch], found[title], dataset) if teacher else None
        rows.append(Row(labels, title, found[title].evaluation.model, change))
    constant = next(iter(found.values())).evaluation.mean_predictor
    return [*rows, Row(labels, "mean predictor", constant)]


def _change(without: CrossValidation, with_teacher: CrossValidation, dataset: Dataset) -> Interval | None:
    groups = group_numbers(dataset.groups)
    old, new = (
        score_statistic(found.predicted, found.truth, groups).drawn(seed=1)["mse"] for found in (without, with_teacher)
    )
    return interval(new - old)


def table(rows: Sequence[Row]) -> Iterator[str]:
    """The rows as Markdown, and a line for each teacher that says whether it helped."""
    yield "| labels | network | squared error | R² valence | R² arousal | r valence spread | r arousal spread |"
    yield "|---|---|---|---|---|---|---|"
    for row in rows:
        keys = ("mse", "r2_valence_mean", "r2_arousal_mean", "r_valence_std", "r_arousal_std")
        figures = " | ".join("–" if row.scores.get(key) is None else f"{row.scores[key]:.3f}" for key in keys)
        yield f"| {row.labels} | {row.network} | {figures} |"
    yield ""
    for row in rows:
        if row.change is not None:
            low, high = row.change
            verdict = "it helps" if high < 0 else "it harms" if low > 0 else "it makes no difference that can be told"
            yield (
                f"On labels {row.labels}, the teacher changes the squared error of {row.network.partition(',')[0]} by "
                f"{low:+.3f} to {high:+.3f} (95 % interval): {verdict}."
            )
