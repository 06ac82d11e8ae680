"""How good a bundle is on a dataset that it was not trained on, and how good a recipe is by cross-validation.

A report has the same sections for the bundle and for each baseline: ``per_piece`` (a row a piece), ``per_step`` (a row
a step, against what was rated at that time), ``within_piece_r`` (the mean over pieces of the correlation in time) and
``seconds_heard`` (``per_piece`` when no more than so much was heard). Beside each stands ``<section>_interval``, from
drawing groups anew.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.bundle import Bundle
from models.errors import MoodringError
from models.predictor import Predictor
from offline.baselines import mean_predictor, ridge_predictor
from offline.dataset import Dataset, PieceSteps
from offline.metrics import (
    ROUNDS,
    Scores,
    Statistic,
    Values,
    group_numbers,
    joined,
    known_mean,
    mean_statistic,
    pearson,
    score_statistic,
    spread_terms,
    validate,
)
from offline.published import PUBLISHED, RELIABILITY, seeds
from realtime.summary import weights

#: Quality is looked at after so many seconds.
HEARD_S = (1.0, 2.0, 5.0, 10.0, 30.0)
LEVEL = 0.95
#: This many genres are looked at, each with so many pieces at least; the others are taken together.
GENRES, FEWEST_OF_GENRE = 12, 10
AXES = (("valence", 0), ("arousal", 2))


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Cross-validated scores of a model and, on the same pieces, of predicting the training labels' mean.

    ``mse`` is over the four columns on the 1–9 scale; ``r2_*``, ``rmse_*``, ``r_*`` and ``ccc_*`` of each output.
    ``by_corpus`` has the model's for each corpus alone, ``per_piece`` and ``per_step``; ``by_condition`` those of
    some pieces ``heard`` otherwise and ``as_is``, by the condition's name; ``by_genre`` how many pieces a genre has and
    how well they are told apart.
    """

    pieces: int
    groups: int
    folds: int
    model: Scores
    mean_predictor: Scores
    by_corpus: Mapping[str, Mapping[str, Scores]]
    by_condition: Mapping[str, Mapping[str, Scores]] = field(default_factory=dict)
    by_genre: Mapping[str, Scores] = field(default_factory=dict)

    def as_card(self) -> dict[str, Any]:
        """For a bundle's card, rounded to what carries meaning."""
        card: dict[str, Any] = rounded(asdict(self))
        return card


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """A bundle on a dataset: what it said of each step and piece, what was rated, and the ``report`` of both.

    ``steps`` have a piece each [shape=(steps, 4)], ``estimates`` and ``truth`` a row a piece [shape=(pieces, 4)].
    """

    bundle: Bundle
    dataset: Dataset
    steps: Sequence[Values]
    estimates: Values
    truth: Values
    report: Mapping[str, Any]


def rounded(figures: Any) -> Any:
    """The same with every float rounded to four digits, and None for those that are no number."""
    if isinstance(figures, Mapping):
        return {key: rounded(value) for key, value in figures.items()}
    if isinstance(figures, list | tuple):
        return [rounded(value) for value in figures]
    if isinstance(figures, float):
        return round(figures, 4) if math.isfinite(figures) else None
    return figures


def piece_labels(dataset: Dataset) -> Values:
    """One row a piece: the mean of its labels over its steps, NaN where it has none [shape=(pieces, 4)]."""
    return np.stack([known_mean(piece.labels) for piece in dataset.pieces])


def summarize_steps(
    affect: NDArray[np.floating[Any]], times_s: Values, heard: NDArray[np.bool_], window_s: float
) -> Values:
    """A piece's estimate from its steps [shape=(steps, 4)], weighted as ``analyze`` weights readings [shape=(4,)].

    ``heard`` tells the steps with something to go by; where there is none, all count.
    """
    counted = weights(times_s, window_s) * (heard if heard.any() else True)
    summary: Values = np.average(affect, axis=0, weights=counted)
    return summary


def summarize_piece(
    piece: PieceSteps, affect: Values, names: Sequence[str], window_s: float, *, until_s: float = math.inf
) -> Values:
    """The estimate of ``piece`` from what was said of its steps until ``until_s`` [shape=(steps, 4) to (4,)].

    A step counts as heard by the feature sets ``names``; see ``summarize_steps``.
    """
    heard_by = piece.times_s <= max(until_s, piece.times_s[0])
    heard = np.any([piece.features[name].any(axis=1) for name in names], axis=0)
    return summarize_steps(affect[heard_by], piece.times_s[heard_by], heard[heard_by], window_s)


