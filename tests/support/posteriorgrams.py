"""Posteriorgrams written by hand or at random, for what makes notes of them."""

from __future__ import annotations

from itertools import chain

import numpy as np
from hypothesis import strategies as st

from models.transcription import LOWEST_PITCH, PITCHES
from realtime.note_tracker import FrameNote, NoteTracker


class Score:
    """Both posteriorgrams of an empty stretch, to write notes into."""

    def __init__(self, frames: int = 200) -> None:
        self.notes = np.zeros((frames, PITCHES), np.float32)
        self.onsets = np.zeros((frames, PITCHES), np.float32)

    def sound(self, pitch: int, start: int, end: int, probability: float = 0.8) -> Score:
        self.notes[start:end, pitch - LOWEST_PITCH] = probability
        return self

    def strike(self, pitch: int, frame: int, probability: float = 0.9) -> Score:
        self.onsets[frame, pitch - LOWEST_PITCH] = probability
        return self

    def swell(self, pitch: int, start: int, end: int, probability: float = 0.6) -> Score:
        """Energy that comes and goes so slowly that no onset can be inferred from it."""
        there = np.interp(np.arange(len(self.notes)), [start - 30, start, end, end + 30], [0, 1, 1, 0])
        self.notes[:, pitch - LOWEST_PITCH] = probability * there
        return self

    def heard(self) -> list[FrameNote]:
        tracker = NoteTracker()
        return [*chain.from_iterable(tracker.push(self.notes, self.onsets)), *tracker.finish()]

    def whole(self) -> list[tuple[int, int, int]]:
        """Pitch, start and end of each note, in order of the ends."""
        return [(note.pitch, note.start, note.end) for note in self.heard() if note.end is not None]


def restless(seed: int, frames: int, change: float, strikes: float) -> Score:
    """Keys side by side at the bottom, the middle and the top, whose energy jumps about at random."""
    rng = np.random.default_rng(seed)
    score = Score(frames)
    keys = np.array([0, 1, 2, 40, 41, 42, 43, 44, 86, 87])
    jumps = rng.random((frames, len(keys))) < change
    levels = rng.random((frames, len(keys)))
    for frame in range(frames):
        before = score.notes[frame - 1, keys] if frame else np.zeros(len(keys))
        score.notes[frame, keys] = np.where(jumps[frame], levels[frame], before)
    score.onsets[:, keys] = np.where(rng.random((frames, len(keys))) < strikes, rng.random((frames, len(keys))), 0.05)
    return score


restless_scores = st.builds(
    restless,
    seed=st.integers(0, 2**32 - 1),
    frames=st.integers(1, 150),
    change=st.sampled_from([0.02, 0.1, 0.5]),
    strikes=st.sampled_from([0.0, 0.02, 0.2]),
)


def assert_each_ends_once(heard: list[FrameNote], frames: int) -> None:
    """Every note that begins ends once, within so many ``frames``, and none overlaps one at its own pitch."""
    sounding: dict[int, FrameNote] = {}
    last_end: dict[int, int] = {}
    for note in heard:
        assert 0.0 <= note.amplitude <= 1.0
        if note.end is None:
            assert note.pitch not in sounding
            assert note.start >= last_end.get(note.pitch, 0)
            sounding[note.pitch] = note
        else:
            assert sounding.pop(note.pitch).start == note.start
            assert note.start < note.end <= frames
            last_end[note.pitch] = note.end
    assert not sounding
