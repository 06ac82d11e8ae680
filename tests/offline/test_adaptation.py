"""A listener's way with the scale is learned from few ratings; what is not better by more than chance is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.affect import OUTPUTS
from models.bundle import load
from models.errors import MoodringError
from offline.adaptation.correction import Correction
from offline.adaptation.delay import Delay, reaction_delay
from offline.adaptation.guard import FEWEST_GROUPS, judge
from offline.adaptation.learning import learn
from offline.adaptation.rated import MEANS, Rated, rated_pieces, without_delay
from offline.dataset import Dataset, PieceSteps

HOP_S, WINDOW_S = 0.5, 20.0
SHARE = HOP_S / WINDOW_S


def smooth(rng: np.random.Generator, steps: int, columns: int = 2) -> np.ndarray:
    """Music that comes and goes within about ten seconds, with a spread of 1."""
    noise = rng.normal(size=(steps + 19, columns))
    return np.stack([np.convolve(column, np.ones(20) / np.sqrt(20), "valid") for column in noise.T], axis=1)


def music(seed: int = 1, sessions: int = 12, steps: int = 240) -> list[Rated]:
    """Sessions whose ratings are what the base says, to the last digit."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(sessions):
        affect = np.tile([5.0, 1.2, 5.0, 1.2], (steps, 1))
        affect[:, MEANS] += rng.normal(0, 0.5, 2) + 0.7 * smooth(rng, steps)
        ratings = np.where([True, False, True, False], affect, np.nan)
        features = rng.normal(size=(steps, 6)).astype(np.float32)
        found.append(Rated(f"take {number}", f"take {number}", affect, features, ratings))
    return found


def rated(sessions: list[Rated], stretch: float, shift: float, noise: float, seed: int = 2) -> list[Rated]:
    """The same sessions, rated by somebody with a scale of his own."""
    rng = np.random.default_rng(seed)
    found = []
    for one in sessions:
        said = one.ratings.copy()
        said[:, MEANS] = 5 + shift + stretch * (one.affect[:, MEANS] - 5) + noise * smooth(rng, len(said))
        found.append(replace(one, ratings=said))
    return found


def test_ratings_that_the_base_would_have_given_change_nothing():
    sessions = music()
    correction = learn(sessions, SHARE)
    for one in sessions:
        np.testing.assert_allclose(correction.apply(one.affect, one.features), one.affect, atol=1e-9)
    verdict = judge(sessions, SHARE, seed=1)
    assert verdict.compared.gain == pytest.approx(0.0, abs=1e-9)
    assert not verdict.is_better


def test_a_known_scale_is_found_with_many_ratings_and_approached_with_few():
    # 1920 windows of 20 s, then 12 of them.
    much = learn(rated(music(sessions=64, steps=1200), 1.5, 0.4, 0.0), SHARE)
    np.testing.assert_allclose(much.stretch, 1.5, atol=0.03)
    np.testing.assert_allclose(much.apply(np.array([5.0, 1, 5.0, 1]), np.ones(6))[MEANS], 5.4, atol=0.05)
    little = learn(rated(music(sessions=4, steps=120), 1.5, 0.4, 0.0), SHARE)
    assert (little.stretch > 1.03).all()
    assert (little.stretch < 1.2).all()


def test_a_listener_with_another_scale_is_followed_better_and_the_base_is_replaced():
    verdict = judge(rated(music(sessions=24), 2.0, 0.8, 0.5), SHARE, seed=1)
    assert verdict.is_better
    assert verdict.compared.gain > 0.05
    assert verdict.compared.adapted["ccc_valence_mean"] > verdict.compared.base["ccc_valence_mean"]


