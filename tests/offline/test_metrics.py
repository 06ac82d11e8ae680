"""Figures of merit against values computed another way, and what must hold for any data."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.affect import OUTPUTS
from models.errors import MoodringError
from offline.metrics import (
    Statistic,
    group_numbers,
    interval,
    joined,
    mean_statistic,
    pearson,
    score_statistic,
    scores,
    spread_scores,
    spread_terms,
)

#: Hand-made ratings and their figures, from exact fractions and 60 digits; its first entry says how.
REFERENCE: dict[str, Any] = json.loads((Path(__file__).parent / "reference" / "metrics.json").read_text())
CASES = {case["name"]: case for case in REFERENCE["cases"]}

seeds = st.integers(0, 10_000)


def rated(rows: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([rng.uniform(1, 9, rows), rng.uniform(0.5, 2, rows)] * 2, axis=1)


def some_groups(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Predictions and ratings of some 30 rows in 8 groups of various sizes."""
    groups = np.random.default_rng(seed).integers(8, size=30)
    return rated(30, seed), rated(30, seed + 1), group_numbers(groups.astype(str))


def array(rows: list[list[float | None]]) -> np.ndarray:
    return np.array(rows, np.float64)


def agree(found: dict[str, Any], expected: dict[str, Any], tolerance: float = 1e-12) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == (None if value is None else pytest.approx(value, rel=tolerance, abs=tolerance)), name


@pytest.mark.parametrize("name", CASES)
class TestReference:
    def test_scores(self, name: str):
        agree(scores(array(CASES[name]["predicted"]), array(CASES[name]["truth"])), CASES[name]["scores"])

    def test_spread_scores(self, name: str):
        case = CASES[name]
        agree(spread_scores(array(case["predicted"]), array(case["truth"])), case["spread_scores"])

    def test_correlation(self, name: str):
        predicted, truth = array(CASES[name]["predicted"]), array(CASES[name]["truth"])
        for column, output in enumerate(OUTPUTS):
            known = np.isfinite(truth[:, column])
            if known.any():
                expected = pytest.approx(CASES[name]["scores"][f"r_{output}"], rel=1e-9, abs=1e-12)
                assert pearson(predicted[known, column], truth[known, column]) == expected


def test_intervals_against_every_draw_that_there_is():
    names, said, true = zip(*REFERENCE["bootstrap"]["rows"], strict=True)
    predicted, truth = np.full((6, 4), 5.0), np.full((6, 4), np.nan)
    predicted[:, 0], truth[:, 0] = said, true
    found = score_statistic(predicted, truth, group_numbers(np.array(names))).intervals(seed=1, rounds=20_000)
    for name, expected in REFERENCE["bootstrap"]["intervals"].items():
        assert found[name] == pytest.approx(expected, abs=1e-12)
    assert found["rmse_arousal_std"] is None


def test_coverage_and_likelihood_against_simulated_listeners():
    predicted, truth = rated(40, 1), rated(40, 2)
    found = spread_scores(predicted, truth)
    rng = np.random.default_rng(7)
    said = truth[:, [0]] + truth[:, [1]] * rng.standard_normal((40, 40_000))
    z = (said - predicted[:, [0]]) / predicted[:, [1]]
    assert found["coverage_90_valence"] == pytest.approx(np.mean(np.abs(z) <= 1.6449), abs=0.002)
    assert found["coverage_50_valence"] == pytest.approx(np.mean(np.abs(z) <= 0.6745), abs=0.002)
    simulated = np.mean(0.5 * z**2 + np.log(predicted[:, [1]]) + 0.5 * np.log(2 * np.pi))
    assert found["nll_valence"] == pytest.approx(simulated, rel=0.01)


def test_a_right_spread_covers_what_it_says():
    truth = rated(50, 3)
    found = spread_scores(truth, truth)
    for nominal in (50, 80, 90):
        assert found[f"coverage_{nominal}_arousal"] == pytest.approx(nominal / 100, abs=1e-9)


