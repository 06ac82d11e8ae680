"""Notes out of hand-made posteriorgrams: what begins, what ends, what is bridged and what is none."""

from __future__ import annotations

from itertools import chain, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.posteriorgrams import Score, assert_each_ends_once, restless_scores

from models.transcription import LOWEST_PITCH, PITCHES
from realtime.note_tracker import CONFIRM_FRAMES, FRAME_THRESHOLD, MIN_FRAMES, NoteTracker

A4 = 69


def test_an_onset_becomes_a_note() -> None:
    begun, ended = Score().sound(A4, 20, 60).strike(A4, 20).heard()
    assert (begun.pitch, begun.start, begun.end) == (A4, 20, None)
    assert (ended.pitch, ended.start, ended.end) == (A4, 20, 60)
    assert begun.amplitude == pytest.approx(0.8, abs=1e-6)
    assert ended.amplitude == pytest.approx(0.8, abs=1e-6)


def test_a_note_is_announced_before_it_ends() -> None:
    score = Score().sound(A4, 20, 150).strike(A4, 20)
    announced = [frame for frame, heard in enumerate(NoteTracker().push(score.notes, score.onsets)) if heard]
    assert announced[0] == 20 + CONFIRM_FRAMES[A4 - LOWEST_PITCH]


def test_a_low_note_waits_longer_to_be_announced_than_a_high_one() -> None:
    assert list(CONFIRM_FRAMES) == sorted(CONFIRM_FRAMES, reverse=True)
    assert (CONFIRM_FRAMES[0], CONFIRM_FRAMES[-1]) == (MIN_FRAMES, 1)


def test_the_lowest_and_the_highest_key_are_heard() -> None:
    for pitch in (LOWEST_PITCH, LOWEST_PITCH + PITCHES - 1):
        assert Score().sound(pitch, 20, 60).strike(pitch, 20).whole() == [(pitch, 20, 60)]


def test_a_chord_is_all_its_notes() -> None:
    score = Score()
    for pitch in (60, 64, 67):
        score.sound(pitch, 20, 60).strike(pitch, 20)
    assert sorted(score.whole()) == [(60, 20, 60), (64, 20, 60), (67, 20, 60)]


def test_silence_is_no_note() -> None:
    assert Score().heard() == []


def test_a_short_blip_is_no_note() -> None:
    assert Score().sound(A4, 20, 22).strike(A4, 20).heard() == []


def test_an_onset_without_energy_is_no_note() -> None:
    assert Score().strike(A4, 20).heard() == []


def test_an_onset_below_the_threshold_waits_for_the_energy_to_last() -> None:
    """The stronger onset at another pitch keeps the scale of inferred onsets where it is."""
    score = Score().strike(100, 10, 0.3).sound(100, 10, 12).sound(A4, 20, 60).strike(A4, 20, 0.3)
    tracker = NoteTracker()
    heard = tracker.push(score.notes[:60], score.onsets[:60])
    begun = [(frame, note.start) for frame in range(60) for note in heard[frame]]
    assert begun == [(20 + MIN_FRAMES, 20)]


def test_a_rise_is_an_onset_where_the_network_missed_it() -> None:
    """Energy that appears from one frame to the next counts as much as the strongest onset lately."""
    score = Score().sound(60, 5, 40).strike(60, 5).sound(A4, 80, 120)
    heard = NoteTracker().push(score.notes, score.onsets)
    begun = {note.pitch: frame for frame in range(200) for note in heard[frame] if note.end is None}
    assert begun == {pitch: frame + CONFIRM_FRAMES[pitch - LOWEST_PITCH] for pitch, frame in ((60, 5), (A4, 80))}


def test_a_gap_shorter_than_eleven_frames_is_bridged() -> None:
    score = Score().sound(A4, 20, 100).strike(A4, 20)
    score.notes[50:60, A4 - LOWEST_PITCH] = 0.25
    score.notes[60:70, A4 - LOWEST_PITCH] = 0.35
    score.notes[70:, A4 - LOWEST_PITCH] *= 0.5
    assert score.whole() == [(A4, 20, 100)]


def test_a_longer_gap_ends_the_note_where_it_began() -> None:
    score = Score().sound(A4, 20, 100, 0.5).strike(A4, 20)
    score.notes[50:61, A4 - LOWEST_PITCH] = 0.25
    assert score.whole()[0] == (A4, 20, 50)


