"""Figures of merit, on arrays of valence and arousal on the 1–9 scale, and how sure one can be of them.

Rows are pieces or steps, columns ``models.affect.OUTPUTS``; a rating that is not known is NaN and left out of what it
would have gone into, and a figure that nothing can be said of is None. The concordance correlation coefficient is Lin's
(Biometrics 1989). Spreads are judged as a normal distribution of one listener's rating around the mean: what a listener
would say is itself normal with the labelled mean and spread, so coverage and likelihood have closed forms and need no
single ratings.

Every figure is a function of sums over rows, so that to draw groups of rows anew, as the bootstrap does (Efron and
Tibshirani 1993, with groups in the place of rows), costs a matrix product and not another look at the rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.affect import OUTPUTS
from models.errors import MoodringError

Values = NDArray[np.float64]
Scores = dict[str, float | None]
Interval = tuple[float, float]
Intervals = dict[str, Interval | None]

#: The nominal intervals whose coverage is looked at.
INTERVALS = (0.5, 0.8, 0.9)
#: How often the bootstrap draws groups anew.
ROUNDS = 1000
#: A variance on the 1–9 scale below which nothing varies: what rounding leaves of a constant.
_STILL = 1e-12
_NORMAL = NormalDist()
_ERF = np.vectorize(math.erf, otypes=[np.float64])


@dataclass(frozen=True, slots=True, eq=False)
class Statistic:
    """Figures that can be had for any draw of groups: ``sums`` by group [shape=(groups, …)], and ``figures``, which
    makes the sums of some draws [shape=(draws, …)] into figures by name [each shape=(draws,)], NaN where unknown."""

    sums: Values
    figures: Callable[[Values], dict[str, Values]]

    def value(self) -> Scores:
        """The figures of everything, each group once."""
        return {name: _known(found[0]) for name, found in self.figures(self.sums.sum(axis=0)[None]).items()}

    def drawn(self, *, seed: int, rounds: int = ROUNDS) -> dict[str, Values]:
        """The figures of as many groups drawn with replacement, ``rounds`` times [each shape=(rounds,)].

        One seed draws the same groups for every statistic with as many groups, so their differences are paired.
        """
        groups = len(self.sums)
        counts = np.random.default_rng(seed).multinomial(groups, np.full(groups, 1 / groups), size=rounds)
        return self.figures(np.tensordot(counts.astype(np.float64), self.sums, 1))

    def intervals(self, *, seed: int, rounds: int = ROUNDS, level: float = 0.95) -> Intervals:
        """The percentile interval of each figure; None of all where there is one group and so nothing to draw."""
        if len(self.sums) < 2:
            return dict.fromkeys(self.value())
        return {name: interval(found, level) for name, found in self.drawn(seed=seed, rounds=rounds).items()}


def joined(*statistics: Statistic) -> Statistic:
    """The figures of several statistics over the same groups as one."""
    flat = [one.sums.reshape(len(one.sums), -1) for one in statistics]
    bounds = np.cumsum([part.shape[1] for part in flat])[:-1]

    def figures(sums: Values) -> dict[str, Values]:
        found: dict[str, Values] = {}
        for one, part in zip(statistics, np.split(sums, bounds, axis=1), strict=True):
            found |= one.figures(part.reshape(-1, *one.sums.shape[1:]))
        return found

    return Statistic(np.concatenate(flat, axis=1), figures)


def interval(drawn: Values, level: float = 0.95) -> Interval | None:
    """Between which two values the middle ``level`` of the draws lies; None where most draws could not be judged."""
    known = drawn[np.isfinite(drawn)]
    if len(known) <= len(drawn) / 2:
        return None
    return middle(known, level)


def middle(drawn: Values, level: float) -> Interval:
    """Between which two values the middle ``level`` of the draws lies, all of which are known."""
    low, high = np.quantile(drawn, [0.5 - level / 2, 0.5 + level / 2])
    return float(low), float(high)


def validate(predicted: Values, truth: Values) -> None:
    """Raise ``MoodringError`` unless both have one shape [shape=(n, 4)], two rows or more, and a finite prediction for
    each rating; a rating may be NaN, unknown."""
    if predicted.shape != truth.shape or predicted.ndim != 2 or predicted.shape[1] != len(OUTPUTS):
        raise MoodringError(f"predictions and labels must both have shape (n, 4), not {predicted.shape}, {truth.shape}")
    if len(truth) < 2:
        raise MoodringError(f"at least two rows are needed to judge predictions, not {len(truth)}")
    if np.isinf(truth).any() or not np.isfinite(predicted[~np.isnan(truth)]).all():
        raise MoodringError("predictions and labels must be finite")


def scores(predicted: Values, truth: Values) -> Scores:
    """``mse`` over the four columns; ``r2_``, ``rmse_``, ``r_`` (Pearson) and ``ccc_`` of each column by its name.

    R² is None where the truth does not vary.
    """
    validate(predicted, truth)
    return score_statistic(predicted, truth, np.zeros(len(truth), np.int64)).value()


def spread_scores(predicted: Values, truth: Values) -> Scores:
    """``nll_`` (nats a rating) of each axis and ``coverage_<percent>_``, for one listener's rating."""
    validate(predicted, truth)
    return mean_statistic(spread_terms(predicted, truth), np.zeros(len(truth), np.int64)).value()


