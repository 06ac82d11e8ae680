"""Readings against ratings that were given while listening, on −1…1 as the MediaEval tasks have them.

Listeners who rate as they listen use another scale than those who rate a whole song, and each cohort its own: in DEAM
arousal rated by the second is up to 0.3 higher. A network that speaks on the scale of whole songs is therefore judged
twice: as it is, and after a straight line from that scale to the other, one for each cohort, fitted to the labels of
the pieces that the fold was trained on.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.affect import HALF_RANGE
from offline.baselines import Fold
from offline.dataset import Dataset, PieceSteps
from offline.metrics import Scores, Values, known_mean

_MEANS = (0, 2)
_FEWEST_PIECES = 10


def dynamic_errors(pieces: Sequence[PieceSteps], steps: Sequence[Values]) -> Scores:
    """Root mean squared errors of what was said of each piece's ``steps`` [a piece: shape=(steps, 4)] over all steps
    that were rated; empty where none were."""
    rated = np.concatenate([_dynamic(piece) for piece in pieces])
    known = np.isfinite(rated[:, _MEANS]).all(axis=1)
    if not known.any():
        return {}
    errors = np.sqrt(np.mean(((np.concatenate(steps)[known] - rated[known]) / HALF_RANGE) ** 2, axis=0))
    return {"rmse_valence": float(errors[0]), "rmse_arousal": float(errors[2])}


def on_their_scale(dataset: Dataset, folds: Sequence[Fold], steps: Sequence[Values]) -> list[Values]:
    """``steps`` [a piece: shape=(steps, 4)] with the means on the scale of those who rated while listening.

    Where the training pieces of a fold have fewer than ten such ratings in a cohort they stay as they are.
    """
    moved = [said.copy() for said in steps]
    cohorts = np.array([piece.cohort or "" for piece in dataset.pieces])
    labels = np.stack([known_mean(piece.labels) for piece in dataset.pieces])
    rated = np.stack([known_mean(_dynamic(piece)) for piece in dataset.pieces])
    for training, test in folds:
        for cohort in np.unique(cohorts):
            own = training[cohorts[training] == cohort]
            for column in _MEANS:
                known = own[np.isfinite(labels[own, column]) & np.isfinite(rated[own, column])]
                if len(known) < _FEWEST_PIECES or np.ptp(labels[known, column]) == 0:
                    continue
                slope, start = np.polyfit(labels[known, column], rated[known, column], 1)
                for piece in test[cohorts[test] == cohort]:
                    moved[piece][:, column] = slope * steps[piece][:, column] + start
    return moved


def _dynamic(piece: PieceSteps) -> Values:
    if piece.dynamic is None:
        return np.full(piece.labels.shape, np.nan)
    return piece.dynamic.astype(np.float64)
