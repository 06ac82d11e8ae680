"""Figures of merit against values computed another way, and what must hold for any data."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.bundle import load
from models.errors import MoodringError
from offline.corpora import open_corpus
from offline.dataset import Dataset, PieceSteps
from offline.evaluation import evaluate
from offline.metrics import bootstrap, concordance, pearson, scores, spread_scores
from offline.prepare import prepare_piece, provenance


def rated(rows: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([rng.uniform(1, 9, rows), rng.uniform(0.5, 2, rows)] * 2, axis=1)


def test_concordance_by_hand():
    # Lin's formula on 1, 2, 3 against 2, 3, 4: covariance 2/3, variances 2/3, means one apart: (4/3) / (4/3 + 1).
    assert concordance(np.array([1.0, 2, 3]), np.array([2.0, 3, 4])) == pytest.approx(4 / 7, abs=1e-12)
    assert concordance(np.array([1.0, 2, 3]), np.array([1.0, 2, 3])) == pytest.approx(1.0, abs=1e-12)
    assert concordance(np.array([1.0, 2, 3]), np.array([3.0, 2, 1])) == pytest.approx(-1.0, abs=1e-12)


def test_a_constant_correlates_with_nothing():
    assert pearson(np.full(5, 3.0), np.arange(5.0)) == 0.0
    assert concordance(np.full(5, 3.0), np.full(5, 3.0)) == 0.0


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


@given(st.integers(0, 1000))
def test_no_spread_beats_the_right_one_in_likelihood(seed: int):
    truth = rated(20, seed)
    wrong = truth.copy()
    wrong[:, 1] *= np.random.default_rng(seed).uniform(0.3, 3.0)
    assert spread_scores(truth, truth)["nll_valence"] <= spread_scores(wrong, truth)["nll_valence"] + 1e-12


@given(st.integers(0, 1000))
def test_perfect_predictions_score_perfectly(seed: int):
    truth = rated(12, seed)
    found = scores(truth, truth)
    assert found["mse"] == 0.0
    assert all(found[f"{kind}_valence_mean"] == pytest.approx(1.0) for kind in ("r2", "r", "ccc"))


def test_intervals_are_of_whole_groups():
    """With one group there is nothing to draw anew: the interval is the figure itself."""
    predicted, truth = rated(30, 4), rated(30, 5)
    alone = bootstrap(scores, predicted, truth, np.array(["one"] * 30), rounds=20)
    exact = scores(predicted, truth)
    assert all(low == pytest.approx(exact[name]) == pytest.approx(high) for name, (low, high) in alone.items())
    split = bootstrap(scores, predicted, truth, np.array([str(n) for n in range(30)]), rounds=100)
    low, high = split["rmse_valence_mean"]
    assert low < exact["rmse_valence_mean"] < high


@pytest.mark.parametrize("bad", [np.full((3, 4), np.nan), np.ones((3, 3)), np.ones((1, 4))])
def test_what_cannot_be_judged_is_refused(bad: np.ndarray):
    with pytest.raises(MoodringError):
        scores(bad, np.ones_like(bad))


class TestEvaluate:
    @pytest.fixture(scope="class")
    @staticmethod
    def dataset(shared_data: Path) -> Dataset:
        corpus = open_corpus("vgmidi", shared_data / "vgmidi")
        pieces = [prepare_piece(piece) for piece in list(corpus)[::16]]
        return Dataset(tuple(p for p in pieces if isinstance(p, PieceSteps)), provenance(corpus, ["notes22"]))

    def test_everything_is_said_and_is_json(self, dataset: Dataset):
        report = json.loads(json.dumps(evaluate(load("seed-rnn"), dataset), allow_nan=False))
        assert report["pieces"] == len(dataset.pieces)
        assert set(report["seconds_heard"]) == {"1", "2", "5", "10", "30"}
        assert report["mean_predictor"]["r2_valence_mean"] <= 0
        assert -1 <= report["within_piece_r"]["arousal"] <= 1
        low, high = report["per_piece_interval"]["r_arousal_mean"]
        assert low <= report["per_piece"]["r_arousal_mean"] <= high

    def test_a_bundle_is_not_judged_on_what_it_was_trained_on(self, dataset: Dataset):
        artist = load("seed-rnn").card["groups"][0]
        first = dataset.pieces[0]
        known = PieceSteps(first.piece, artist, first.times_s, first.features, first.labels)
        with pytest.raises(MoodringError, match="was trained on 1 groups of this dataset"):
            evaluate(load("seed-rnn"), Dataset((known, *dataset.pieces[1:]), dataset.provenance))
