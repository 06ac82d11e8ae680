"""Random search over a recipe's settings (Bergstra and Bengio, JMLR 2012)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from offline.recipe import Recipe


def candidates(recipe: Recipe, count: int, *, has_teacher: bool = False) -> list[Recipe]:
    """``recipe`` itself and ``count`` others like it with settings drawn by its seed.

    The learning rate and the weight decay are drawn evenly along their logarithm, the batch among powers of two; what
    concerns a teacher only where there is one.
    """
    rng = np.random.default_rng(recipe.seed)
    drawn = [recipe]
    for _ in range(count):
        other = replace(
            recipe,
            learning_rate=_significant(10 ** rng.uniform(-3.5, -2.0)),
            weight_decay=_significant(10 ** rng.uniform(-5.0, -1.5)),
            dropout=_significant(rng.uniform(0.0, 0.5)),
            batch=int(2 ** rng.integers(4, 8)),
        )
        if has_teacher:
            taught, hinted = rng.uniform(0.0, 0.8), 10 ** rng.uniform(-2.5, 0.0)
            other = replace(other, taught=_significant(taught), hinted=_significant(hinted))
        drawn.append(other)
    return drawn


def _significant(value: float) -> float:
    """Two digits: enough, and a setting that can be typed again."""
    return float(f"{value:.2g}")
