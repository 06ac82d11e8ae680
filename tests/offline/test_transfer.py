"""Knowledge transfer: what a student is made to learn, and what its teacher may tell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="TensorFlow is not installed (extra 'offline')")

from models.bundle import load
from models.errors import MoodringError
from offline.bundling import open_teacher
from offline.crossvalidation import Task, Teacher, material, split, train_fold
from offline.dataset import Dataset
from offline.recipe import Recipe
from offline.sequences import sequences
from offline.training import fit
from offline.transfer import Lesson, affect_error, label_error, lesson_of_bundle, lesson_of_network

QUICK = Recipe("dense", folds=2, most_epochs=3, patience=2)


def test_a_label_that_nobody_told_becomes_the_networks_own_error():
    labels = np.array([[[5.0, np.nan, 5.0, 1.0]]], np.float32)
    said = np.array([[[7.0, 1.0, 5.0, 1.0]]], np.float32)
    # Valence is off by 2; its spread should be 2 √(π/2) = 2.5066, the rest is right.
    expected = (2.0**2 + (2.0 * np.sqrt(np.pi / 2) - 1.0) ** 2) / 4
    assert float(label_error(labels, said)[0, 0]) == pytest.approx(expected, rel=1e-6)


def test_the_error_of_a_student_is_the_sum_of_its_parts():
    labels, taught = np.full((1, 1, 4), 5.0, np.float32), np.full((1, 1, 4), 6.0, np.float32)
    embedding = np.array([[[0.5, -0.5]]], np.float32)
    targets = Lesson(taught, embedding).beside(labels)
    outputs = np.concatenate([np.full((1, 1, 4), 7.0, np.float32), np.zeros((1, 1, 2), np.float32)], axis=-1)
    # 0.75 · 2² of the labels, 0.25 · 1² of the teacher's predictions, 0.1 · 0.5² of the hint.
    error = affect_error(taught=0.25, hinted=0.1)(targets, outputs)
    assert float(error[0, 0]) == pytest.approx(0.75 * 4 + 0.25 * 1 + 0.1 * 0.25)
    without = affect_error(taught=0.25, hinted=0.1)(targets[..., :8], outputs[..., :4])
    assert float(without[0, 0]) == pytest.approx(0.75 * 4 + 0.25)


def test_a_bundle_teaches_its_second_layer_as_the_network_that_it_came_from(small_dataset: Dataset):
    data = sequences(small_dataset, ["notes22"])
    features = data.padded()
    bundle = load("seed-rnn")
    lesson = lesson_of_bundle(bundle, features[:2])
    assert lesson.affect.shape == (2, 60, 4)
    assert lesson.embedding.shape == (2, 60, 64)
    assert np.abs(lesson.embedding).max() <= 1.0  # tanh
    assert lesson.embedding.std() > 0.1
    fitted = fit(data, small_dataset.groups, replace(QUICK, arch="rnn"), epochs=1)
    of_network = lesson_of_network(fitted.network(), features[:2])
    assert of_network.embedding.shape == (2, 60, 64)
    np.testing.assert_allclose(of_network.affect, fitted.network()(features[:2]), atol=1e-6)
    assert lesson_of_bundle(load("seed-dense"), features[:1]).embedding.shape == (1, 60, 0)


def test_a_student_keeps_its_own_inputs_and_outputs(small_dataset: Dataset):
    data = sequences(small_dataset, ["notes22"])
    lesson = lesson_of_bundle(load("seed-rnn"), data.padded())
    fitted = fit(data, small_dataset.groups, QUICK, epochs=1, lesson=lesson)
    alone = fit(data, small_dataset.groups, QUICK, epochs=1)
    assert [weights.shape for weights in fitted.weights] == [weights.shape for weights in alone.weights]
    assert not np.array_equal(fitted.weights[0], alone.weights[0])


def test_only_the_teacher_is_learned_from_when_it_is_all_that_counts(small_dataset: Dataset):
    data = sequences(small_dataset, ["notes22"])
    flat = Lesson(np.full_like(data.labels, 3.0), np.empty((*data.labels.shape[:2], 0), np.float32))
    recipe = replace(QUICK, taught=1.0, learning_rate=0.02)
    fitted = fit(data, small_dataset.groups, recipe, epochs=60, lesson=flat)
    features = data.padded()
    heard = features.any(axis=-1)
    assert np.asarray(fitted.network()(features))[heard].mean() == pytest.approx(3.0, abs=0.3)


def test_every_fold_has_a_teacher_that_has_not_seen_what_the_fold_is_judged_by(
    small_dataset: Dataset, monkeypatch: pytest.MonkeyPatch
):
    import offline.crossvalidation

    fitted_on: list[tuple[str, set[str]]] = []
    real = offline.crossvalidation.fit

    def watched(data, groups, recipe, **settings):
        fitted_on.append((recipe.arch, set(groups)))
        return real(data, groups, recipe, **settings)

    monkeypatch.setattr(offline.crossvalidation, "fit", watched)
    # A teacher of another seed would split the groups another way if it had its way.
    teacher = Teacher(("notes22",), recipe=replace(QUICK, arch="rnn", seed=7))
    everything = material(small_dataset, ["notes22"], teacher)
    train_fold(Task(QUICK, 0, teacher.recipe), everything)
    _, judged_by = split(QUICK, small_dataset.groups)[0]
    assert [arch for arch, _ in fitted_on] == ["rnn", "dense"]
    for _, groups in fitted_on:
        assert groups.isdisjoint(small_dataset.groups[judged_by])


def test_a_bundle_that_has_not_seen_the_dataset_teaches_itself(small_dataset: Dataset):
    teacher = open_teacher(load("seed-rnn"), small_dataset)
    assert teacher.bundle is not None
    assert teacher.recipe is None


def test_a_bundle_that_has_seen_the_dataset_must_say_how_it_was_trained(small_dataset: Dataset):
    seed = load("seed-rnn")
    groups = [str(small_dataset.groups[0])]
    mute = replace(seed, card={**seed.card, "groups": groups, "training": {"arch": "rnn"}})
    with pytest.raises(MoodringError, match="its card does not say how"):
        open_teacher(mute, small_dataset)
    told = {"arch": "rnn", "seed": 3, "folds": 5, "learning_rate": 0.01, "weight_decay": 0.0, "dropout": 0.1}
    told |= {"batch": 32, "most_epochs": 9, "patience": 4, "held_out": 0.2}
    teacher = open_teacher(replace(seed, card={**seed.card, "groups": groups, "training": told}), small_dataset)
    assert teacher.bundle is None
    assert teacher.recipe == Recipe(**told)
