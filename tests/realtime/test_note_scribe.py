"""Certain notes: the reference's rules on hand-made posteriorgrams, and its own notes on real ones."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from support.posteriorgrams import Score, assert_each_ends_once, restless_scores

from models.transcription import LOWEST_PITCH, SAMPLE_RATE
from realtime.constant_q import ConstantQ
from realtime.note_scribe import BLOCK_FRAMES, HORIZON, NoteScribe
from realtime.note_tracker import FrameNote
from realtime.posteriorgrams import PosteriorgramStream

A4 = 69


def written(score: Score) -> list[FrameNote]:
    """Everything the scribe says of a score, silence following it."""
    rest = HORIZON + BLOCK_FRAMES + (-len(score.notes)) % BLOCK_FRAMES
    notes, onsets = (np.pad(values, ((0, rest), (0, 0))) for values in (score.notes, score.onsets))
    scribe = NoteScribe()
    whole_blocks = len(notes) // BLOCK_FRAMES * BLOCK_FRAMES
    return [*chain.from_iterable(scribe.push(notes[:whole_blocks], onsets[:whole_blocks])), *scribe.finish()]


def whole(score: Score) -> list[tuple[int, int, int]]:
    """Pitch, start and end of each note, in order of the ends."""
    return [(note.pitch, note.start, note.end) for note in written(score) if note.end is not None]


def test_an_onset_becomes_a_note() -> None:
    begun, ended = written(Score().sound(A4, 20, 60).strike(A4, 20))
    assert (begun.pitch, begun.start, begun.end) == (A4, 20, None)
    assert (ended.pitch, ended.start, ended.end) == (A4, 20, 60)
    assert ended.amplitude == pytest.approx(0.8, abs=1e-6)


def test_a_note_over_many_blocks_is_one_and_has_the_amplitude_of_all_of_it() -> None:
    score = Score(300).sound(A4, 20, 150).sound(A4, 150, 250, 0.4).strike(A4, 20)
    (note,) = (note for note in written(score) if note.end is not None)
    assert (note.start, note.end) == (20, 250)
    assert note.amplitude == pytest.approx((130 * 0.8 + 100 * 0.4) / 230, abs=1e-6)


@pytest.mark.parametrize(("end", "is_note"), [(31, False), (32, True)])
def test_a_note_must_outlast_eleven_frames(end: int, is_note: bool) -> None:
    assert bool(written(Score().sound(A4, 20, end).strike(A4, 20))) == is_note


@pytest.mark.parametrize(("again", "notes"), [(31, [(A4, 31, 80)]), (32, [(A4, 20, 32), (A4, 32, 80)])])
def test_of_two_onsets_too_close_for_a_note_between_them_the_later_one_counts(
    again: int, notes: list[tuple[int, int, int]]
) -> None:
    assert whole(Score().sound(A4, 20, 80).strike(A4, 20).strike(A4, again)) == notes


def test_an_onset_without_a_note_behind_it_cuts_nothing_short() -> None:
    score = Score().sound(A4, 20, 80).strike(A4, 20).sound(A4 + 1, 40, 45).strike(A4 + 1, 40)
    assert whole(score) == [(A4, 20, 80)]


def test_a_note_takes_the_energy_of_its_neighbours_from_there_on() -> None:
    score = Score().sound(A4, 20, 80).strike(A4, 20).sound(A4 + 1, 50, 90).strike(A4 + 1, 50)
    assert whole(score) == [(A4, 20, 50), (A4 + 1, 50, 90)]


def test_of_two_neighbours_struck_at_once_the_higher_one_counts() -> None:
    score = Score().sound(A4, 20, 80).strike(A4, 20).sound(A4 + 1, 20, 80).strike(A4 + 1, 20)
    assert whole(score) == [(A4 + 1, 20, 80)]


@pytest.mark.parametrize(("gap", "notes"), [(10, [(A4, 20, 100)]), (11, [(A4, 20, 50), (A4, 61, 100)])])
def test_gaps_below_eleven_frames_are_bridged(gap: int, notes: list[tuple[int, int, int]]) -> None:
    """What follows a longer one has no onset of its own but is left over."""
    score = Score().sound(A4, 20, 100, 0.4).strike(A4, 20)
    score.notes[50 : 50 + gap, A4 - LOWEST_PITCH] = 0.2
    assert whole(score) == notes


def test_energy_without_an_onset_is_a_note_once_it_outlasts_eleven_frames() -> None:
    ((pitch, start, end),) = whole(Score().swell(A4, 60, 100))
    assert (pitch, start, end) == (A4, 45, 116)
    assert whole(Score().swell(A4, 60, 61, 0.35)) == []


def test_of_two_neighbours_without_onsets_the_stronger_one_counts() -> None:
    assert [pitch for pitch, *_ in whole(Score().swell(A4, 60, 100, 0.5).swell(A4 + 1, 60, 100, 0.7))] == [A4 + 1]


def test_what_is_left_beside_a_struck_note_is_its_shadow() -> None:
    assert whole(Score().swell(A4 + 1, 60, 100).sound(A4, 10, 180).strike(A4, 10)) == [(A4, 10, 180)]


def test_a_long_note_is_certain_long_before_it_ends() -> None:
    score = Score(400).sound(A4, 20, 380).strike(A4, 20)
    scribe = NoteScribe()
    heard = scribe.push(score.notes, score.onsets)
    began = next(block for block, notes in enumerate(heard, 1) if notes)
    assert began * BLOCK_FRAMES <= 20 + HORIZON + 2 * BLOCK_FRAMES


def test_finishing_ends_what_sounds() -> None:
    scribe = NoteScribe()
    score = Score(96).sound(A4, 20, 96).strike(A4, 20)
    scribe.push(score.notes, score.onsets)
    (note,) = scribe.finish()
    assert (note.pitch, note.start) == (A4, 20)
    assert scribe.finish() == []


@settings(max_examples=80, deadline=None)
@given(score=restless_scores)
def test_every_note_that_begins_ends_once_and_none_overlaps_itself(score: Score) -> None:
    assert_each_ends_once(written(score), len(score.notes))


@settings(max_examples=80, deadline=None)
@given(score=restless_scores)
def test_how_many_blocks_come_at_once_does_not_matter(score: Score) -> None:
    notes, onsets = (
        np.pad(values, ((0, -len(values) % BLOCK_FRAMES), (0, 0))) for values in (score.notes, score.onsets)
    )
    apart, together = NoteScribe(), NoteScribe()
    one_by_one = []
    for first in range(0, len(notes), BLOCK_FRAMES):
        one_by_one += apart.push(notes[first : first + BLOCK_FRAMES], onsets[first : first + BLOCK_FRAMES])
    assert together.push(notes, onsets) == one_by_one
    assert together.finish() == apart.finish()


def test_the_notes_of_real_posteriorgrams_are_those_of_the_reference(shared_data: Path) -> None:
    """It sees the whole clip, the scribe half a second ahead: nearly every note is the same to the frame."""
    note_creation = pytest.importorskip("basic_pitch.note_creation")
    score = Score(0)
    for clip in ("1000", "1001", "500"):
        samples, rate = soundfile.read(shared_data / "deam" / "audio" / f"{clip}.opus", dtype="float32", always_2d=True)
        mono = soxr.resample(samples.mean(axis=1), rate, SAMPLE_RATE).astype(np.float32)
        mono = mono[: len(mono) // (BLOCK_FRAMES * 256) * BLOCK_FRAMES * 256]
        spectrum = ConstantQ(hop_frames=BLOCK_FRAMES, lookahead_frames=40, phases=4).push(mono)
        made = PosteriorgramStream(lookahead_frames=40).push(spectrum.decibels, np.ones(len(mono) // 256, bool))
        score.notes = np.concatenate([score.notes.reshape(-1, 88), made.notes])
        score.onsets = np.concatenate([score.onsets.reshape(-1, 88), made.onsets])
    reference = note_creation.output_to_notes_polyphonic(
        score.notes.copy(), score.onsets.copy(), 0.5, 0.3, 11, True, None, None, True
    )
    expected = {(pitch, start) for start, _, pitch, _ in reference}
    found = {(pitch, start) for pitch, start, _ in whole(score)}
    assert len(expected) > 100
    assert len(expected & found) >= 0.95 * max(len(expected), len(found))
