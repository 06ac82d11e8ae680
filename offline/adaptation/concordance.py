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