def test_another_onset_splits_the_note() -> None:
    score = Score().sound(A4, 20, 100).strike(A4, 20).strike(A4, 60)
    assert score.whole() == [(A4, 20, 60), (A4, 60, 100)]


def test_the_end_of_the_old_note_comes_before_the_new_one() -> None:
    heard = Score().sound(A4, 20, 100).strike(A4, 20).strike(A4, 60).heard()
    assert [(note.start, note.end) for note in heard] == [(20, None), (20, 60), (60, None), (60, 100)]


@pytest.mark.parametrize("step", [-1, 1])
def test_a_note_ends_its_neighbour_whose_energy_it_takes(step: int) -> None:
    score = Score().sound(A4, 20, 100, 0.5).strike(A4, 20).sound(A4 + step, 60, 100).strike(A4 + step, 60)
    assert score.whole() == [(A4, 20, 60), (A4 + step, 60, 100)]


def test_a_note_two_semitones_away_is_left_alone() -> None:
    score = Score().sound(A4, 20, 100).strike(A4, 20).sound(A4 + 2, 60, 100).strike(A4 + 2, 60)
    assert sorted(score.whole()) == [(A4, 20, 100), (A4 + 2, 60, 100)]


def test_energy_without_an_onset_becomes_a_note_once_it_has_lasted() -> None:
    score = Score().swell(A4, 60, 100)
    crossed = int(np.argmax(score.notes[:, A4 - LOWEST_PITCH] >= FRAME_THRESHOLD))
    fallen = 199 - int(np.argmax(score.notes[::-1, A4 - LOWEST_PITCH] >= FRAME_THRESHOLD))
    assert score.whole() == [(A4, crossed, fallen + 1)]


def test_energy_without_an_onset_that_does_not_last_is_none() -> None:
    assert Score().swell(A4, 60, 61, 0.31).heard() == []


def test_energy_beside_a_note_is_its_shadow() -> None:
    score = Score().swell(A4 + 1, 60, 100).sound(A4, 10, 180).strike(A4, 10)
    assert score.whole() == [(A4, 10, 180)]


def test_a_note_struck_again_beside_its_neighbour_does_not_overlap_itself() -> None:
    """Struck again at 14; a dip at 20 holds the new note up, and the neighbour ends the old one at 15 meanwhile."""
    score = Score().sound(A4, 3, 60).strike(A4, 3).strike(A4, 14).sound(A4 - 1, 15, 60).strike(A4 - 1, 15)
    score.notes[20, A4 - LOWEST_PITCH] = 0.2
    first, second = (note for note in score.whole() if note[0] == A4)
    assert first[2] <= second[1]


def test_finishing_ends_what_sounds() -> None:
    score = Score(60).sound(A4, 20, 60).strike(A4, 20).sound(60, 20, 55).strike(60, 20)
    assert sorted(score.whole()) == [(60, 20, 55), (A4, 20, 60)]


def test_reset_is_as_good_as_new() -> None:
    score = Score(80).sound(A4, 20, 80).strike(A4, 20)
    tracker = NoteTracker()

    new = tracker.push(score.notes, score.onsets)
    assert any(new)
    tracker.reset()
    assert tracker.push(score.notes, score.onsets) == new


@settings(max_examples=60, deadline=None)
@given(score=restless_scores, blocks=st.lists(st.integers(0, 40), min_size=1, max_size=20))
def test_how_many_frames_come_at_once_does_not_matter(score: Score, blocks: list[int]) -> None:
    tracker = NoteTracker()
    edges = [0, *np.cumsum(blocks), len(score.notes)]
    found = [tracker.push(score.notes[low:high], score.onsets[low:high]) for low, high in pairwise(edges)]
    whole = NoteTracker()
    assert [*chain.from_iterable(found)] == whole.push(score.notes, score.onsets)
    assert tracker.finish() == whole.finish()


@settings(max_examples=60, deadline=None)
@given(score=restless_scores)
def test_every_note_that_begins_ends_once_and_none_overlaps_itself(score: Score) -> None:
    assert_each_ends_once(score.heard(), len(score.notes))
