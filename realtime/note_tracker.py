"""Notes out of posteriorgrams, frame by frame: the causal counterpart of Basic Pitch's note creation.

The thresholds mean what they mean there (an onset is a local maximum of at least 0.5, a note sounds while its
probability is at least 0.3 with gaps below 11 frames, and must outlast 11 frames). What a whole file decides there is
decided here from what has been heard: onsets inferred from a rise in the note posteriorgram are scaled by the maxima of
the last seconds instead of the file's, notes are followed forwards instead of backwards, and energy left over without
an onset becomes a note once it has lasted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.transcription import LOWEST_PITCH, PITCHES

FloatArray = NDArray[np.float32]

ONSET_THRESHOLD = 0.5
FRAME_THRESHOLD = 0.3
#: Frames: a note shorter than this is none, and a gap shorter than this is bridged.
MIN_FRAMES = 11
GAP_FRAMES = 11
#: Share by which the running maxima that inferred onsets are scaled with fade each frame: half in eight seconds.
_FADE = 0.5 ** (1 / 690)


@dataclass(frozen=True, slots=True)
class FrameNote:
    """A note in frames; ``end`` is None while it sounds, ``amplitude`` its mean probability so far (0…1)."""

    pitch: int
    start: int
    end: int | None
    amplitude: float


class _Slots:
    """One possible note of each pitch: where it started (−1: none), frames below the threshold, summed probability."""

    def __init__(self) -> None:
        self.start = np.full(PITCHES, -1)
        self.below = np.zeros(PITCHES, int)
        self.total = np.zeros(PITCHES)

    def follow(self, notes: FloatArray) -> NDArray[np.int64]:
        """Take one frame; the pitches whose gap has become too long to bridge."""
        taken = self.start >= 0
        if not taken.any():
            return np.empty(0, np.int64)
        self.below = np.where(taken & (notes < FRAME_THRESHOLD), self.below + 1, 0)
        self.total += np.where(taken, notes, 0)
        return np.flatnonzero(self.below >= GAP_FRAMES)

    def begin(self, pitch: int, start: int, total: float, below: int) -> None:
        self.start[pitch], self.total[pitch], self.below[pitch] = start, total, below

    def clear(self, pitch: int) -> None:
        self.begin(pitch, -1, 0.0, 0)


class NoteTracker:
    """Follows all 88 pitches. ``push`` takes one frame at a time and says which notes began and ended.

    A candidate with an onset is announced ``confirm_frames`` after it, one without an onset once it has outlasted the
    shortest note; only then does it end the notes that it takes its energy from.
    """

    def __init__(self, *, confirm_frames: int = 6) -> None:
        self._confirm_frames = confirm_frames
        self.reset()

    def reset(self) -> None:
        """Forget everything, as if new."""
        self._frame = -1
        self._recent_notes = np.zeros((2, PITCHES), np.float32)  # the two frames before
        self._recent_onsets = np.zeros((2, PITCHES), np.float32)
        self._most_onset = self._most_rise = 0.0
        self._sounding = _Slots()
        self._struck = _Slots()  # candidates with an onset
        self._swelling = _Slots()  # candidates without one
        self._ended = np.zeros(PITCHES, int)  # the frame that the newest note of each pitch ended before

    def push(self, notes: FloatArray, onsets: FloatArray) -> list[FrameNote]:
        """Take one frame of both posteriorgrams [shape=(88,)]; the notes that have now begun or ended, in order."""
        self._frame += 1
        onset = np.maximum(onsets, self._inferred(notes, onsets))
        before, last = self._recent_onsets
        peak = (last >= ONSET_THRESHOLD) & (last > before) & (last > onset)
        heard: list[FrameNote] = []
        for pitch in self._sounding.follow(notes):
            self._end(int(pitch), self._frame + 1 - GAP_FRAMES, heard)
        for candidates in (self._struck, self._swelling):
            for pitch in candidates.follow(notes):
                candidates.clear(int(pitch))
        for pitch in np.flatnonzero(peak):
            below = int(notes[pitch] < FRAME_THRESHOLD)
            self._struck.begin(int(pitch), self._frame - 1, float(self._recent_notes[1, pitch] + notes[pitch]), below)
        self._confirm(self._struck, self._confirm_frames, heard)
        self._swell(notes)
        self._confirm(self._swelling, MIN_FRAMES, heard)
        self._recent_notes = np.stack([self._recent_notes[1], notes])
        self._recent_onsets = np.stack([last, onset])
        return heard

    def finish(self) -> list[FrameNote]:
        """End every sounding note now."""
        heard: list[FrameNote] = []
        for pitch in np.flatnonzero(self._sounding.start >= 0):
            self._end(int(pitch), self._frame + 1 - int(self._sounding.below[pitch]), heard)
        return heard

    def _inferred(self, notes: FloatArray, onsets: FloatArray) -> FloatArray:
        rise: FloatArray = np.maximum(notes - self._recent_notes.max(axis=0), np.float32(0))
        self._most_onset = max(self._most_onset * _FADE, float(onsets.max()))
        self._most_rise = max(self._most_rise * _FADE, float(rise.max()))
        if self._most_rise == 0.0:
            return rise
        rise *= np.float32(self._most_onset / self._most_rise)
        return rise

    def _swell(self, notes: FloatArray) -> None:
        """Begin a candidate wherever energy is left that no note and no neighbour of one explains."""
        taken = (self._sounding.start >= 0) | (self._struck.start >= 0)
        shadowed = taken.copy()
        shadowed[1:] |= taken[:-1]
        shadowed[:-1] |= taken[1:]
        for pitch in np.flatnonzero(shadowed & (self._swelling.start >= 0)):
            self._swelling.clear(int(pitch))
        for pitch in np.flatnonzero((notes >= FRAME_THRESHOLD) & ~shadowed & (self._swelling.start < 0)):
            self._swelling.begin(int(pitch), self._frame, float(notes[pitch]), 0)

    def _confirm(self, candidates: _Slots, after_frames: int, heard: list[FrameNote]) -> None:
        ready = (candidates.start >= 0) & (candidates.start <= self._frame - after_frames) & (candidates.below == 0)
        for pitch in np.flatnonzero(ready):
            # What was said to have ended later has ended later: a note does not overlap the one before it.
            start = max(int(candidates.start[pitch]), int(self._ended[pitch]))
            for other in range(max(int(pitch) - 1, 0), min(int(pitch) + 2, PITCHES)):
                if self._sounding.start[other] >= 0:
                    self._end(other, min(start, self._frame + 1 - int(self._sounding.below[other])), heard)
            self._sounding.begin(int(pitch), start, float(candidates.total[pitch]), 0)
            candidates.clear(int(pitch))
            heard.append(self._note(int(pitch), None))

    def _end(self, pitch: int, end: int, heard: list[FrameNote]) -> None:
        end = max(end, int(self._sounding.start[pitch]) + 1)
        self._ended[pitch] = end
        heard.append(self._note(pitch, end))
        self._sounding.clear(pitch)

    def _note(self, pitch: int, end: int | None) -> FrameNote:
        start = int(self._sounding.start[pitch])
        frames = (self._frame + 1 if end is None else end) - start
        amplitude = min(float(self._sounding.total[pitch]) / max(frames, 1), 1.0)
        return FrameNote(pitch + LOWEST_PITCH, start, end, amplitude)
