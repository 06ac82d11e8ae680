"""The kernel network in closed form: it learns what is there, ignores what is not, and Keras says what was solved."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="TensorFlow is not installed (extra 'offline')")

from offline.kernel_choice import _some
from offline.kernel_fit import solve
from offline.kernel_ridge import Problem, Rows, inner_folds, likenesses
from offline.metrics import spread_scores
from offline.networks import Statistics, architecture
from offline.networks.kernel import QUADRATIC, quadratic

WIDTHS = (3, 20)


@pytest.fixture(scope="module")
def rows() -> Rows:
    """Valence bends over the first set, arousal is a straight line in it; the second set is noise."""
    rng = np.random.default_rng(1)
    features = rng.normal(size=(400, sum(WIDTHS)))
    labels = np.empty((400, 4))
    labels[:, 0] = 5 + np.sin(1.5 * features[:, 0]) + 0.1 * rng.normal(size=400)
    labels[:, 2] = 5 + 0.6 * features[:, 1] + 0.1 * rng.normal(size=400)
    labels[:, 1] = 2 - 0.4 * (labels[:, 0] - 5) ** 2
    labels[:, 3] = 1.0
    return Rows(features, labels, np.ones(400), np.repeat([f"artist {n}" for n in range(40)], 10), np.arange(400))


def network(rows: Rows, labels: np.ndarray | None = None, seed: int = 1):
    """The Keras network of the solution, on features that are standardized already."""
    chosen = rows if labels is None else replace(rows, labels=labels)
    solution = solve(chosen, WIDTHS, seed=seed)
    width = sum(WIDTHS)
    statistics = Statistics(np.zeros(width), np.ones(width), np.array([5.0, 1, 5, 1]), WIDTHS, solution.landmarks)  # type: ignore[arg-type]
    built = architecture("kernel").build(statistics, 0.0, 0)
    built.set_weights(solution.weights)
    return built, solution


@pytest.fixture(scope="module")
def solved(rows: Rows):
    """The network of ``rows``, and its solution."""
    return network(rows)


def explained(said: np.ndarray, true: np.ndarray) -> float:
    return 1 - float(np.mean((said - true) ** 2) / true.var())


def test_it_learns_bends_and_lines_and_the_spread_that_follows_the_mean(solved):
    built, _ = solved
    fresh = np.random.default_rng(2).normal(size=(1, 300, sum(WIDTHS))).astype(np.float32)
    said = np.asarray(built(fresh))[0]
    valence = 5 + np.sin(1.5 * fresh[0, :, 0])
    assert explained(said[:, 0], valence) > 0.6
    assert explained(said[:, 2], 5 + 0.6 * fresh[0, :, 1]) > 0.85
    assert np.corrcoef(said[:, 1], 2 - 0.4 * (valence - 5) ** 2)[0, 1] > 0.5
    # But for the few that are unlike all of what it learned from.
    assert np.quantile(np.abs(said[:, 3] - 1.0), 0.9) < 0.1


def test_a_set_that_says_nothing_gets_little_share(solved):
    _, solution = solved
    shares = solution.weights[len(WIDTHS) + 1]
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, rtol=1e-6)
    assert (shares[:, 0] > 2 * shares[:, 1]).all()


def test_one_seed_gives_one_solution(rows: Rows, solved):
    for one, other in zip(solved[1].weights, solve(rows, WIDTHS, seed=1).weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_where_nobody_told_a_spread_it_is_the_typical_error(rows: Rows):
    labels = rows.labels.copy()
    labels[:, [1, 3]] = np.nan
    rng = np.random.default_rng(4)
    labels[:, 0] += rng.normal(0, 0.8, 400)
    built, _ = network(rows, labels)
    said = np.asarray(built(rows.features[None].astype(np.float32)))[0]
    # Noise of 0.1 was there already: √(0.8² + 0.1²), and what the network itself gets wrong comes on top.
    assert 0.7 < said[:, 1].mean() < 1.2


def test_spreads_are_widened_until_intervals_hold_what_they_say():
    rng = np.random.default_rng(5)
    features = rng.normal(size=(600, sum(WIDTHS)))
    mean = 5 + 0.8 * features[:, 0]
    # Half of what moves the mean is nowhere to be heard.
    labels = np.stack([mean + rng.normal(0, 0.8, 600), np.full(600, 0.7)] * 2, axis=1)
    rows = Rows(features, labels, np.ones(600), np.repeat([f"artist {n}" for n in range(60)], 10), np.arange(600))
    built, _ = network(rows)
    fresh = np.random.default_rng(6).normal(size=(2000, sum(WIDTHS))).astype(np.float32)
    said = np.asarray(built(fresh[None]))[0].astype(np.float64)
    truth = np.stack([5 + 0.8 * fresh[:, 0] + rng.normal(0, 0.8, 2000), np.full(2000, 0.7)] * 2, axis=1)
    held = spread_scores(said, truth)
    assert 0.86 < held["coverage_90_valence"] < 0.94
    assert 0.86 < held["coverage_90_arousal"] < 0.94


def test_music_like_none_that_it_knows_gets_the_middle_and_a_wide_spread(rows: Rows, solved):
    built, _ = solved
    far = np.full((1, 1, sum(WIDTHS)), 40.0, np.float32)
    near = np.zeros((1, 1, sum(WIDTHS)), np.float32)
    strange, usual = np.asarray(built(far))[0, 0], np.asarray(built(near))[0, 0]
    assert strange[[0, 2]] == pytest.approx(rows.labels[:, [0, 2]].mean(axis=0), abs=0.3)
    assert (strange[[1, 3]] > usual[[1, 3]] + 0.5).all()


def test_the_terms_of_the_spread_are_nought_in_the_middle():
    assert quadratic(np.array([[5.0, 5.0]])).tolist() == [[0.0] * QUADRATIC]
    np.testing.assert_allclose(quadratic(np.array([[9.0, 1.0]])), [[1.0, -1.0, 1.0, 1.0, -1.0]])


def heard_otherwise(rows: Rows) -> Rows:
    """The same rows and behind them a version of each, whose first two features are moved by as much as comes."""
    rng = np.random.default_rng(7)
    moved = rows.features.copy()
    moved[:, :2] += rng.normal(0, 1.0, (len(moved), 2))
    return Rows(
        *(
            np.concatenate(pair)
            for pair in (
                (rows.features, moved),
                (rows.labels, rows.labels),
                (rows.counted, rows.counted / 2),
                (rows.groups, rows.groups),
                (rows.version_of, rows.version_of),
            )
        )
    )


def test_what_is_held_together_differs_less_from_its_versions(rows: Rows):
    both = heard_otherwise(rows)
    features = (both.features[:, :3] * 0.5).astype(np.float32)
    points = features[:400:4]
    (kernel,), (between,) = (list(likenesses(given, points, [3])) for given in (features, points))
    problem = Problem(kernel, between, both.counted, inner_folds(both.groups))

    def moved(hold: float) -> float:
        weights, _ = problem.held_together(both.version_of, hold).weights(both.labels[:, 0], 0.4)
        said = kernel @ weights
        return float(np.mean((said[400:] - said[:400]) ** 2))

    assert moved(8.0) < 0.5 * moved(1.0) < 0.5 * moved(0.0)


def test_nothing_to_hold_together_changes_nothing(rows: Rows):
    features = (rows.features[:, :3] * 0.5).astype(np.float32)
    points = features[::4]
    (kernel,), (between,) = (list(likenesses(given, points, [3])) for given in (features, points))
    problem = Problem(kernel, between, rows.counted, inner_folds(rows.groups))
    plain, _ = problem.weights(rows.labels[:, 0], 0.4)
    held, _ = problem.held_together(rows.version_of, 5.0).weights(rows.labels[:, 0], 0.4)
    np.testing.assert_array_equal(plain, held)


def test_versions_are_chosen_with_their_originals(rows: Rows, monkeypatch):
    monkeypatch.setattr("offline.kernel_choice._ROWS", 200)
    both = heard_otherwise(rows)
    few, version_of = _some(both, 3)
    assert len(few) == 200
    np.testing.assert_array_equal(few[version_of], both.version_of[few])
    assert np.bincount(version_of, minlength=200)[:100].tolist() == [2] * 100


def test_folds_drawn_anew_are_other_folds_and_share_no_group(rows: Rows):
    first, second = (inner_folds(rows.groups, seed=seed) for seed in (1, 2))
    assert any(one.tolist() != other.tolist() for one, other in zip(first, second, strict=True))
    for folds in (first, second):
        np.testing.assert_array_equal(np.sort(np.concatenate(folds)), np.arange(400))
        assert sum(len(set(rows.groups[fold])) for fold in folds) == 40
