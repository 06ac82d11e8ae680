"""Labels that hold steadier: ten listeners' ratings of a song, and the same listeners' while they were listening.

Where a corpus has both, each is the other's second opinion. Raters use the two scales each in their own way, so ratings
given while listening are first put on the labels' scale, cohort by cohort: the same mean and spread over pieces. Only
what is learned from is steadied; what a model is judged by is the label as it is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: How much the ratings given while listening count beside the labels.
SHARE = 0.5
_FEWEST_PIECES = 10
_MEANS = (0, 2)


def steadied(
    labels: NDArray[np.float32], dynamic: NDArray[np.float32], cohorts: NDArray[np.str_]
) -> NDArray[np.float32]:
    """``labels`` with both means moved towards ``dynamic`` [shape=(pieces, steps, 4) each, dynamic NaN where unknown].

    ``cohorts`` [shape=(pieces,)] tells which pieces were rated on one scale. Steps without a dynamic rating, and
    cohorts with fewer than ten pieces that have any, keep their labels.
    """
    steady = labels.copy()
    for cohort in np.unique(cohorts):
        rows = np.flatnonzero(cohorts == cohort)
        for column in _MEANS:
            rated = dynamic[rows, :, column]
            known = np.isfinite(rated)
            pieces = known.any(axis=1)
            if pieces.sum() < _FEWEST_PIECES:
                continue
            counts = known.sum(axis=1)[pieces]
            said = np.where(known, rated, 0).sum(axis=1)[pieces] / counts
            label = np.where(known, labels[rows, :, column], 0).sum(axis=1)[pieces] / counts
            factor = label.std() / max(float(said.std()), 1e-6)
            moved = (rated - said.mean()) * factor + label.mean()
            own = labels[rows, :, column]
            steady[rows, :, column] = np.where(known, (1 - SHARE) * own + SHARE * moved, own)
    return steady
