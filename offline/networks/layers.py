"""Layers that a bundle needs so that nothing has to be remembered beside it: scaling, mask and bounds of the output."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from models.affect import SCALE_HIGH

#: The study's floor against negative predictions: no spread below it was ever observed to matter.
FLOOR = 0.37

_PACKAGE = "moodring"


@keras.saving.register_keras_serializable(package=_PACKAGE)
class Standardization(layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Raw features minus their mean over their spread, both fixed when the network is built; passes a mask on.

    ``optional`` are the columns, from and until, of feature sets that not every input has: where such a set is all
    zeros it stands at its mean.
    """

    def __init__(
        self, mean: list[float], scale: list[float], optional: list[list[int]] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.mean = [float(value) for value in mean]
        self.scale = [float(value) for value in scale]
        self.optional = [[int(start), int(stop)] for start, stop in optional or []]
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """Standardize the last axis."""
        standardized = (inputs - np.array(self.mean, np.float32)) / np.array(self.scale, np.float32)
        columns = np.arange(len(self.mean))
        for start, stop in self.optional:
            of_others = (columns < start) | (columns >= stop)
            standardized = ops.where(of_others | heard(inputs[..., start:stop]), standardized, 0.0)
        return standardized

    def get_config(self) -> dict[str, Any]:
        """What is needed to build the layer again."""
        return {**super().get_config(), "mean": self.mean, "scale": self.scale, "optional": self.optional}


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
        return ops.where(heard(features), affect, np.array(self.prior, np.float32))

    def get_config(self) -> dict[str, Any]:
        """What is needed to build the layer again."""
        return {**super().get_config(), "prior": self.prior}


@keras.saving.register_keras_serializable(package=_PACKAGE)
class MaskedLast(layers.Layer):  # type: ignore[misc]
    """Moves the masked steps of a sequence behind the others, so that what looks back over steps never meets them."""

    def call(self, values: Any, features: Any) -> Any:
        """``values`` [shape=(pieces, steps, n)] with the steps in front in which ``features`` are not all zero."""
        place = ops.arange(ops.shape(features)[1])[None, :, None]
        here = heard(features)
        chosen = here & (_number(here) - 1 == ops.transpose(place, (0, 2, 1)))
        # Each row has a single one in it at most: the product picks a step, exactly.
        return ops.matmul(ops.transpose(ops.cast(chosen, values.dtype), (0, 2, 1)), values)


@keras.saving.register_keras_serializable(package=_PACKAGE)
class MaskedHeld(layers.Layer):  # type: ignore[misc]
    """Undoes ``MaskedLast``: a masked step holds the value of the last one before it that is not; zeros before any."""

    def call(self, values: Any, features: Any) -> Any:
        """``values`` [shape=(pieces, steps, n)] back in the order of ``features``."""
        place = ops.arange(ops.shape(features)[1])[None, None, :]
        chosen = _number(heard(features)) - 1 == place
        return ops.matmul(ops.cast(chosen, values.dtype), values)


def heard(features: Any) -> Any:
    """Whether a step's raw features are anything but zeros, along the last axis, which is kept."""
    return ops.any(ops.not_equal(features, 0.0), axis=-1, keepdims=True)


def _number(here: Any) -> Any:
    """How many steps were heard up to each one."""
    return ops.cumsum(ops.cast(here, "int32"), axis=1)
