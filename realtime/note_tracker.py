"""Notes announced from posteriorgrams, frame by frame: the causal counterpart of Basic Pitch's note creation.

The thresholds mean what they mean there (an onset is a local maximum of at least 0.5, a note sounds while its
probability is at least 0.3 with gaps below 11 frames, and must outlast 11 frames). What a whole file decides there is
decided here from what has been heard: onsets inferred from a rise in the note posteriorgram are scaled by the maxima of
the last seconds instead of the file's, notes are followed forwards instead of backwards, and energy left over without
an onset becomes a note once it has lasted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from operator import or_

import numpy as np
from numpy.typing import NDArray

from models.transcription import LOWEST_PITCH, PITCHES
from realtime.bit_sets import bit_sets, members
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
    """One possible note: where it started, and its probability summed up to before a frame."""

    start: int
    total: float
    summed: int


@dataclass(slots=True)
class _Slots:
    """At most one possible note a pitch, counted from the lowest.

    ``pitches`` is the set of those that have one, ``ripe`` of those whose has waited long enough to be announced, and
    ``due`` has those that will have by the frame with which they have.
    """

    of: dict[int, _Slot] = field(default_factory=dict)  # the earliest first
    pitches: int = 0
    ripe: int = 0
    due: dict[int, list[tuple[int, _Slot]]] = field(default_factory=dict)

    @property
    def earliest(self) -> int:
        """When the first of them started."""
        return next(iter(self.of.values())).start

    def put(self, pitch: int, slot: _Slot, due: int | None = None) -> None:
        """A new one, in place of the one that there may be."""
        if pitch in self.of:
            self.pop(pitch)
        self.of[pitch] = slot
        self.pitches |= 1 << pitch
        if due is not None:
            self.due.setdefault(due, []).append((pitch, slot))

    def pop(self, pitch: int) -> _Slot:
        """One that is over."""
        self.pitches ^= 1 << pitch
        self.ripe &= self.pitches
        return self.of.pop(pitch)

    def ripen(self, frame: int) -> None:
        """What is due with a frame is ripe where it is still there."""
        for pitch, slot in self.due.pop(frame):
            if self.of.get(pitch) is slot:
                self.ripe |= 1 << pitch


class NoteTracker:
    """Follows all 88 pitches. ``push`` takes frames as they come and says which notes began and ended.

    A candidate with an onset is announced ``CONFIRM_FRAMES`` of its pitch after it, one without an onset once it has
    outlasted the shortest note; only then does it end the notes that it takes its energy from.
    """

    # Most frames change nothing, which sets of pitches show for all of them at once.

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything, as if new."""
        self._frame = -1
        self._first = 0  # the frame that the newest block began with
        self._known_notes = np.zeros((2, PITCHES), np.float32)  # the newest block, behind the two frames before it
        self._recent_onsets = np.zeros((2, PITCHES), np.float32)  # the two frames before
        self._loud = [0] * GAP_FRAMES  # the loud pitches of each frame of the newest block, behind so many before it
        self._most_onset = self._most_rise = 0.0
        self._sounding = _Slots()
        self._struck = _Slots()  # candidates with an onset
        self._swelling = _Slots()  # candidates without one
        self._ended = [0] * PITCHES  # the frame that the newest note of each pitch ended before

    def push(self, notes: FloatArray, onsets: FloatArray) -> list[list[FrameNote]]:
        """Take the next frames of both posteriorgrams [shape=(frames, 88)]; a list for each.

        It holds the notes that have begun or ended with that frame, in order. Frames give the same one by one.
        """
        # What looks at all pitches is done for all frames at once; what is left are the few that sound.
        self._first = self._frame + 1
        self._known_notes = np.concatenate([self._known_notes[-2:], notes])
        peaks = self._peaks(onsets)
        loud = bit_sets(notes >= FRAME_THRESHOLD)
        self._loud = self._loud[-GAP_FRAMES:] + loud
        heard = [
            self._take(frame, now, lately, peaks.get(frame, ()))
            for frame, now, lately in zip(count(self._first), loud, _lately(self._loud[1:]), strict=False)
        ]
        for slots in (self._sounding, self._struck, self._swelling):
            for pitch, slot in slots.of.items():
                self._sum_up(pitch, slot)
        return heard

    def finish(self) -> list[FrameNote]:
        """End every sounding note now."""
        heard: list[FrameNote] = []
        for pitch in members(self._sounding.pitches):
            self._end(pitch, self._loud_until(pitch), heard)
        return heard

    def _peaks(self, onsets: FloatArray) -> dict[int, list[int]]:
        """The pitches of the onsets that are peaks, by the frame after each: once that is there they are known."""
        known = np.empty((len(onsets) + 2, PITCHES), np.float32)
        known[:2] = self._recent_onsets
        np.maximum(self._inferred(onsets), onsets, out=known[2:])
        self._recent_onsets = known[-2:]
        found: dict[int, list[int]] = {}
        for row, pitch in onset_peaks(known):
            found.setdefault(self._first + row, []).append(pitch)
        return found

    def _inferred(self, onsets: FloatArray) -> FloatArray:
        """The rises of the newest block [shape=(frames, 88)], scaled to the strongest onset lately."""
        rise = rises(self._known_notes)
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

    def _take(self, frame: int, loud: int, lately: int, peaks: Sequence[int]) -> list[FrameNote]:
        """Take one frame: the pitches that are ``loud`` in it, those that were ``lately``, those of onsets."""
        self._frame = frame
        heard: list[FrameNote] = []
        sounding, struck, swelling = self._sounding, self._struck, self._swelling
        if (sounding.pitches | swelling.pitches) & ~lately:
            self._let_go(~lately, heard)
        # The gap before an onset is none of the candidate's.
        if struck.pitches & ~lately and struck.earliest + GAP_FRAMES <= frame:
            self._give_up(~lately)
        if peaks:
            self._strike(peaks)
        if frame in struck.due:
            struck.ripen(frame)
        if struck.ripe & loud:
            self._announce(struck, struck.ripe & loud, heard)
        # Energy that no note and no neighbour of one explains begins a candidate.
        taken = sounding.pitches | struck.pitches
        shadowed = taken | taken << 1 | taken >> 1
        if swelling.pitches & shadowed:
            for pitch in members(swelling.pitches & shadowed):
                swelling.pop(pitch)
        left = loud & ~(shadowed | swelling.pitches)
        if left:
            for pitch in members(left):
                swelling.put(pitch, _Slot(frame, 0.0, frame), frame + MIN_FRAMES)
        if frame in swelling.due:
            swelling.ripen(frame)
        if swelling.ripe & loud:
            self._announce(swelling, swelling.ripe & loud, heard)
        return heard

    def _strike(self, pitches: Sequence[int]) -> None:
        """Begin a candidate at each onset, which was one frame ago."""
        start, row = self._frame - 1, self._frame - self._first + 2
        for pitch in pitches:
            # Both frames are the candidate's.
            both = self._known_notes[row - 1, pitch] + self._known_notes[row, pitch]
            slot = _Slot(start, float(both), self._frame + 1)
            self._struck.put(pitch, slot, start + CONFIRM_FRAMES[pitch])

    def _let_go(self, quiet: int, heard: list[FrameNote]) -> None:
        """End what has been ``quiet`` for too long to be bridged."""
        for pitch in members(self._sounding.pitches & quiet):
            self._end(pitch, self._frame + 1 - GAP_FRAMES, heard)
        for pitch in members(self._swelling.pitches & quiet):
            self._swelling.pop(pitch)

    def _give_up(self, quiet: int) -> None:
        """The same of candidates with an onset, from which on they count."""
        for pitch in members(self._struck.pitches & quiet):
            if self._struck.of[pitch].start + GAP_FRAMES <= self._frame:
                self._struck.pop(pitch)

    def _announce(self, candidates: _Slots, pitches: int, heard: list[FrameNote]) -> None:
        """Make notes of candidates, and end those that they take their energy from."""
        sounding = self._sounding
        for pitch in members(pitches):
            slot = candidates.pop(pitch)
            # What was said to have ended later has ended later: a note does not overlap the one before it.
            slot.start = max(slot.start, self._ended[pitch])
            for other in (pitch - 1, pitch, pitch + 1):
                if other in sounding.of:
                    self._end(other, min(slot.start, self._loud_until(other)), heard)
            sounding.put(pitch, slot)
            heard.append(self._note(pitch, slot, None))

    def _end(self, pitch: int, end: int, heard: list[FrameNote]) -> None:
        slot = self._sounding.pop(pitch)
        end = max(end, slot.start + 1)
        self._ended[pitch] = end
        heard.append(self._note(pitch, slot, end))

    def _loud_until(self, pitch: int) -> int:
        """The frame after the last one that a note that sounds was loud in."""
        until = self._frame + 1
        while not self._loud[until - 1 - self._first + GAP_FRAMES] >> pitch & 1:
            until -= 1
        return until

    def _note(self, pitch: int, slot: _Slot, end: int | None) -> FrameNote:
        self._sum_up(pitch, slot)
        frames = (self._frame + 1 if end is None else end) - slot.start
        amplitude = min(slot.total / max(frames, 1), 1.0)
        return FrameNote(pitch + LOWEST_PITCH, slot.start, end, amplitude)

    def _sum_up(self, pitch: int, slot: _Slot) -> None:
        """Add what the newest frames have of a note, one by one: the same however they came."""
        before = self._first - 2
        for probability in self._known_notes[slot.summed - before : self._frame + 1 - before, pitch].tolist():
            slot.total += probability
        slot.summed = self._frame + 1


def rises(notes: FloatArray) -> FloatArray:
    """How far each frame but the first two is above both before it, negative where it is not [shape=(n − 2, 88)]."""
    before: FloatArray = np.maximum(notes[:-2], notes[1:-1])
    return np.subtract(notes[2:], before, out=before)


def onset_peaks(strength: FloatArray) -> list[tuple[int, int]]:
    """The (frame, pitch) of every onset, in order, counted from the second frame of the ``strength`` of onsets."""
    # Few are strong enough, so that few are compared with their neighbours.
    flat = strength.ravel()
    (before,) = (flat[PITCHES:-PITCHES] >= ONSET_THRESHOLD).nonzero()
    now = flat.take(before + PITCHES)
    peaks = before[(now > flat.take(before)) & (now > flat.take(before + 2 * PITCHES))]
    return [divmod(place, PITCHES) for place in peaks.tolist()]


def _lately(loud: list[int]) -> list[int]:
    """The pitches of each ``GAP_FRAMES`` frames in a row, twice as many at each step."""
    span = 1
    while 2 * span <= GAP_FRAMES:
        loud = list(map(or_, loud, loud[span:]))
        span *= 2
    return list(map(or_, loud, loud[GAP_FRAMES - span :]))
