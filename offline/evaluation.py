"""How good a bundle is on a dataset that it was not trained on, and how good a recipe is by cross-validation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from models.affect import OUTPUTS
from models.bundle import Bundle
from models.errors import MoodringError
from models.predictor import Predictor
from offline.dataset import Dataset, PieceSteps
from offline.metrics import Scores, Values, bootstrap, pearson, scores, spread_scores
from realtime.summary import weights

#: R² that the mean of the raters themselves reaches against the mean of as many others.
RELIABILITY: Mapping[str, tuple[float, float]] = {"deam": (0.80, 0.85), "vgmidi": (0.92, 0.94)}
#: Quality is looked at after so many seconds.
HEARD_S = (1.0, 2.0, 5.0, 10.0, 30.0)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Cross-validated scores of a model and, on the same pieces, of predicting the training labels' mean.

    ``mse`` is over the four columns on the 1–9 scale; ``r2_*``, ``rmse_*``, ``r_*`` and ``ccc_*`` of each output.
    """

    pieces: int
    groups: int
    folds: int
    model: Scores
    mean_predictor: Scores

    def as_card(self) -> dict[str, Any]:
        """For a bundle's card, rounded to what carries meaning."""
        card: dict[str, Any] = rounded(asdict(self))
        return card


def rounded(figures: Any) -> Any:
    """The same with every float rounded to four digits."""
    if isinstance(figures, Mapping):
        return {key: rounded(value) for key, value in figures.items()}
    if isinstance(figures, list | tuple):
        return [rounded(value) for value in figures]
    return round(figures, 4) if isinstance(figures, float) else figures


def piece_labels(dataset: Dataset) -> Values:
    """One row a piece: the mean of its labels over its steps [shape=(pieces, 4)]."""
    return np.stack([piece.labels.mean(axis=0, dtype=np.float64) for piece in dataset.pieces])


def summarize_steps(affect: NDArray[np.float32], times_s: Values, heard: NDArray[np.bool_], window_s: float) -> Values:
    """A piece's estimate from its steps [shape=(steps, 4)], weighted as ``analyze`` weights readings [shape=(4,)].

    ``heard`` tells the steps with something to go by; where there is none, all count.
    """
    counted = weights(times_s, window_s) * (heard if heard.any() else True)
    summary: Values = np.average(affect, axis=0, weights=counted)
    return summary


def evaluate(bundle: Bundle, dataset: Dataset, *, seed: int = 1) -> dict[str, Any]:
    """Everything there is to say of ``bundle`` on ``dataset``, as one JSON object.

    Raises ``MoodringError`` where the bundle was trained on a group that is in the dataset, or needs features that the
    dataset does not have.
    """
    _verify_apart(bundle, dataset)
    steps = [_predict(bundle, piece) for piece in dataset.pieces]
    truth, groups = piece_labels(dataset), dataset.groups
    summaries = _summaries(dataset, steps, bundle, until_s=float("inf"))
    corpus = str(dataset.provenance.get("corpus", "?"))
    labels = np.concatenate([piece.labels for piece in dataset.pieces]).astype(np.float64)
    everything = np.concatenate(steps).astype(np.float64)
    constant = np.broadcast_to(truth.mean(axis=0), truth.shape)
    report: dict[str, Any] = rounded(
        {
            "type": "evaluation",
            "model": bundle.name,
            "corpus": corpus,
            "pieces": len(dataset.pieces),
            "groups": len(set(groups)),
            "per_piece": scores(summaries, truth),
            "per_piece_interval": bootstrap(scores, summaries, truth, groups, seed=seed),
            "per_step": scores(everything, labels),
            "within_piece_r": _within_piece(dataset, steps),
            "spread": spread_scores(summaries, truth),
            "spread_constant": spread_scores(np.array(constant), truth),
            "seconds_heard": {
                f"{until_s:g}": scores(_summaries(dataset, steps, bundle, until_s=until_s), truth)
                for until_s in HEARD_S
            },
            "mean_predictor": scores(_cross_validated_mean(truth, groups), truth),
            "ridge": scores(_ridge(bundle, dataset, truth), truth),
            "reliability_r2": RELIABILITY.get(corpus),
        }
    )
    return report


def _verify_apart(bundle: Bundle, dataset: Dataset) -> None:
    shared = sorted(set(bundle.card.get("groups", ())) & set(dataset.groups.tolist()))
    if shared:
        named = ", ".join(shared[:5]) + (", …" if len(shared) > 5 else "")
        raise MoodringError(
            f"'{bundle.name}' was trained on {len(shared)} groups of this dataset ({named}): its figures would be "
            "of what it has seen; its card has cross-validated ones"
        )
    for known in bundle.feature_sets:
        if known.name not in dataset.provenance["feature_sets"]:
            raise MoodringError(f"'{bundle.name}' needs the features '{known.name}', which the dataset has not")


def _predict(bundle: Bundle, piece: PieceSteps) -> NDArray[np.float32]:
    predictor = Predictor(bundle)
    state = predictor.start()
    affect = np.empty((len(piece.times_s), len(OUTPUTS)), np.float32)
    for number in range(len(affect)):
        features = {known.name: piece.features[known.name][number] for known in bundle.feature_sets}
        affect[number], state = predictor.step(features, state)
    return affect


def _summaries(dataset: Dataset, steps: list[NDArray[np.float32]], bundle: Bundle, *, until_s: float) -> Values:
    rows = []
    for piece, affect in zip(dataset.pieces, steps, strict=True):
        heard_by = piece.times_s <= max(until_s, piece.times_s[0])
        heard = np.any([piece.features[known.name].any(axis=1) for known in bundle.feature_sets], axis=0)
        rows.append(summarize_steps(affect[heard_by], piece.times_s[heard_by], heard[heard_by], bundle.window_s))
    return np.stack(rows)


def _within_piece(dataset: Dataset, steps: list[NDArray[np.float32]]) -> dict[str, float | None]:
    """Mean over pieces of the correlation in time, for pieces whose ratings move; None where none does."""
    result: dict[str, float | None] = {}
    for axis, column in (("valence", 0), ("arousal", 2)):
        found = []
        for piece, affect in zip(dataset.pieces, steps, strict=True):
            rated = piece.labels if piece.dynamic is None or np.isnan(piece.dynamic[:, 0]).any() else piece.dynamic
            if np.ptp(rated[:, column]) > 1e-6:
                found.append(pearson(affect[:, column].astype(np.float64), rated[:, column].astype(np.float64)))
        result[axis] = float(np.mean(found)) if found else None
    return result


def _cross_validated_mean(truth: Values, groups: NDArray[np.str_]) -> Values:
    predicted = np.empty_like(truth)
    for training, test in GroupKFold(min(5, len(set(groups)))).split(truth, groups=groups):
        predicted[test] = truth[training].mean(axis=0)
    return predicted


def _ridge(bundle: Bundle, dataset: Dataset, truth: Values) -> Values:
    """Ridge regression on the same features of each piece's last step, cross-validated by groups on the dataset."""
    rows = np.stack(
        [np.concatenate([p.features[known.name][-1] for known in bundle.feature_sets]) for p in dataset.pieces]
    )
    predicted = np.empty_like(truth)
    folds = GroupKFold(min(5, len(set(dataset.groups))))
    for training, test in folds.split(rows, groups=dataset.groups):
        ridge = make_pipeline(StandardScaler(), RidgeCV(np.logspace(0, 4, 17)))
        predicted[test] = ridge.fit(rows[training], truth[training]).predict(rows[test])
    return predicted