def rated_in_time(piece: PieceSteps) -> Values:
    """What was rated at each step [shape=(steps, 4)]: while listening where that is known, else the labels."""
    dynamic = piece.dynamic is not None and bool(np.isfinite(piece.dynamic[:, [0, 2]]).any())
    return np.asarray(piece.dynamic if dynamic else piece.labels, np.float64)


def evaluate(bundle: Bundle, dataset: Dataset, *, seed: int = 1) -> dict[str, Any]:
    """Everything there is to say of ``bundle`` on ``dataset``, as one JSON object; raises as ``judge`` does."""
    return dict(judge(bundle, dataset, seed=seed).report)


def judge(bundle: Bundle, dataset: Dataset, *, seed: int = 1) -> Judgement:
    """Run ``bundle`` over ``dataset`` and judge it; ``seed`` is that of the bootstrap.

    Raises ``MoodringError`` where the bundle was trained on a group that is in the dataset, needs features or steps
    that the dataset does not have, or where there are not two pieces.
    """
    _verify_apart(bundle, dataset)
    steps = [_predict(bundle, piece) for piece in dataset.pieces]
    truth = piece_labels(dataset)
    names = [known.name for known in bundle.feature_sets]
    estimates = _summaries(dataset, steps, names)
    validate(estimates, truth)
    corpus = str(dataset.provenance.get("corpus", "?"))
    steady = mean_predictor(dataset, truth)
    constant = estimates.copy()
    constant[:, [1, 3]] = np.stack([said[0] for said in steady])[:, [1, 3]]
    beside = mean_statistic(spread_terms(constant, truth), group_numbers(dataset.groups))
    report: dict[str, Any] = {
        "type": "evaluation",
        "model": bundle.name,
        "corpus": corpus,
        "pieces": len(dataset.pieces),
        "groups": len(set(dataset.groups)),
        "bootstrap": {"seed": seed, "rounds": ROUNDS, "level": LEVEL},
        **sections(dataset, steps, truth, names, seed),
        "constant_spread": beside.value(),
        "constant_spread_interval": beside.intervals(seed=seed, level=LEVEL),
        "mean_predictor": sections(dataset, steady, truth, names, seed),
        "ridge": sections(dataset, ridge_predictor(dataset, names), truth, names, seed),
        "by_genre": _by_genre(dataset, estimates, truth, seed),
        "reliability": dict(RELIABILITY.get(corpus, {})),
        "seeds": seeds(corpus),
        "published": [asdict(found) for found in PUBLISHED if found.corpus == corpus],
    }
    return Judgement(bundle, dataset, steps, estimates, truth, rounded(report))


def _verify_apart(bundle: Bundle, dataset: Dataset) -> None:
    shared = sorted(set(bundle.card.get("groups", ())) & set(dataset.groups.tolist()))
    if shared:
        named = ", ".join(shared[:5]) + (", …" if len(shared) > 5 else "")
        raise MoodringError(
            f"'{bundle.name}' was trained on {len(shared)} of this dataset's groups ({named}): its figures would be "
            "of what it has seen; its card has cross-validated ones"
        )
    for known in bundle.feature_sets:
        if known.name not in dataset.provenance["feature_sets"]:
            raise MoodringError(f"'{bundle.name}' needs the features '{known.name}', which the dataset has not")
    if (bundle.hop_s, bundle.window_s) != (dataset.hop_s, dataset.window_s):
        raise MoodringError(
            f"'{bundle.name}' steps every {bundle.hop_s:g} s over {bundle.window_s:g} s, the dataset every "
            f"{dataset.hop_s:g} s over {dataset.window_s:g} s; prepare it again"
        )
    if len(dataset.pieces) < 2:
        raise MoodringError("there is one piece in this dataset; it takes two or more to judge a model")


def _predict(bundle: Bundle, piece: PieceSteps) -> Values:
    predictor = Predictor(bundle)
    affect, _ = predictor.follow(piece.features, predictor.start())
    return affect.astype(np.float64)


