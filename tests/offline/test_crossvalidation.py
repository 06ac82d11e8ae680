"""Cross-validation: groups stay apart, a search is judged by what it has not seen, a second run goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="TensorFlow is not installed (extra 'offline')")
from hypothesis import given, settings
from hypothesis import strategies as st

import offline.crossvalidation
import offline.kernel_fit
from models.errors import MoodringError, UsageError
from offline.crossvalidation import Task, Teacher, cross_validate, fold_key, material, split
from offline.dataset import Dataset
from offline.kept import Kept
from offline.kernel_fit import Solution, solve
from offline.kernel_ridge import Rows
from offline.recipe import Recipe
from offline.search import candidates
from offline.sequences import Sequences, sequences
from offline.training import fit
from offline.workers import workers

QUICK = Recipe("dense", folds=2, most_epochs=3, patience=2)


@given(groups=st.lists(st.sampled_from("abcdefghijklm"), min_size=1, max_size=60), folds=st.integers(2, 5))
@settings(max_examples=60, deadline=None)
def test_folds_never_share_a_group_and_cover_everything_once(groups: list[str], folds: int):
    named = np.array(groups)
    recipe = Recipe("dense", folds=folds)
    if len(set(groups)) < 2 * folds:
        with pytest.raises(MoodringError, match=f"{folds} folds need at least {2 * folds} groups"):
            split(recipe, named)
        return
    judged: list[int] = []
    for training, test in split(recipe, named):
        assert set(named[training]).isdisjoint(named[test])
        judged += test.tolist()
    assert sorted(judged) == list(range(len(groups)))


def test_training_twice_with_one_seed_gives_one_network(small_dataset: Dataset):
    data = sequences(small_dataset, ["notes22"])
    recipe = replace(QUICK, arch="rnn")
    first, second = (fit(data, small_dataset.groups, recipe, epochs=2).network() for _ in range(2))
    other = fit(data, small_dataset.groups, replace(recipe, seed=9), epochs=2).network()
    features = data.padded()
    assert np.array_equal(first(features), second(features))
    assert not np.array_equal(first(features), other(features))


def test_early_stopping_keeps_the_weights_of_its_best_epoch(small_dataset: Dataset):
    data = sequences(small_dataset, ["notes22"])
    fitted = fit(data, small_dataset.groups, replace(QUICK, learning_rate=0.3, most_epochs=12, patience=12))
    assert fitted.held_out_error == min(fitted.curves.held_out)
    assert fitted.curves.held_out[fitted.epochs - 1] == fitted.held_out_error
    assert len(fitted.curves.trained) == 12


def test_what_is_judged_was_not_trained_on(small_dataset: Dataset, monkeypatch: pytest.MonkeyPatch):
    trained_on: list[set[str]] = []

    def watched(data, groups, recipe, **more):
        trained_on.append(set(groups))
        return fit(data, groups, recipe, **more)

    monkeypatch.setattr(offline.crossvalidation, "fit", watched)
    found = cross_validate(small_dataset, ["notes22"], [QUICK])
    judged = [set(small_dataset.groups) - groups for groups in trained_on]
    assert judged[0].isdisjoint(judged[1])
    assert judged[0] | judged[1] == set(small_dataset.groups)
    assert found.evaluation.pieces == len(small_dataset.pieces)


def test_a_search_chooses_by_the_groups_that_it_watched(small_dataset: Dataset):
    tried = [replace(QUICK, learning_rate=1e-9), replace(QUICK, learning_rate=0.01)]
    found = cross_validate(small_dataset, ["notes22"], tried)
    assert found.recipe == tried[1]
    assert found.candidates[1] < found.candidates[0]
    assert all(fold.held_out_error == min(fold.curves.held_out) for fold in found.folds)


def test_a_second_run_goes_on_where_the_first_was_cut_off(
    small_dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    whole = cross_validate(small_dataset, ["notes22"], [QUICK])
    fits = 0

    def cut_off(data, groups, recipe, **more):
        nonlocal fits
        fits += 1
        if fits == 2:
            raise KeyboardInterrupt
        return fit(data, groups, recipe, **more)

    monkeypatch.setattr(offline.crossvalidation, "fit", cut_off)
    with Kept("trained", tmp_path) as kept, pytest.raises(KeyboardInterrupt):
        cross_validate(small_dataset, ["notes22"], [QUICK], kept=kept)
    with Kept("trained", tmp_path) as kept:
        again = cross_validate(small_dataset, ["notes22"], [QUICK], kept=kept)
    assert fits == 3  # one, the one that was cut off, and that one again
    np.testing.assert_array_equal(again.predicted, whole.predicted)


def test_what_is_kept_is_known_by_everything_that_made_it(small_dataset: Dataset):
    digest = material(small_dataset, ["notes22"]).digest()
    task = Task(QUICK, 0)
    keys = {
        fold_key(digest, task),
        fold_key(digest, Task(QUICK, 1)),
        fold_key(digest, Task(replace(QUICK, dropout=0.3), 0)),
        fold_key(digest, Task(QUICK, 0, teacher=QUICK)),
        fold_key(material(Dataset(small_dataset.pieces[1:], small_dataset.provenance), ["notes22"]).digest(), task),
    }
    assert len(keys) == 5


def otherwise(dataset: Dataset, condition: str, factor: float) -> Dataset:
    """Every other piece, its features another way."""
    pieces = [
        replace(piece, features={name: factor * values for name, values in piece.features.items()})
        for piece in dataset.pieces[::2]
    ]
    return Dataset(tuple(pieces), {**dataset.provenance, "condition": condition, "draw": 1})


def test_what_is_varied_stays_on_its_pieces_side_of_the_split(small_dataset: Dataset, monkeypatch: pytest.MonkeyPatch):
    learned: list[set[str]] = []

    def watch(data: Sequences, groups: np.ndarray, recipe: Recipe, **settings: object) -> object:
        learned.append(set(groups))
        assert len(groups) == len(data.filled)
        return fit(data, groups, recipe, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr(offline.crossvalidation, "fit", watch)
    varied = otherwise(small_dataset, "varied", 1.1)
    with_varied = cross_validate(small_dataset, ["notes22"], [QUICK], varied=[varied])
    for groups, (training, test) in zip(learned, split(QUICK, small_dataset.groups), strict=True):
        assert groups == set(small_dataset.groups[training])
        assert groups.isdisjoint(small_dataset.groups[test])
    everything, groups = with_varied.material.learned_from(np.arange(len(small_dataset.pieces)))
    assert len(everything.filled) == len(groups) == len(small_dataset.pieces) + len(varied.pieces)
    np.testing.assert_array_equal(groups[len(small_dataset.pieces) :], varied.groups)
    assert everything.numbers[len(small_dataset.pieces) :].tolist() == list(range(0, len(small_dataset.pieces), 2))
    assert set(everything.counts[len(small_dataset.pieces) :]) == {0.5}
    without = cross_validate(small_dataset, ["notes22"], [QUICK])
    assert not np.array_equal(with_varied.predicted, without.predicted)
    assert with_varied.material.digest() != without.material.digest()


def test_a_kernel_knows_which_step_of_which_piece_a_version_is_of(
    small_dataset: Dataset, monkeypatch: pytest.MonkeyPatch
):
    learned: list[Rows] = []

    def watch(rows: Rows, widths: tuple[int, ...], *, seed: int) -> Solution:
        learned.append(rows)
        return solve(rows, widths, seed=seed)

    monkeypatch.setattr(offline.kernel_fit, "solve", watch)
    # A version that has the same features differs from its original in nothing but its place.
    given = material(small_dataset, ["notes22"], varied=[otherwise(small_dataset, "varied", 1.0)])
    fit(*given.learned_from(np.arange(len(small_dataset.pieces))), replace(QUICK, arch="kernel"))
    (rows,) = learned
    versions = np.flatnonzero(rows.version_of != np.arange(len(rows.features)))
    assert 0.3 < len(versions) / len(rows.features) < 0.4
    np.testing.assert_array_equal(rows.features[versions], rows.features[rows.version_of[versions]])
    np.testing.assert_array_equal(rows.groups[versions], rows.groups[rows.version_of[versions]])
    np.testing.assert_allclose(rows.counted[versions], rows.counted[rows.version_of[versions]] / 2)


def test_pieces_heard_otherwise_are_judged_by_who_has_not_learned_from_them(small_dataset: Dataset):
    same, other = otherwise(small_dataset, "same", 1.0), otherwise(small_dataset, "loud", 1.5)
    found = cross_validate(small_dataset, ["notes22"], [QUICK], judged=[same, other]).evaluation.by_condition
    assert list(found) == ["same", "loud"]
    assert found["same"]["heard"] == pytest.approx(found["same"]["as_is"])
    assert found["loud"]["as_is"] == found["same"]["as_is"]
    assert found["loud"]["heard"] != found["loud"]["as_is"]


def test_steps_that_are_not_there_were_not_rated(small_dataset: Dataset):
    long = sequences(small_dataset, ["notes22"])
    cut = {name: getattr(long, name)[:, :20] for name in ("labels", "dynamic", "filled")}
    short = replace(long, features=long.padded()[:, :20].reshape(-1, 22), **cut)
    short.dynamic[:] = 5.0
    both, count = short.with_more(long), len(long.filled)
    assert both.filled.shape == (2 * count, long.filled.shape[1])
    assert np.isnan(both.dynamic[:count, 20:]).all()
    assert not both.filled[:count, 20:].any()
    np.testing.assert_array_equal(both.padded()[count:], long.padded())
    assert not both.padded(np.arange(count))[:, 20:].any()


def test_one_long_piece_does_not_make_all_of_them_long(small_dataset: Dataset):
    piece = small_dataset.pieces[0]
    times_s = np.arange(1, 5001) * small_dataset.hop_s
    long = replace(
        piece,
        times_s=times_s,
        features={name: np.resize(values, (5000, values.shape[1])) for name, values in piece.features.items()},
        labels=np.resize(piece.labels, (5000, 4)),
        dynamic=None,
    )
    data = sequences(replace(small_dataset, pieces=(*small_dataset.pieces, long)), ["notes22"])
    steps = sum(len(piece.times_s) for piece in small_dataset.pieces) + 5000
    assert data.features.shape == (steps, 22)
    few = data.take(np.array([len(small_dataset.pieces), 0]))
    np.testing.assert_array_equal(few.features[:5000], long.features["notes22"])
    np.testing.assert_array_equal(few.features[5000:], piece.features["notes22"])


def test_only_the_same_pieces_can_be_heard_otherwise(small_dataset: Dataset):
    odd = otherwise(small_dataset, "noise", 1.0)
    stranger = replace(odd.pieces[0], piece="a stranger")
    for wrong, message in (
        (Dataset((stranger,), odd.provenance), "has the piece a stranger, and the dataset has not"),
        (Dataset(odd.pieces, {**odd.provenance, "window_s": 20.0}), "another window"),
        (Dataset(odd.pieces, {**odd.provenance, "feature_sets": ["tonal"]}), "lacks the features 'notes22'"),
    ):
        with pytest.raises(MoodringError, match=message):
            cross_validate(small_dataset, ["notes22"], [QUICK], judged=[wrong])


def test_what_is_varied_and_lacks_a_feature_set_is_told(small_dataset: Dataset):
    odd = otherwise(small_dataset, "varied", 1.0)
    bare = Dataset(tuple(replace(piece, features={}) for piece in odd.pieces), {**odd.provenance, "feature_sets": []})
    with pytest.raises(MoodringError, match="what was heard 'varied' lacks the features 'notes22'"):
        material(small_dataset, ["notes22"], varied=[bare])


def test_a_teacher_and_what_is_varied_exclude_each_other(small_dataset: Dataset):
    teacher = Teacher(("notes22",), recipe=QUICK)
    with pytest.raises(UsageError, match="leave out one of the two"):
        material(small_dataset, ["notes22"], teacher, [otherwise(small_dataset, "varied", 1.0)])


def test_folds_that_are_trained_elsewhere_give_the_same(small_dataset: Dataset):
    here = cross_validate(small_dataset, ["notes22"], [QUICK])
    with workers(2, None) as share:
        there = cross_validate(small_dataset, ["notes22"], [QUICK], share=share)
    np.testing.assert_array_equal(here.predicted, there.predicted)


def test_too_few_groups_for_the_folds(small_dataset: Dataset):
    few = Dataset(small_dataset.pieces[:2], small_dataset.provenance)
    with pytest.raises(MoodringError, match="2 folds need at least 4 groups"):
        cross_validate(few, ["notes22"], [QUICK])


def test_candidates_are_the_recipe_and_others_like_it():
    drawn = candidates(QUICK, 8)
    assert drawn[0] == QUICK
    assert len(set(drawn)) == 9
    assert drawn == candidates(QUICK, 8)
    assert drawn != candidates(replace(QUICK, seed=2), 8)
    assert {(r.arch, r.seed, r.folds, r.taught, r.hinted) for r in drawn} == {
        ("dense", 1, 2, QUICK.taught, QUICK.hinted)
    }
    assert len({recipe.taught for recipe in candidates(QUICK, 8, has_teacher=True)}) > 4


def test_a_training_is_not_taken_from_the_cache_where_pieces_count_otherwise(small_dataset: Dataset):
    weighed = material(small_dataset, ["notes22"])
    weighed = replace(weighed, own=replace(weighed.own, counts=0.5 * weighed.own.counts))
    assert weighed.digest() != material(small_dataset, ["notes22"]).digest()
    assert material(small_dataset, ["notes22"]).digest() == material(small_dataset, ["notes22"]).digest()
