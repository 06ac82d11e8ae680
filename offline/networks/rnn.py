"""The study's model 1: two SimpleRNN(64) over a masked sequence, and Dense(4) at every step."""

from __future__ import annotations

import keras
from keras import layers, ops

from offline.networks.building import Statistics, StepModel, head, seeds_from, standardization
from offline.networks.layers import Bounds, heard

_UNITS = 64
_RECURRENT = ("rnn_1", "rnn_2")


def build(statistics: Statistics, dropout: float, seed: int) -> keras.Model:
    """The network over sequences of raw features [shape=(pieces, steps, features)]."""
    seeds = seeds_from(seed)
    features = keras.Input((None, len(statistics.mean)), name="features")
    x = layers.Masking(0.0)(features)
    x = standardization(statistics)(x)
    x = layers.SpatialDropout1D(dropout / 2, seed=next(seeds))(x)
    for name in _RECURRENT:
        x = layers.SimpleRNN(
            _UNITS,
            return_sequences=True,
            kernel_initializer=keras.initializers.GlorotUniform(next(seeds)),
            recurrent_initializer=keras.initializers.Orthogonal(seed=next(seeds)),
            dropout=dropout,
            recurrent_dropout=dropout,
            seed=next(seeds),
            name=name,
        )(x)
    return keras.Model(features, Bounds(name="bounds")(head(statistics, seeds)(x)), name="rnn")


def step(trained: keras.Model) -> StepModel:
    """One step of it, both states going in and out; a masked step leaves them as they are."""
    features = keras.Input((len(trained.get_layer("standardization").mean),), batch_size=1, name="features")
    x = trained.get_layer("standardization")(features)
    inputs, following = [features], []
    states: dict[str, tuple[int, ...]] = {}
    for name in _RECURRENT:
        state = keras.Input((_UNITS,), batch_size=1, name=f"state_{name}")
        cell = layers.SimpleRNNCell(_UNITS, name=f"cell_{name}")
        moved, _ = cell(x, [state])
        cell.set_weights(trained.get_layer(name).get_weights())
        x = ops.where(heard(features), moved, state)
        inputs.append(state)
        following.append(x)
        states[f"state_{name}"] = (1, _UNITS)
    affect = trained.get_layer("bounds")(trained.get_layer("affect")(x))
    return StepModel(keras.Model(inputs, [affect, *following]), states)
