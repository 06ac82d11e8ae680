"""Who rated what of a session, pass by pass, and what several raters say of it together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.affect import HALF_RANGE, from_normalized
from offline.corpora import Labels
from realtime.controls import Label

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Pass:
    """What one ``rater`` (empty: one without a name) said while a session was heard once.

    ``times_s`` [shape=(n,), n ≥ 1] ascend; each of ``points``, valence and arousal on −1…1 [shape=(n, 2)], holds until
    the next one, the last until ``end_s``, where that pass was ended (None: with the session).
    """

    rater: str
    times_s: Values
    points: Values
    end_s: float | None = None

    def at(self, times_s: NDArray[np.float64]) -> Values:
        """What holds at each time [shape=(times, 2)]; NaN where nothing does."""
        place = np.searchsorted(self.times_s, times_s, side="right") - 1
        ended = False if self.end_s is None else times_s >= self.end_s
        return np.where(((place < 0) | ended)[:, None], np.nan, self.points[np.maximum(place, 0)])


def passes(ratings: Iterable[tuple[float, Label]], rater: str, end_s: float | None = None) -> list[Pass]:
    """One pass for each rater that ``ratings``, each with its time, name; those that name none are by ``rater``.

    Who began to rate only as that pass ended has rated nothing.
    """
    said: dict[str, list[tuple[float, float, float]]] = {}
    for time_s, label in ratings:
        said.setdefault(label.rater or rater, []).append((time_s, label.valence, label.arousal))
    found = []
    for name, rows in said.items():
        table = np.array(sorted(rows, key=lambda row: row[0]), np.float64)
        if end_s is None or table[0, 0] < end_s:
            found.append(Pass(name, table[:, 0], table[:, 1:], end_s))
    return found


def together(heard: Sequence[Pass]) -> Labels:
    """Mean and spread over the raters that say something, a row for each time at which that changes.

    The passes of one rater count as their mean. The spread is unknown where only one rates, all of a row where none
    does; the first row, at 0, is one of these unless somebody rated at once.
    """
    ends_s = [one.end_s for one in heard if one.end_s is not None]
    times_s = np.unique(np.concatenate([[0.0], *(one.times_s for one in heard), ends_s]))
    raters = dict.fromkeys(one.rater for one in heard)
    said = np.stack([_mean([one.at(times_s) for one in heard if one.rater == rater]) for rater in raters])
    count = np.isfinite(said).sum(axis=0)
    mean = _mean(said)
    deviation = np.nansum((said - mean) ** 2, axis=0) / np.maximum(count, 1)
    spread = np.where(count > 1, HALF_RANGE * np.sqrt(deviation), np.nan)
    means = from_normalized(mean)
    values = np.stack([means[:, 0], spread[:, 0], means[:, 1], spread[:, 1]], axis=1)
    return Labels(times_s, values.astype(np.float32))


def filled(labels: Labels) -> Labels:
    """``labels`` with the row before it where nobody says anything, and the first rating before that."""
    is_known = np.isfinite(labels.values[:, 0])
    rows = np.flatnonzero(is_known)
    times_s = labels.times_s[rows].copy()
    times_s[0] = 0.0
    return Labels(times_s, labels.values[rows])


def _mean(said: Sequence[Values] | Values) -> Values:
    """The mean over the first axis of what is known; NaN where nothing is."""
    stacked = np.asarray(said)
    count = np.isfinite(stacked).sum(axis=0)
    return np.where(count > 0, np.nansum(stacked, axis=0) / np.maximum(count, 1), np.nan)
