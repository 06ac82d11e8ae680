"""Whether a correction is worth having: judged by sessions that were left out, choices included.

Intervals come from drawing whole sessions anew, widened for small numbers of them as Hesterberg has it ("What teachers
should know about the bootstrap", The American Statistician 2015).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import MoodringError
from offline.adaptation.concordance import concordance, concordance_of, mean_agreement
from offline.adaptation.learning import chosen_ridge, fit, rows_of, said_by
from offline.adaptation.rated import MEANS, Rated
from offline.metrics import Interval, Statistic, Values, group_numbers, middle, score_statistic
from realtime.outputs.wording import count

#: Fewer sessions cannot say whether a correction is better by more than chance.
FEWEST_GROUPS = 5
_OUTER_FOLDS = 10
#: Intervals are drawn so often. Of this level, the lower end is passed by one in twenty.
_ROUNDS, LEVEL = 2000, 0.9
#: So often sessions' ratings are dealt out anew, and so seldom may they agree as well.
_DEALS, _CHANCE = 600, 0.025


@dataclass(frozen=True, slots=True)
class Comparison:
    """Base and adapted bundle on the same sessions: ``base`` and ``adapted`` are ``ccc_`` and ``rmse_`` by axis,
    ``gain`` the mean gain in CCC over both axes with its ``interval``, and ``differences`` the intervals of what each
    figure of the adapted is more than the base's."""

    groups: int
    base: Mapping[str, float]
    adapted: Mapping[str, float]
    gain: float
    interval: Interval
    differences: Mapping[str, Interval]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How base and adapted bundle ``compared`` on sessions that were left out, and how often ratings that were given to
    other sessions would agree as well: by ``chance``, 0–1."""

    compared: Comparison
    chance: float

    @property
    def is_better(self) -> bool:
        """Whether the gain is above its interval, and what is gained on follows these ratings, not just any."""
        return self.compared.interval[0] > 0 and self.follows

    @property
    def follows(self) -> bool:
        """Whether the adapted bundle agrees with these ratings more than chance would have it."""
        return self.chance <= _CHANCE


def judge(rated: Sequence[Rated], share: float, *, seed: int) -> Verdict:
    """How base and correction do on sessions that neither choice nor fit has seen.

    Raises ``MoodringError`` where there are fewer than ``FEWEST_GROUPS``.
    """
    rows, _ = rows_of(rated, share)
    sessions = len(np.unique(rows.groups))
    if sessions < FEWEST_GROUPS:
        raise MoodringError(
            f"{count(sessions, 'rated session')}: it takes {FEWEST_GROUPS} at least to tell a correction "
            "from chance; record and rate more, each piece in a recording of its own"
        )
    adapted = np.empty_like(rows.affect)
    for held_out in rows.folds(_OUTER_FOLDS):
        known = rows.take(~held_out)
        adapted[held_out] = said_by(fit(known, chosen_ridge(known)), rows.take(held_out))
    compared = compare(rows.affect, adapted, rows.ratings, rows.groups, seed=seed)
    return Verdict(compared, _chance(adapted, rows.ratings, rows.groups, np.random.default_rng(seed)))


def _chance(adapted: Values, ratings: Values, groups: NDArray[np.int64], rng: np.random.Generator) -> float:
    """How often whole sessions' ratings, dealt out anew and begun anywhere in them, agree as well with what is said.

    That is a permutation test: it holds for ratings of any kind, however long they stay alike, and for few sessions.
    """
    places = [np.flatnonzero(groups == number) for number in np.unique(groups)]
    said, own = (np.concatenate([values[place] for place in places])[:, MEANS] for values in (adapted, ratings))
    reached, as_good = concordance_of(said, own), 1
    for _ in range(_DEALS):
        dealt = [
            np.take(ratings[other][:, MEANS], rng.integers(len(other)) + np.arange(len(place)), axis=0, mode="wrap")
            for place, other in zip(places, [places[number] for number in rng.permutation(len(places))], strict=True)
        ]
        as_good += concordance_of(said, np.concatenate(dealt)) >= reached
    return as_good / (_DEALS + 1)


def compare(base: Values, adapted: Values, ratings: Values, groups: NDArray[Any], *, seed: int) -> Comparison:
    """Compare two predictors on the same rows [shape=(n, 4)], whole ``groups`` [shape=(n,)] drawn anew."""
    numbers = group_numbers(groups)
    sessions = int(numbers.max()) + 1
    before, after = (score_statistic(said, ratings, numbers) for said in (base, adapted))
    level = _widened(sessions)
    drawn, drawn_after = (one.drawn(seed=seed, rounds=_ROUNDS) for one in (before, after))
    agreed, agreed_after = mean_agreement(drawn), mean_agreement(drawn_after)
    return Comparison(
        groups=sessions,
        base=_known_figures(before),
        adapted=_known_figures(after),
        gain=concordance(after) - concordance(before),
        interval=middle(agreed_after - agreed, level),
        differences={
            name: middle(np.nan_to_num(drawn_after[name]) - np.nan_to_num(drawn[name]), level) for name in _FIGURES
        },
    )


def _known_figures(statistic: Statistic) -> dict[str, float]:
    found = statistic.value()
    return {name: found[name] or 0.0 for name in _FIGURES}


_FIGURES = tuple(f"{kind}_{axis}_mean" for kind in ("ccc", "rmse") for axis in ("valence", "arousal"))


def _widened(number: int) -> float:
    """The level at which percentiles of ``number`` things drawn anew hold what ``LEVEL`` says."""
    from scipy.stats import t

    reach = t.ppf(0.5 + LEVEL / 2, number - 1) * np.sqrt(number / (number - 1))
    return float(2 * NormalDist().cdf(float(reach)) - 1)
