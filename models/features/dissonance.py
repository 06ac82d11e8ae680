"""How rough two tones are together: Plomp and Levelt's curves.

Source: Sethares, "Local consonance and the relationship between timbre and scale", 1993.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_Float = TypeVar("_Float", np.float32, np.float64)


def dissonance(low_hz: NDArray[_Float], high_hz: NDArray[_Float]) -> NDArray[_Float]:
    """Of each pair of pure tones of strength 1, from 0 in unison to 0.18 [shape=(...) to (...)]."""
    distance = (high_hz - low_hz) * 0.24 / (0.0207 * low_hz + 18.96)
    found: NDArray[_Float] = np.exp(-3.51 * distance) - np.exp(-5.75 * distance)
    return found
