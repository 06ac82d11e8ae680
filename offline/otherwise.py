"""The same music heard otherwise: which piece is which, and what a network says of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import MoodringError
from offline.dataset import Dataset
from offline.evaluation import summarize_piece
from offline.metrics import Scores, Values, scores
from offline.sequences import Sequences

#: So many pieces go through a network together: more would not fit where they are long.
_AT_ONCE = 16


def same_pieces(dataset: Dataset, other: Dataset, inputs: Sequence[str]) -> NDArray[np.int64]:
    """Which piece of ``dataset`` each of the ``other`` is, the same music heard otherwise [shape=(pieces of other,)].

    Raises ``MoodringError`` where it holds pieces that are not there, was prepared with another window, or lacks one of
    the feature sets ``inputs``.
    """
    condition = other.provenance.get("condition", "clean")
    places = {(piece.group, piece.piece): place for place, piece in enumerate(dataset.pieces)}
    unknown = [piece.piece for piece in other.pieces if (piece.group, piece.piece) not in places]
    if unknown:
        raise MoodringError(f"what was heard '{condition}' has the piece {unknown[0]}, and the dataset has not")
    if (other.hop_s, other.window_s) != (dataset.hop_s, dataset.window_s):
        raise MoodringError(f"what was heard '{condition}' was prepared with another window; prepare it again")
    for name in inputs:
        if name not in other.provenance["feature_sets"]:
            raise MoodringError(f"what was heard '{condition}' lacks the features '{name}'; prepare it again with them")
    return np.array([places[piece.group, piece.piece] for piece in other.pieces], np.int64)


class Otherwise:
    """The pieces of a dataset heard under another condition, and what each fold's network says of them."""

    def __init__(self, dataset: Dataset, of: NDArray[np.int64], own: Sequences) -> None:
        self.condition = str(dataset.provenance.get("condition", "clean"))
        self.of = of
        self.predicted: Values = np.full((len(of), 4), np.nan)
        self._dataset, self._own = dataset, own

    def scores(self, predicted: Values, truth: Values) -> dict[str, Scores]:
        """The scores of these pieces ``heard`` otherwise, and of the same pieces as the dataset has them (``as_is``);
        ``predicted`` and ``truth`` are those of all the dataset's pieces, NaN where one was not judged."""
        mine = np.isfinite(self.predicted).all(axis=1)
        of = self.of[mine]
        return {"heard": scores(self.predicted[mine], truth[of]), "as_is": scores(predicted[of], truth[of])}

    def hear(self, network: Any, test: NDArray[np.int64], inputs: Sequence[str]) -> None:
        """Predict those of the pieces that are among ``test``."""
        mine = np.flatnonzero(np.isin(self.of, test))
        for piece, affect in zip(mine, steps_of(network, self._dataset, self._own, mine), strict=True):
            steps = self._dataset.pieces[piece]
            self.predicted[piece] = summarize_piece(steps, affect, inputs, self._dataset.window_s)


def steps_of(network: Any, dataset: Dataset, own: Sequences, pieces: NDArray[np.int64]) -> Iterator[Values]:
    """What a network says of each step of some pieces [shape=(steps, 4)]."""
    from offline.networks import run

    for start in range(0, len(pieces), _AT_ONCE):
        some = pieces[start : start + _AT_ONCE]
        lengths = [len(dataset.pieces[piece].times_s) for piece in some]
        affect = run(network, own.padded(some)[:, : max(lengths)])
        for row, length in enumerate(lengths):
            yield affect[row, :length].astype(np.float64)