def _summaries(dataset: Dataset, steps: Sequence[Values], names: Sequence[str], *, until_s: float = math.inf) -> Values:
    both = zip(dataset.pieces, steps, strict=True)
    return np.stack([summarize_piece(piece, said, names, dataset.window_s, until_s=until_s) for piece, said in both])


def sections(
    dataset: Dataset, steps: Sequence[Values], truth: Values, names: Sequence[str], seed: int
) -> dict[str, Any]:
    """The sections of a report for one predictor: ``steps`` is what it said of each piece [a piece: shape=(steps, 4)],
    ``truth`` the labels [shape=(pieces, 4)], ``names`` the feature sets by which a step counts as heard."""
    groups = group_numbers(dataset.groups)
    longest_s = max(piece.times_s[-1] for piece in dataset.pieces)
    statistics = {
        "per_piece": _with_spreads(_summaries(dataset, steps, names), truth, groups),
        "per_step": _per_step(dataset, steps, groups),
        "within_piece_r": mean_statistic(_within_piece(dataset, steps), groups),
    }
    heard = {
        f"{until_s:g}": _with_spreads(_summaries(dataset, steps, names, until_s=until_s), truth, groups)
        for until_s in HEARD_S
        if until_s <= longest_s
    }
    report: dict[str, Any] = {}
    for name, statistic in statistics.items():
        report[name], report[f"{name}_interval"] = statistic.value(), statistic.intervals(seed=seed, level=LEVEL)
    # What no piece is long enough for is not known.
    report["seconds_heard"] = {f"{s:g}": None for s in HEARD_S} | {s: one.value() for s, one in heard.items()}
    report["seconds_heard_interval"] = {f"{s:g}": None for s in HEARD_S} | {
        s: one.intervals(seed=seed, level=LEVEL) for s, one in heard.items()
    }
    return report


def _with_spreads(predicted: Values, truth: Values, groups: NDArray[np.int64]) -> Statistic:
    return joined(score_statistic(predicted, truth, groups), mean_statistic(spread_terms(predicted, truth), groups))


def _per_step(dataset: Dataset, steps: Sequence[Values], groups: NDArray[np.int64]) -> Statistic:
    rated = np.concatenate([rated_in_time(piece) for piece in dataset.pieces])
    of_step = np.repeat(groups, [len(piece.times_s) for piece in dataset.pieces])
    return _with_spreads(np.concatenate(steps), rated, of_step)


def _within_piece(dataset: Dataset, steps: Sequence[Values]) -> dict[str, Values]:
    """Of each piece the correlation in time, NaN for pieces whose ratings do not move [each shape=(pieces,)]."""
    found = {axis: np.full(len(dataset.pieces), np.nan) for axis, _ in AXES}
    for number, (piece, affect) in enumerate(zip(dataset.pieces, steps, strict=True)):
        rated = rated_in_time(piece)
        for axis, column in AXES:
            known = np.isfinite(rated[:, column])
            if known.sum() > 2 and np.ptp(rated[known, column]) > 1e-6:
                found[axis][number] = pearson(affect[known, column], rated[known, column])
    return found


def genre_rows(pieces: Sequence[PieceSteps]) -> dict[str, NDArray[np.int64]]:
    """Which pieces each genre has, those with most pieces first; empty where no genre is known."""
    genres = [piece.genre for piece in pieces]
    if not any(genres):
        return {}
    counts = Counter(genre for genre in genres if genre)
    common = [genre for genre, count in counts.most_common(GENRES) if count >= FEWEST_OF_GENRE]
    kinds = np.array([genre if genre in common else "other or unknown" for genre in genres])
    rows = {kind: np.flatnonzero(kinds == kind) for kind in [*common, "other or unknown"]}
    return {kind: found for kind, found in rows.items() if len(found)}


def _by_genre(dataset: Dataset, estimates: Values, truth: Values, seed: int) -> dict[str, Any]:
    """Pieces, figures and intervals of each genre."""
    found: dict[str, Any] = {}
    for kind, rows in genre_rows(dataset.pieces).items():
        statistic = score_statistic(estimates[rows], truth[rows], group_numbers(dataset.groups[rows]))
        beside = {"figures_interval": statistic.intervals(seed=seed, level=LEVEL)}
        found[kind] = {"pieces": len(rows), "figures": statistic.value(), **beside}
    return found
