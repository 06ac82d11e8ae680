"""What all architectures are built from and what they become."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from models.affect import OUTPUTS
from offline.metrics import known_mean
from offline.networks.layers import Standardization

#: So many steps go through a network together: a kernel compares each with every landmark in every feature set.
_STEPS_AT_ONCE = 2000

#: What a spread begins at where no label tells one: a quarter of the way across half the scale.
_UNKNOWN_SPREAD = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """Of the training data: mean and spread of each feature [shape=(features,)], mean of each label [shape=(4,)], how
    many features each set has of those that lie side by side, with how many ``landmarks`` a kernel compares, and which
    of the sets are ``optional``: their mean and spread are those of the steps that have them."""

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    prior: NDArray[np.float32]
    widths: tuple[int, ...]
    landmarks: int = 1
    optional: tuple[bool, ...] = ()

    @property
    def optional_columns(self) -> list[list[int]]:
        """From where until where the optional sets are."""
        ends = np.cumsum(self.widths).tolist()
        of_sets = zip(self.optional, self.widths, ends, strict=True) if self.optional else ()
        return [[end - width, end] for is_optional, width, end in of_sets if is_optional]

    @classmethod
    def of(
        cls,
        features: NDArray[np.float32],
        labels: NDArray[np.float32],
        widths: tuple[int, ...] | None = None,
        optional: tuple[bool, ...] = (),
    ) -> Statistics:
        """The statistics of those steps [shape=(…, features)] that are not masked, with their labels [shape=(…, 4)].

        Labels that are NaN are not known; where a column has none at all, its prior is 1.
        """
        heard = features.any(axis=-1)
        steps = features[heard]
        prior = np.nan_to_num(known_mean(labels[heard]), nan=_UNKNOWN_SPREAD)
        mean, spread = steps.mean(axis=0), steps.std(axis=0)
        found = cls(mean, spread, prior.astype(np.float32), widths or (features.shape[-1],), optional=optional)
        for start, stop in found.optional_columns:
            there = steps[:, start:stop]
            there = there[there.any(axis=1)]
            if len(there):
                mean[start:stop], spread[start:stop] = there.mean(axis=0), there.std(axis=0)
        return replace(found, scale=np.where(spread > 1e-6, spread, 1.0))


@dataclass(frozen=True, slots=True, eq=False)
class StepModel:
    """A network for one step: takes features and ``states`` (name and shape), gives affect and the next states."""

    model: keras.Model
    states: dict[str, tuple[int, ...]]


def run(network: keras.Model, features: NDArray[np.float32]) -> NDArray[np.float32]:
    """What ``network`` says of sequences [shape=(pieces, steps, features)], as many at once as memory is sure to hold.

    [shape=(pieces, steps, n)], n what its last layer has, 4 where that is affect.
    """
    at_once = max(1, _STEPS_AT_ONCE // max(1, features.shape[1]))
    starts = range(0, max(1, len(features)), at_once)
    said = [np.asarray(network(features[start : start + at_once], training=False)) for start in starts]
    return np.concatenate(said)


def standardization(statistics: Statistics) -> Standardization:
    """The layer that takes raw features."""
    mean, scale = statistics.mean.tolist(), statistics.scale.tolist()
    return Standardization(mean, scale, statistics.optional_columns, name="standardization")


def seeds_from(seed: int) -> Iterator[int]:
    """Seeds for everything random in one network, one after another.

    Keras would draw them from Python's one global generator, which any other thread may draw from at the same time.
    """
    return count(seed * 1000 + 1)


def dense(units: int, seeds: Iterator[int], **settings: Any) -> layers.Dense:
    """A dense layer with its own seed."""
    return layers.Dense(units, kernel_initializer=keras.initializers.GlorotUniform(next(seeds)), **settings)


def head(statistics: Statistics, seeds: Iterator[int]) -> layers.Dense:
    """The layer that gives affect, before its bounds."""
    # Starting at the labels' mean, the network begins as the mean predictor and says so in silence.
    prior = keras.initializers.Constant(statistics.prior)
    return dense(len(OUTPUTS), seeds, bias_initializer=prior, name="affect")


def without_dropout(trained: keras.Model) -> keras.Model:
    """The same network and weights with nothing left that is random or only for training: what is exported."""

    def plain(layer: layers.Layer) -> layers.Layer:
        config = layer.get_config()
        config |= {name: 0.0 for name in ("dropout", "recurrent_dropout") if name in config}
        return type(layer).from_config(config)

    network = keras.models.clone_model(trained, clone_function=plain)
    network.set_weights(trained.get_weights())
    return network
