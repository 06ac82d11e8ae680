"""A small correction of what a bundle says, learned from one listener's ratings, and whether it is worth having.

Few ratings cannot teach a network, but they tell how a listener uses the scale: where its middle is and how much of it
is used. So each axis is moved and stretched until the readings have the mean and the spread of the ratings, held back
towards no change as if ``PRIOR`` windows of music had been rated just as the base reads them (a normal prior on the
shift and on the logarithm of the stretch). The line of least squares is not taken: it flattens what is uncertain, and
readings that hardly move agree less with a listener (Lin's concordance) though their error is smaller. Where there are
sessions enough, ridge regression on the principal components of the base's features may turn the readings first; it is
taken only if it is clearly better on sessions that it has not seen.

Everything is judged by sessions that were left out, choices included. Intervals come from drawing whole sessions anew,
widened for small numbers of them as Hesterberg has it ("What teachers should know about the bootstrap", The American
Statistician 2015).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.affect import OUTPUTS, SCALE_HIGH, SCALE_LOW
from models.bundle import Bundle
from models.errors import MoodringError
from models.predictor import Predictor
from offline.dataset import Dataset, PieceSteps
from offline.evaluation import rated_in_time
from offline.metrics import Interval, Statistic, Values, score_statistic

#: Fewer sessions cannot say whether a correction is better by more than chance.
FEWEST_GROUPS = 5
#: How many windows the base's word counts as. From 5 to 80 it makes little difference to agreement, and more of it
#: keeps the error down.
PRIOR = 40.0
#: So many sessions before the features are looked at, too, and how strongly their weights are held back then.
_GROUPS_FOR_FEATURES = 30
_RIDGES = (100.0, 300.0)
_COMPONENTS = 8
#: Standardised features are clipped here.
FEATURE_CLIP = 4.0
#: No axis is stretched by more, nor pressed together by more, than this.
_MOST_STRETCH = 3.0
_OUTER_FOLDS, _INNER_FOLDS = 10, 5
_MEANS, _SPREADS = [0, 2], [1, 3]
_ROUNDS, _LEVEL = 2000, 0.95
#: The least spread that the networks give.
LEAST_SPREAD = 0.37
#: A listener answers late, by so many seconds at most.
LONGEST_DELAY_S = 6.0
#: By so many standard errors what is less simple must be better: the best of a dozen would be by chance, too.
_CLEARLY = 2.6


@dataclass(frozen=True, slots=True, eq=False)
class Rated:
    """A piece or session of ``group``: what the base says of each step [shape=(n, 4)], the base's raw ``features`` side
    by side [shape=(n, features)], and what was rated [shape=(n, 4)], NaN where nothing was."""

    name: str
    group: str
    affect: Values
    features: NDArray[np.float32]
    ratings: Values

    @property
    def is_rated(self) -> NDArray[np.bool_]:
        """The steps that have ratings of both axes and heard something [shape=(n,)]."""
        return np.asarray(np.isfinite(self.ratings[:, _MEANS]).all(axis=1) & self.features.any(axis=1), np.bool_)


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
        corrected[..., _MEANS] = np.clip(affect[..., _MEANS] * self.stretch + self.shift + turn, SCALE_LOW, SCALE_HIGH)
        corrected[..., _SPREADS] = np.clip(affect[..., _SPREADS] * self.widths, LEAST_SPREAD, SCALE_HIGH)
        return corrected


def standardized(features: NDArray[np.floating[Any]], centre: Values, scale: Values) -> Values:
    """Raw features in standard deviations from their mean, clipped."""
    return np.asarray(np.clip((features - centre) / scale, -FEATURE_CLIP, FEATURE_CLIP))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What sessions that were left out say: ``base`` and ``adapted`` are ``ccc_`` and ``rmse_`` by axis, ``gain`` the
    mean gain in CCC over both axes with its ``interval``, ``agreement`` the interval of the adapted CCC itself."""

    groups: int
    base: Mapping[str, float]
    adapted: Mapping[str, float]
    gain: float
    interval: Interval
    agreement: Interval

    @property
    def is_better(self) -> bool:
        """Whether the gain is above chance, and what is gained on says something of the ratings at all."""
        return self.interval[0] > 0 and self.agreement[0] > 0


