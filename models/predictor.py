"""Steps a network through time: features and state in, affect and the next state out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.affect import OUTPUTS
from models.bundle import Bundle

FloatArray = NDArray[np.float32]
NetworkState = Mapping[str, FloatArray]

#: So many steps go through a network without a state together; with more its layers outgrow the cache.
_TOGETHER = 16


class Predictor:
    """One bundle's networks. They keep no state of their own, so several streams or phases can share them."""

    def __init__(self, bundle: Bundle) -> None:
        self._network: Any = bundle.step
        self._states = dict(bundle.states)
        self._inputs = tuple(feature_set.name for feature_set in bundle.feature_sets)
        # Without names onnxruntime asks the network for them at each step.
        self._outputs = ["affect", *(f"next_{name}" for name in bundle.states)]
        # Without a state steps do not wait for one another, and the weights are read once for many.
        self._sequence: Any = bundle.sequence

    def start(self) -> NetworkState:
        """The state before anything was heard: zeros; empty for a network without one."""
        return {name: np.zeros(shape, np.float32) for name, shape in self._states.items()}

    def step(self, features: Mapping[str, FloatArray], state: NetworkState) -> tuple[FloatArray, NetworkState]:
        """One hop on: ``features`` by set name [shape=(n,)]; gives affect in ``OUTPUTS``' order [shape=(4,)]."""
        inputs = {name: features[name][None, :] for name in self._inputs}
        affect, *following = self._network.run(self._outputs, {**inputs, **state})
        return affect[0], dict(zip(self._states, following, strict=True))

    def follow(self, features: Mapping[str, FloatArray], state: NetworkState) -> tuple[FloatArray, NetworkState]:
        """Many hops on: ``features`` by set name [shape=(steps, n)]; gives the affect of each [shape=(steps, 4)].

        A step has the same bits whatever steps it comes with; ``step`` gives the same up to rounding.
        """
        steps = len(features[self._inputs[0]])
        affect = np.empty((steps, len(OUTPUTS)), np.float32)
        if self._sequence is None:
            for number in range(steps):
                affect[number], state = self.step({name: features[name][number] for name in self._inputs}, state)
            return affect, state
        for first in range(0, steps, _TOGETHER):
            rows = slice(first, first + _TOGETHER)
            some = {name: features[name][None, rows] for name in self._inputs}
            affect[rows] = self._sequence.run(self._outputs, some)[0]
        return affect, state
