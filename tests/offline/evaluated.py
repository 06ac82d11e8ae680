"""Rated pieces that never were, for the tests of evaluation and report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from offline.dataset import Dataset, PieceSteps

#: Between which numbers the features of music lie: pitch, duration, velocity, tempo, pitch classes, density, intervals.
LOWEST = [45, 2, 0.1, 0.05, 50, 2, 70, *[0.0] * 12, 2, 1, 2]
HIGHEST = [80, 15, 0.8, 0.5, 100, 20, 160, *[0.17] * 12, 12, 8, 10]


def made_up(groups: str, *, steps: int = 24, seed: int = 1, **about: Any) -> Dataset:
    """A piece for each letter, which is its group; ratings follow the notes somewhat, and move."""
    rng = np.random.default_rng(seed)
    pieces = []
    for number, group in enumerate(groups):
        features = rng.uniform(LOWEST, HIGHEST, (steps, len(LOWEST))).astype(np.float32)
        high = features[:, 0] / 20
        features[0] = 0.0
        labels = np.stack([2 + high, 1 + high / 8, 7 - high, 1.5 + high / 8], axis=1).astype(np.float32)
        labels += rng.normal(0, 0.2, labels.shape).astype(np.float32)
        times_s = 0.5 * np.arange(1, steps + 1)
        pieces.append(PieceSteps(f"piece {number}", group, times_s, {"notes22": features}, labels))
    known = {"corpus": "made up", "feature_sets": ["notes22"], "hop_s": 0.5, "window_s": 10.0}
    return Dataset(tuple(pieces), {**known, **about})


def changed(dataset: Dataset, change: Callable[[int, PieceSteps], dict[str, Any]]) -> Dataset:
    """The same with some fields of each piece changed."""
    pieces = (replace(piece, **change(number, piece)) for number, piece in enumerate(dataset.pieces))
    return Dataset(tuple(pieces), dataset.provenance)


def without_spreads(dataset: Dataset, pieces: int | None = None) -> Dataset:
    """Nobody knows how far the raters of the first ``pieces`` differ, by default of all."""

    def change(number: int, piece: PieceSteps) -> dict[str, Any]:
        if pieces is not None and number >= pieces:
            return {}
        labels = piece.labels.copy()
        labels[:, [1, 3]] = np.nan
        return {"labels": labels}

    return changed(dataset, change)
