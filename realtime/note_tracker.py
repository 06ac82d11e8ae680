"""Notes announced from posteriorgrams, frame by frame: the causal counterpart of Basic Pitch's note creation.

The thresholds mean what they mean there (an onset is a local maximum of at least 0.5, a note sounds while its
probability is at least 0.3 with gaps below 11 frames, and must outlast 11 frames). What a whole file decides there is
decided here from what has been heard: onsets inferred from a rise in the note posteriorgram are scaled by the maxima of
the last seconds instead of the file's, notes are followed forwards instead of backwards, and energy left over without
an onset becomes a note once it has lasted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.transcription import LOWEST_PITCH, PITCHES
from realtime.constant_q_filters import half_filter_frames

FloatArray = NDArray[np.float32]

ONSET_THRESHOLD = 0.5
FRAME_THRESHOLD = 0.3
#: Frames: a note shorter than this is none, and a gap shorter than this is bridged.
MIN_FRAMES = 11
GAP_FRAMES = 11
#: Share by which the running maxima that inferred onsets are scaled with fade each frame: half in eight seconds.
_FADE = 0.5 ** (1 / 690)


def _confirm_frames(pitch: int) -> int:
    """Half the length of its filter, less a frame: where that is long, who waits anyway can wait to be surer."""
    return min(max(round(half_filter_frames(pitch)) - 1, 1), MIN_FRAMES)


#: After how many frames an onset is announced, for each pitch from the lowest.
CONFIRM_FRAMES = tuple(_confirm_frames(LOWEST_PITCH + pitch) for pitch in range(PITCHES))


@dataclass(frozen=True, slots=True)
class FrameNote:
    """A note in frames; ``end`` is None while it sounds, ``amplitude`` its mean probability so far (0…1)."""

    pitch: int
    start: int
    end: int | None
    amplitude: float


@dataclass(slots=True)
class _Slot:
    """One possible note: where it started, its probability summed up, for how many frames it has been below."""

    start: int
    total: float
    below: int = 0


#: At most one possible note a pitch, counted from the lowest.
_Slots = dict[int, _Slot]

#: After how many frames a candidate without an onset is announced, whatever its pitch.
_SWELL_FRAMES = (MIN_FRAMES,) * PITCHES


class NoteTracker:
    """Follows all 88 pitches. ``push`` takes frames as they come and says which notes began and ended.

    A candidate with an onset is announced ``confirm_frames`` of its pitch after it, one without an onset once it has
    outlasted the shortest note; only then does it end the notes that it takes its energy from.
    """

    def __init__(self, confirm_frames: Sequence[int] = CONFIRM_FRAMES) -> None:
        self._confirm_frames = confirm_frames
        self.reset()

    def reset(self) -> None:
        """Forget everything, as if new."""
        self._frame = -1
        self._recent_notes = np.zeros((2, PITCHES), np.float32)  # the two frames before
        self._recent_onsets = np.zeros((2, PITCHES), np.float32)
        self._most_onset = self._most_rise = 0.0
        self._sounding: _Slots = {}
        self._struck: _Slots = {}  # candidates with an onset
        self._swelling: _Slots = {}  # candidates without one
        self._taken: set[int] = set()  # the pitches of the first two
        self._shadowed: set[int] = set()  # those and their neighbours
        self._ended = [0] * PITCHES  # the frame that the newest note of each pitch ended before

    def push(self, notes: FloatArray, onsets: FloatArray) -> list[list[FrameNote]]:
        """Take the next frames of both posteriorgrams [shape=(frames, 88)]; a list for each.

        It holds the notes that have begun or ended with that frame, in order. Frames give the same one by one.
        """
        # What looks at all pitches is done for all frames at once; what is left are the few that sound.
        known_notes = np.concatenate([self._recent_notes, notes])
        known_onsets = np.concatenate([self._recent_onsets, np.maximum(onsets, self._inferred(known_notes, onsets))])
        self._recent_notes, self._recent_onsets = known_notes[-2:], known_onsets[-2:]
        before, last, now = known_onsets[:-2], known_onsets[1:-1], known_onsets[2:]
        peaks = _pitches((last >= ONSET_THRESHOLD) & (last > before) & (last > now))
        loud = _pitches(notes >= FRAME_THRESHOLD)
        # An onset is a peak once the frame after it is there: both frames are the candidate's.
        both = known_notes[1:-1] + notes
        return [self._take(*frame) for frame in zip(notes.tolist(), both, peaks, loud, strict=True)]

    def finish(self) -> list[FrameNote]:
        """End every sounding note now."""
        heard: list[FrameNote] = []
        for pitch in sorted(self._sounding):
            self._end(pitch, self._frame + 1 - self._sounding[pitch].below, heard)
        return heard

    def _inferred(self, known_notes: FloatArray, onsets: FloatArray) -> FloatArray:
        """Rises above the two frames before [shape=(frames, 88)], scaled to the strongest onset lately."""
        notes = known_notes[2:]
        rise: FloatArray = np.maximum(notes - np.maximum(known_notes[:-2], known_notes[1:-1]), np.float32(0))
        most_onset, most_rise = self._most_onset, self._most_rise
        scales = []
        for onset, most in zip(onsets.max(axis=1).tolist(), rise.max(axis=1).tolist(), strict=True):
            most_onset *= _FADE
            if onset > most_onset:
                most_onset = onset
            most_rise *= _FADE
            if most > most_rise:
                most_rise = most
            scales.append(most_onset / most_rise if most_rise > 0.0 else 1.0)
        self._most_onset, self._most_rise = most_onset, most_rise
        rise *= np.array(scales, np.float32)[:, None]
        return rise

    def _take(self, notes: list[float], both: FloatArray, peaks: set[int], loud: set[int]) -> list[FrameNote]:
        """Take one frame: the probability of each pitch, the same with the frame before's, and two sets of pitches."""
        self._frame += 1
        heard: list[FrameNote] = []
        # Most frames change nothing: what is not there is not looked at, and what stays alike is not made anew.
        if self._sounding:
            for pitch in _outlasted(self._sounding, notes, loud):
                self._end(pitch, self._frame + 1 - GAP_FRAMES, heard)
        for candidates in (self._struck, self._swelling):
            if candidates:
                for pitch in _outlasted(candidates, notes, loud):
                    del candidates[pitch]
        for pitch in peaks:
            self._struck[pitch] = _Slot(self._frame - 1, float(both[pitch]), int(pitch not in loud))
        if self._struck:
            self._confirm(self._struck, self._confirm_frames, heard)
        self._swell(notes, loud)
        if self._swelling:
            self._confirm(self._swelling, _SWELL_FRAMES, heard)
        return heard

    def _swell(self, notes: list[float], loud: set[int]) -> None:
        """Begin a candidate wherever energy is left that no note and no neighbour of one explains."""
        taken = self._sounding.keys() | self._struck.keys()
        if taken != self._taken:
            self._taken = taken
            self._shadowed = {neighbour for pitch in taken for neighbour in (pitch - 1, pitch, pitch + 1)}
            for pitch in self._swelling.keys() & self._shadowed:
                del self._swelling[pitch]
        for pitch in loud - self._shadowed - self._swelling.keys():
            self._swelling[pitch] = _Slot(self._frame, notes[pitch])

    def _confirm(self, candidates: _Slots, after_frames: Sequence[int], heard: list[FrameNote]) -> None:
        frame = self._frame
        sure = [p for p, slot in candidates.items() if slot.start + after_frames[p] <= frame and not slot.below]
        for pitch in sorted(sure):
            slot = candidates.pop(pitch)
            # What was said to have ended later has ended later: a note does not overlap the one before it.
            start = max(slot.start, self._ended[pitch])
            for other in (pitch - 1, pitch, pitch + 1):
                if other in self._sounding:
                    self._end(other, min(start, self._frame + 1 - self._sounding[other].below), heard)
            self._sounding[pitch] = _Slot(start, slot.total)
            heard.append(self._note(pitch, None))

    def _end(self, pitch: int, end: int, heard: list[FrameNote]) -> None:
        end = max(end, self._sounding[pitch].start + 1)
        self._ended[pitch] = end
        heard.append(self._note(pitch, end))
        del self._sounding[pitch]

    def _note(self, pitch: int, end: int | None) -> FrameNote:
        slot = self._sounding[pitch]
        frames = (self._frame + 1 if end is None else end) - slot.start
        amplitude = min(slot.total / max(frames, 1), 1.0)
        return FrameNote(pitch + LOWEST_PITCH, slot.start, end, amplitude)


def _pitches(chosen: NDArray[np.bool_]) -> list[set[int]]:
    """The pitches that are ``chosen`` [shape=(frames, 88)], a set a frame."""
    found: list[set[int]] = [set() for _ in chosen]
    frames, pitches = np.nonzero(chosen)
    for frame, pitch in zip(frames.tolist(), pitches.tolist(), strict=True):
        found[frame].add(pitch)
    return found


def _outlasted(slots: _Slots, notes: list[float], loud: set[int]) -> list[int]:
    """Let every slot hear one frame; the pitches, ascending, whose gap has become too long to bridge."""
    over = []
    for pitch, slot in slots.items():
        slot.total += notes[pitch]
        if pitch in loud:
            slot.below = 0
            continue
        slot.below += 1
        if slot.below >= GAP_FRAMES:
            over.append(pitch)
    return sorted(over) if over else over
