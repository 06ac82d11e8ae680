"""Learns a correction from ratings, chosen by sessions left out.

Few ratings cannot teach a network, but they tell how a listener uses the scale: where its middle is and how much of it
is used. So each axis is moved and stretched until the readings have the mean and the spread of the ratings, held back
towards no change as if ``PRIOR`` windows of music had been rated just as the base reads them (a normal prior on the
shift and on the logarithm of the stretch). The line of least squares is not taken: it flattens what is uncertain, and
readings that hardly move agree less with a listener (Lin's concordance) though their error is smaller. Where there are
sessions enough, ridge regression on the principal components of the base's features may turn the readings first; it is
taken only if it is clearly better on sessions that it has not seen. That relearns what the base made of its features;
``offline.relearning_study`` tells what it is worth.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from offline.adaptation.concordance import concordance, mean_agreement
from offline.adaptation.correction import Correction, standardized
from offline.adaptation.rated import MEANS, SPREADS, Rated
from offline.metrics import Statistic, Values, group_numbers, score_statistic

#: How many windows the base's word counts as. From 5 to 80 it makes little difference to agreement, and more of it
#: keeps the error down.
PRIOR = 40.0
#: So many sessions before the features are looked at, too, and how strongly their weights are held back then.
_GROUPS_FOR_FEATURES = 30
RIDGES = (30.0, 100.0, 300.0)
_COMPONENTS = 48
#: No axis is stretched by more, nor pressed together by more, than this.
_MOST_STRETCH = 3.0
_INNER_FOLDS = 5
#: By so many standard errors what is less simple must be better (the one-standard-error rule of Breiman et al.,
#: "Classification and regression trees", 1984).
_CLEARLY = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class _Basis:
    """Centre and scale of features [shape=(features,)], and principal components [shape=(features, components)], the
    first of variance 1."""

    centre: Values
    scale: Values
    directions: Values


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The rated steps of several sessions: outputs and ratings [shape=(n, 4)], ``scores`` on principal components of
    the features [shape=(n, components)], and sessions by number; ``share`` is how much of a window each step is."""

    affect: Values
    ratings: Values
    scores: Values
    groups: NDArray[np.int64]
    share: float

    def take(self, rows: NDArray[np.bool_]) -> Rows:
        """Some of the rows [shape=(n,), bool]."""
        return Rows(self.affect[rows], self.ratings[rows], self.scores[rows], self.groups[rows], self.share)

    def folds(self, count: int) -> Iterator[NDArray[np.bool_]]:
        """Which rows are held out, each session once, those with most rows spread over the folds."""
        numbers, sizes = np.unique(self.groups, return_counts=True)
        parts: list[list[int]] = [[] for _ in range(min(count, len(numbers)))]
        filled = np.zeros(len(parts))
        for place in np.argsort(-sizes, kind="stable"):
            part = int(filled.argmin())
            parts[part].append(int(numbers[place]))
            filled[part] += sizes[place]
        for held_out in parts:
            yield np.isin(self.groups, held_out)


def rows_of(rated: Sequence[Rated], share: float) -> tuple[Rows, _Basis | None]:
    """The rated steps, and the basis of their scores, None where there are too few sessions to look at features."""
    names = {name: number for number, name in enumerate(sorted({one.group for one in rated if one.is_rated.any()}))}
    rated = [one for one in rated if one.group in names]
    groups = np.concatenate([np.full(one.is_rated.sum(), names[one.group]) for one in rated])
    affect, ratings, features = (
        np.concatenate([getattr(one, name)[one.is_rated] for one in rated])
        for name in ("affect", "ratings", "features")
    )
    basis = _basis(features) if len(names) >= _GROUPS_FOR_FEATURES else None
    scores = np.empty((len(groups), 0))
    if basis is not None:
        scores = standardized(features, basis.centre, basis.scale) @ basis.directions
    return Rows(affect, ratings, scores, groups, share), basis


def _basis(features: NDArray[np.float32]) -> _Basis:
    """What music varies in, ratings unseen: so those sessions may have their part in it that are left out later."""
    # Neighbouring steps share most of their window: one in four says what all of them do.
    some = features[::4].astype(np.float64)
    centre, scale = some.mean(axis=0), some.std(axis=0)
    scale = np.where(scale > 1e-6, scale, 1.0)
    standard = standardized(some, centre, scale)
    _, sizes, directions = np.linalg.svd(standard - standard.mean(axis=0), full_matrices=False)
    spread = max(float(sizes[0]) / np.sqrt(len(some)), 1e-9)
    return _Basis(centre, scale, directions[:_COMPONENTS].T / spread)


