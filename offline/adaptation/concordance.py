"""One figure for how well readings follow ratings: Lin's concordance, the mean of both axes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from offline.metrics import Statistic, Values


def mean_agreement(figures: Mapping[str, Values]) -> Values:
    """The mean CCC of both axes for each draw [shape=(draws,)], 0 where it is not known."""
    both = np.stack([figures["ccc_valence_mean"], figures["ccc_arousal_mean"]])
    return np.asarray(np.nan_to_num(both).mean(axis=0))


def concordance(statistic: Statistic) -> float:
    """The mean CCC of both axes over everything."""
    return float(mean_agreement(statistic.figures(statistic.sums.sum(axis=0)[None]))[0])


def concordance_of(said: Values, true: Values) -> float:
    """The same of means alone [each shape=(n, 2)], where nothing is to be drawn."""
    apart = said.var(axis=0) + true.var(axis=0) + (said.mean(axis=0) - true.mean(axis=0)) ** 2
    together = ((said - said.mean(axis=0)) * (true - true.mean(axis=0))).mean(axis=0)
    return float((2 * together / np.maximum(apart, 1e-12)).mean())
