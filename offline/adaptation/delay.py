"""How late a listener answers.

What a base says lags behind the music by a part of its window, and both it and the ratings are so smooth that their
levels correlate nearly alike whatever the delay. So changes over ``_CHANGE_S`` are correlated, of both axes together: a
turn of the music enters a window at once, however long it stays there. That is the cross-correlation of differenced
series, as reaction times to music are found (Schubert, "Modeling perceived emotion with continuous musical features",
Music Perception 2004). On VGMIDI, rated as the mean of its raters says but late by 0 to 4 s, what is found is 0.3 s
early on average; levels are 1.2 s early.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from offline.adaptation.rated import MEANS, Rated
from offline.metrics import Values

#: A listener answers late, by so many seconds at most.
LONGEST_DELAY_S = 6.0
#: Changes over so many seconds: over less noise drowns them, over more they are levels again and drawn towards 0.
_CHANGE_S = 4.0
#: What is found must not move by more, as sessions are drawn anew (standard deviation), to be told.
_STEADY_S = 1.0
#: By so many standard errors the correlation must be above 0: it is the best of thirteen.
_CLEARLY = 3.5
_ROUNDS = 500


@dataclass(frozen=True, slots=True)
class Delay:
    """The ``seconds`` by which ratings follow the music, 0 to ``LONGEST_DELAY_S``, and ``within`` how many (standard
    error); 0 and None where the ratings do not tell."""

    seconds: float
    within: float | None

    def __str__(self) -> str:
        if self.within is None:
            return "these ratings do not tell; none is assumed"
        return f"{self.seconds:.1f} s (± {self.within:.1f})"


def reaction_delay(rated: Sequence[Rated], hop_s: float, *, seed: int = 0) -> Delay:
    """By how much the changes of the ratings follow those of the base's readings best, pooled over sessions.

    ``seed`` is that of the draws of sessions, which say how sure that is.
    """
    lags = round(LONGEST_DELAY_S / hop_s) + 1
    sums = np.array([found for one in rated if (found := _lagged(one, lags, round(_CHANGE_S / hop_s))) is not None])
    if len(sums) < 2:
        return Delay(0.0, None)
    counts = np.random.default_rng(seed).multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=_ROUNDS)
    drawn = _correlations(np.tensordot(counts.astype(np.float64), sums, 1))
    found = _correlations(sums.sum(axis=0))
    best = int(found.argmax())
    within = float(drawn.argmax(axis=1).std() * hop_s)
    if within > _STEADY_S or found[best] < _CLEARLY * drawn[:, best].std():
        return Delay(0.0, None)
    return Delay(best * hop_s, within)


def _correlations(sums: Values) -> Values:
    """The correlation at each lag [shape=(…, lags)] of sums [shape=(…, 3, lags)]."""
    return np.asarray(sums[..., 0, :] / np.sqrt(np.maximum(sums[..., 1, :] * sums[..., 2, :], 1e-12)))


def _lagged(one: Rated, lags: int, change: int) -> Values | None:
    """Covariance and variances of the changes in a session for each lag [shape=(3, lags)]; None where it is short."""
    said, rated = (values[change:, MEANS] - values[:-change, MEANS] for values in (one.affect, one.ratings))
    steps = len(said) - lags + 1
    if steps < 2 * lags:
        return None
    later = np.stack([rated[lag : lag + steps] for lag in range(lags)])
    known = np.isfinite(later).all(axis=(0, 2))
    if known.sum() < 2:
        return None
    said, later = said[:steps][known], later[:, known]
    if not later.any():
        # A point that never moved has no delay, and rounding would find one.
        return None
    said, later = said - said.mean(axis=0), later - later.mean(axis=1, keepdims=True)
    return np.stack([(said * later).sum(axis=(1, 2)), np.full(lags, (said**2).sum()), (later**2).sum(axis=(1, 2))])