def test_ratings_at_random_are_refused():
    rng = np.random.default_rng(3)
    accepted = 0
    for trial in range(12):
        sessions = []
        for one in music(seed=trial):
            steps = len(one.ratings)
            each = (1, 20, steps)[trial % 3]
            said = one.ratings.copy()
            said[:, MEANS] = np.repeat(rng.uniform(1, 9, (-(-steps // each), 2)), each, axis=0)[:steps]
            sessions.append(replace(one, ratings=said))
        accepted += judge(sessions, SHARE, seed=1).is_better
    assert accepted == 0


def test_ratings_of_other_sessions_are_refused_as_such_and_the_listeners_own_are_not():
    own = rated(music(sessions=24), 2.0, 0.8, 0.5)
    others = [replace(one, ratings=other.ratings) for one, other in zip(own, own[5:] + own[:5], strict=True)]
    assert judge(own, SHARE, seed=1).follows
    verdict = judge(others, SHARE, seed=1)
    assert not verdict.follows
    assert verdict.chance > 0.1


def test_sessions_of_one_group_are_one_session():
    sessions = rated(music(sessions=24), 2.0, 0.8, 0.5)
    together = [replace(one, group=f"song {number % 4}") for number, one in enumerate(sessions)]
    with pytest.raises(MoodringError, match=f"4 rated sessions: it takes {FEWEST_GROUPS} at least"):
        judge(together, SHARE, seed=1)


@pytest.mark.parametrize("steps", [0, 4, 9])
def test_a_late_listener_is_found_out_and_put_right(steps: int):
    late = []
    for one in rated(music(), 1.3, 0.0, 0.7):
        said = np.full_like(one.ratings, np.nan)
        said[steps:] = one.ratings[: len(said) - steps]
        late.append(replace(one, ratings=said))
    assert reaction_delay(late, HOP_S).seconds == pytest.approx(steps * HOP_S, abs=HOP_S)
    moved = without_delay(late[0], steps)
    assert np.isnan(moved.ratings[len(moved.ratings) - steps :]).all()
    expected = rated(music(), 1.3, 0.0, 0.7)[0].ratings
    np.testing.assert_array_equal(moved.ratings[: len(expected) - steps], expected[: len(expected) - steps])


def heard_and_rated(delay: int, noise: float, seed: int, sessions: int = 37) -> list[Rated]:
    """Music as a base hears it, partly at once and partly over the last 20 s, rated by somebody who answers what is
    played now, so many steps late, by a key, with ``noise`` that comes and goes beside it (1: as much as the music)."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(sessions):
        played = smooth(rng, 240)
        window = [played[max(0, step - 39) : step + 1].mean(axis=0) for step in range(len(played))]
        heard = 0.5 * played + np.array(window)
        affect, ratings = np.full((240, 4), 5.0), np.full((240, 4), np.nan)
        affect[:, MEANS] += heard
        felt = np.round((played + noise * smooth(rng, 240)) / 0.4) * 0.4
        ratings[delay:, MEANS] = 5 + felt[: len(felt) - delay]
        found.append(Rated(f"take {number}", f"take {number}", affect, np.ones((240, 3), np.float32), ratings))
    return found


@pytest.mark.parametrize("delay", [0, 4, 6])
def test_the_delay_is_found_though_the_base_lags_and_the_listener_wavers(delay: int):
    found = [reaction_delay(heard_and_rated(delay, 1.0, seed), HOP_S) for seed in range(3)]
    assert [abs(one.seconds - delay * HOP_S) <= 0.5 for one in found].count(True) == 3
    assert all(one.within is not None and one.within <= 1 for one in found)


def test_a_delay_that_ratings_do_not_tell_is_none_and_said_to_be_unknown():
    for seed in range(4):
        found = reaction_delay(heard_and_rated(5, 30.0, seed, sessions=8), HOP_S)
        assert found == Delay(0.0, None)
        assert str(found) == "these ratings do not tell; none is assumed"


def test_who_rates_at_random_has_no_delay():
    rng = np.random.default_rng(5)
    said = [replace(one, ratings=np.tile(rng.uniform(1, 9, (240, 1)), 4)) for one in music()]
    assert reaction_delay(said, HOP_S) == Delay(0.0, None)


def test_the_spread_of_one_listener_stays_the_bases_and_that_of_several_is_learned():
    sessions = music(sessions=40)
    np.testing.assert_array_equal(learn(sessions, SHARE).widths, 1.0)
    several = [replace(one, ratings=one.affect * [1, 0.5, 1, 2.0]) for one in sessions]
    widths = learn(several, SHARE).widths
    assert 0.5 < widths[0] < 0.7
    assert 1.6 < widths[1] < 2.0


def test_features_are_taken_where_they_clearly_tell_more_and_only_there():
    rng = np.random.default_rng(7)
    told = []
    for one in music(sessions=40):
        features = np.repeat(rng.normal(size=(1, 6)), 240, axis=0).astype(np.float32)
        said = one.ratings.copy()
        said[:, 0] = one.affect[:, 0] + features[:, 0]
        said[:, 2] = one.affect[:, 2] - features[:, 1]
        told.append(replace(one, features=features, ratings=said))
    assert learn(told, SHARE).weights is not None
    assert judge(told, SHARE, seed=1).is_better
    assert learn(rated(music(sessions=40), 1.5, 0.2, 0.5), SHARE).weights is None


def test_nothing_heard_is_corrected_as_the_base_has_it_and_bounds_hold():
    correction = Correction(
        np.array([3.0, 1.0]), np.zeros(2), np.array([0.1, 9.0]), np.full(2, 5.0), np.ones(2), np.ones((2, 2))
    )
    said = correction.apply(np.array([[4.0, 2.0, 5.0, 2.0], [1.0, 2.0, 5.0, 2.0]]), np.array([[0.0, 0.0], [4.0, 4.0]]))
    np.testing.assert_allclose(said, [[9.0, 0.37, 5.0, 9.0], [1.0, 0.37, 3.0, 9.0]])


def test_the_base_is_asked_about_each_rated_piece_of_the_rater(small_dataset: Dataset):
    bundle = load("seed-rnn")
    pieces: list[PieceSteps] = []
    for number, piece in enumerate(small_dataset.pieces[:4]):
        dynamic = np.full_like(piece.labels, np.nan)
        dynamic[10:] = piece.labels[10:]
        pieces.append(replace(piece, dynamic=dynamic, cohort=("ada", "ben")[number % 2]))
    provenance = {**small_dataset.provenance, "window_s": bundle.window_s}
    found = rated_pieces(bundle, Dataset(tuple(pieces), provenance), "ben")
    assert [one.name for one in found] == [pieces[1].piece, pieces[3].piece]
    assert found[0].affect.shape == (len(pieces[1].times_s), len(OUTPUTS))
    assert not found[0].is_rated[:10].any()
    with pytest.raises(MoodringError, match="no ratings by 'eve' in the dataset; there are those of ada, ben"):
        rated_pieces(bundle, Dataset(tuple(pieces), provenance), "eve")


def test_a_dataset_without_the_bases_features_says_how_to_get_them(small_dataset: Dataset):
    with pytest.raises(MoodringError, match=r"needs the features 'tonal'.*--features tonal,rhythm,velocity,register"):
        rated_pieces(load("notes"), small_dataset)
