"""Knowledge transfer: a student learns from the labels and from what a teacher makes of the same music.

The hint is that of Romero et al., "FitNets" (ICLR 2015): a layer that is thrown away afterwards maps what the student
has made of the music onto what the teacher has, here the output of the teacher's second recurrent layer. The teacher's
predictions are a second set of labels (Hinton et al., "Distilling the knowledge in a neural network", 2015). The
student itself keeps its own inputs.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.affect import OUTPUTS
from models.bundle import Bundle
from models.predictor import Predictor

#: The state of a step network in which the second recurrent layer's output goes on.
_EMBEDDING = "state_rnn_2"

#: A normal distribution's spread over its mean absolute deviation.
_SPREAD_OVER_DEVIATION = math.sqrt(math.pi / 2.0)


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """What a teacher says of pieces, step by step: ``affect`` [shape=(pieces, steps, 4)] and ``embedding``, what it has
    made of the music [shape=(pieces, steps, n)], n 0 for a teacher without a recurrent layer."""

    affect: NDArray[np.float32]
    embedding: NDArray[np.float32]

    def take(self, pieces: NDArray[np.int64]) -> Lesson:
        """Some of the pieces."""
        return Lesson(self.affect[pieces], self.embedding[pieces])

    def digest(self) -> str:
        """A hash of all that it says."""
        return hashlib.sha256(self.affect.tobytes() + self.embedding.tobytes()).hexdigest()

    def beside(self, labels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Labels [shape=(pieces, steps, 4)] and the lesson in one array, as ``affect_error`` takes them."""
        return np.concatenate([labels, self.affect, self.embedding], axis=-1)


def lesson_of_bundle(bundle: Bundle, features: NDArray[np.float32]) -> Lesson:
    """Step a bundle through sequences of its features side by side [shape=(pieces, steps, features)]."""
    predictor = Predictor(bundle)
    names = [known.name for known in bundle.feature_sets]
    bounds = np.cumsum([len(known.features) for known in bundle.feature_sets])[:-1]
    width = bundle.states.get(_EMBEDDING, (1, 0))[-1]
    affect = np.empty((*features.shape[:2], len(OUTPUTS)), np.float32)
    embedding = np.empty((*features.shape[:2], width), np.float32)
    for piece, sequence in enumerate(features):
        state = predictor.start()
        for number, heard in enumerate(sequence):
            parts = dict(zip(names, np.split(heard, bounds), strict=True))
            affect[piece, number], state = predictor.step(parts, state)
            if width:
                embedding[piece, number] = state[_EMBEDDING][0]
    return Lesson(affect, embedding)


def lesson_of_network(network: Any, features: NDArray[np.float32]) -> Lesson:
    """The same of a network that has just been trained."""
    import keras

    from offline.networks import run

    embeds = any(layer.name == _EMBEDDING.removeprefix("state_") for layer in network.layers)
    affect = run(network, features)
    if not embeds:
        return Lesson(affect, np.empty((*features.shape[:2], 0), np.float32))
    inside = keras.Model(network.input, network.get_layer(_EMBEDDING.removeprefix("state_")).output)
    return Lesson(affect, run(inside, features))


def student(network: Any, hidden: str, lesson: Lesson, seed: int) -> Any:
    """``network`` with a second output after its own: its layer ``hidden`` mapped onto the teacher's embedding."""
    import keras

    width = lesson.embedding.shape[-1]
    if not width:
        return network
    initializer = keras.initializers.GlorotUniform(seed)
    hint = keras.layers.Dense(width, kernel_initializer=initializer, name="hint")(network.get_layer(hidden).output)
    return keras.Model(network.input, keras.layers.Concatenate(name="taught")([network.output, hint]))


def label_error(targets: Any, outputs: Any) -> Any:
    """Mean squared error over the four outputs at each step.

    A spread that no listener told (NaN) is taken to be the network's own typical error there: the mean absolute
    deviation times √(π/2), which is a normal distribution's spread.
    """
    from keras import ops

    labels, said = targets[..., : len(OUTPUTS)], outputs[..., : len(OUTPUTS)]
    off = ops.take(ops.abs(labels - ops.stop_gradient(said)), [0, 0, 2, 2], axis=-1)
    wanted = ops.where(ops.isnan(labels), _SPREAD_OVER_DEVIATION * off, labels)
    return ops.mean(ops.square(wanted - said), axis=-1)


def affect_error(*, taught: float, hinted: float) -> Callable[[Any, Any], Any]:
    """What a student makes small: ``label_error`` and the differences to its teacher's lesson.

    ``taught`` is the share of the teacher's predictions beside the labels, 0–1; ``hinted`` the weight of the embedding.
    The function takes targets as ``Lesson.beside`` gives them and gives the error of each step [shape=(pieces, steps)].
    """
    from keras import ops

    count = len(OUTPUTS)

    def error(targets: Any, outputs: Any) -> Any:
        predictions = ops.mean(ops.square(targets[..., count : 2 * count] - outputs[..., :count]), axis=-1)
        total = (1.0 - taught) * label_error(targets, outputs) + taught * predictions
        if targets.shape[-1] > 2 * count:
            total += hinted * ops.mean(ops.square(targets[..., 2 * count :] - outputs[..., count:]), axis=-1)
        return total

    return error
