"""The CNN that the study began with and dropped, kept as a yardstick: two causal convolutions along the steps.

A masked step is left out of what the convolutions look back on, as it changes no state of the recurrent network.
"""

from __future__ import annotations

import keras
from keras import layers, ops

from offline.networks.building import Statistics, StepModel, head, seeds_from, standardization
from offline.networks.layers import Bounds, MaskedHeld, MaskedLast, heard

_CHANNELS = 32
_REACH = 5
_CONVOLUTIONS = ("conv_1", "conv_2")


def build(statistics: Statistics, dropout: float, seed: int) -> keras.Model:
    """The network over sequences of raw features [shape=(pieces, steps, features)]."""
    seeds = seeds_from(seed)
    features = keras.Input((None, len(statistics.mean)), name="features")
    x = MaskedLast(name="masked_last")(standardization(statistics)(features), features)
    for name in _CONVOLUTIONS:
        x = layers.SpatialDropout1D(dropout, seed=next(seeds))(x)
        kernel = keras.initializers.GlorotUniform(next(seeds))
        x = layers.Conv1D(_CHANNELS, _REACH, padding="causal", activation="relu", kernel_initializer=kernel, name=name)(
            x
        )
    x = MaskedHeld(name="masked_held")(x, features)
    return keras.Model(features, Bounds(name="bounds")(head(statistics, seeds)(x)), name="cnn")


def step(trained: keras.Model) -> StepModel:
    """One step of it: the last inputs of each convolution and the last output are carried."""
    width = len(trained.get_layer("standardization").mean)
    features = keras.Input((width,), batch_size=1, name="features")
    here = heard(features)
    x = trained.get_layer("standardization")(features)
    inputs, following = [features], []
    states: dict[str, tuple[int, ...]] = {}
    for name in _CONVOLUTIONS:
        shape = (_REACH - 1, x.shape[-1])
        before = keras.Input(shape, batch_size=1, name=f"state_{name}")
        reached = ops.concatenate([before, x[:, None, :]], axis=1)
        convolution = layers.Conv1D(_CHANNELS, _REACH, activation="relu", name=f"step_{name}")
        x = convolution(reached)[:, 0, :]
        convolution.set_weights(trained.get_layer(name).get_weights())
        inputs.append(before)
        following.append(ops.where(here[:, None], reached[:, 1:], before))
        states[f"state_{name}"] = (1, *shape)
    held = keras.Input((_CHANNELS,), batch_size=1, name="state_held")
    x = ops.where(here, x, held)
    affect = trained.get_layer("bounds")(trained.get_layer("affect")(x))
    states["state_held"] = (1, _CHANNELS)
    return StepModel(keras.Model([*inputs, held], [affect, *following, x]), states)
