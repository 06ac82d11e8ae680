"""Several datasets as one: raters of different studies use a scale each in their own way, so one scale is agreed on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.affect import SCALE_HIGH, SCALE_LOW
from models.errors import UsageError
from offline.dataset import Dataset, PieceSteps


def combined(datasets: Sequence[Dataset], weights: Sequence[float] = ()) -> Dataset:
    """The pieces of all ``datasets``; labels of the later ones on the scale of the first.

    Means are moved so that both axes have the first dataset's mean and spread over pieces, and the listeners' spreads
    are stretched alike. Feature sets are those that all have. ``weights`` are what a piece of each counts in training,
    1 where none are given. Raises ``UsageError`` where hops or windows differ, two are of the same name, or there are
    not as many weights as datasets.
    """
    if weights and len(weights) != len(datasets):
        raise UsageError(f"--weight is needed once for each of the {len(datasets)} datasets, not {len(weights)} times")
    if any(not 0 < weight < math.inf for weight in weights):
        raise UsageError("--weight must be a number above 0; leave out a dataset that should not count")
    first, *others = datasets
    if not others:
        return first
    names = [
        name for name in first.provenance["feature_sets"] if all(name in d.provenance["feature_sets"] for d in others)
    ]
    for other in others:
        if (other.hop_s, other.window_s) != (first.hop_s, first.window_s):
            raise UsageError("the datasets were prepared with different windows; prepare them alike")
    maps = [_scale(dataset, first) for dataset in datasets]
    pieces = tuple(
        _relabelled(piece, names, scale)
        for dataset, scale in zip(datasets, maps, strict=True)
        for piece in dataset.pieces
    )
    corpora = [str(dataset.provenance["corpus"]) for dataset in datasets]
    if len(set(corpora)) < len(corpora):
        twice = next(corpus for corpus in corpora if corpora.count(corpus) > 1)
        raise UsageError(f"two of the datasets are of the corpus '{twice}'; put them into one, or take one")
    scales: dict[str, Any] = {
        corpus: {"factor": scale[0].tolist(), "shift": scale[1].tolist()}
        for corpus, scale in zip(corpora, maps, strict=True)
    }
    provenance = {
        **first.provenance,
        "corpus": " + ".join(corpora),
        "terms": "; ".join(str(dataset.provenance["terms"]) for dataset in datasets),
        "corrections": [line for dataset in datasets for line in dataset.provenance["corrections"]],
        "feature_sets": names,
        "scales": scales,
        **({"weights": dict(zip(corpora, weights, strict=True))} if weights else {}),
        # Pieces stand in this order, so many of each.
        "parts": {corpus: len(dataset.pieces) for corpus, dataset in zip(corpora, datasets, strict=True)},
    }
    return Dataset(pieces, provenance)


_Scale = tuple[NDArray[np.float64], NDArray[np.float64]]


def _scale(dataset: Dataset, first: Dataset) -> _Scale:
    """Factor and shift of both means."""
    own, wanted = _means(dataset), _means(first)
    factor = wanted.std(axis=0) / own.std(axis=0)
    return factor, wanted.mean(axis=0) - factor * own.mean(axis=0)


def _means(dataset: Dataset) -> NDArray[np.float64]:
    return np.stack([piece.labels[:, [0, 2]].mean(axis=0, dtype=np.float64) for piece in dataset.pieces])


def _relabelled(piece: PieceSteps, names: Sequence[str], scale: _Scale) -> PieceSteps:
    factor, shift = scale

    def moved(labels: NDArray[np.float32]) -> NDArray[np.float32]:
        own = labels.astype(np.float64)
        own[:, [0, 2]] = np.clip(factor * own[:, [0, 2]] + shift, SCALE_LOW, SCALE_HIGH)
        own[:, [1, 3]] *= factor
        return own.astype(np.float32)

    dynamic = None if piece.dynamic is None else moved(piece.dynamic)
    features = {name: piece.features[name] for name in names}
    return replace(piece, features=features, labels=moved(piece.labels), dynamic=dynamic)
