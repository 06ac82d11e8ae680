"""The study's model 2: Dense 32 and 16 with ReLU and a floored output, on one step at a time."""

from __future__ import annotations

import keras
from keras import layers

from offline.networks.building import Statistics, StepModel, dense, head, seeds_from, standardization
from offline.networks.layers import Bounds, PriorWhereMasked


def build(statistics: Statistics, dropout: float, seed: int) -> keras.Model:
    """The network over sequences of raw features [shape=(pieces, steps, features)], each step for itself."""
    seeds = seeds_from(seed)
    features = keras.Input((None, len(statistics.mean)), name="features")
    x = standardization(statistics)(features)
    x = dense(32, seeds, activation="relu", name="dense_1")(x)
    x = layers.Dropout(dropout, seed=next(seeds))(x)
    x = dense(16, seeds, activation="relu", name="dense_2")(x)
    x = Bounds(name="bounds")(head(statistics, seeds)(x))
    x = PriorWhereMasked(statistics.prior.tolist(), name="prior")(x, features)
    return keras.Model(features, x, name="dense")


def step(trained: keras.Model) -> StepModel:
    """One step of it: there is nothing to carry."""
    features = keras.Input((len(trained.get_layer("standardization").mean),), batch_size=1, name="features")
    return StepModel(keras.Model([features], [trained(features[:, None, :])[:, 0, :]]), {})
