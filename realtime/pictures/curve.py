"""Readings as curves: numbers to draw, no more of them than a picture can show, and the sections they fall into."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from models.affect import Quadrant, Reading, State, quadrant

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch in one quadrant, or in one state in which nothing is known: ``first`` to ``last`` as indices."""

    kind: Quadrant | State
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Curve:
    """What is drawn of readings: times in seconds [shape=(n,)], values in ``OUTPUTS``' order [shape=(n, 4)], states.

    ``values`` are NaN wherever the state is not live.
    """

    times_s: Values
    values: Values
    states: tuple[State, ...]

    @property
    def is_live(self) -> NDArray[np.bool_]:
        """Where there is something to draw [shape=(n,)]."""
        live: NDArray[np.bool_] = np.isfinite(self.values[:, 0])
        return live

    @property
    def step_s(self) -> float:
        """The usual distance of two points in seconds, which is how far each speaks back."""
        return float(np.median(np.diff(self.times_s))) if len(self.times_s) > 1 else 0.5

    @property
    def start_s(self) -> float:
        """Where the first point's stretch begins."""
        return float(max(0.0, self.times_s[0] - self.step_s)) if len(self.times_s) else 0.0

    @property
    def end_s(self) -> float:
        """The time of the last point."""
        return float(self.times_s[-1]) if len(self.times_s) else 0.0

    def sections(self) -> Iterator[Section]:
        """The curve cut wherever quadrant or state changes; together they cover it."""
        kinds = [
            quadrant(value[0], value[2]) if state is State.LIVE else state
            for value, state in zip(self.values, self.states, strict=True)
        ]
        for kind, run in groupby(range(len(kinds)), key=kinds.__getitem__):
            indices = list(run)
            yield Section(kind, indices[0], indices[-1])

    def runs(self) -> Iterator[slice]:
        """The unbroken live stretches."""
        for live, run in groupby(range(len(self.states)), key=self.is_live.__getitem__):
            indices = list(run)
            if live:
                yield slice(indices[0], indices[-1] + 1)


def curve(readings: Sequence[Reading], most: int) -> Curve:
    """The readings as a curve of at most ``most`` points, each the mean of the live ones among those it stands for."""
    times = np.array([reading.time for reading in readings], np.float64)
    live = np.array([reading.state is State.LIVE for reading in readings], bool)
    values = np.array([(r.valence, r.valence_std, r.arousal, r.arousal_std) for r in readings], np.float64)
    values = values.reshape(-1, 4)
    live &= np.isfinite(values[:, 0]) & np.isfinite(values[:, 2])
    # A spread that is not known is drawn as none.
    values = np.where(live[:, None], np.nan_to_num(values), 0.0)
    starts = np.arange(0, len(readings), max(1, -(-len(readings) // most)))
    if not len(starts):
        return Curve(times, values, ())
    ends = np.append(starts[1:], len(readings)) - 1
    counts = np.add.reduceat(live.astype(np.float64), starts)
    sums = np.add.reduceat(values, starts)
    means = np.divide(sums, counts[:, None], out=np.full_like(sums, np.nan), where=counts[:, None] > 0)
    states = tuple(_state(readings[end].state, count > 0) for end, count in zip(ends, counts, strict=True))
    return Curve(times[ends], means, states)


def _state(last: State, any_live: bool) -> State:
    if any_live:
        return State.LIVE
    # A live reading without numbers says as little as one that waits for notes.
    return State.WARMING if last is State.LIVE else last
