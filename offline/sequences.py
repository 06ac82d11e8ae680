"""A dataset as arrays, as networks learn from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.features import feature_set
from offline.dataset import Dataset


@dataclass(frozen=True, slots=True, eq=False)
class Sequences:
    """A dataset as arrays, padded with masked steps but for the features, of which there are most.

    ``features`` are raw, of the steps of all pieces one after the other [shape=(n, features)], the sets of ``widths``
    side by side; ``labels`` and, NaN where there are none, ``dynamic`` ratings given while listening
    [shape=(pieces, steps, 4)]; ``filled`` is how much of its window each step has heard, 0 where a step is not the
    piece's own, else up to 1 [shape=(pieces, steps)]; ``cohorts`` tells which pieces were rated on one scale,
    ``counts`` what each counts beside the others, ``numbers`` which piece of the dataset each is or, heard otherwise,
    is a version of [shape=(pieces,)]; ``step_share`` is a hop over a window; ``optional`` tells which of the sets need
    sound and are missing where pieces have only notes.
    """

    features: NDArray[np.float32]
    labels: NDArray[np.float32]
    dynamic: NDArray[np.float32]
    filled: NDArray[np.float32]
    cohorts: NDArray[np.str_]
    counts: NDArray[np.float32]
    numbers: NDArray[np.int64]
    widths: tuple[int, ...]
    step_share: float
    optional: tuple[bool, ...]

    @property
    def is_step(self) -> NDArray[np.bool_]:
        """Which steps are a piece's own [shape=(pieces, steps)]; ``features`` has a row for each, in this order."""
        return np.asarray(self.filled > 0)

    def take(self, pieces: NDArray[np.int64]) -> Sequences:
        """Some of the pieces."""
        parts: dict[str, Any] = {name: getattr(self, name)[pieces] for name in _BY_PIECE}
        lengths = self.is_step.sum(axis=1)
        starts = np.cumsum(lengths) - lengths
        rows = [np.arange(starts[piece], starts[piece] + lengths[piece]) for piece in pieces]
        chosen = np.concatenate(rows) if rows else np.empty(0, np.int64)
        return replace(self, features=self.features[chosen], **parts)

    def with_more(self, others: Sequences) -> Sequences:
        """These pieces and then the ``others``, of the same feature sets."""
        steps = max(self.filled.shape[1], others.filled.shape[1])
        both: dict[str, Any] = {
            # A step that is not there was not rated while listening, which is not a rating of nought.
            name: _stacked([getattr(one, name) for one in (self, others)], steps, np.nan if name == "dynamic" else 0.0)
            for name in _BY_PIECE
        }
        return replace(self, features=np.concatenate([self.features, others.features]), **both)

    def padded(self, pieces: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """The features of all ``pieces``, or of some, with zeros for masked steps [shape=(pieces, steps, features)]."""
        some = self if pieces is None else self.take(pieces)
        features = np.zeros((*some.filled.shape, some.features.shape[1]), np.float32)
        features[some.is_step] = some.features
        return features


_BY_PIECE = ("labels", "dynamic", "filled", "cohorts", "counts", "numbers")


def sequences(dataset: Dataset, inputs: Iterable[str]) -> Sequences:
    """The dataset's pieces with the features of the sets ``inputs`` side by side."""
    longest = max(len(piece.times_s) for piece in dataset.pieces)
    names = list(inputs)
    widths = tuple(dataset.pieces[0].features[name].shape[1] for name in names)
    shape = (len(dataset.pieces), longest)
    features = np.concatenate(
        [np.concatenate([piece.features[name] for name in names], axis=1) for piece in dataset.pieces]
    ).astype(np.float32, copy=False)
    labels, dynamic = np.ones((*shape, 4), np.float32), np.full((*shape, 4), np.nan, np.float32)
    filled = np.zeros(shape, np.float32)
    for row, piece in enumerate(dataset.pieces):
        steps = len(piece.times_s)
        labels[row, :steps] = piece.labels
        if piece.dynamic is not None:
            dynamic[row, :steps] = piece.dynamic
        filled[row, :steps] = np.minimum(piece.times_s / dataset.window_s, 1.0)
    cohorts = np.array([piece.cohort or "" for piece in dataset.pieces])
    parts, weights = dataset.provenance.get("parts", {}), dataset.provenance.get("weights", {})
    counts = np.ones(len(dataset.pieces), np.float32)
    if weights:
        counts = np.repeat(np.array([weights[corpus] for corpus in parts], np.float32), list(parts.values()))
    return Sequences(
        features,
        labels,
        dynamic,
        filled,
        cohorts,
        counts,
        np.arange(len(dataset.pieces)),
        widths,
        dataset.hop_s / dataset.window_s,
        _optional(dataset, names),
    )


def _optional(dataset: Dataset, names: Sequence[str]) -> tuple[bool, ...]:
    """Which sets need sound and are missing from pieces that something else was heard of."""
    there = np.array([[piece.features[name].any() for name in names] for piece in dataset.pieces])
    heard = there.any(axis=1)
    return tuple(
        feature_set(name).needs_sound and bool((heard & ~own).any()) for name, own in zip(names, there.T, strict=True)
    )


def _stacked(arrays: list[NDArray[Any]], steps: int, fill: float) -> NDArray[Any]:
    """Arrays [shape=(pieces, steps, …)] one after another, padded with ``fill`` to so many steps."""
    padded = [
        one
        if one.ndim == 1
        else np.pad(one, [(0, 0), (0, steps - one.shape[1]), *[(0, 0)] * (one.ndim - 2)], constant_values=fill)
        for one in arrays
    ]
    return np.concatenate(padded)