def learn(rated: Sequence[Rated], share: float) -> Correction:
    """The correction of all ``rated`` sessions, chosen by leaving some out; ``share`` is a hop over a window."""
    rows, basis = rows_of(rated, share)
    return corrected(rows, basis, chosen_ridge(rows))


def corrected(rows: Rows, basis: _Basis | None, ridge: float | None) -> Correction:
    """The correction of the rows in a ``basis``, with weights of features held back by ``ridge`` unless it is None."""
    correction, weights = fit(rows, ridge)
    if weights is None or basis is None:
        return correction
    return replace(correction, centre=basis.centre, scale=basis.scale, weights=basis.directions @ weights)


def chosen_ridge(rows: Rows) -> float | None:
    """How strongly weights of features are held back, None to leave features alone: the simpler unless the other is
    clearly better on sessions left out."""
    if not rows.scores.shape[1]:
        return None
    folds = list(rows.folds(_INNER_FOLDS))
    plain = _held_out(rows, folds, None)
    turned = {ridge: _held_out(rows, folds, ridge) for ridge in RIDGES}
    best = max(turned, key=lambda ridge: concordance(turned[ridge]))
    drawn = [mean_agreement(one.drawn(seed=0, rounds=200)) for one in (plain, turned[best])]
    gain = concordance(turned[best]) - concordance(plain)
    return best if gain > _CLEARLY * (drawn[1] - drawn[0]).std() else None


def _held_out(rows: Rows, folds: Sequence[NDArray[np.bool_]], ridge: float | None) -> Statistic:
    said = np.empty_like(rows.affect)
    for held_out in folds:
        said[held_out] = said_by(fit(rows.take(~held_out), ridge), rows.take(held_out))
    return score_statistic(said, rows.ratings, group_numbers(rows.groups))


#: A correction, and weights of the scores that turn its means [shape=(components, 2)], None where features are left
#: alone.
_Fit = tuple[Correction, Values | None]


def said_by(fit: _Fit, rows: Rows) -> Values:
    """What a fit says of the rows [shape=(n, 4)]."""
    correction, weights = fit
    return correction.moved(rows.affect, 0.0 if weights is None else rows.scores @ weights)


def fit(rows: Rows, ridge: float | None) -> _Fit:
    """The correction of the rows, with features held back by ``ridge`` unless that is None."""
    counted = len(rows.affect) * rows.share
    trust = counted / (counted + PRIOR)
    said, true = rows.affect[:, MEANS], rows.ratings[:, MEANS]
    widths = _widths(rows, trust)
    if ridge is None:
        return Correction(*_matched(said, true, trust), widths), None
    weights = _turn(rows, ridge, trust)
    stretch, shift = _matched(said + rows.scores @ weights, true, trust)
    return Correction(stretch, shift, widths), weights * stretch


def _matched(said: Values, true: Values, trust: float) -> tuple[Values, Values]:
    """Stretch and shift towards the mean and spread of what is ``true``, as far as there is ``trust``, 0–1."""
    spread = np.maximum(said.std(axis=0), 1e-3)
    ratio = np.clip(true.std(axis=0) / spread, 1 / _MOST_STRETCH, _MOST_STRETCH)
    stretch = ratio**trust
    middle = said.mean(axis=0)
    return stretch, middle + trust * (true.mean(axis=0) - middle) - stretch * middle


def _widths(rows: Rows, trust: float) -> Values:
    """What spreads are multiplied by: 1 where only one listener rated, whose spread over listeners nobody knows."""
    widths = np.ones(2)
    for axis, column in enumerate(SPREADS):
        known = np.isfinite(rows.ratings[:, column])
        if known.mean() > 0.5:
            ratio = rows.ratings[known, column].mean() / max(rows.affect[known, column].mean(), 1e-3)
            widths[axis] = np.clip(ratio, 1 / _MOST_STRETCH, _MOST_STRETCH) ** trust
    return widths


def _turn(rows: Rows, ridge: float, trust: float) -> Values:
    """Weights of the scores that turn the readings [shape=(components, 2)]."""
    scores = rows.scores - rows.scores.mean(axis=0)
    weights = np.zeros((scores.shape[1], 2))
    square = rows.share * scores.T @ scores + ridge * np.eye(scores.shape[1])
    for axis, column in enumerate(MEANS):
        said = rows.affect[:, column] - rows.affect[:, column].mean()
        true = rows.ratings[:, column] - rows.ratings[:, column].mean()
        slope = (1 - trust) + trust * (said @ true) / max(said @ said, 1e-9)
        across = rows.share * scores.T @ (true - slope * said)
        weights[:, axis] = np.linalg.solve(square, across) / max(slope, 0.25)
    return weights
