"""How good predictions are: a row a piece, against the mean predictor on the same folds."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import mean_squared_error, r2_score

from models.affect import OUTPUTS
from offline.dataset import Dataset
from realtime.summary import weights

Scores = dict[str, float]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Scores of a model and, on the same pieces, of predicting the training labels' mean.

    ``mse`` is over the four columns on the 1–9 scale; ``r2_*`` of the two means; ``r_*`` Pearson's correlation of the
    four outputs; ``rmse_*`` of each.
    """

    pieces: int
    groups: int
    folds: int
    model: Scores
    mean_predictor: Scores

    def as_card(self) -> dict[str, object]:
        """For a bundle's card, rounded to what carries meaning."""
        card = asdict(self)
        for name in ("model", "mean_predictor"):
            card[name] = {key: round(value, 4) for key, value in card[name].items()}
        return card


def piece_labels(dataset: Dataset) -> NDArray[np.float64]:
    """One row a piece: the mean of its labels over its steps [shape=(pieces, 4)]."""
    return np.stack([piece.labels.mean(axis=0, dtype=np.float64) for piece in dataset.pieces])


def summarize_steps(
    affect: NDArray[np.float32], times_s: NDArray[np.float64], heard: NDArray[np.bool_], window_s: float
) -> NDArray[np.float64]:
    """A piece's estimate from its steps [shape=(steps, 4)], weighted as ``analyze`` weights readings [shape=(4,)].

    ``heard`` tells the steps with something to go by; where there is none, all count.
    """
    counted = weights(times_s, window_s) * (heard if heard.any() else True)
    summary: NDArray[np.float64] = np.average(affect, axis=0, weights=counted)
    return summary


def scores(predicted: NDArray[np.float64], truth: NDArray[np.float64]) -> Scores:
    """Every score of predictions against labels, both [shape=(pieces, 4)] on the 1–9 scale."""
    result = {"mse": float(mean_squared_error(truth, predicted))}
    for column, name in enumerate(OUTPUTS):
        result[f"r2_{name}"] = float(r2_score(truth[:, column], predicted[:, column]))
        result[f"rmse_{name}"] = float(np.sqrt(mean_squared_error(truth[:, column], predicted[:, column])))
        varies = np.ptp(predicted[:, column]) > 1e-9
        # A constant correlates with nothing; numpy would say NaN, and JSON has none.
        result[f"r_{name}"] = float(np.corrcoef(truth[:, column], predicted[:, column])[0, 1]) if varies else 0.0
    return result