@given(seeds)
def test_no_spread_beats_the_right_one_in_likelihood(seed: int):
    truth = rated(20, seed)
    wrong = truth.copy()
    wrong[:, 1] *= np.random.default_rng(seed).uniform(0.3, 3.0)
    right_nats, wrong_nats = spread_scores(truth, truth)["nll_valence"], spread_scores(wrong, truth)["nll_valence"]
    assert right_nats is not None
    assert wrong_nats is not None
    assert right_nats <= wrong_nats + 1e-12


@given(seeds)
def test_perfect_predictions_score_perfectly(seed: int):
    truth = rated(12, seed)
    found = scores(truth, truth)
    assert found["mse"] == 0.0
    assert all(found[f"{kind}_valence_mean"] == pytest.approx(1.0) for kind in ("r2", "r", "ccc"))


@given(seeds, st.floats(0.1, 10.0), st.floats(-50.0, 50.0))
def test_figures_and_intervals_keep_with_scale_and_shift(seed: int, factor: float, shift: float):
    predicted, truth, groups = some_groups(seed)
    before = score_statistic(predicted, truth, groups)
    after = score_statistic(factor * predicted + shift, factor * truth + shift, groups)
    for kind, scaled in (("r2", 1.0), ("r", 1.0), ("ccc", 1.0), ("rmse", factor)):
        name = f"{kind}_arousal_mean"
        old, new = before.value()[name], after.value()[name]
        assert old is not None
        assert new == pytest.approx(scaled * old, rel=1e-7, abs=1e-9)
        old_ends, new_ends = before.intervals(seed=3, rounds=50)[name], after.intervals(seed=3, rounds=50)[name]
        assert old_ends is not None
        assert new_ends == pytest.approx(tuple(scaled * end for end in old_ends), rel=1e-7, abs=1e-9)


@given(seeds)
def test_the_order_of_rows_is_nothing(seed: int):
    predicted, truth, groups = some_groups(seed)
    order = np.random.default_rng(seed).permutation(len(truth))
    first = score_statistic(predicted, truth, groups)
    second = score_statistic(predicted[order], truth[order], groups[order])
    agree(second.value(), first.value(), 1e-9)
    agree(second.intervals(seed=2, rounds=50), first.intervals(seed=2, rounds=50), 1e-9)


@given(seeds)
def test_the_sums_give_what_the_rows_would(seed: int):
    """A draw by sums against the rows of the drawn groups themselves, put together."""
    predicted, truth, groups = some_groups(seed)
    numbers = np.unique(groups)
    drawn = np.random.default_rng(seed).choice(numbers, size=len(numbers))
    rows = np.concatenate([np.flatnonzero(groups == number) for number in drawn])
    both = joined(score_statistic(predicted, truth, groups), mean_statistic(spread_terms(predicted, truth), groups))
    counts = np.bincount(drawn, minlength=len(numbers)).astype(float)
    by_sums = {name: found[0] for name, found in both.figures(np.tensordot(counts[None], both.sums, 1)).items()}
    agree(by_sums, scores(predicted[rows], truth[rows]) | spread_scores(predicted[rows], truth[rows]), 1e-9)


@given(st.lists(st.integers(1, 9), min_size=2, max_size=4), seeds)
def test_groups_are_drawn_whole(sizes: list[int], seed: int):
    """Groups of ones and zeros in turn: no draw has a mean that whole groups could not give."""
    groups = np.repeat(np.arange(len(sizes)), sizes)
    drawn = mean_statistic({"share": (groups % 2).astype(float)}, groups).drawn(seed=seed, rounds=30)["share"]
    possible = []
    for counts in product(range(len(sizes) + 1), repeat=len(sizes)):
        if sum(counts) == len(sizes):
            rows = np.array(counts) * sizes
            possible.append(rows[1::2].sum() / rows.sum())
    assert all(np.isclose(possible, share, atol=1e-12).any() for share in drawn)


