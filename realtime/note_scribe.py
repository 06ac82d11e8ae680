"""Certain notes out of posteriorgrams: Basic Pitch's note creation over a stream, half a second behind.

What the reference decides from a whole file is decided here from ``HORIZON`` frames ahead. Its rules stay: an onset is
a local maximum of at least 0.5, the note from it must outlast 11 frames, gaps below 11 frames are bridged, and it takes
the energy of its own pitch and both neighbours from whatever began earlier. So of two onsets that follow each other
closely the later one counts, which a tracker that announces notes at once cannot know. Energy that is left where no
onset was found becomes notes too, the strongest first. Rises in the note posteriorgram stand in for onsets that the
network missed; the reference scales them by the file's maxima, here they count as they are.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.transcription import LOWEST_PITCH, PITCHES
from realtime.bit_sets import bit_sets, members
from realtime.note_tracker import FRAME_THRESHOLD, GAP_FRAMES, MIN_FRAMES, FrameNote, onset_peaks, rises

FloatArray = NDArray[np.float32]

#: How many frames of the future a decision knows: twice the shortest note and gap, since onsets cut one another short.
HORIZON = 44
#: So many frames are decided together: how much of the future a decision knows depends on where they end.
BLOCK_FRAMES = 16
#: Frames before the first undecided one that are kept: an onset is a peak above its neighbour, inferred from two more.
_BEFORE = 3


@dataclass(slots=True)
class _Sounding:
    """A note that has begun: its first frame, its last loud one so far, its probability summed up to that."""

    start: int
    last: int
    total: float


#: The frames that a decision looks at.
_NEAR = (1 << (BLOCK_FRAMES + HORIZON)) - 1
#: Shifts that in this order reach as far as the longest gap that is bridged.
_SPANS = (1, 2, 4, GAP_FRAMES - 8)
#: What is left must be above this, as the posteriorgram has it.
_LEFT_THRESHOLD = float(np.float32(FRAME_THRESHOLD))


class NoteScribe:
    """Writes down all 88 pitches. ``push`` takes blocks of frames and says what has become certain with each."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything, as if new."""
        self.decided = -HORIZON  # the number of the first frame that is not decided yet
        self._notes = np.zeros((_BEFORE + HORIZON, PITCHES), np.float32)
        self._onsets = np.zeros_like(self._notes)
        self._sounding: dict[int, _Sounding] = {}

    def push(self, notes: FloatArray, onsets: FloatArray) -> list[list[FrameNote]]:
        """Take the next blocks of both posteriorgrams [shape=(blocks * BLOCK_FRAMES, 88)]; a list for each.

        It holds the notes that have begun or ended with that block, in order.
        """
        known, known_onsets = np.concatenate([self._notes, notes]), np.concatenate([self._onsets, onsets])
        self._notes, self._onsets = known[len(notes) :], known_onsets[len(notes) :]
        # What looks at all frames is done for all blocks at once; from here on they are counted from the first that is
        # not decided yet.
        undecided = known[_BEFORE:]
        is_loud = undecided >= FRAME_THRESHOLD
        pitches = np.flatnonzero(np.logical_or.reduce(is_loud))
        loud = dict(zip(pitches.tolist(), bit_sets(is_loud.T[pitches]), strict=True))
        bridged = {pitch: _bridged(frames) for pitch, frames in loud.items()}
        peaks = [
            (start, pitch)
            for start, pitch in onset_peaks(np.maximum(known_onsets[2:], rises(known)))
            if pitch in loud and _reach(start, loud[pitch], bridged[pitch]) + 1 - start > MIN_FRAMES
        ]
        heard = []
        for first in range(0, len(notes), BLOCK_FRAMES):
            end = first + BLOCK_FRAMES + HORIZON
            # Whether the last frame has a peak is not known before the frame after it.
            near = peaks[bisect_left(peaks, (first, 0)) : bisect_left(peaks, (end - 1, 0))]
            heard.append(self._decide(_Ahead(undecided[first:end], loud, bridged, near, first)))
            self.decided += BLOCK_FRAMES
        return heard

    def finish(self) -> list[FrameNote]:
        """End every note that still sounds."""
        heard = [_frame_note(pitch, note, note.last + 1) for pitch, note in sorted(self._sounding.items())]
        self._sounding.clear()
        return heard

    def _decide(self, ahead: _Ahead) -> list[FrameNote]:
        """Decide the first block of what is ``ahead``."""
        heard: list[FrameNote] = []
        for pitch, note in list(self._sounding.items()):
            last, cut = ahead.follow(pitch, note.start - self.decided, note.last - self.decided)
            ahead.cover(pitch, note.start - self.decided, last)
            self._go_on(pitch, note, ahead, last, cut, heard)
        for start, pitch in sorted([*ahead.struck, *ahead.swelling()]):
            if start < BLOCK_FRAMES:
                note = _Sounding(self.decided + start, self.decided + start, float(ahead.notes[start, pitch]))
                heard.append(_frame_note(pitch, note, None))
                self._sounding[pitch] = note
                self._go_on(pitch, note, ahead, *ahead.follow(pitch, start, start), heard)
        # What ends makes room for what begins at the same frame.
        return sorted(heard, key=lambda note: (note.start, 1) if note.end is None else (note.end, 0))

    def _go_on(
        self, pitch: int, note: _Sounding, ahead: _Ahead, last: int, cut: int | None, heard: list[FrameNote]
    ) -> None:
        """Let a note sound through the block, or to its end where that is in it; ``ahead`` follows it to ``last``."""
        is_over = (last if cut is None else cut) < BLOCK_FRAMES
        before = note.last - self.decided
        known = last if is_over else ahead.last_loud(pitch, before, min(last + 1, BLOCK_FRAMES))
        note.total += float(np.add.reduce(ahead.notes[max(before + 1, 0) : known + 1, pitch]))
        note.last = self.decided + known
        if is_over and self._sounding.get(pitch) is note:
            del self._sounding[pitch]
            heard.append(_frame_note(pitch, note, note.last + 1))


