"""What a training is set to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recipe:
    """Settings of one training.

    ``patience`` and ``most_epochs`` are epochs; ``held_out`` is the share of groups that early stopping watches;
    ``taught`` is how much of the error is the difference to a teacher's predictions instead of the labels, and
    ``hinted`` how much the difference to what the teacher made of the music is added, where there is a teacher.
    """

    arch: str
    seed: int = 1
    folds: int = 5
    learning_rate: float = 2e-3
    weight_decay: float = 1e-3
    dropout: float = 0.2
    batch: int = 64
    most_epochs: int = 150
    patience: int = 15
    held_out: float = 0.15
    taught: float = 0.3
    hinted: float = 0.1