def rated_pieces(bundle: Bundle, dataset: Dataset, rater: str | None = None) -> list[Rated]:
    """What ``bundle`` says of each rated piece, those of one ``rater`` (the cohort in the dataset) if named.

    Raises ``MoodringError`` where the dataset lacks features that the bundle takes, has other steps, or no ratings.
    """
    for known in bundle.feature_sets:
        if known.name not in dataset.provenance["feature_sets"]:
            raise MoodringError(
                f"'{bundle.name}' needs the features '{known.name}', which the dataset has not; prepare it again with "
                f"--features {','.join(one.name for one in bundle.feature_sets)}"
            )
    if (bundle.hop_s, bundle.window_s) != (dataset.hop_s, dataset.window_s):
        raise MoodringError(
            f"'{bundle.name}' steps every {bundle.hop_s:g} s over {bundle.window_s:g} s, the dataset every "
            f"{dataset.hop_s:g} s over {dataset.window_s:g} s; prepare it again with --window {bundle.window_s:g}"
        )
    raters = sorted({piece.cohort for piece in dataset.pieces if piece.cohort})
    if rater is not None and rater not in raters:
        raise MoodringError(f"no ratings by '{rater}' in the dataset; there are those of {', '.join(raters) or 'none'}")
    chosen = [piece for piece in dataset.pieces if rater is None or piece.cohort == rater]
    found = [_rated(bundle, piece) for piece in chosen if np.isfinite(rated_in_time(piece)[:, _MEANS]).any()]
    if not found:
        raise MoodringError("the dataset has no ratings; rate while you record, with the arrow keys or the page")
    return found


def _rated(bundle: Bundle, piece: PieceSteps) -> Rated:
    predictor = Predictor(bundle)
    state = predictor.start()
    affect = np.empty((len(piece.times_s), len(OUTPUTS)))
    for number in range(len(affect)):
        features = {known.name: piece.features[known.name][number] for known in bundle.feature_sets}
        affect[number], state = predictor.step(features, state)
    own = np.concatenate([piece.features[known.name] for known in bundle.feature_sets], axis=1)
    return Rated(piece.piece, piece.group, affect, own, rated_in_time(piece))


def reaction_delay_s(rated: Sequence[Rated], hop_s: float) -> float:
    """By how many seconds the ratings follow the base's readings best, 0 to ``LONGEST_DELAY_S``.

    Cross-correlation within sessions, pooled; 0 unless another delay is clearly better, by its standard error from
    leaving out a session at a time.
    """
    lags = int(LONGEST_DELAY_S / hop_s) + 1
    moments = np.array([found for one in rated if (found := _lagged(one, lags)) is not None])
    if len(moments) < 2:
        return 0.0

    def correlations(sums: Values) -> Values:
        return np.asarray(sums[..., 0, :] / np.sqrt(np.maximum(sums[..., 1, :] * sums[..., 2, :], 1e-12)))

    total = moments.sum(axis=0)
    found = correlations(total)
    best = int(found.argmax())
    without = correlations(total - moments)
    gains = without[:, best] - without[:, 0]
    error = np.sqrt((len(gains) - 1) * gains.var())
    return best * hop_s if found[best] - found[0] > _CLEARLY * error else 0.0


def _lagged(one: Rated, lags: int) -> Values | None:
    """Covariance and variances within a session for each lag [shape=(3, lags)]; None where it is too short."""
    steps = len(one.affect) - lags + 1
    if steps < 2 * lags:
        return None
    sums = np.zeros((3, lags))
    known = np.all([np.isfinite(one.ratings[lag : lag + steps, _MEANS]).all(axis=1) for lag in range(lags)], axis=0)
    if known.sum() < 2:
        return None
    said = one.affect[:steps, _MEANS][known]
    said = said - said.mean(axis=0)
    for lag in range(lags):
        true = one.ratings[lag : lag + steps, _MEANS][known]
        true = true - true.mean(axis=0)
        sums[:, lag] += [(said * true).sum(), (said**2).sum(), (true**2).sum()]
    return sums


def without_delay(one: Rated, steps: int) -> Rated:
    """The ratings moved to the music that they answer, so many steps before; the last steps are unrated then."""
    if steps == 0:
        return one
    moved = np.full_like(one.ratings, np.nan)
    moved[:-steps] = one.ratings[steps:]
    return replace(one, ratings=moved)


@dataclass(frozen=True, slots=True, eq=False)
class _Basis:
    """Centre and scale of features [shape=(features,)], and principal components [shape=(features, components)], the
    first of variance 1."""

    centre: Values
    scale: Values
    directions: Values


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """The rated steps of several sessions: outputs and ratings [shape=(n, 4)], ``scores`` on principal components of
    the features [shape=(n, components)], and sessions by number; ``share`` is how much of a window each step is."""

    affect: Values
    ratings: Values
    scores: Values
    groups: NDArray[np.int64]
    share: float

    def take(self, rows: NDArray[np.bool_]) -> _Rows:
        return _Rows(self.affect[rows], self.ratings[rows], self.scores[rows], self.groups[rows], self.share)

    def folds(self, count: int) -> Iterator[NDArray[np.bool_]]:
        """Which rows are held out, each session once, those with most rows spread over the folds."""
        numbers, sizes = np.unique(self.groups, return_counts=True)
        parts: list[list[int]] = [[] for _ in range(min(count, len(numbers)))]
        filled = np.zeros(len(parts))
        for place in np.argsort(-sizes, kind="stable"):
            part = int(filled.argmin())
            parts[part].append(int(numbers[place]))
            filled[part] += sizes[place]
        for held_out in parts:
            yield np.isin(self.groups, held_out)


