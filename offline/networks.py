"""The architectures, in Keras: whole sequences for training, and the same weights as a step for live use.

Both take raw features. Scaling, the mask over all-zero steps and the bounds of the output are layers of the network, so
that nothing has to be remembered beside it. A masked step changes no state.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from models.affect import OUTPUTS, SCALE_HIGH
from models.errors import UsageError

#: The study's floor against negative predictions: no spread below it was ever observed to matter.
FLOOR = 0.37

_PACKAGE = "moodring"


@keras.saving.register_keras_serializable(package=_PACKAGE)
class Standardization(layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Raw features minus their mean over their spread, both fixed when the network is built; passes a mask on."""

    def __init__(self, mean: list[float], scale: list[float], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mean = [float(value) for value in mean]
        self.scale = [float(value) for value in scale]
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """Standardize the last axis."""
        return (inputs - np.array(self.mean, np.float32)) / np.array(self.scale, np.float32)

    def get_config(self) -> dict[str, Any]:
        """What is needed to build the layer again."""
        return {**super().get_config(), "mean": self.mean, "scale": self.scale}


@keras.saving.register_keras_serializable(package=_PACKAGE)
class Bounds(layers.Layer):  # type: ignore[misc]
    """Keeps outputs within ``low`` and ``high`` but lets the gradient through as if it were not there.

    A plain maximum has no gradient below the floor, so a unit that falls below it once never learns its way back.
    """

    def __init__(self, low: float = FLOOR, high: float = SCALE_HIGH, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.low, self.high = low, high
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """Clip, straight through."""
        return inputs + ops.stop_gradient(ops.clip(inputs, self.low, self.high) - inputs)

    def get_config(self) -> dict[str, Any]:
        """What is needed to build the layer again."""
        return {**super().get_config(), "low": self.low, "high": self.high}


@keras.saving.register_keras_serializable(package=_PACKAGE)
class PriorWhereMasked(layers.Layer):  # type: ignore[misc]
    """Gives ``prior`` wherever all raw features are zero: with nothing to go by, what is true of music on the whole."""

    def __init__(self, prior: list[float], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.prior = [float(value) for value in prior]

    def call(self, affect: Any, features: Any) -> Any:
        """Choose between ``affect`` and the prior, step by step."""
        heard = ops.any(ops.not_equal(features, 0.0), axis=-1, keepdims=True)
        return ops.where(heard, affect, np.array(self.prior, np.float32))

    def get_config(self) -> dict[str, Any]:
        """What is needed to build the layer again."""
        return {**super().get_config(), "prior": self.prior}


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """Of the training data: mean and spread of each feature [shape=(features,)], mean of each label [shape=(4,)]."""

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    prior: NDArray[np.float32]

    @classmethod
    def of(cls, features: NDArray[np.float32], labels: NDArray[np.float32]) -> Statistics:
        """The statistics of sequences [shape=(pieces, steps, features)] over the steps that are not masked."""
        heard = features.any(axis=-1)
        spread = features[heard].std(axis=0)
        return cls(features[heard].mean(axis=0), np.where(spread > 1e-6, spread, 1.0), labels[heard].mean(axis=0))


@dataclass(frozen=True, slots=True, eq=False)
class StepModel:
    """A network for one step: takes features and ``states`` (name and shape), gives affect and the next states."""

    model: keras.Model
    states: dict[str, tuple[int, ...]]


def build_rnn(statistics: Statistics) -> keras.Model:
    """The study's model 1: two SimpleRNN(64) over a masked sequence, and Dense(4) at every step."""
    features = keras.Input((None, len(statistics.mean)), name="features")
    x = layers.Masking(0.0)(features)
    x = _standardization(statistics)(x)
    x = layers.SpatialDropout1D(0.1)(x)
    x = layers.SimpleRNN(64, return_sequences=True, dropout=0.2, recurrent_dropout=0.2, name="rnn_1")(x)
    x = layers.SimpleRNN(64, return_sequences=True, dropout=0.2, recurrent_dropout=0.2, name="rnn_2")(x)
    x = _head(statistics)(x)
    return keras.Model(features, Bounds(name="bounds")(x), name="rnn")


def step_rnn(trained: keras.Model) -> StepModel:
    """One step of a trained ``build_rnn``, its two states going in and out."""
    standardization = trained.get_layer("standardization")
    width = len(standardization.mean)
    features = keras.Input((width,), batch_size=1, name="features")
    heard = ops.any(ops.not_equal(features, 0.0), axis=-1, keepdims=True)
    x = standardization(features)
    inputs, following = [features], []
    states: dict[str, tuple[int, ...]] = {}
    for name in ("rnn_1", "rnn_2"):
        units = trained.get_layer(name).units
        state = keras.Input((units,), batch_size=1, name=f"state_{name}")
        cell = layers.SimpleRNNCell(units, name=f"cell_{name}")
        moved, _ = cell(x, [state])
        cell.set_weights(trained.get_layer(name).get_weights())
        x = ops.where(heard, moved, state)
        inputs.append(state)
        following.append(x)
        states[f"state_{name}"] = (1, units)
    affect = trained.get_layer("bounds")(trained.get_layer("affect")(x))
    return StepModel(keras.Model(inputs, [affect, *following]), states)


def build_dense(statistics: Statistics) -> keras.Model:
    """The study's model 2: Dense 32 and 16 with ReLU and a floored output, on one step at a time."""
    features = keras.Input((None, len(statistics.mean)), name="features")
    x = _standardization(statistics)(features)
    x = layers.Dense(32, activation="relu", name="dense_1")(x)
    x = layers.Dropout(0.2)(x)
    x = layers.Dense(16, activation="relu", name="dense_2")(x)
    x = Bounds(name="bounds")(_head(statistics)(x))
    x = PriorWhereMasked(statistics.prior.tolist(), name="prior")(x, features)
    return keras.Model(features, x, name="dense")


def step_dense(trained: keras.Model) -> StepModel:
    """One step of a trained ``build_dense``: there is nothing to carry."""
    width = len(trained.get_layer("standardization").mean)
    features = keras.Input((width,), batch_size=1, name="features")
    return StepModel(keras.Model([features], [trained(features[:, None, :])[:, 0, :]]), {})


def _standardization(statistics: Statistics) -> Standardization:
    return Standardization(statistics.mean.tolist(), statistics.scale.tolist(), name="standardization")


def _head(statistics: Statistics) -> layers.Dense:
    # Starting at the labels' mean, the network begins as the mean predictor and says so in silence.
    prior = keras.initializers.Constant(statistics.prior)
    return layers.Dense(len(OUTPUTS), bias_initializer=prior, name="affect")


def without_dropout(trained: keras.Model) -> keras.Model:
    """The same network and weights with nothing left that is random or only for training: what is exported."""

    def plain(layer: layers.Layer) -> layers.Layer:
        config = layer.get_config()
        config |= {name: 0.0 for name in ("dropout", "recurrent_dropout") if name in config}
        return type(layer).from_config(config)

    network = keras.models.clone_model(trained, clone_function=plain)
    network.set_weights(trained.get_weights())
    return network


@dataclass(frozen=True, slots=True)
class Architecture:
    """How a network is built over sequences, and how a trained one becomes a step."""

    build: Callable[[Statistics], keras.Model]
    step: Callable[[keras.Model], StepModel]


ARCHITECTURES = {
    "rnn": Architecture(build_rnn, step_rnn),
    "dense": Architecture(build_dense, step_dense),
}


def architecture(name: str) -> Architecture:
    """The architecture called ``name``; raises ``UsageError`` for one that is not known."""
    if name not in ARCHITECTURES:
        raise UsageError(f"unknown architecture '{name}'; there are {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[name]
