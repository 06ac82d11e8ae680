"""What is done to a base's outputs: a small correction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.affect import SCALE_HIGH, SCALE_LOW
from offline.adaptation.rated import MEANS, SPREADS
from offline.metrics import Values

#: Standardised features are clipped here.
FEATURE_CLIP = 4.0
#: The least spread that the networks give.
LEAST_SPREAD = 0.37


@dataclass(frozen=True, slots=True, eq=False)
class Correction:
    """What is done to the base's outputs: spreads times ``widths``, means times ``stretch`` plus ``shift``
    [each shape=(2,)], plus standardised, clipped features times ``weights`` [shape=(features, 2)] where those are."""

    stretch: Values
    shift: Values
    widths: Values
    centre: Values | None = None
    scale: Values | None = None
    weights: Values | None = None

    def apply(self, affect: NDArray[np.floating[Any]], features: NDArray[np.floating[Any]]) -> Values:
        """The corrected outputs [shape=(…, 4)] of the base's ``affect`` and raw ``features`` [shape=(…, features)]."""
        if self.weights is None or self.centre is None or self.scale is None:
            return self.moved(affect)
        heard = features.any(axis=-1, keepdims=True)
        return self.moved(affect, heard * (standardized(features, self.centre, self.scale) @ self.weights))

    def moved(self, affect: NDArray[np.floating[Any]], turn: Values | float = 0.0) -> Values:
        """The corrected outputs where it is known how far the features turn both means [shape=(…, 2)]."""
        corrected = np.array(affect, np.float64)
        corrected[..., MEANS] = np.clip(affect[..., MEANS] * self.stretch + self.shift + turn, SCALE_LOW, SCALE_HIGH)
        corrected[..., SPREADS] = np.clip(affect[..., SPREADS] * self.widths, LEAST_SPREAD, SCALE_HIGH)
        return corrected


def standardized(features: NDArray[np.floating[Any]], centre: Values, scale: Values) -> Values:
    """Raw features in standard deviations from their mean, clipped."""
    return np.asarray(np.clip((features - centre) / scale, -FEATURE_CLIP, FEATURE_CLIP))
