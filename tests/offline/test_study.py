"""The study's table: every network on the same folds, and a teacher that is said to help only where it does."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="TensorFlow is not installed (extra 'offline')")

import offline.study
from offline.crossvalidation import CrossValidation, material, split
from offline.dataset import Dataset
from offline.evaluation import Evaluation, piece_labels
from offline.metrics import scores
from offline.recipe import Recipe
from offline.study import study, table


def said(dataset: Dataset, off: float) -> CrossValidation:
    truth = piece_labels(dataset)
    predicted = truth + off * np.where(np.arange(len(truth)) % 2, 1.0, -1.0)[:, None]
    evaluation = Evaluation(len(truth), 8, 2, scores(predicted, truth), scores(truth + 1.0, truth), {})
    return CrossValidation(evaluation, Recipe("dense"), 3, (), predicted, truth, (0.5,), material(dataset, ["notes22"]))


@pytest.mark.parametrize(
    ("off", "verdict"), [(0.1, "it helps"), (1.0, "it harms"), (0.5, "it makes no difference that can be told")]
)
def test_the_table_says_whether_the_teacher_helps(
    small_dataset: Dataset, monkeypatch: pytest.MonkeyPatch, off: float, verdict: str
):
    asked: list[tuple[str, object]] = []

    def pretend(dataset: Dataset, name: str, recipes: list[Recipe], *, teacher=None, **more: object):
        asked.append((recipes[0].arch, teacher.recipe.arch if teacher else None))
        return said(dataset, off if teacher else 0.5)

    monkeypatch.setattr(offline.study, "cross_validate", pretend)
    lines = list(table(study(small_dataset)))
    assert asked == [("rnn", None), ("cnn", None), ("dense", None), ("dense", "rnn")]
    assert [line.split(" | ")[1] for line in lines[2:7]] == [
        "rnn",
        "cnn",
        "dense",
        "dense, teacher rnn",
        "mean predictor",
    ]
    assert verdict in lines[-1]


def test_networks_of_one_seed_are_judged_on_the_same_folds(small_dataset: Dataset):
    folds = [
        [test.tolist() for _, test in split(Recipe(arch, folds=2), small_dataset.groups)] for arch in ("rnn", "dense")
    ]
    assert folds[0] == folds[1]
