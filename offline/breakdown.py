"""The scores of a cross-validation by genre and by corpus."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from offline.baselines import Fold
from offline.dataset import Dataset, PieceSteps
from offline.dynamic import dynamic_errors, on_their_scale
from offline.evaluation import AXES, genre_rows, piece_labels
from offline.metrics import Scores, Values, scores, spread_scores


def by_genre(pieces: Sequence[PieceSteps], predicted: Values, truth: Values) -> dict[str, Scores]:
    """How many pieces each genre has, and how well readings tell them apart."""
    found = {}
    for genre, rows in genre_rows(pieces).items():
        if len(rows) > 1:
            figures = scores(predicted[rows], truth[rows])
            kept = {f"{kind}_{axis}": figures[f"{kind}_{axis}_mean"] for kind in ("r", "rmse") for axis, _ in AXES}
            found[genre] = {"pieces": len(rows), **kept}
    return found


def by_corpus(
    dataset: Dataset, folds: Sequence[Fold], predicted: Values, steps: Sequence[Values]
) -> dict[str, dict[str, Scores]]:
    """Scores of each corpus: ``per_piece``, ``per_step``, what the ``spread`` of pieces is worth, and where there are
    ratings given while listening the ``dynamic`` error, as it is and on their scale."""
    start, found = 0, {}
    moved = on_their_scale(dataset, folds, steps)
    parts = dataset.provenance.get("parts", {dataset.provenance.get("corpus", "?"): len(dataset.pieces)})
    judged = np.asarray(np.isfinite(predicted).all(axis=1))
    for corpus, count in parts.items():
        rows = [start + int(row) for row in np.flatnonzero(judged[start : start + count])]
        start += count
        if len(rows) < 2:
            continue
        pieces, truth = [dataset.pieces[row] for row in rows], piece_labels(dataset)[rows]
        said = np.concatenate([steps[row] for row in rows])
        labels = np.concatenate([piece.labels for piece in pieces]).astype(np.float64)
        found[corpus] = {
            "per_piece": scores(predicted[rows], truth),
            "per_step": scores(said, labels),
            "spread": spread_scores(predicted[rows], truth),
        }
        if errors := dynamic_errors(pieces, [steps[row] for row in rows]):
            on_scale = dynamic_errors(pieces, [moved[row] for row in rows])
            found[corpus] |= {"dynamic": errors, "dynamic_on_their_scale": on_scale}
    return found
