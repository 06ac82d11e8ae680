"""A knob, a fader or a stick that is moved becomes an axis, and from then on where it stands is what is felt."""

from __future__ import annotations

import mido
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.controls import PlaceLabel
from realtime.midi_controls import MidiControl, Rater, parse_control, position

VALENCE, AROUSAL = MidiControl(0, 21), MidiControl(3, None)


def cc(number: int, value: int, channel: int = 0) -> mido.Message:
    return mido.Message("control_change", control=number, value=value, channel=channel)


def bend(pitch: int, channel: int = 3) -> mido.Message:
    return mido.Message("pitchwheel", pitch=pitch, channel=channel)


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@given(st.integers(0, 127))
def test_the_middle_is_zero_and_the_ends_are_the_ends(value: int):
    moved = position(cc(21, value))
    assert moved is not None
    control, place = moved
    assert control == VALENCE
    assert -1.0 <= place <= 1.0
    assert (place == 0.0) == (value == 64)
    assert (place == -1.0) == (value == 0)
    assert (place == 1.0) == (value == 127)


@pytest.mark.parametrize(("pitch", "place"), [(-8192, -1.0), (-4096, -0.5), (0, 0.0), (8191, 1.0)])
def test_pitch_bend_is_an_axis_at_rest_in_the_middle(pitch: int, place: float):
    assert position(bend(pitch)) == (AROUSAL, place)


@pytest.mark.parametrize(
    "message",
    [cc(number, 127) for number in (0, 6, 32, 38, 64, 66, 67, 98, 101, 120, 121, 123)]
    + [mido.Message("note_on", note=60), mido.Message("aftertouch", value=3), mido.Message("clock")],
)
def test_pedals_and_what_is_no_control_are_not_for_rating(message: mido.Message):
    assert position(message) is None
    assert Rater(None).hear(message) is None


@given(st.builds(MidiControl, st.integers(0, 15), st.none() | st.sampled_from([1, 2, 7, 21, 74, 102, 119])))
def test_a_control_comes_back_from_its_words(control: MidiControl):
    assert parse_control(str(control)) == control


@pytest.mark.parametrize("text", ["", "CC 128 on channel 1", "CC 64 on channel 1", "CC 21 on channel 17", "knob 3"])
def test_words_that_are_no_control_are_refused(text: str):
    with pytest.raises(ValueError, match="must be like 'CC 21 on channel 1'"):
        parse_control(text)


def test_the_first_control_moved_becomes_valence_and_the_second_arousal():
    clock = Clock()
    rater = Rater(None, clock)
    assert rater.guide.startswith("move the control for valence")
    for value in range(0, 40, 4):
        assert rater.hear(cc(21, value)) is None
    assert rater.guide.startswith("valence is CC 21 on channel 1; now move the control for arousal")
    assert rater.axes is None
    clock.now_s = 1.0
    for pitch in (1000, 2500, 4500):
        assert rater.hear(bend(pitch)) is None
    assert rater.axes == (VALENCE, AROUSAL)
    assert rater.guide == "valence is CC 21 on channel 1, arousal is pitch bend on channel 4"
    # First to where both of them stand.
    assert rater.hear(cc(21, 127)) == PlaceLabel(1.0, 4500 / 8191)
    assert rater.hear(cc(21, 0)) == PlaceLabel(valence=-1.0)
    assert rater.hear(bend(-4096)) == PlaceLabel(arousal=-0.5)
    assert rater.hear(cc(22, 0)) is None


def test_jitter_is_not_a_movement_and_neither_is_where_a_control_stands():
    rater = Rater(None)
    for value in (90, 91, 89, 90, 93):
        rater.hear(cc(7, value))
    for value in (10, 90):
        rater.hear(cc(21, value))
    assert rater.guide.startswith("valence is CC 21")


def test_a_stick_that_is_pushed_one_way_does_not_become_both_axes():
    clock = Clock()
    rater = Rater(None, clock)
    for value in range(64, 127, 3):
        clock.now_s += 0.02
        rater.hear(cc(21, value))
        rater.hear(cc(22, 64 + value // 2))
    assert rater.axes is None
    clock.now_s += 0.6
    for value in range(64, 127, 3):
        clock.now_s += 0.02
        rater.hear(cc(21, 64 + value % 2))
        rater.hear(cc(23, value))
    assert rater.axes == (VALENCE, MidiControl(0, 23))


def test_what_was_learned_can_be_learned_anew():
    clock = Clock()
    rater = Rater((VALENCE, AROUSAL), clock)
    assert rater.hear(cc(21, 64)) == PlaceLabel(valence=0.0)
    rater.learn()
    for number in (1, 2):
        clock.now_s += 1.0
        for value in (0, 64):
            rater.hear(cc(number, value))
    assert rater.axes == (MidiControl(0, 1), MidiControl(0, 2))


def test_asked_twice_the_controls_are_those_of_before():
    rater = Rater((VALENCE, AROUSAL))
    rater.learn()
    assert rater.axes is None
    rater.learn()
    assert rater.axes == (VALENCE, AROUSAL)
    unlearned = Rater(None)
    unlearned.learn()
    assert unlearned.guide.startswith("move the control for valence")
