"""Steps a network through time: features and state in, affect and the next state out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.bundle import Bundle

NetworkState = Mapping[str, NDArray[np.float32]]


class Predictor:
    """One bundle's step network. It keeps no state of its own, so several streams or phases can share it."""

    def __init__(self, bundle: Bundle) -> None:
        self._network: Any = bundle.step
        self._states = dict(bundle.states)
        self._inputs = tuple(feature_set.name for feature_set in bundle.feature_sets)
        # Without names onnxruntime asks the network for them at each step.
        self._outputs = ["affect", *(f"next_{name}" for name in bundle.states)]

    def start(self) -> NetworkState:
        """The state before anything was heard: zeros; empty for a network without one."""
        return {name: np.zeros(shape, np.float32) for name, shape in self._states.items()}

    def step(
        self, features: Mapping[str, NDArray[np.float32]], state: NetworkState
    ) -> tuple[NDArray[np.float32], NetworkState]:
        """One hop on: ``features`` by set name [shape=(n,)]; gives affect in ``OUTPUTS``' order [shape=(4,)]."""
        inputs = {name: features[name][None, :] for name in self._inputs}
        affect, *following = self._network.run(self._outputs, {**inputs, **state})
        return affect[0], dict(zip(self._states, following, strict=True))
