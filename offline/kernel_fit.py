"""The weights of the ``kernel`` network in closed form, its settings chosen by groups within the training data.

How wide the Gaussians are and how much each feature set counts is found on samples (``offline.kernel_choice``), how
strongly the weights are held back then on all rows. Whoever judges the result holds out groups of his own: nothing here
has seen them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from sklearn.linear_model import RidgeCV

from offline.kernel_choice import choose
from offline.kernel_ridge import HOLDS, RIDGES, Matrix, Problem, Rows, Single, inner_folds, mixed, sample, turned
from offline.metrics import spread_terms
from offline.networks.kernel import CLIP, LANDMARKS, components, quadratic

_SPREAD_RIDGES = (0.4, 1.6, 6.4, 25.6)
#: What an interval of nominal 90 % should hold of single ratings on inner folds.
_COVERED = 0.89
#: The share of the training music that is less like the landmarks than what is called usual.
_UNUSUAL = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """What the network's layers hold, in the order of Keras's weights, how many landmarks there are, the exponent of
    the Gaussians that was chosen, and the error on inner folds."""

    weights: list[Single]
    landmarks: int
    gamma: float
    error: float


def solve(rows: Rows, widths: tuple[int, ...], *, seed: int) -> Solution:
    """Landmarks, shares and weights for ``rows`` of feature sets of ``widths`` side by side."""
    turns = _principal(rows, widths)
    kept = components(widths)
    folds = inner_folds(rows.groups)
    gamma, shares = choose(rows, turns, widths, seed)
    turns = [_rounded(turn * np.sqrt(gamma / len(turn))) for turn in turns]
    given = turned(rows.features, turns)
    points = _rounded(given[sample(rows.counted, min(LANDMARKS, len(given)), seed)])
    count = len(points)
    means, spreads, usual = np.zeros((2, count)), np.zeros((2, count)), np.zeros((2, count))
    biases, least = np.zeros(4), np.zeros(2)
    unseen = np.zeros((len(given), 2))
    problems: list[Problem] = []
    error = 0.0
    for axis in (0, 1):
        kernel, between = (mixed(one, points, kept, shares[axis]) for one in (given, points))
        usual[axis] = np.average(kernel, axis=0, weights=rows.counted)
        least[axis] = np.quantile(kernel.mean(axis=1), _UNUSUAL)
        problem = Problem(kernel, between, rows.counted, folds)
        problems.append(problem)
        held, wanted = problem.held_together(rows.version_of, HOLDS[axis]), rows.labels[:, 2 * axis]
        ridge, off = held.best(wanted, RIDGES)
        unseen[:, axis] = held.unseen(wanted, ridge)
        means[axis], biases[axis] = held.weights(wanted, ridge)
        error += off / 4
    terms = quadratic(unseen)
    curved = np.zeros((2, terms.shape[1]))
    for axis in (0, 1):
        spread = rows.labels[:, 2 * axis + 1]
        known = ~np.isnan(spread)
        if not (is_told := bool(known.any())):
            # Nobody told a spread: the typical error is what there is to say.
            error_size = np.abs(unseen[:, axis] - rows.labels[:, 2 * axis])
            spread, known = np.sqrt(np.pi / 2) * error_size, np.ones(len(error_size), bool)
        fitted = RidgeCV(np.logspace(-2, 4, 13)).fit(terms[known], spread[known], sample_weight=rows.counted[known])
        curved[axis], biases[2 + axis] = fitted.coef_, fitted.intercept_
        left = np.where(known, spread - fitted.predict(terms), 0.0)
        problem = problems[axis] if known.all() else problems[axis].only(known)
        ridge, off = problem.best(left, _SPREAD_RIDGES)
        spreads[axis], bias = problem.weights(left, ridge)
        biases[2 + axis] += bias
        error += off / 4
        if is_told:
            said = fitted.predict(terms) + problem.unseen(left, ridge)
            biases[2 + axis] += _widening(unseen[:, axis], said, rows.labels[:, 2 * axis : 2 * axis + 2], rows.counted)
    biases[:2] += (usual * means).sum(axis=1)
    biases[2:] += (usual * spreads).sum(axis=1)
    solved = [*turns, points, shares, usual, means, spreads, biases, curved, least]
    return Solution([np.asarray(array, np.float32) for array in solved], count, gamma, error)


def _principal(rows: Rows, widths: tuple[int, ...]) -> list[Single]:
    """Of each set the directions in which its clipped features vary most, as columns [shape=(features, components)]."""
    turns, start = [], 0
    weights = rows.counted / rows.counted.sum()
    for width, kept in zip(widths, components(widths), strict=True):
        part = np.clip(rows.features[:, start : start + width], -CLIP, CLIP).astype(np.float64)
        part -= weights @ part
        _, vectors = np.linalg.eigh((part * weights[:, None]).T @ part)
        turns.append(vectors[:, ::-1][:, :kept].astype(np.float32))
        start += width
    return turns


def _rounded(values: Single) -> Single:
    """To half precision, in which a bundle keeps what there is most of."""
    return values.astype(np.float16).astype(np.float32)


def _widening(means: Matrix, spreads: Matrix, labels: Matrix, counted: Matrix) -> float:
    """What to add to the spreads so that intervals hold as many single ratings as they say, the error of the mean
    being part of what they have to cover; never below 0."""
    truth, said = np.tile(labels, 2), np.tile(np.stack([means, spreads], axis=1), 2)
    known = np.isfinite(labels[:, 1])

    def missing(added: float) -> float:
        wider = said + np.array([0.0, added, 0.0, added])
        held = spread_terms(wider[known], truth[known])["coverage_90_valence"]
        return float(np.average(held, weights=counted[known])) - _COVERED

    if missing(0.0) >= 0.0:
        return 0.0
    return float(brentq(missing, 0.0, 8.0, xtol=1e-3)) if missing(8.0) > 0.0 else 8.0
