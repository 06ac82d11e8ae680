"""How far raters of the same sessions agree, two at a time, once it is allowed for that one answers later.

What both say is compared on a grid of ``GRID_S``, all sessions that both rated together: Lin's concordance correlation
coefficient, which a rater's own use of the scale lowers, and Pearson's r, which it does not. Each rater answers late by
a time of their own; the difference of the two is estimated as ``offline.adaptation`` estimates by how much ratings
follow readings, over stretches of ``STRETCH_S``, and taken out where it is clear.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from models.affect import OUTPUTS
from offline.adaptation.delay import reaction_delay
from offline.adaptation.rated import Rated
from offline.corpora.raters import Pass, Values
from offline.metrics import scores
from realtime.outputs.wording import count
from realtime.recording.ratings import UNNAMED

#: Seconds from one comparison to the next.
GRID_S = 0.5
#: Delays are told from stretches of so many seconds.
STRETCH_S = 30.0


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of two ``raters``, the same one twice where it is two passes of one: over how many ``sessions`` and ``minutes``
    both rated, by how many seconds the second answered later (below 0: earlier), and how far they agree in valence and
    in arousal: ``ccc`` and ``r``, 0 where one of them never moved and None where too little is there to say."""

    raters: tuple[str, str]
    sessions: int
    minutes: float
    later_s: float
    ccc: tuple[float | None, float | None]
    r: tuple[float | None, float | None]

    def __str__(self) -> str:
        first, second = self.raters
        names = f"{first} and {second}" if first != second else f"{first}, twice"
        late = f", {second if first != second else 'the second time'} {abs(self.later_s):g} s "
        late = late + ("later" if self.later_s > 0 else "earlier") if self.later_s else ""
        return (
            f"{names}: agreement (CCC) {_pair(self.ccc)}; r {_pair(self.r)}; "
            f"{self.minutes:.1f} minutes in {count(self.sessions, 'session')}{late}"
        )


def agreements(sessions: Iterable[Sequence[Pass]]) -> list[Agreement]:
    """Every two raters that have rated a session in common, by name; ``sessions`` are the passes of each."""
    shared: dict[tuple[str, str], list[tuple[Values, Values]]] = {}
    for passes in sessions:
        for one, other in combinations(sorted(passes, key=lambda each: each.rater or UNNAMED), 2):
            both = _compared(one, other)
            if len(both[0]):
                shared.setdefault((one.rater or UNNAMED, other.rater or UNNAMED), []).append(both)
    return [_agreement(raters, pairs) for raters, pairs in sorted(shared.items())]


def _compared(one: Pass, other: Pass) -> tuple[Values, Values]:
    """What both say from when both have begun until the first has ended [each shape=(steps, 2)]."""
    last_s = max(one.times_s[-1], other.times_s[-1])
    ends_s = [each.end_s for each in (one, other) if each.end_s is not None]
    times_s = np.arange(0.0, min([*ends_s, last_s + GRID_S]), GRID_S)
    said, true = one.at(times_s), other.at(times_s)
    known = np.isfinite(said).all(axis=1) & np.isfinite(true).all(axis=1)
    return said[known], true[known]


def _agreement(raters: tuple[str, str], pairs: Sequence[tuple[Values, Values]]) -> Agreement:
    later_s = _later_s(pairs) or -_later_s([(true, said) for said, true in pairs])
    steps = round(later_s / GRID_S)
    kept = [
        (said[max(-steps, 0) : len(said) - max(steps, 0)], true[max(steps, 0) : len(true) - max(-steps, 0)])
        for said, true in pairs
    ]
    said, true = (np.concatenate([pair[side] for pair in kept]) for side in (0, 1))
    found = scores(_four(said, 0.0), _four(true, np.nan)) if len(said) > 1 else {}
    ccc, r = ((found.get(f"{name}_valence_mean"), found.get(f"{name}_arousal_mean")) for name in ("ccc", "r"))
    return Agreement(raters, len(pairs), len(said) * GRID_S / 60, later_s, ccc, r)


def _later_s(pairs: Sequence[tuple[Values, Values]]) -> float:
    """By how much the second of each pair clearly follows the first, in seconds; 0 where that is not clear."""
    return reaction_delay(list(_stretches(pairs)), GRID_S).seconds


def _stretches(pairs: Sequence[tuple[Values, Values]]) -> Iterator[Rated]:
    for said, true in pairs:
        number = max(1, int(len(said) * GRID_S / STRETCH_S))
        for first, second in zip(np.array_split(said, number), np.array_split(true, number), strict=True):
            unused = np.ones((len(first), 1), np.float32)
            yield Rated("", "", _four(first, 0.0), unused, _four(second, np.nan))


def _four(points: Values, spread: float) -> Values:
    """Valence and arousal [shape=(n, 2)] in the columns of the networks' outputs, which have spreads beside them."""
    columns = np.full((len(points), len(OUTPUTS)), spread)
    columns[:, [0, 2]] = points
    return columns


def _pair(figures: tuple[float | None, float | None]) -> str:
    valence, arousal = ("–" if figure is None else f"{figure:.2f}".replace("-", "−") for figure in figures)
    return f"{valence} valence, {arousal} arousal"
