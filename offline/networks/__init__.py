"""The architectures, in Keras: whole sequences for training, and the same weights as a step for live use.

All take raw features. Scaling, the mask over all-zero steps and the bounds of the output are layers of the network, so
that nothing has to be remembered beside it. A masked step changes no state.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import offline.quiet  # noqa: F401  # before anything that loads TensorFlow

# isort: split
import keras

from models.errors import UsageError
from offline.networks import cnn, dense, kernel, rnn
from offline.networks.building import Statistics, StepModel, run, standardization, without_dropout

__all__ = [
    "ARCHITECTURES",
    "Architecture",
    "Statistics",
    "StepModel",
    "architecture",
    "run",
    "standardization",
    "without_dropout",
]


@dataclass(frozen=True, slots=True)
class Architecture:
    """How a network is built over sequences (with a rate of dropout and a seed), and how a trained one becomes a step.

    ``hidden`` names the layer whose output is what the network has made of the music before it says so: what a teacher
    is asked for, and where a student is given its hint.
    """

    build: Callable[[Statistics, float, int], keras.Model]
    step: Callable[[keras.Model], StepModel]
    hidden: str


ARCHITECTURES = {
    "rnn": Architecture(rnn.build, rnn.step, hidden="rnn_2"),
    "cnn": Architecture(cnn.build, cnn.step, hidden="masked_held"),
    "dense": Architecture(dense.build, dense.step, hidden="dense_2"),
    "kernel": Architecture(kernel.build, kernel.step, hidden="likeness"),
}


def architecture(name: str) -> Architecture:
    """The architecture called ``name``; raises ``UsageError`` for one that is not known."""
    if name not in ARCHITECTURES:
        raise UsageError(f"unknown architecture '{name}'; there are {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[name]
