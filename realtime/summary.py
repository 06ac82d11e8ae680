"""One estimate for a whole file out of its readings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.affect import Reading, State


def weights(times_s: NDArray[np.float64], window_s: float) -> NDArray[np.float64]:
    """How much each reading counts: by how full its window was, and far the most where it was full.

    A reading after one second knows a tenth of ten, and on rated music such early ones were worth less than even that:
    of the powers of the share from one to eight, the eighth explains most.
    """
    filled: NDArray[np.float64] = np.minimum(times_s, window_s) / window_s
    return filled**8


def summarize(readings: Sequence[Reading], window_s: float) -> NDArray[np.float64] | None:
    """Mean and spread of valence and arousal over the live readings (1–9) [shape=(4,)]; None where none was live.

    The order is that of ``models.affect.OUTPUTS``.
    """
    live = [reading for reading in readings if reading.state is State.LIVE]
    if not live:
        return None
    values = np.array([(r.valence, r.valence_std, r.arousal, r.arousal_std) for r in live])
    counted = weights(np.array([reading.time for reading in live]), window_s)
    summary: NDArray[np.float64] = np.average(values, axis=0, weights=counted)
    return summary
