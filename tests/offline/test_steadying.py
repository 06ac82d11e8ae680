"""Labels steadied by what the same listeners said while listening: each cohort on its own scale."""

from __future__ import annotations

import numpy as np
import pytest

from offline.steadying import SHARE, steadied

COHORTS = np.repeat(["first", "second"], 12)


def rated(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What is true of 24 songs of three steps, labels and dynamic ratings of it, both with errors of their own."""
    true = rng.normal(5.0, 1.2, (24, 1, 4)).repeat(3, axis=1)
    labels = true + rng.normal(0, 0.5, (24, 1, 4))
    dynamic = true + rng.normal(0, 0.5, (24, 1, 4))
    return true, labels.astype(np.float32), dynamic.astype(np.float32)


def test_two_opinions_are_nearer_to_the_truth_than_one() -> None:
    errors = []
    for seed in range(20):
        true, labels, dynamic = rated(np.random.default_rng(seed))
        steady = steadied(labels, dynamic, COHORTS)
        errors.append([np.mean((one - true)[..., [0, 2]] ** 2) for one in (labels, steady)])
    before, after = np.mean(errors, axis=0)
    assert after < 0.7 * before


def test_a_cohorts_own_scale_does_not_matter() -> None:
    _, labels, dynamic = rated(np.random.default_rng(1))
    moved = dynamic.copy()
    moved[:12] = 0.5 * moved[:12] + 3.0
    np.testing.assert_allclose(steadied(labels, moved, COHORTS), steadied(labels, dynamic, COHORTS), atol=1e-5)


def test_the_mean_of_a_cohort_and_all_spreads_stay() -> None:
    _, labels, dynamic = rated(np.random.default_rng(2))
    steady = steadied(labels, dynamic, COHORTS)
    np.testing.assert_allclose(steady[:12].mean(axis=(0, 1)), labels[:12].mean(axis=(0, 1)), atol=1e-5)
    np.testing.assert_array_equal(steady[..., [1, 3]], labels[..., [1, 3]])


def test_what_moves_in_time_moves_the_label() -> None:
    _, labels, dynamic = rated(np.random.default_rng(3))
    dynamic[:, 2] += 1.0
    steady = steadied(labels, dynamic, COHORTS)
    assert (steady[:, 2, 0] > steady[:, 0, 0]).all()


@pytest.mark.parametrize("known", [0, 9])
def test_without_enough_ratings_labels_stay(known: int) -> None:
    _, labels, dynamic = rated(np.random.default_rng(4))
    dynamic[known:12] = np.nan
    dynamic[12:] = np.nan
    np.testing.assert_array_equal(steadied(labels, dynamic, COHORTS), labels)


def test_steps_without_a_rating_keep_their_label() -> None:
    _, labels, dynamic = rated(np.random.default_rng(5))
    dynamic[:, 0] = np.nan
    steady = steadied(labels, dynamic, COHORTS)
    np.testing.assert_array_equal(steady[:, 0], labels[:, 0])
    assert 0 < SHARE < 1
    assert (steady[:, 1, 0] != labels[:, 1, 0]).all()