def _rows(rated: Sequence[Rated], share: float) -> tuple[_Rows, _Basis | None]:
    """The rated steps, and the basis of their scores, None where there are too few sessions to look at features."""
    names = {name: number for number, name in enumerate(sorted({one.group for one in rated if one.is_rated.any()}))}
    rated = [one for one in rated if one.group in names]
    groups = np.concatenate([np.full(one.is_rated.sum(), names[one.group]) for one in rated])
    affect, ratings, features = (
        np.concatenate([getattr(one, name)[one.is_rated] for one in rated])
        for name in ("affect", "ratings", "features")
    )
    basis = _basis(features) if len(names) >= _GROUPS_FOR_FEATURES else None
    scores = np.empty((len(groups), 0))
    if basis is not None:
        scores = standardized(features, basis.centre, basis.scale) @ basis.directions
    return _Rows(affect, ratings, scores, groups, share), basis


def _basis(features: NDArray[np.float32]) -> _Basis:
    """What music varies in, ratings unseen: so those sessions may have their part in it that are left out later."""
    # Neighbouring steps share most of their window: one in four says what all of them do.
    some = features[::4].astype(np.float64)
    centre, scale = some.mean(axis=0), some.std(axis=0)
    scale = np.where(scale > 1e-6, scale, 1.0)
    standard = standardized(some, centre, scale)
    _, sizes, directions = np.linalg.svd(standard - standard.mean(axis=0), full_matrices=False)
    spread = max(float(sizes[0]) / np.sqrt(len(some)), 1e-9)
    return _Basis(centre, scale, directions[:_COMPONENTS].T / spread)


def learn(rated: Sequence[Rated], share: float) -> Correction:
    """The correction of all ``rated`` sessions, chosen by leaving some out; ``share`` is a hop over a window."""
    rows, basis = _rows(rated, share)
    correction, weights = _fit(rows, _chosen_ridge(rows))
    if weights is None or basis is None:
        return correction
    return replace(correction, centre=basis.centre, scale=basis.scale, weights=basis.directions @ weights)


def judge(rated: Sequence[Rated], share: float, *, seed: int) -> Verdict:
    """How base and correction do on sessions that neither choice nor fit has seen.

    Raises ``MoodringError`` where there are fewer than ``FEWEST_GROUPS``.
    """
    rows, _ = _rows(rated, share)
    count = len(np.unique(rows.groups))
    if count < FEWEST_GROUPS:
        raise MoodringError(
            f"{count} rated session{'' if count == 1 else 's'}: it takes {FEWEST_GROUPS} at least to tell a correction "
            "from chance; record and rate more, each piece in a recording of its own"
        )
    adapted = np.empty_like(rows.affect)
    for held_out in rows.folds(_OUTER_FOLDS):
        known = rows.take(~held_out)
        adapted[held_out] = _said(_fit(known, _chosen_ridge(known)), rows.take(held_out))
    return verdict(rows.affect, adapted, rows.ratings, rows.groups, seed=seed)


def verdict(base: Values, adapted: Values, ratings: Values, groups: NDArray[Any], *, seed: int) -> Verdict:
    """Compare two predictors on the same rows [shape=(n, 4)], whole ``groups`` [shape=(n,)] drawn anew."""
    numbers = np.unique(groups, return_inverse=True)[1]
    count = int(numbers.max()) + 1
    before, after = (score_statistic(said, ratings, numbers) for said in (base, adapted))
    level = _widened(count)
    drawn = [_agreement(one.drawn(seed=seed, rounds=_ROUNDS)) for one in (before, after)]
    interval, agreement = _quantiles(drawn[1] - drawn[0], level), _quantiles(drawn[1], level)
    gain = _concordance(after) - _concordance(before)
    return Verdict(count, _known_figures(before), _known_figures(after), gain, interval, agreement)


def _known_figures(statistic: Statistic) -> dict[str, float]:
    found = statistic.value()
    return {name: found[name] or 0.0 for name in _FIGURES}


_FIGURES = tuple(f"{kind}_{axis}_mean" for kind in ("ccc", "rmse") for axis in ("valence", "arousal"))


def _agreement(figures: Mapping[str, Values]) -> Values:
    both = np.stack([figures["ccc_valence_mean"], figures["ccc_arousal_mean"]])
    return np.asarray(np.nan_to_num(both).mean(axis=0))


