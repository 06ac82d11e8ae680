"""A sum of radial basis functions, one to a feature set, on landmarks: kernel ridge regression as a network.

Each feature set is standardized, clipped, turned to its principal components and compared with the landmarks (steps of
the training music) by a Gaussian of its mean squared distance, so that a set of few numbers counts as much as one of
many. Valence and arousal weigh the sets each in their own way. The spreads are a quadratic function of both means,
since listeners agree at the ends of a scale, and what the kernel knows beyond that; where music is like none of the
landmarks they widen. Weights come in closed form: ``offline.kernel_fit``.

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
LANDMARKS = 2400
#: How many principal components of a feature set are compared at most.
COMPONENTS = 32
#: Standardized features are clipped here: one that is far from all music says only that it is far.
CLIP = 4.0
#: How much wider than usual the spreads are, on the 1–9 scale, for music that is like nothing that was learned from.
UNLIKE = 1.0

_PACKAGE = "moodring"


def components(widths: tuple[int, ...] | list[int]) -> list[int]:
    """How many principal components are kept of sets with so many features."""
    return [min(width, COMPONENTS) for width in widths]


def apart(values: Any, widths: list[int]) -> list[Any]:
    """What lies side by side along the last axis, each so wide as ``widths`` say."""
    if len(widths) == 1:
        return [values]
    parts: list[Any] = ops.split(values, np.cumsum(widths)[:-1].tolist(), axis=-1)
    return parts


@keras.saving.register_keras_serializable(package=_PACKAGE)
class PrincipalComponents(layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Clips standardized features and turns each feature set to its principal components, which lie side by side.

    ``widths`` are the lengths of the feature sets, which lie side by side in the inputs. The components are scaled so
    that the Gaussian of the distance between two steps is ``exp(-squared distance)``.
    """

    def __init__(self, widths: list[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.widths = list(widths)

    def build(self, shape: Any) -> None:
        """A matrix for each set [shape=(features, components)], set in closed form."""
        self.turns = [
            self.add_weight(shape=(width, kept), trainable=False, name=f"turn_{number}")
            for number, (width, kept) in enumerate(zip(self.widths, components(self.widths), strict=True))
        ]

    def call(self, inputs: Any) -> Any:
        """Turn the last axis."""
        parts = apart(ops.clip(inputs, -CLIP, CLIP), self.widths)
        return ops.concatenate([ops.matmul(part, turn) for part, turn in zip(parts, self.turns, strict=True)], axis=-1)

    def get_config(self) -> dict[str, Any]:
        """What is needed to build the layer again."""
        return {**super().get_config(), "widths": self.widths}


@keras.saving.register_keras_serializable(package=_PACKAGE)
class RadialBasis(layers.Layer):  # type: ignore[misc]
    """Likeness to each landmark by each of two weightings of the feature sets [shape=(…, 2, landmarks)], 0–1.

    ``widths`` are the numbers of components of the feature sets.
    """

    def __init__(self, widths: list[int], landmarks: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.widths, self.landmarks = list(widths), landmarks

    def build(self, shape: Any) -> None:
        """Landmarks [shape=(landmarks, components)] and shares of each set [shape=(2, sets)], set in closed form."""
        self.points = self.add_weight(shape=(self.landmarks, sum(self.widths)), trainable=False, name="points")
        self.shares = self.add_weight(shape=(2, len(self.widths)), trainable=False, name="shares")

    def call(self, inputs: Any) -> Any:
        """Compare components with those of the landmarks.

        What is the same for every set is done once for all of them: of the exported network's time, most goes into
        starting its operations, not into their arithmetic.
        """
        # Which component is of which set: a product with it sums up each set by itself [shape=(components, sets)].
        member = np.repeat(np.eye(len(self.widths), dtype=np.float32), self.widths, axis=0)
        twice = apart(2.0 * self.points, self.widths)
        products = [
            ops.matmul(part, ops.transpose(points))
            for part, points in zip(apart(inputs, self.widths), twice, strict=True)
        ]
        crossed = ops.stack(products, axis=-2)
        squares = ops.expand_dims(ops.matmul(ops.square(inputs), member), -1)
        squares = squares + ops.transpose(ops.matmul(ops.square(self.points), member))
        return ops.matmul(self.shares, ops.exp(ops.minimum(crossed - squares, 0.0)))

    def get_config(self) -> dict[str, Any]:
        """What is needed to build the layer again."""
        return {**super().get_config(), "widths": self.widths, "landmarks": self.landmarks}


@keras.saving.register_keras_serializable(package=_PACKAGE)
class KernelHead(layers.Layer):  # type: ignore[misc]
    """From likeness to landmarks [shape=(…, 2, landmarks)] to affect [shape=(…, 4)]."""

    def build(self, shape: Any) -> None:
        """The usual likeness to each landmark, weights of means and spreads, biases, weights of quadratic terms, and
        the least mean likeness that music usually has, by axis."""
        landmarks = shape[-1]
        # Sums of large weights of either sign lose digits; what all music has in common is taken out beforehand.
        self.usual = self.add_weight(shape=(2, landmarks), trainable=False, name="usual")
        self.mean_weights = self.add_weight(shape=(2, landmarks), trainable=False, name="mean_weights")
        self.spread_weights = self.add_weight(shape=(2, landmarks), trainable=False, name="spread_weights")
        self.biases = self.add_weight(shape=(4,), trainable=False, name="biases")
        self.quadratic_weights = self.add_weight(shape=(2, QUADRATIC), trainable=False, name="quadratic_weights")
        self.least = self.add_weight(shape=(2,), trainable=False, initializer="ones", name="least")

    def call(self, likeness: Any) -> Any:
        """Means first, then the spreads that go with them."""
        wider = unlikeness(ops.mean(likeness, axis=-1), self.least)
        likeness = ops.cast(likeness - self.usual, "float64")
        # A sum over all landmarks of either sign loses more digits in single precision than the network may differ by.
        weights = ops.cast(ops.stack([self.mean_weights, self.spread_weights], axis=-1), "float64")
        sums = ops.squeeze(ops.matmul(ops.expand_dims(likeness, -2), weights), axis=-2)
        means, spreads = ops.unstack(
            ops.cast(sums, "float32") + ops.transpose(ops.reshape(self.biases, (2, 2))), axis=-1
        )
        spreads = spreads + ops.matmul(quadratic(means), ops.transpose(self.quadratic_weights)) + wider
        affect = ops.stack([means, spreads], axis=-1)
        return ops.reshape(affect, (*ops.shape(affect)[:-2], 4))


def unlikeness(likeness: Any, least: Any) -> Any:
    """By how much a spread is widened for a mean ``likeness`` to all landmarks: from nothing at ``least`` and above to
    ``UNLIKE`` at none."""
    return UNLIKE * ops.maximum(1.0 - likeness / ops.maximum(least, 1e-6), 0.0)


#: How many terms ``quadratic`` has.
QUADRATIC = 5


def quadratic(means: Any) -> Any:
    """Powers of the means of valence and arousal [shape=(…, 2)] up to the second, from the middle of the scale
    [shape=(…, 5)]: both, the squares of both, and their product."""
    concatenate = np.concatenate if isinstance(means, np.ndarray) else ops.concatenate
    both = (means - 5.0) / 4.0
    return concatenate([both, both * both, both[..., :1] * both[..., 1:]], axis=-1)


def build(statistics: Statistics, dropout: float, seed: int) -> keras.Model:
    """The network over sequences of raw features [shape=(pieces, steps, features)], each step for itself."""
    features = keras.Input((None, len(statistics.mean)), name="features")
    x = standardization(statistics)(features)
    x = PrincipalComponents(list(statistics.widths), name="components")(x)
    x = RadialBasis(components(statistics.widths), statistics.landmarks, name="likeness")(x)
    x = Bounds(name="bounds")(KernelHead(name="affect")(x))
    x = PriorWhereMasked(statistics.prior.tolist(), name="prior")(x, features)
    return keras.Model(features, x, name="kernel")


def step(trained: keras.Model) -> StepModel:
    """One step of it: there is nothing to carry."""
    features = keras.Input((len(trained.get_layer("standardization").mean),), batch_size=1, name="features")
    # The layers themselves and not ``trained``, which takes a sequence: without its axis there is less to reshape.
    x = features
    for name in ("standardization", "components", "likeness", "affect", "bounds"):
        x = trained.get_layer(name)(x)
    return StepModel(keras.Model([features], [trained.get_layer("prior")(x, features)]), {})
