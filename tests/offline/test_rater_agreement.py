"""How far two raters agree is known once it is allowed for that one of them answers later."""

from __future__ import annotations

import numpy as np
import pytest

from offline.corpora.raters import Pass, Values
from offline.rater_agreement import agreements


def feeling(seed: int, seconds: float = 240.0) -> tuple[Values, Values]:
    """Somebody who moves the point a little each half second."""
    times_s = np.arange(0.0, seconds, 0.5)
    steps = np.random.default_rng(seed).normal(size=(len(times_s), 2))
    drift = np.cumsum(steps, axis=0)
    smooth = np.tanh((drift - drift.mean(axis=0)) / (2 * drift.std(axis=0)))
    return times_s, smooth


def test_the_same_said_later_is_full_agreement_and_how_much_later_is_told():
    sessions = []
    for seed in range(3):
        times_s, said = feeling(seed)
        sessions.append([Pass("ana", times_s, said), Pass("ben", times_s + 1.5, said)])
    (found,) = agreements(sessions)
    assert (found.raters, found.sessions, found.later_s) == (("ana", "ben"), 3, 1.5)
    assert found.minutes == pytest.approx(12.0, rel=0.05)
    assert found.ccc == pytest.approx((1.0, 1.0))
    assert found.r == pytest.approx((1.0, 1.0))
    assert "ben 1.5 s later" in str(found)
    (turned,) = agreements([[Pass("zoe", *feeling(0)), Pass("ana", feeling(0)[0] + 2.0, feeling(0)[1])]])
    assert (turned.raters, turned.later_s) == (("ana", "zoe"), -2.0)
    assert turned.r == pytest.approx((1.0, 1.0))
    assert "zoe 2 s earlier" in str(turned)


def test_another_use_of_the_scale_lowers_agreement_and_not_correlation():
    times_s, said = feeling(1)
    (found,) = agreements([[Pass("ana", times_s, said), Pass("ben", times_s, 0.5 * said + 0.25)]])
    assert found.later_s == 0.0
    assert found.r == pytest.approx((1.0, 1.0))
    # Lin's coefficient: twice the covariance over both variances and the squared distance of the means.
    for axis in (0, 1):
        one, other = said[:, axis], 0.5 * said[:, axis] + 0.25
        expected = 2 * np.cov(one, other, ddof=0)[0, 1] / (one.var() + other.var() + (one.mean() - other.mean()) ** 2)
        assert found.ccc[axis] == pytest.approx(expected, abs=1e-6)


def test_raters_who_have_nothing_to_do_with_each_other_do_not_agree():
    sessions = [[Pass("ana", *feeling(2 * n)), Pass("ben", *feeling(2 * n + 1))] for n in range(6)]
    (found,) = agreements(sessions)
    assert all(figure is not None and abs(figure) < 0.35 for figure in (*found.ccc, *found.r))


def test_only_what_both_rated_counts_and_every_two_are_compared():
    times_s, said = feeling(3, 60.0)
    ana, ben = Pass("ana", times_s, said), Pass("ben", times_s[60:], said[60:], end_s=50.0)
    found = agreements([[ana, ben], [Pass("", times_s, said), Pass("", times_s, said)], [ana]])
    assert [one.raters for one in found] == [("ana", "ben"), ("listener", "listener")]
    assert found[0].minutes == pytest.approx(20 / 60)
    assert "listener, twice" in str(found[1])
    (short,) = agreements([[Pass("ana", times_s[:1], said[:1]), Pass("ben", times_s[:1], said[:1])]])
    assert short.ccc == short.r == (None, None)
    assert "r – valence, – arousal" in str(short)


def test_with_whoever_never_moves_nobody_agrees():
    times_s, said = feeling(4)
    (found,) = agreements([[Pass("ana", times_s, said), Pass("ben", times_s[:1], np.zeros((1, 2)))]])
    assert found.ccc == found.r == (0.0, 0.0)
    assert agreements([[Pass("ana", times_s, said)], []]) == []