def _concordance(statistic: Statistic) -> float:
    return float(_agreement(statistic.figures(statistic.sums.sum(axis=0)[None]))[0])


def _quantiles(drawn: Values, level: float) -> Interval:
    low, high = np.quantile(drawn, [0.5 - level / 2, 0.5 + level / 2])
    return float(low), float(high)


def _widened(count: int) -> float:
    """The level at which percentiles of ``count`` things drawn anew hold what ``_LEVEL`` says."""
    from scipy.stats import t

    reach = t.ppf(0.5 + _LEVEL / 2, count - 1) * np.sqrt(count / (count - 1))
    return float(2 * NormalDist().cdf(float(reach)) - 1)


def _chosen_ridge(rows: _Rows) -> float | None:
    """How strongly weights of features are held back, None to leave features alone: the simpler unless the other is
    clearly better on sessions left out."""
    if not rows.scores.shape[1]:
        return None
    folds = list(rows.folds(_INNER_FOLDS))
    plain = _held_out(rows, folds, None)
    turned = {ridge: _held_out(rows, folds, ridge) for ridge in _RIDGES}
    best = max(turned, key=lambda ridge: _concordance(turned[ridge]))
    drawn = [_agreement(one.drawn(seed=0, rounds=200)) for one in (plain, turned[best])]
    gain = _concordance(turned[best]) - _concordance(plain)
    return best if gain > _CLEARLY * (drawn[1] - drawn[0]).std() else None


def _held_out(rows: _Rows, folds: Sequence[NDArray[np.bool_]], ridge: float | None) -> Statistic:
    said = np.empty_like(rows.affect)
    for held_out in folds:
        said[held_out] = _said(_fit(rows.take(~held_out), ridge), rows.take(held_out))
    return score_statistic(said, rows.ratings, np.unique(rows.groups, return_inverse=True)[1])


#: A correction, and weights of the scores that turn its means [shape=(components, 2)], None where features are left
#: alone.
_Fit = tuple[Correction, Values | None]


def _said(fit: _Fit, rows: _Rows) -> Values:
    correction, weights = fit
    return correction.moved(rows.affect, 0.0 if weights is None else rows.scores @ weights)


def _fit(rows: _Rows, ridge: float | None) -> _Fit:
    counted = len(rows.affect) * rows.share
    trust = counted / (counted + PRIOR)
    said, true = rows.affect[:, _MEANS], rows.ratings[:, _MEANS]
    widths = _widths(rows, trust)
    if ridge is None:
        return Correction(*_matched(said, true, trust), widths), None
    weights = _turn(rows, ridge, trust)
    stretch, shift = _matched(said + rows.scores @ weights, true, trust)
    return Correction(stretch, shift, widths), weights * stretch


def _matched(said: Values, true: Values, trust: float) -> tuple[Values, Values]:
    """Stretch and shift towards the mean and spread of what is ``true``, as far as there is ``trust``, 0–1."""
    spread = np.maximum(said.std(axis=0), 1e-3)
    ratio = np.clip(true.std(axis=0) / spread, 1 / _MOST_STRETCH, _MOST_STRETCH)
    stretch = ratio**trust
    middle = said.mean(axis=0)
    return stretch, middle + trust * (true.mean(axis=0) - middle) - stretch * middle


def _widths(rows: _Rows, trust: float) -> Values:
    """What spreads are multiplied by: 1 where only one listener rated, whose spread over listeners nobody knows."""
    widths = np.ones(2)
    for axis, column in enumerate(_SPREADS):
        known = np.isfinite(rows.ratings[:, column])
        if known.mean() > 0.5:
            ratio = rows.ratings[known, column].mean() / max(rows.affect[known, column].mean(), 1e-3)
            widths[axis] = np.clip(ratio, 1 / _MOST_STRETCH, _MOST_STRETCH) ** trust
    return widths


def _turn(rows: _Rows, ridge: float, trust: float) -> Values:
    """Weights of the scores that turn the readings [shape=(components, 2)]."""
    scores = rows.scores - rows.scores.mean(axis=0)
    weights = np.zeros((scores.shape[1], 2))
    square = rows.share * scores.T @ scores + ridge * np.eye(scores.shape[1])
    for axis, column in enumerate(_MEANS):
        said = rows.affect[:, column] - rows.affect[:, column].mean()
        true = rows.ratings[:, column] - rows.ratings[:, column].mean()
        slope = (1 - trust) + trust * (said @ true) / max(said @ said, 1e-9)
        across = rows.share * scores.T @ (true - slope * said)
        weights[:, axis] = np.linalg.solve(square, across) / max(slope, 0.25)
    return weights
