"""The notes of the last seconds: keys, pedal, re-strikes, and what has gone by."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.notes import NOTE_DTYPE
from realtime.note_events import NoteBegan, NoteEnded, NoteReleased, NoteWithdrawn
from realtime.window import NoteWindow

Row = tuple[float, float, int, int, int]


def rows(window: NoteWindow, time_s: float) -> list[Row]:
    return [tuple(note) for note in window.at(time_s).notes.tolist()]


def test_a_key_that_is_down_sounds_until_now() -> None:
    window = NoteWindow(10.0)
    window.begin(1.0, 60, 90)
    assert rows(window, 3.0) == [(1.0, 3.0, 60, 90, 0)]
    assert rows(window, 4.0) == [(1.0, 4.0, 60, 90, 0)]
    assert window.sounding == (60,)


def test_a_key_that_came_up_has_ended() -> None:
    window = NoteWindow(10.0)
    window.begin(1.0, 60, 90)
    window.release(2.0, 60)
    assert rows(window, 3.0) == [(1.0, 2.0, 60, 90, 0)]
    assert window.sounding == ()


def test_an_empty_window_has_no_notes() -> None:
    window = NoteWindow(10.0).at(5.0)
    assert len(window.notes) == 0
    assert window.notes.dtype == NOTE_DTYPE
    assert (window.start_s, window.end_s, window.length_s) == (0.0, 5.0, 10.0)


def test_a_note_leaves_when_all_of_it_has_gone_by() -> None:
    window = NoteWindow(10.0)
    window.begin(1.0, 60, 90)
    window.release(2.0, 60)
    assert rows(window, 11.99) == [(1.0, 2.0, 60, 90, 0)]
    assert rows(window, 12.0) == []


def test_a_note_that_began_before_the_window_and_still_sounds_is_in_it() -> None:
    window = NoteWindow(10.0)
    window.begin(1.0, 60, 90)
    assert rows(window, 100.0) == [(1.0, 100.0, 60, 90, 0)]


def test_what_has_not_happened_yet_is_not_in_the_window() -> None:
    window = NoteWindow(10.0)
    window.begin(1.0, 60, 90)
    window.release(3.0, 60)
    window.begin(4.0, 62, 90)
    assert rows(window, 2.0) == [(1.0, 2.0, 60, 90, 0)]


def test_striking_a_key_again_ends_the_note_before() -> None:
    window = NoteWindow(10.0)
    window.begin(1.0, 60, 90)
    window.begin(2.0, 60, 50)
    window.release(3.0, 60)
    assert rows(window, 4.0) == [(1.0, 2.0, 60, 90, 0), (2.0, 3.0, 60, 50, 0)]
    assert window.begun == 2


def test_channels_do_not_end_each_others_notes() -> None:
    window = NoteWindow(10.0)
    window.begin(1.0, 60, 90, 0)
    window.begin(1.0, 60, 80, 1)
    window.release(2.0, 60, 1)
    assert rows(window, 3.0) == [(1.0, 3.0, 60, 90, 0), (1.0, 2.0, 60, 80, 1)]
    assert window.sounding == (60,)


def test_a_release_without_a_note_is_nothing() -> None:
    window = NoteWindow(10.0)
    window.release(1.0, 60)
    window.hear(NoteReleased(3, 1.0, 60, 2.0))
    window.hear(NoteEnded(3, 1.0, 1.5, 60, 90, 2.0))
    window.pedal(1.0, True)
    window.release(1.0, 60)
    window.pedal(2.0, False)
    assert rows(window, 3.0) == []
    assert window.begun == 0


def test_the_pedal_holds_what_is_released_until_it_comes_up() -> None:
    window = NoteWindow(10.0)
    window.begin(1.0, 60, 90)
    window.pedal(1.5, True)
    window.release(2.0, 60)
    assert window.sounding == (60,)
    assert rows(window, 3.0) == [(1.0, 3.0, 60, 90, 0)]
    window.pedal(4.0, False)
    assert rows(window, 5.0) == [(1.0, 4.0, 60, 90, 0)]


def test_a_key_still_down_sounds_on_when_the_pedal_comes_up() -> None:
    window = NoteWindow(10.0)
    window.pedal(0.5, True)
    window.begin(1.0, 60, 90)
    window.begin(1.0, 64, 90)
    window.release(2.0, 64)
    window.pedal(3.0, False)
    assert window.sounding == (60,)
    assert rows(window, 4.0) == [(1.0, 4.0, 60, 90, 0), (1.0, 3.0, 64, 90, 0)]


def test_a_key_struck_again_under_the_pedal_is_down_again() -> None:
    window = NoteWindow(10.0)
    window.pedal(0.5, True)
    window.begin(1.0, 60, 90)
    window.release(2.0, 60)
    window.begin(3.0, 60, 70)
    window.pedal(4.0, False)
    assert rows(window, 5.0) == [(1.0, 3.0, 60, 90, 0), (3.0, 5.0, 60, 70, 0)]


def test_a_pedal_holds_its_own_channel_alone() -> None:
    window = NoteWindow(10.0)
    window.pedal(0.5, True, 1)
    window.begin(1.0, 60, 90, 0)
    window.begin(1.0, 64, 90, 1)
    window.release(2.0, 60, 0)
    window.release(2.0, 64, 1)
    assert window.sounding == (64,)
    window.pedal(3.0, False, 0)
    assert window.sounding == (64,)


def test_sostenuto_holds_the_keys_that_were_down_and_no_later_ones() -> None:
    window = NoteWindow(10.0)
    window.begin(1.0, 60, 90)
    window.sostenuto(1.5, True)
    window.begin(2.0, 64, 90)
    window.release(3.0, 60)
    window.release(3.0, 64)
    assert window.sounding == (60,)
    window.sostenuto(4.0, False)
    assert rows(window, 5.0) == [(1.0, 4.0, 60, 90, 0), (2.0, 3.0, 64, 90, 0)]


def test_sostenuto_does_not_take_hold_of_what_the_pedal_alone_holds() -> None:
    window = NoteWindow(10.0)
    window.pedal(0.5, True)
    window.begin(1.0, 60, 90)
    window.begin(1.0, 64, 90)
    window.release(2.0, 60)
    window.sostenuto(2.5, True)
    window.release(3.0, 64)
    window.pedal(4.0, False)
    assert window.sounding == (64,)
    window.sostenuto(5.0, False)
    assert rows(window, 6.0) == [(1.0, 4.0, 60, 90, 0), (1.0, 5.0, 64, 90, 0)]


def test_what_both_pedals_hold_ends_with_the_later_one() -> None:
    window = NoteWindow(10.0)
    window.begin(1.0, 60, 90)
    window.sostenuto(1.5, True)
    window.pedal(1.5, True)
    window.release(2.0, 60)
    window.sostenuto(3.0, False)
    assert window.sounding == (60,)
    window.pedal(4.0, False)
    assert rows(window, 5.0) == [(1.0, 4.0, 60, 90, 0)]


def test_a_key_still_down_sounds_on_when_sostenuto_comes_up() -> None:
    window = NoteWindow(10.0)
    window.begin(1.0, 60, 90)
    window.sostenuto(1.5, True)
    window.sostenuto(2.0, False)
    assert window.sounding == (60,)
    window.release(3.0, 60)
    assert rows(window, 4.0) == [(1.0, 3.0, 60, 90, 0)]


def test_a_key_struck_again_under_sostenuto_is_still_held() -> None:
    window = NoteWindow(10.0)
    window.begin(1.0, 60, 90)
    window.sostenuto(1.5, True)
    window.release(2.0, 60)
    window.begin(3.0, 60, 70)
    window.release(3.5, 60)
    assert window.sounding == (60,)
    window.sostenuto(4.0, False)
    assert rows(window, 5.0) == [(1.0, 3.0, 60, 90, 0), (3.0, 4.0, 60, 70, 0)]


def test_pedals_that_say_again_that_they_are_down_change_nothing() -> None:
    window = NoteWindow(10.0)
    window.begin(1.0, 60, 90)
    window.sostenuto(1.5, True)
    window.begin(2.0, 64, 90)
    window.sostenuto(2.5, True)
    window.release(3.0, 64)
    assert window.sounding == (60,)
    window.begin(4.0, 65, 90)
    window.pedal(4.0, True)
    window.release(4.5, 65)
    window.pedal(5.0, True)
    assert window.sounding == (60, 65)


def test_sostenuto_holds_its_own_channel_alone() -> None:
    window = NoteWindow(10.0)
    window.begin(1.0, 60, 90, 0)
    window.begin(1.0, 64, 90, 1)
    window.sostenuto(1.5, True, 1)
    window.release(2.0, 60, 0)
    window.release(2.0, 64, 1)
    window.sostenuto(3.0, False, 0)
    assert window.sounding == (64,)


def test_when_all_keys_of_a_channel_come_up_its_pedals_hold_on() -> None:
    window = NoteWindow(10.0)
    window.begin(1.0, 60, 90, 0)
    window.begin(1.0, 62, 90, 1)
    window.begin(1.0, 64, 90, 2)
    window.begin(1.0, 65, 90, 3)
    window.pedal(1.5, True, 1)
    window.sostenuto(1.5, True, 2)
    for channel in (0, 1, 2):
        window.release_all(2.0, channel)
    assert window.sounding == (62, 64, 65)
    window.pedal(3.0, False, 1)
    window.sostenuto(4.0, False, 2)
    assert rows(window, 5.0) == [
        (1.0, 2.0, 60, 90, 0),
        (1.0, 3.0, 62, 90, 1),
        (1.0, 4.0, 64, 90, 2),
        (1.0, 5.0, 65, 90, 3),
    ]


def test_a_channel_falls_silent_whatever_its_pedals_and_they_stay_down() -> None:
    window = NoteWindow(10.0)
    window.begin(1.0, 60, 90, 0)
    window.begin(1.0, 64, 90, 1)
    window.pedal(1.0, True, 0)
    window.sostenuto(1.0, True, 0)
    window.release(1.5, 60, 0)
    window.silence(2.0, 0)
    assert rows(window, 3.0) == [(1.0, 2.0, 60, 90, 0), (1.0, 3.0, 64, 90, 1)]
    window.begin(3.0, 60, 80, 0)
    window.release(4.0, 60, 0)
    assert window.sounding == (60, 64)
    window.pedal(5.0, False, 0)  # sostenuto holds none of the notes that it took hold of any more
    assert window.sounding == (64,)


def test_drums_sound_but_are_no_pitches() -> None:
    window = NoteWindow(10.0)
    window.begin(1.0, 36, 90, 9)
    assert (window.sounding, window.is_sounding, window.begun) == ((), True, 1)
    assert rows(window, 2.0) == [(1.0, 2.0, 36, 90, 9)]
    window.begin(1.0, 36, 90, 0)
    assert window.sounding == (36,)
    window.end_all(2.0)
    assert not window.is_sounding


def test_the_tempo_that_is_known_is_in_the_window() -> None:
    window = NoteWindow(10.0)
    assert window.at(1.0).tempo_bpm is None
    assert window.at(1.0, tempo_bpm=97.5).tempo_bpm == 97.5


def test_everything_ends_at_once() -> None:
    window = NoteWindow(10.0)
    window.begin(1.0, 60, 90, 0)
    window.pedal(1.0, True, 3)
    window.begin(1.5, 64, 80, 3)
    window.sostenuto(1.6, True, 3)
    window.release(1.8, 64, 3)
    window.end_all(2.0)
    assert window.sounding == ()
    assert rows(window, 5.0) == [(1.0, 2.0, 60, 90, 0), (1.5, 2.0, 64, 80, 3)]
    # The pedals are up, too.
    window.begin(5.0, 64, 80, 3)
    window.release(6.0, 64, 3)
    assert window.sounding == ()


def test_an_announced_note_sounds_until_it_seems_over() -> None:
    window = NoteWindow(10.0)
    window.hear(NoteBegan(0, 1.0, 60, 90, 1.2))
    assert (window.sounding, window.begun) == ((60,), 1)
    assert rows(window, 1.5) == [(1.0, 1.5, 60, 90, 0)]
    window.hear(NoteReleased(0, 1.75, 60, 2.0))
    assert (window.sounding, window.begun) == ((), 1)
    assert rows(window, 2.0) == [(1.0, 1.75, 60, 90, 0)]


def test_a_certain_note_takes_the_place_of_the_announced_one() -> None:
    window = NoteWindow(10.0)
    window.hear(NoteBegan(0, 1.0, 60, 90, 1.2))
    window.hear(NoteBegan(1, 1.5, 60, 50, 1.8))
    window.hear(NoteEnded(0, 0.9, 1.4, 60, 70, 3.0))
    assert rows(window, 3.0) == [(0.9, 1.4, 60, 70, 0), (1.5, 3.0, 60, 50, 0)]
    assert window.begun == 2


def test_a_note_that_is_withdrawn_was_never_there() -> None:
    window = NoteWindow(10.0)
    window.hear(NoteBegan(0, 1.0, 60, 90, 1.2))
    window.hear(NoteReleased(0, 1.75, 60, 2.0))
    window.hear(NoteWithdrawn(0, 60, 3.0))
    assert (window.sounding, window.begun, rows(window, 3.0)) == ((), 0, [])


def test_the_times_of_announced_notes_count_from_where_their_stream_began() -> None:
    window = NoteWindow(10.0)
    window.hear(NoteBegan(0, 1.0, 60, 90, 1.2), 5.0)
    window.hear(NoteBegan(1, 1.0, 64, 90, 1.2), 5.0)
    window.hear(NoteReleased(0, 2.0, 60, 2.2), 5.0)
    window.hear(NoteEnded(1, 1.25, 2.0, 64, 80, 3.5), 5.0)
    assert rows(window, 9.0) == [(6.0, 7.0, 60, 90, 0), (6.25, 7.0, 64, 80, 0)]


def test_ending_all_settles_announced_notes_and_what_follows_about_them_is_nothing() -> None:
    window = NoteWindow(10.0)
    window.hear(NoteBegan(0, 1.0, 60, 90, 1.2))
    window.hear(NoteBegan(1, 1.0, 64, 90, 1.2))
    window.end_all(2.0)
    window.hear(NoteReleased(0, 3.0, 60, 3.2))
    window.hear(NoteEnded(1, 1.0, 3.5, 64, 80, 4.0))
    assert rows(window, 4.0) == [(1.0, 2.0, 60, 90, 0), (1.0, 2.0, 64, 90, 0)]


def test_a_note_never_ends_before_it_began() -> None:
    window = NoteWindow(10.0)
    window.begin(2.0, 60, 90)
    window.release(1.5, 60)
    assert rows(window, 3.0) == [(2.0, 2.0, 60, 90, 0)]


def test_reset_is_as_good_as_new() -> None:
    window = NoteWindow(10.0)
    window.pedal(0.0, True)
    window.begin(1.0, 60, 90)
    window.release(2.0, 60)
    window.hear(NoteBegan(0, 1.0, 64, 90, 1.2))
    window.reset()
    assert (window.sounding, window.begun, rows(window, 3.0)) == ((), 0, [])
    window.begin(1.0, 60, 90)
    window.release(2.0, 60)
    assert window.sounding == ()


@given(st.permutations([(60, 0), (60, 1), (64, 0), (67, 0), (67, 9)]))
def test_the_order_in_which_a_chord_comes_does_not_matter(chord: list[tuple[int, int]]) -> None:
    window = NoteWindow(10.0)
    for pitch, channel in chord:
        window.begin(1.0, pitch, 90, channel)
    for pitch, channel in chord[:3]:
        window.release(2.0, pitch, channel)
    keys = [(row[2], row[4]) for row in rows(window, 2.0)]
    assert keys == [(60, 0), (60, 1), (64, 0), (67, 0), (67, 9)]


ACTIONS = [
    *("begin", "release", "pedal", "unpedal", "sostenuto", "unsostenuto"),
    *("end_all", "release_all", "silence"),
]
KEYS = st.tuples(st.sampled_from(ACTIONS), st.integers(60, 62))


@given(st.lists(KEYS, max_size=60))
def test_a_note_sounds_while_its_key_is_down_or_a_pedal_holds_it(keys: list[tuple[str, int]]) -> None:
    """Told of each pitch by itself: is it struck and not ended, is its key down, which pedals hold it."""
    window = NoteWindow(10.0)
    sounds, down, held = set[int](), set[int](), set[int]()
    pedal = sostenuto = False
    for number, (action, pitch) in enumerate(keys):
        time_s = number / 4
        if action == "begin":
            window.begin(time_s, pitch, 90)
            sounds |= {pitch}
            down |= {pitch}
        elif action == "release":
            window.release(time_s, pitch)
            down -= {pitch}
        elif action == "release_all":
            window.release_all(time_s, 0)
            down.clear()
        elif action in ("pedal", "unpedal"):
            pedal = action == "pedal"
            window.pedal(time_s, pedal)
        elif action in ("sostenuto", "unsostenuto"):
            if action == "sostenuto" and not sostenuto:
                held = set(down)
            sostenuto = action == "sostenuto"
            held = held if sostenuto else set()
            window.sostenuto(time_s, sostenuto)
        else:
            if action == "end_all":
                window.end_all(time_s)
                pedal = sostenuto = False
            else:
                window.silence(time_s, 0)
            sounds, down, held = set(), set(), set()
        sounds = {one for one in sounds if one in down or pedal or one in held}
        assert window.sounding == tuple(sorted(sounds))


@given(st.lists(KEYS, max_size=60), st.floats(0.1, 20.0))
def test_notes_lie_in_order_and_inside_the_window_and_none_overlaps_itself(
    keys: list[tuple[str, int]], length_s: float
) -> None:
    window = NoteWindow(length_s)
    for number, (action, pitch) in enumerate(keys):
        time_s = number / 4
        if action == "begin":
            window.begin(time_s, pitch, 90)
        elif action == "release":
            window.release(time_s, pitch)
        elif action == "end_all":
            window.end_all(time_s)
        elif action == "release_all":
            window.release_all(time_s, 0)
        elif action == "silence":
            window.silence(time_s, 0)
        elif action.endswith("sostenuto"):
            window.sostenuto(time_s, action == "sostenuto")
        else:
            window.pedal(time_s, action == "pedal")
        seen = window.at(time_s)
        assert (seen.end_s, seen.start_s) == (time_s, max(time_s - length_s, 0.0))
        assert list(seen.notes["onset_s"]) == sorted(seen.notes["onset_s"])
        for note in seen.notes:
            assert note["onset_s"] <= note["offset_s"] <= time_s
            assert note["offset_s"] > time_s - length_s or note["onset_s"] == note["offset_s"] == time_s
        for sounding in (60, 61, 62):
            own = seen.notes[seen.notes["pitch"] == sounding]
            assert all(own["offset_s"][:-1] <= own["onset_s"][1:])
    assert window.begun == sum(action == "begin" for action, _ in keys)


@pytest.mark.parametrize("length_s", [1.0, 10.0])
def test_what_no_later_window_can_hold_is_forgotten(length_s: float) -> None:
    window = NoteWindow(length_s)
    for number in range(1_000):
        window.begin(number / 10, 60, 90)
        window.release(number / 10 + 0.05, 60)
        assert len(window.at(number / 10 + 0.09).notes) <= 10 * length_s + 1
    assert len(window._ended) <= 10 * length_s + 1