def _frame_note(pitch: int, note: _Sounding, end: int | None) -> FrameNote:
    frames = max((note.last + 1 if end is None else end) - note.start, 1)
    return FrameNote(pitch + LOWEST_PITCH, note.start, end, min(note.total / frames, 1.0))


class _Ahead:
    """The frames from the first undecided one on, counted from it: what is loud, struck and left over in them.

    ``notes`` is their posteriorgram [shape=(frames, 88)]. What is ``loud`` in each pitch, the same ``bridged``, and the
    ``peaks`` that may be onsets are counted otherwise: theirs is frame ``first``. ``struck`` is every (frame, pitch)
    that a note begins at.
    """

    def __init__(
        self,
        notes: FloatArray,
        loud: dict[int, int],
        bridged: dict[int, int],
        peaks: list[tuple[int, int]],
        first: int,
    ) -> None:
        self.notes = notes
        self._loud = {pitch: near for pitch, frames in loud.items() if (near := frames >> first & _NEAR)}
        self._left = self._loud.copy()
        self._bridged, self._first = bridged, first
        self._starts: dict[int, int] = {}  # the frames in which notes begin, by pitch
        self.struck: list[tuple[int, int]] = []
        # The latest decide first: a note is as long as what begins after it leaves it.
        for peak, pitch in reversed(peaks):
            start = peak - first
            last, _ = self.follow(pitch, start, start)
            if last + 1 - start > MIN_FRAMES:
                self._starts[pitch] = self._starts.get(pitch, 0) | 1 << start
                self.struck.append((start, pitch))
                self.cover(pitch, start, last)

    def last_loud(self, pitch: int, last: int, before: int) -> int:
        """The last loud frame ``before`` a frame, or ``last`` where none is later."""
        loud = self._loud.get(pitch, 0) & ((1 << before) - 1)
        return max(loud.bit_length() - 1, last) if loud else last

    def follow(self, pitch: int, start: int, last: int) -> tuple[int, int | None]:
        """Follow a note from its ``last`` loud frame; its last one, and the onset that cuts it short if one does."""
        loud = self._loud.get(pitch)
        before = last
        if loud is not None:
            # No further than what is ahead, though it may go on.
            last = min(_reach(last, loud, self._bridged[pitch] >> self._first), max(loud.bit_length() - 1, last))
        cut = self._cut(pitch, start) if self._starts else None
        if cut is None:
            return last, None
        last = min(last, self.last_loud(pitch, before, cut))
        return last, cut if cut - last <= GAP_FRAMES else None

    def _cut(self, pitch: int, start: int) -> int | None:
        """The next onset after the ``start`` of a note, or with it where it is beside its pitch."""
        own, first = self._starts.get(pitch, 0), max(start, 0)
        beside = self._starts.get(pitch - 1, 0) | self._starts.get(pitch + 1, 0)
        onsets = beside >> first | (own >> start + 1 << 1 if start >= 0 else own)
        return first + (onsets & -onsets).bit_length() - 1 if onsets else None

    def cover(self, pitch: int, start: int, last: int) -> None:
        """What a note, and both its neighbours, have between two frames is not left."""
        rest = ~(((1 << max(last + 1, 0)) - 1) >> max(start, 0) << max(start, 0))
        for beside in (pitch - 1, pitch, pitch + 1):
            if beside in self._left:
                self._left[beside] &= rest

    def swelling(self) -> list[tuple[int, int]]:
        """Each (frame, pitch) at which a note begins in what is left."""
        left = self._left
        # Mostly nothing is as long as a note, whatever its gaps.
        if not any(bits.bit_length() - (bits & -bits).bit_length() > MIN_FRAMES for bits in left.values() if bits):
            return []
        found = []
        places = [frame * PITCHES + pitch for pitch, bits in left.items() for frame in members(bits)]
        # The strongest decide first.
        for weakness, place in sorted(zip((-self.notes.take(places)).tolist(), places, strict=True)):
            if -weakness <= _LEFT_THRESHOLD:
                break
            frame, pitch = divmod(place, PITCHES)
            if left[pitch] >> frame & 1:
                whole = _bridged(left[pitch])
                first, last = (~whole & ((1 << frame) - 1)).bit_length(), _end_of_run(whole, frame)
                self.cover(pitch, first - GAP_FRAMES, last + GAP_FRAMES)
                if last - first > MIN_FRAMES:
                    found.append((first, pitch))
        return found


def _bridged(frames: int) -> int:
    """A set of frames with the gaps that are short enough."""
    for span in _SPANS:
        frames |= frames << span
    for span in _SPANS:
        frames &= frames >> span
    return frames


def _reach(last: int, loud: int, bridged: int) -> int:
    """The last of the ``loud`` frames that no gap too long separates from the ``last`` one."""
    after = loud >> last + 1 if last >= -1 else loud << -1 - last
    gap = (after & -after).bit_length()
    return _end_of_run(bridged, last + gap) if 0 < gap <= GAP_FRAMES else last


def _end_of_run(frames: int, frame: int) -> int:
    """The last of the frames in a row that a set has from ``frame`` on."""
    after = frames >> frame
    return frame + (~after & (after + 1)).bit_length() - 2
