"""Between readings values move smoothly and never past them; ticks keep their rate."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.affect import Reading, State
from realtime.outputs import Status
from realtime.outputs.osc.pacing import LONGEST_LINE_S, Glide, Pacing, Slopes, Ticks

READING = Reading(0.0, State.LIVE, 5.0, 1.2, 5.0, 1.6, 14, -20.0, 140.0, "audio")
STATUS = Status("test", tempo_bpm=120.0)
RATINGS = st.floats(1.0, 9.0)


def paced(*readings: Reading, every_s: float = 0.1, glides: bool = True) -> Pacing:
    """The readings, come one after the other from 0 s on."""
    pacing = Pacing(glides=glides)
    for number, reading in enumerate(readings):
        pacing.take(replace(reading, time=number * every_s), STATUS, number * every_s)
    return pacing


@given(RATINGS, RATINGS, st.lists(st.floats(0.1, 0.3), min_size=2, max_size=20))
def test_between_two_readings_values_stay_between_them_and_never_turn_back(first, second, moments):
    pacing = paced(replace(READING, valence=first), replace(READING, valence=second))
    values = [pacing.frame(moment_s).valence for moment_s in sorted(moments)]
    low, high = sorted((replace(READING, valence=first).valence_norm, replace(READING, valence=second).valence_norm))
    assert all(low <= value <= high for value in values)
    assert values == sorted(values, reverse=second < first)


@given(st.lists(st.tuples(st.floats(-1.0, 1.0), st.floats(0.0, 0.5), st.floats(0.0, 2.0)), min_size=1, max_size=12))
def test_a_glide_never_leaves_the_range_of_its_goals_however_often_it_is_aimed_anew(aims):
    glide, now_s = Glide(), 0.0
    for goal, pause_s, duration_s in aims:
        now_s += pause_s
        glide.aim((goal,), now_s, duration_s)
        for share in (0.0, 0.3, 0.99, 1.0):
            (value,) = glide.at(now_s + share * duration_s)
            assert min(each[0] for each in aims) <= value <= max(each[0] for each in aims)
    assert glide.at(now_s + 2.1) == (aims[-1][0],)


def test_values_arrive_one_pause_between_readings_after_the_newest_came_and_stay():
    pacing = paced(replace(READING, valence=5.0), replace(READING, valence=7.0))
    assert pacing.frame(0.1).valence == pytest.approx(0.0)
    assert pacing.frame(0.15).valence == pytest.approx(0.25)
    assert pacing.frame(0.2).valence == 0.5
    assert pacing.frame(60.0).valence == 0.5


def test_the_first_reading_counts_at_once():
    assert paced(replace(READING, valence=7.0)).frame(0.0).valence == 0.5


def test_a_turn_between_two_readings_goes_on_from_where_the_value_was():
    pacing = paced(*(replace(READING, valence=valence) for valence in (5.0, 7.0)))
    before = pacing.frame(0.15).valence
    pacing.take(replace(READING, valence=3.0, time=0.2), STATUS, 0.15)
    assert pacing.frame(0.15).valence == pytest.approx(before)
    assert pacing.frame(0.16).valence < before


def test_after_a_long_pause_the_line_is_no_longer_than_it_may_be():
    pacing = paced(replace(READING, valence=5.0), replace(READING, valence=7.0), every_s=60.0)
    assert pacing.frame(60.0 + LONGEST_LINE_S).valence == 0.5


def test_without_gliding_every_reading_counts_at_once():
    pacing = paced(replace(READING, valence=5.0), replace(READING, valence=7.0), glides=False)
    assert pacing.frame(0.1).valence == 0.5


def test_across_the_left_half_the_angle_goes_the_short_way_round_and_takes_the_hue_along():
    left = [replace(READING, valence=2.0, arousal=arousal) for arousal in (5.6, 4.4)]
    frames = [paced(*left).frame(0.1 + 0.001 * step) for step in range(101)]
    assert all(abs(frame.angle) > 3.0 / 4.0 * math.pi for frame in frames)
    assert frames[0].angle > 0.0 > frames[-1].angle


@pytest.mark.parametrize("state", [State.SILENCE, State.LOST, State.WARMING])
def test_while_not_live_the_point_stays_confidence_and_slopes_are_zero_and_the_state_is_told(state):
    rising = [replace(READING, valence=5.0 + 0.2 * step) for step in range(10)]
    pacing = paced(*rising)
    assert pacing.frame(0.95).valence_slope > 0.0
    held = pacing.frame(0.95).valence
    pacing.take(replace(READING, time=1.0, state=state, valence=1.0, arousal=1.0), STATUS, 0.95)
    for moment_s in (0.95, 1.0, 9.0):
        frame = pacing.frame(moment_s)
        assert frame.valence == pytest.approx(held)
        assert (frame.valence_slope, frame.confidence, frame.state) == (0.0, 0.0, state)


def test_nothing_is_known_before_the_first_reading_nor_where_the_music_stands_before_the_first_live_one():
    assert Pacing().frame(0.0) is None
    frame = paced(replace(READING, state=State.WARMING)).frame(0.0)
    assert not frame.is_known
    assert frame.level_db == -20.0
    assert frame.confidence == 0.0


def test_confidence_is_one_less_the_mean_of_both_spreads():
    assert paced(READING).frame(0.0).confidence == pytest.approx(1.0 - (1.2 / 4.0 + 1.6 / 4.0) / 2.0)


def test_a_reading_that_is_not_a_number_leaves_the_last_one():
    pacing = paced(replace(READING, valence=7.0), replace(READING, valence=math.nan, arousal=math.inf))
    assert (pacing.frame(1.0).valence, pacing.frame(1.0).arousal) == (0.5, 0.0)


def test_digital_silence_is_120_dB_below_full_scale():  # noqa: N802
    pacing = paced(READING, replace(READING, level_db=-math.inf))
    assert pacing.frame(1.0).level_db == -120.0


def test_the_sound_that_a_frame_tells_of_is_as_old_as_its_latency_and_the_line_to_it():
    assert paced(READING, READING).frame(0.1).age_s == pytest.approx(0.14 + 0.1)
    assert paced(READING, READING, glides=False).frame(0.1).age_s == pytest.approx(0.14)


@given(st.floats(-0.9, 0.9), st.floats(-0.2, 0.2))
def test_the_slope_of_a_straight_line_is_its_own(start, slope):
    slopes = Slopes()
    for step in range(40):
        found = slopes.of(step * 0.1, start + slope * step * 0.1, -slope * step * 0.1)
    assert found == pytest.approx((slope, -slope), abs=1e-9)


def test_a_slope_is_that_of_the_last_two_seconds_and_zero_until_there_is_enough():
    slopes = Slopes()
    assert [slopes.of(time_s, time_s, 0.0) for time_s in (0.0, 0.2, 0.4)] == [(0.0, 0.0)] * 3
    assert slopes.of(0.6, 0.6, 0.0)[0] == pytest.approx(1.0)
    for step in range(21):
        flat = slopes.of(10.0 + 0.1 * step, 0.5, 0.0)
    assert flat == (0.0, 0.0)


def test_a_stream_that_begins_again_begins_a_new_slope():
    slopes = Slopes()
    for step in range(20):
        slopes.of(100.0 + step * 0.1, step * 0.05, 0.0)
    assert slopes.of(0.1, -1.0, 0.0) == (0.0, 0.0)


@pytest.mark.parametrize("rate_hz", [1.0, 7.0, 30.0, 60.0, 119.9, 120.0])
def test_ticks_keep_their_rate_when_the_thread_wakes_a_little_late(rate_hz):
    ticks, now_s, taken = Ticks(rate_hz, 1000.0), 1000.0, 0
    while now_s < 1060.0:
        now_s += ticks.wait_s(now_s) + 0.0007
        taken += ticks.take(now_s)
    assert taken == pytest.approx(60.0 * rate_hz, abs=1.1)


def test_ticks_that_were_missed_are_left_out():
    ticks = Ticks(10.0, 0.0)
    assert ticks.take(0.0)
    assert not ticks.take(0.05)
    assert ticks.take(5.01)
    assert not ticks.take(5.05)
    assert ticks.wait_s(5.05) == pytest.approx(0.05)


@given(st.floats(0.5, 120.0), st.floats(0.0, 1e6), st.lists(st.floats(0.0, 1.0), max_size=50))
def test_no_tick_is_taken_twice_and_none_is_due_after_one_was_taken(rate_hz, start_s, pauses):
    ticks, now_s, taken = Ticks(rate_hz, start_s), start_s, 0
    for pause_s in pauses:
        now_s += pause_s
        taken += ticks.take(now_s)
        assert not ticks.take(now_s)
    assert taken <= (now_s - start_s) * rate_hz + 1.001