@given(seeds)
def test_one_seed_gives_one_interval_and_pairs_what_is_compared(seed: int):
    predicted, truth, groups = some_groups(seed)
    first, second = (score_statistic(predicted, truth, groups) for _ in range(2))
    assert first.intervals(seed=seed, rounds=40) == second.intervals(seed=seed, rounds=40)
    assert first.intervals(seed=seed, rounds=40) != first.intervals(seed=seed + 1, rounds=40)
    # What is better by the same everywhere is better by exactly that in every draw.
    better = mean_statistic({"error": np.ones(30)}, groups).drawn(seed=seed)["error"]
    worse = mean_statistic({"error": np.full(30, 1.5)}, groups).drawn(seed=seed)["error"]
    assert interval(worse - better) == pytest.approx((0.5, 0.5), abs=1e-12)


def normal_groups(seed: int, count: int = 40, size: int = 4) -> Statistic:
    """The mean of ratings that are 0 in truth, and alike within a group, as songs of one artist are."""
    rng = np.random.default_rng(seed)
    values = np.repeat(rng.standard_normal(count), size) + 0.5 * rng.standard_normal(count * size)
    return mean_statistic({"mean": values}, np.repeat(np.arange(count), size))


def test_intervals_cover_the_truth_as_often_as_they_say():
    """40 groups of 4: 95 % intervals miss the truth 1 time in 20, where drawing rows would miss it 1 time in 3."""
    held = 0
    for seed in range(400):
        ends = normal_groups(seed).intervals(seed=seed, rounds=300)["mean"]
        assert ends is not None
        held += ends[0] <= 0.0 <= ends[1]
    assert 0.90 <= held / 400 <= 0.98


@settings(max_examples=30)
@given(seeds)
def test_an_interval_holds_the_figure_and_widens_with_its_level(seed: int):
    statistic = normal_groups(seed)
    value = statistic.value()["mean"]
    assert value is not None
    ends = [statistic.intervals(seed=seed, rounds=300, level=level)["mean"] for level in (0.99, 0.95, 0.5)]
    lows, highs = zip(*(one for one in ends if one is not None), strict=True)
    assert list(lows) == sorted(lows)
    assert list(highs) == sorted(highs, reverse=True)
    assert lows[0] < value < highs[0]


def test_of_one_group_no_interval_is_claimed():
    found = score_statistic(rated(30, 4), rated(30, 5), np.zeros(30, np.int64)).intervals(seed=1)
    assert set(found.values()) == {None}
    assert len(found) == 17


def test_what_nobody_rated_is_unknown_and_not_nought():
    truth = rated(6, 1)
    truth[:, [1, 3]] = np.nan
    found = scores(rated(6, 2), truth) | spread_scores(rated(6, 2), truth)
    unknown = {name for name, value in found.items() if value is None}
    assert unknown == {name for name in found if name.endswith("_std") or name.startswith(("nll", "coverage"))}
    assert found["mse"] == pytest.approx(np.mean((rated(6, 2) - truth)[:, [0, 2]] ** 2))


@pytest.mark.parametrize(
    ("predicted", "truth", "message"),
    [
        (np.full((3, 4), np.nan), np.ones((3, 4)), "must be finite"),
        (np.ones((3, 4)), np.full((3, 4), np.inf), "must be finite"),
        (np.ones((3, 3)), np.ones((3, 3)), r"must both have shape \(n, 4\)"),
        (np.ones((2, 4)), np.ones((3, 4)), r"must both have shape \(n, 4\)"),
        (np.ones((1, 4)), np.ones((1, 4)), "at least two rows"),
    ],
)
def test_what_cannot_be_judged_is_refused(predicted: np.ndarray, truth: np.ndarray, message: str):
    for judge in (scores, spread_scores):
        with pytest.raises(MoodringError, match=message):
            judge(predicted, truth)
