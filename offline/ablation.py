"""What each feature set is worth: a kernel on it alone, and on all the others without it, as a Markdown table.

One row a piece, its fullest window; folds by groups; the exponent is fixed and the ridge chosen on inner folds. With so
few landmarks the figures are a little below those of the ``kernel`` that ships, alike for all rows of the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from offline.crossvalidation import Progress, split
from offline.dataset import Dataset
from offline.evaluation import piece_labels
from offline.kernel_ridge import RIDGES, Problem, inner_folds, likenesses, sample
from offline.metrics import Scores, Values, scores
from offline.networks.kernel import CLIP
from offline.recipe import Recipe

_GAMMA = 0.25
_LANDMARKS = 600


@dataclass(frozen=True, slots=True)
class Worth:
    """The scores of a feature set ``alone`` and of all others ``without`` it."""

    name: str
    features: int
    alone: Scores
    without: Scores


def ablate(
    dataset: Dataset, inputs: Sequence[str], *, seed: int = 1, progress: Progress = lambda line: None
) -> tuple[Scores, list[Worth]]:
    """The scores with all feature sets, and what each of them is worth."""
    truth = piece_labels(dataset)
    features = {name: np.stack([piece.features[name][-1] for piece in dataset.pieces]) for name in inputs}
    everything = tuple(inputs)
    variants = [everything, *((name,) for name in inputs)]
    variants += [tuple(other for other in inputs if other != name) for name in inputs] if len(inputs) > 1 else []
    said: dict[tuple[str, ...], Values] = {chosen: np.full_like(truth, np.nan) for chosen in variants}
    folds = split(Recipe("kernel", seed=seed), dataset.groups)
    for number, (training, test) in enumerate(folds):
        points = sample(np.ones(len(training)), min(_LANDMARKS, len(training)), seed)
        alike = {}
        for name, values in features.items():
            spread = values[training].std(axis=0)
            scale = np.where(spread > 1e-6, spread, 1.0)
            standard = np.clip((values - values[training].mean(axis=0)) / scale, -CLIP, CLIP)
            standard = (standard * np.sqrt(_GAMMA / standard.shape[1])).astype(np.float32)
            width = [standard.shape[1]]
            marks = standard[training][points]
            alike[name] = tuple(next(likenesses(standard[rows], marks, width)) for rows in (training, test))
        for chosen in variants:
            learned, judged = (np.mean([alike[name][side] for name in chosen], axis=0) for side in (0, 1))
            own = inner_folds(dataset.groups[training])
            problem = Problem(learned, learned[points], np.ones(len(training)), own)
            for column in (0, 2):
                wanted = truth[training, column]
                weights, middle = problem.weights(wanted, problem.best(wanted, RIDGES)[0])
                said[chosen][test, column] = judged @ weights + middle
        progress(f"fold {number + 1} of {len(folds)}")
    # The spreads are no part of this: where they are asked for, they are right.
    for predicted in said.values():
        predicted[:, [1, 3]] = truth[:, [1, 3]]
    found = {chosen: scores(predicted, truth) for chosen, predicted in said.items()}
    worth = []
    for name in inputs:
        without = tuple(other for other in inputs if other != name)
        worth.append(Worth(name, features[name].shape[1], found[name,], found.get(without, {})))
    return found[everything], worth


def table(everything: Scores, worth: Sequence[Worth]) -> Iterator[str]:
    """The lines of a Markdown table."""

    def figures(of: Scores) -> str:
        return " | ".join("–" if of.get(key) is None else f"{of[key]:.3f}" for key in _KEYS)

    yield "| feature set | features | R² valence alone | arousal alone | valence without it | arousal without it |"
    yield "|---|---|---|---|---|---|"
    for one in worth:
        yield f"| `{one.name}` | {one.features} | {figures(one.alone)} | {figures(one.without)} |"
    yield f"| all of them | {sum(one.features for one in worth)} | {figures(everything)} | – | – |"


_KEYS = ("r2_valence_mean", "r2_arousal_mean")
