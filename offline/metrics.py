"""Figures of merit, on arrays of valence and arousal on the 1–9 scale.

Rows are pieces or steps, columns ``models.affect.OUTPUTS``. R² and squared error are scikit-learn's. The concordance
correlation coefficient is Lin's (Biometrics 1989). Spreads are judged as a normal distribution of one listener's rating
around the mean: what a listener would say is itself normal with the labelled mean and spread, so coverage and
likelihood have closed forms and need no single ratings.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import mean_squared_error, r2_score

from models.affect import OUTPUTS
from models.errors import MoodringError

Values = NDArray[np.float64]
Scores = dict[str, float]

#: The nominal intervals whose coverage is looked at.
INTERVALS = (0.5, 0.8, 0.9)
_NORMAL = NormalDist()
_ERF = np.vectorize(math.erf, otypes=[np.float64])


def validate(predicted: Values, truth: Values) -> None:
    """Raise ``MoodringError`` unless both are finite, of one shape [shape=(n, 4)] and have two rows or more."""
    if predicted.shape != truth.shape or predicted.ndim != 2 or predicted.shape[1] != len(OUTPUTS):
        raise MoodringError(f"predictions and labels must both have shape (n, 4), not {predicted.shape}, {truth.shape}")
    if len(truth) < 2:
        raise MoodringError(f"at least two rows are needed to judge predictions, not {len(truth)}")
    if not (np.isfinite(predicted).all() and np.isfinite(truth).all()):
        raise MoodringError("predictions and labels must be finite")


def scores(predicted: Values, truth: Values) -> Scores:
    """``mse`` over the four columns; ``r2_``, ``rmse_``, ``r_`` (Pearson) and ``ccc_`` of each column by its name."""
    validate(predicted, truth)
    result = {"mse": float(mean_squared_error(truth, predicted))}
    for column, name in enumerate(OUTPUTS):
        said, true = predicted[:, column], truth[:, column]
        result[f"r2_{name}"] = float(r2_score(true, said))
        result[f"rmse_{name}"] = float(np.sqrt(mean_squared_error(true, said)))
        result[f"r_{name}"] = pearson(said, true)
        result[f"ccc_{name}"] = concordance(said, true)
    return result


def pearson(said: Values, true: Values) -> float:
    """Pearson's r; 0 where one of the two does not vary, since a constant correlates with nothing."""
    if np.ptp(said) < 1e-9 or np.ptp(true) < 1e-9:
        return 0.0
    return float(np.corrcoef(said, true)[0, 1])


def concordance(said: Values, true: Values) -> float:
    """Lin's concordance correlation coefficient; 0 where neither varies and the two agree in nothing."""
    spread = said.var() + true.var() + (said.mean() - true.mean()) ** 2
    if spread < 1e-18:
        return 0.0
    return float(2.0 * np.mean((said - said.mean()) * (true - true.mean())) / spread)


def spread_scores(predicted: Values, truth: Values) -> Scores:
    """``nll_`` (nats a rating) of each axis and ``coverage_<percent>_``, for one listener's rating."""
    validate(predicted, truth)
    result: Scores = {}
    for axis, column in (("valence", 0), ("arousal", 2)):
        mean, spread = predicted[:, column], np.maximum(predicted[:, column + 1], 1e-6)
        true_mean, true_spread = truth[:, column], np.maximum(truth[:, column + 1], 1e-6)
        off = ((true_mean - mean) ** 2 + true_spread**2) / (2 * spread**2)
        result[f"nll_{axis}"] = float(np.mean(np.log(spread) + off) + 0.5 * np.log(2 * np.pi))
        for interval in INTERVALS:
            reach = _NORMAL.inv_cdf(0.5 + interval / 2) * spread
            upper = _cumulative((mean + reach - true_mean) / true_spread)
            lower = _cumulative((mean - reach - true_mean) / true_spread)
            result[f"coverage_{interval * 100:.0f}_{axis}"] = float(np.mean(upper - lower))
    return result


def _cumulative(z: Values) -> Values:
    below: Values = 0.5 * (1.0 + _ERF(z / math.sqrt(2.0)))
    return below


def bootstrap(
    metric: Callable[[Values, Values], Mapping[str, float]],
    predicted: Values,
    truth: Values,
    groups: NDArray[np.str_],
    *,
    seed: int = 1,
    rounds: int = 500,
    level: float = 0.95,
) -> dict[str, tuple[float, float]]:
    """The interval of every figure of ``metric`` when whole groups are drawn anew with replacement."""
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    drawn: dict[str, list[float]] = {}
    for _ in range(rounds):
        rows = np.concatenate([members[number] for number in rng.integers(len(members), size=len(members))])
        if len(rows) < 2:
            continue
        for name, value in metric(predicted[rows], truth[rows]).items():
            drawn.setdefault(name, []).append(value)
    tail = 50.0 * (1.0 - level)
    return {
        name: (float(np.percentile(values, tail)), float(np.percentile(values, 100.0 - tail)))
        for name, values in drawn.items()
    }