def pearson(said: Values, true: Values) -> float:
    """Pearson's r; 0 where one of the two does not vary, since a constant correlates with nothing."""
    if said.var() < _STILL or true.var() < _STILL:
        return 0.0
    return float(np.corrcoef(said, true)[0, 1])


def group_numbers(groups: NDArray[Any]) -> NDArray[np.int64]:
    """Groups by number, from 0 [shape=(n,)]."""
    return np.unique(groups, return_inverse=True)[1].astype(np.int64)


def score_statistic(predicted: Values, truth: Values, groups: NDArray[np.int64]) -> Statistic:
    """The figures of ``scores`` over groups by number [shape=(n,)]."""
    known = np.isfinite(truth)
    # Sums of squares lose digits to a mean that is far from 0; all figures are blind to a common shift.
    centre = np.divide(np.where(known, truth, 0.0).sum(axis=0), np.maximum(known.sum(axis=0), 1))
    said, true = predicted - centre, truth - centre
    terms = np.stack([np.ones_like(true), said, true, said**2, true**2, said * true, (said - true) ** 2], axis=2)
    return Statistic(_sums(np.where(known[:, :, None], terms, 0.0), groups), _score_figures)


def mean_statistic(values: Mapping[str, Values], groups: NDArray[np.int64]) -> Statistic:
    """The mean over rows of each of some named values [each shape=(n,)], NaN where a row has none."""
    rows = np.stack(list(values.values()), axis=1)
    known = np.isfinite(rows)
    sums = _sums(np.stack([known.astype(np.float64), np.where(known, rows, 0.0)], axis=2), groups)

    def figures(sums: Values) -> dict[str, Values]:
        means = _ratio(sums[:, :, 1], sums[:, :, 0])
        return dict(zip(values, means.T, strict=True))

    return Statistic(sums, figures)


def spread_terms(predicted: Values, truth: Values) -> dict[str, Values]:
    """What each row adds to the figures of ``spread_scores`` [each shape=(n,)], NaN where the spread is not known."""
    terms: dict[str, Values] = {}
    for axis, column in (("valence", 0), ("arousal", 2)):
        mean, spread = predicted[:, column], np.maximum(predicted[:, column + 1], 1e-6)
        true_mean, true_spread = truth[:, column], np.maximum(truth[:, column + 1], 1e-6)
        off = ((true_mean - mean) ** 2 + true_spread**2) / (2 * spread**2)
        terms[f"nll_{axis}"] = np.log(spread) + off + 0.5 * np.log(2 * np.pi)
        for nominal in INTERVALS:
            reach = _NORMAL.inv_cdf(0.5 + nominal / 2) * spread
            upper = _cumulative((mean + reach - true_mean) / true_spread)
            lower = _cumulative((mean - reach - true_mean) / true_spread)
            terms[f"coverage_{nominal * 100:.0f}_{axis}"] = upper - lower
    return terms


def known_mean(rows: NDArray[np.floating[Any]]) -> Values:
    """The mean of each column over the rows that know it [shape=(n, columns) to (columns,)]; NaN where none does."""
    known = ~np.isnan(rows)
    total = np.where(known, rows, 0.0).sum(axis=0, dtype=np.float64)
    return _ratio(total, known.sum(axis=0))


def _score_figures(sums: Values) -> dict[str, Values]:
    count, said, true, said2, true2, product, error2 = np.moveaxis(sums, 2, 0)
    mean_said, mean_true = _ratio(said, count), _ratio(true, count)
    said_variance = _ratio(said2, count) - mean_said**2
    true_variance = _ratio(true2, count) - mean_true**2
    covariance = _ratio(product, count) - mean_said * mean_true
    mse = _ratio(error2, count)
    moves = (said_variance > _STILL) & (true_variance > _STILL)
    correlation = _ratio(covariance, np.sqrt(np.where(moves, said_variance * true_variance, 0.0)))
    apart = said_variance + true_variance + (mean_said - mean_true) ** 2
    # A constant correlates with nothing; of a single row, or of what was not predicted, nothing can be said.
    judged = np.where((count >= 2) & np.isfinite(mse), 0.0, np.nan)
    columns = {
        "r2": 1.0 - _ratio(mse, np.where(true_variance > _STILL, true_variance, 0.0)),
        "rmse": np.sqrt(mse),
        "r": np.where(moves, correlation, judged),
        "ccc": np.where(apart > _STILL, _ratio(2.0 * covariance, apart), judged),
    }
    rated = np.isfinite(mse)
    figures = {"mse": _ratio(np.where(rated, mse, 0.0).sum(axis=1), rated.sum(axis=1))}
    for number, name in enumerate(OUTPUTS):
        figures |= {f"{kind}_{name}": found[:, number] for kind, found in columns.items()}
    return figures


def _sums(rows: Values, groups: NDArray[np.int64]) -> Values:
    """The rows [shape=(n, …)] of each group added up [shape=(groups, …)]."""
    columns = rows.reshape(len(rows), -1).T
    added: Values = np.stack([np.bincount(groups, weights=column) for column in columns], axis=1, dtype=np.float64)
    return added.reshape(-1, *rows.shape[1:])


def _ratio(above: Values, below: Values) -> Values:
    """``above / below``, NaN where that is 0."""
    ratio: Values = np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below != 0)
    return ratio


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _cumulative(z: Values) -> Values:
    below: Values = 0.5 * (1.0 + _ERF(z / math.sqrt(2.0)))
    return below
