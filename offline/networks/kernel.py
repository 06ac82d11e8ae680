"""A sum of radial basis functions, one to a feature set, on landmarks: kernel ridge regression as a network.

Each feature set is standardized and clipped by itself, and compared with the landmarks (steps of the training music) by
a Gaussian of its mean squared distance, so that a set of few numbers counts as much as one of many. Valence and arousal
weigh the sets each in their own way. The spreads are a quadratic function of both means, since listeners agree at the
ends of a scale, and what the kernel knows beyond that. Weights come in closed form: ``offline.kernel_fit``.

Low-rank kernels: Williams and Seeger, "Using the Nyström method to speed up kernel machines" (NIPS 2000).
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from offline.networks.building import Statistics, StepModel, standardization
from offline.networks.layers import Bounds, PriorWhereMasked

#: How many landmarks there are at most.
LANDMARKS = 384
#: Standardized features are clipped here: one that is far from all music says only that it is far.
CLIP = 4.0
#: The Gaussians' exponent for each unit of mean squared distance.
GAMMA = 0.5

_PACKAGE = "moodring"


@keras.saving.register_keras_serializable(package=_PACKAGE)
class RadialBasis(layers.Layer):  # type: ignore[misc]
    """Likeness to each landmark by each of two weightings of the feature sets [shape=(…, 2, landmarks)], 0–1.

    ``widths`` are the lengths of the feature sets, which lie side by side in the inputs.
    """

    def __init__(self, widths: list[int], landmarks: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.widths, self.landmarks = list(widths), landmarks

    def build(self, shape: Any) -> None:
        """Landmarks [shape=(landmarks, features)] and shares of each set [shape=(2, sets)], set in closed form."""
        self.points = self.add_weight(shape=(self.landmarks, sum(self.widths)), trainable=False, name="points")
        self.shares = self.add_weight(shape=(2, len(self.widths)), trainable=False, name="shares")

    def call(self, inputs: Any) -> Any:
        """Compare standardized features with the landmarks."""
        clipped = ops.clip(inputs, -CLIP, CLIP)
        start, sums = 0, [0.0, 0.0]
        for number, width in enumerate(self.widths):
            part, points = clipped[..., start : start + width], self.points[:, start : start + width]
            squares = ops.sum(ops.square(part), axis=-1, keepdims=True) + ops.sum(ops.square(points), axis=-1)
            distances = squares - 2.0 * ops.matmul(part, ops.transpose(points))
            likeness = ops.exp(-GAMMA / width * ops.maximum(distances, 0.0))
            sums = [sums[axis] + self.shares[axis, number] * likeness for axis in (0, 1)]
            start += width
        return ops.stack(sums, axis=-2)

    def get_config(self) -> dict[str, Any]:
        """What is needed to build the layer again."""
        return {**super().get_config(), "widths": self.widths, "landmarks": self.landmarks}


@keras.saving.register_keras_serializable(package=_PACKAGE)
class KernelHead(layers.Layer):  # type: ignore[misc]
    """From likeness to landmarks [shape=(…, 2, landmarks)] to affect [shape=(…, 4)]."""

    def build(self, shape: Any) -> None:
        """The usual likeness to each landmark, weights of means and spreads, biases, and those of quadratic terms."""
        landmarks = shape[-1]
        # Sums of large weights of either sign lose digits; what all music has in common is taken out beforehand.
        self.usual = self.add_weight(shape=(2, landmarks), trainable=False, name="usual")
        self.mean_weights = self.add_weight(shape=(2, landmarks), trainable=False, name="mean_weights")
        self.spread_weights = self.add_weight(shape=(2, landmarks), trainable=False, name="spread_weights")
        self.biases = self.add_weight(shape=(4,), trainable=False, name="biases")
        self.quadratic_weights = self.add_weight(shape=(2, QUADRATIC), trainable=False, name="quadratic_weights")

    def call(self, likeness: Any) -> Any:
        """Means first, then the spreads that go with them."""
        likeness = likeness - self.usual
        means = ops.sum(likeness * self.mean_weights, axis=-1) + self.biases[:2]
        terms = quadratic(means[..., 0], means[..., 1])
        spreads = ops.sum(likeness * self.spread_weights, axis=-1) + self.biases[2:]
        spreads = spreads + ops.sum(terms[..., None, :] * self.quadratic_weights, axis=-1)
        return ops.stack([means[..., 0], spreads[..., 0], means[..., 1], spreads[..., 1]], axis=-1)


#: How many terms ``quadratic`` has.
QUADRATIC = 5


def quadratic(valence: Any, arousal: Any) -> Any:
    """Powers of both means up to the second, from the middle of the scale [shape=(…, 5)]."""
    stack = np.stack if isinstance(valence, np.ndarray) else ops.stack
    v, a = (valence - 5.0) / 4.0, (arousal - 5.0) / 4.0
    return stack([v, a, v * v, a * a, v * a], axis=-1)


def build(statistics: Statistics, dropout: float, seed: int) -> keras.Model:
    """The network over sequences of raw features [shape=(pieces, steps, features)], each step for itself."""
    features = keras.Input((None, len(statistics.mean)), name="features")
    x = standardization(statistics)(features)
    x = RadialBasis(list(statistics.widths), LANDMARKS, name="likeness")(x)
    x = Bounds(name="bounds")(KernelHead(name="affect")(x))
    x = PriorWhereMasked(statistics.prior.tolist(), name="prior")(x, features)
    return keras.Model(features, x, name="kernel")


def step(trained: keras.Model) -> StepModel:
    """One step of it: there is nothing to carry."""
    features = keras.Input((len(trained.get_layer("standardization").mean),), batch_size=1, name="features")
    return StepModel(keras.Model([features], [trained(features[:, None, :])[:, 0, :]]), {})
