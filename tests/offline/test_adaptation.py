"""What a listener's ratings teach a model, and when it refuses to be taught."""

from __future__ import annotations

import numpy as np
import pytest

from models.errors import MoodringError
from offline.adaptation import Rated, judge, learn, reaction_delay_s

SHARE, HOP_S = 0.05, 0.5


def sessions(count: int, *, seed: int, rate: object) -> list[Rated]:
    """So many sessions of five minutes, of which ``rate(affect, rng)`` says what was rated."""
    rng = np.random.default_rng(seed)
    made = []
    for number in range(count):
        walk = np.cumsum(rng.normal(0.0, 0.15, (600, 2)), axis=0)
        means = 5.0 + 2.0 * np.tanh(walk)
        affect = np.column_stack([means[:, 0], np.full(600, 1.5), means[:, 1], np.full(600, 1.3)])
        features = rng.normal(size=(600, 3)).astype(np.float32)
        ratings = rate(affect, rng)  # type: ignore[operator]
        made.append(Rated(f"session {number}", f"session {number}", affect, features, ratings))
    return made


def stretched(affect: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Somebody who uses more of the scale, and finds everything a little happier."""
    said = np.full_like(affect, np.nan)
    said[:, 0] = 5.8 + 1.6 * (affect[:, 0] - 5.0) + rng.normal(0.0, 0.2, len(affect))
    said[:, 2] = 4.6 + 0.6 * (affect[:, 2] - 5.0) + rng.normal(0.0, 0.2, len(affect))
    return said


def same(affect: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    said = np.full_like(affect, np.nan)
    said[:, [0, 2]] = affect[:, [0, 2]]
    return said


def at_random(affect: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Ratings that have nothing to do with the music, and change as slowly as real ones."""
    said = np.full_like(affect, np.nan)
    said[:, [0, 2]] = 5.0 + 2.0 * np.tanh(np.cumsum(rng.normal(0.0, 0.15, (len(affect), 2)), axis=0))
    return said


def test_a_listener_s_use_of_the_scale_is_learned():
    rated = sessions(8, seed=1, rate=stretched)
    verdict = judge(rated, SHARE, seed=1)
    assert verdict.is_better
    assert verdict.gain > 0.05
    one = sessions(1, seed=2, rate=stretched)[0]
    adapted = learn(rated, SHARE).apply(one.affect, one.features)
    for column in (0, 2):
        before = np.abs(one.affect[:, column] - one.ratings[:, column]).mean()
        after = np.abs(adapted[:, column] - one.ratings[:, column]).mean()
        assert after < 0.6 * before


def test_who_agrees_with_the_model_changes_next_to_nothing():
    rated = sessions(6, seed=3, rate=same)
    adapted = learn(rated, SHARE).apply(rated[0].affect, rated[0].features)
    np.testing.assert_allclose(adapted[:, [0, 2]], rated[0].affect[:, [0, 2]], atol=0.1)
    assert not judge(rated, SHARE, seed=1).is_better


def test_random_ratings_are_refused():
    better = [judge(sessions(6, seed=10 + trial, rate=at_random), SHARE, seed=1).is_better for trial in range(10)]
    assert sum(better) == 0


def test_too_few_sessions_are_refused_with_how_many_it_takes():
    with pytest.raises(MoodringError, match=r"\d"):
        judge(sessions(2, seed=5, rate=stretched), SHARE, seed=1)


@pytest.mark.parametrize("delay_s", [0.0, 2.0, 3.5])
def test_the_delay_of_a_rater_is_found(delay_s: float):
    steps = round(delay_s / HOP_S)

    def late(affect: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        said = same(affect, rng)
        return np.concatenate([np.repeat(said[:1], steps, axis=0), said[: len(said) - steps]])

    assert reaction_delay_s(sessions(6, seed=7, rate=late), HOP_S) == pytest.approx(delay_s, abs=HOP_S)
