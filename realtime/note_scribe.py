"""Certain notes out of posteriorgrams: Basic Pitch's note creation over a stream, half a second behind.

What the reference decides from a whole file is decided here from ``HORIZON`` frames ahead. Its rules stay: an onset is
a local maximum of at least 0.5, the note from it must outlast 11 frames, gaps below 11 frames are bridged, and it takes
the energy of its own pitch and both neighbours from whatever began earlier. So of two onsets that follow each other
closely the later one counts, which a tracker that announces notes at once cannot know. Energy that is left where no
onset was found becomes notes too, the strongest first. Rises in the note posteriorgram stand in for onsets that the
network missed; the reference scales them by the file's maxima, here they count as they are.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.transcription import LOWEST_PITCH, PITCHES
from realtime.note_tracker import FRAME_THRESHOLD, GAP_FRAMES, MIN_FRAMES, ONSET_THRESHOLD, FrameNote

FloatArray = NDArray[np.float32]

#: How many frames of the future a decision knows: twice the shortest note and gap, since onsets cut one another short.
HORIZON = 44
#: Frames before the first undecided one that are kept: an onset is a peak above its neighbour, inferred from two more.
_BEFORE = 3


@dataclass(slots=True)
class _Sounding:
    """A note that has begun: its first frame, its last loud one so far, its probability summed up to that."""

    start: int
    last: int
    total: float


class NoteScribe:
    """Writes down all 88 pitches. ``push`` takes a block of frames and says what has become certain with it.

    Blocks must be of equal length: how much of the future a decision knows depends on where they end.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything, as if new."""
        self.decided = -HORIZON  # the number of the first frame that is not decided yet
        self._notes = np.zeros((_BEFORE + HORIZON, PITCHES), np.float32)
        self._onsets = np.zeros_like(self._notes)
        self._sounding: dict[int, _Sounding] = {}

    def push(self, notes: FloatArray, onsets: FloatArray) -> list[FrameNote]:
        """Take the next frames of both posteriorgrams [shape=(frames, 88)]; notes that began or ended, in order."""
        self._notes = np.concatenate([self._notes, notes])
        self._onsets = np.concatenate([self._onsets, onsets])
        ahead = _Ahead(self._notes, self._onsets)
        heard = self._decide(ahead, len(notes))
        self._notes, self._onsets = self._notes[len(notes) :], self._onsets[len(notes) :]
        self.decided += len(notes)
        return heard

    def finish(self) -> list[FrameNote]:
        """End every note that still sounds."""
        heard = [_frame_note(pitch, note, note.last + 1) for pitch, note in sorted(self._sounding.items())]
        self._sounding.clear()
        return heard

    def _decide(self, ahead: _Ahead, frames: int) -> list[FrameNote]:
        """Decide the first ``frames`` of what is ``ahead``."""
        heard: list[FrameNote] = []
        for pitch, note in list(self._sounding.items()):
            ahead.cover(pitch, note.start - self.decided, note.last - self.decided)
            self._follow(pitch, note, ahead, frames, heard)
        for start, pitch in ahead.struck:
            ahead.cover(pitch, start, start)
        for start, pitch in sorted([*ahead.struck, *ahead.swelling()]):
            if start < frames:
                note = _Sounding(self.decided + start, self.decided + start, float(ahead.notes[start, pitch]))
                heard.append(_frame_note(pitch, note, None))
                self._sounding[pitch] = note
                self._follow(pitch, note, ahead, frames, heard)
        # What ends makes room for what begins at the same frame.
        return sorted(heard, key=lambda note: (note.start, 1) if note.end is None else (note.end, 0))

    def _follow(self, pitch: int, note: _Sounding, ahead: _Ahead, frames: int, heard: list[FrameNote]) -> None:
        """Follow a note through what is ahead, and to its end where that is among the ``frames`` to decide."""
        last, cut = ahead.follow(pitch, note.start - self.decided, note.last - self.decided)
        is_over = last < frames if cut is None else cut < frames
        known = last if is_over else ahead.last_loud(pitch, note.last - self.decided, min(last + 1, frames))
        note.total += float(ahead.notes[max(note.last - self.decided + 1, 0) : known + 1, pitch].sum())
        note.last = self.decided + known
        if is_over and self._sounding.get(pitch) is note:
            del self._sounding[pitch]
            heard.append(_frame_note(pitch, note, note.last + 1))


def _frame_note(pitch: int, note: _Sounding, end: int | None) -> FrameNote:
    frames = max((note.last + 1 if end is None else end) - note.start, 1)
    return FrameNote(pitch + LOWEST_PITCH, note.start, end, min(note.total / frames, 1.0))


class _Ahead:
    """The frames from the first undecided one on, counted from it: what is loud, struck and left over in them.

    ``notes`` is their posteriorgram [shape=(frames, 88)], ``struck`` every (frame, pitch) that a note begins at, in
    order of time.
    """

    def __init__(self, notes: FloatArray, onsets: FloatArray) -> None:
        self.notes = notes[_BEFORE:]
        # The frames in which each pitch is above the threshold, pitch after pitch.
        pitches, frames = np.nonzero(self.notes.T >= FRAME_THRESHOLD)
        self._frames: list[int] = frames.tolist()
        self._bounds: list[int] = np.searchsorted(pitches, np.arange(PITCHES + 1)).tolist()
        self._loud: dict[int, list[int]] = {}
        self._starts: dict[int, list[int]] = {}  # of each pitch, the latest first
        self.struck: list[tuple[int, int]] = []
        self._left = self.notes.copy()
        for start, pitch in np.argwhere(_peaks(notes, onsets))[::-1].tolist():
            # The latest decide first: a note is as long as what begins after it leaves it.
            if self.follow(pitch, start, start)[0] + 1 - start > MIN_FRAMES:
                self._starts.setdefault(pitch, []).append(start)
                self.struck.append((start, pitch))
        self.struck.reverse()

    def loud(self, pitch: int) -> list[int]:
        """The frames in which a pitch is above the threshold."""
        if pitch not in self._loud:
            self._loud[pitch] = self._frames[self._bounds[pitch] : self._bounds[pitch + 1]]
        return self._loud[pitch]

    def last_loud(self, pitch: int, last: int, before: int) -> int:
        """The last loud frame ``before`` a frame, or ``last`` where none is later."""
        loud = self.loud(pitch)
        place = bisect_left(loud, before)
        return max(loud[place - 1], last) if place else last

    def follow(self, pitch: int, start: int, last: int) -> tuple[int, int | None]:
        """Follow a note from its ``last`` loud frame; its last one, and the onset that cuts it short if one does."""
        cuts = [t for t in self._starts[pitch] if t > start] if pitch in self._starts else []
        for beside in (pitch - 1, pitch + 1):
            if beside in self._starts:
                cuts += [t for t in self._starts[beside] if t >= start]
        cut = min(cuts) if cuts else None
        last = _bridged(self.loud(pitch), last, cut)
        is_cut = cut is not None and cut - last <= GAP_FRAMES
        return last, cut if is_cut else None

    def cover(self, pitch: int, start: int, last: int) -> None:
        """What a note that was loud at its ``last`` frame, and both its neighbours, have from there on is not left."""
        self._take(pitch, start, self.follow(pitch, start, last)[0])

    def _take(self, pitch: int, start: int, last: int) -> None:
        self._left[max(start, 0) : max(last + 1, 0), max(pitch - 1, 0) : pitch + 2] = 0.0

    def swelling(self) -> list[tuple[int, int]]:
        """Each (frame, pitch) at which a note begins in what is left, in order of time."""
        found = []
        while True:
            frame, pitch = divmod(int(self._left.argmax()), PITCHES)
            if self._left[frame, pitch] <= FRAME_THRESHOLD:
                break
            loud = (self._left[:, pitch] >= FRAME_THRESHOLD).nonzero()[0].tolist()
            first = -_bridged([-t for t in reversed(loud)], -frame, None)
            last = _bridged(loud, frame, None)
            self._take(pitch, first - GAP_FRAMES, last + GAP_FRAMES)
            if last - first > MIN_FRAMES:
                found.append((first, pitch))
        return sorted(found)


def _peaks(notes: FloatArray, onsets: FloatArray) -> NDArray[np.bool_]:
    """Where an onset is, from the frame after the ``_BEFORE`` first ones on [shape=(frames − 3, 88)]."""
    rise = notes[2:] - np.maximum(notes[1:-1], notes[:-2])
    strength = np.maximum(onsets[2:], rise)
    peaks = np.zeros(notes[_BEFORE:].shape, bool)
    now = strength[1:-1]
    peaks[:-1] = (now >= ONSET_THRESHOLD) & (now > strength[:-2]) & (now > strength[2:])
    return peaks


def _bridged(loud: list[int], last: int, limit: int | None) -> int:
    """The last of the ``loud`` frames after ``last`` and before ``limit`` that no gap too long separates from it."""
    for frame in loud[bisect_right(loud, last) :]:
        if frame - last > GAP_FRAMES or (limit is not None and frame >= limit):
            break
        last = frame
    return last
