"""The two hearings of a stream: at once to announce notes, and later to say for certain what they were.

Both give what they heard hop by hop, in frames counted from the first one that came in. The second goes on from the
spectrum of the first: filters that the first needs no less of the future for than the second are computed once.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from models.transcription import FRAME_SAMPLES
from realtime.constant_q import ConstantQ, LaterConstantQ, Spectrum
from realtime.note_scribe import BLOCK_FRAMES, HORIZON, NoteScribe
from realtime.note_tracker import FrameNote, NoteTracker
from realtime.posteriorgrams import Posteriorgrams, PosteriorgramStream

FloatArray = NDArray[np.float32]

HOP_FRAMES = 4
HOP_SAMPLES = HOP_FRAMES * FRAME_SAMPLES
#: What notes are announced from, 58 ms: hardly more than the least look-ahead that leaves the low octaves a filter.
_PROMPT_FRAMES = 5
#: What notes become certain from: agreement with the reference grows up to here (464 ms) and no further.
_SURE_FRAMES = 40
#: The normaliser of the second hearing knows the 0.7 s that follow: a frame stands within what it is compared with.
_SURE_NORMALIZER_FRAMES = 60
#: So many hops go together in the second hearing, which is in no hurry.
_SURE_HOPS = BLOCK_FRAMES // HOP_FRAMES


@dataclass(frozen=True, slots=True, eq=False)
class Certain:
    """Notes that began or ended for certain, and the frame before which nothing more will."""

    notes: tuple[FrameNote, ...]
    decided: int


class PromptHearing:
    """The first hearing, hop by hop."""

    def __init__(self) -> None:
        self.constant_q = ConstantQ(hop_frames=HOP_FRAMES, lookahead_frames=_PROMPT_FRAMES, phases=4)
        self._stream = PosteriorgramStream(lookahead_frames=_PROMPT_FRAMES)
        self._tracker = NoteTracker()
        self.delay_frames = self._stream.delay_frames

    def push(
        self, spectrum: Spectrum, is_open: NDArray[np.bool_]
    ) -> tuple[Posteriorgrams, list[tuple[FrameNote, ...]]]:
        """What the network made of the ``spectrum`` that ``constant_q`` made, and of each hop in it the notes that seem
        to begin or end.
        """
        made = self._stream.push(spectrum.decibels, is_open)
        notes, onsets, _ = made.gated()
        heard = self._tracker.push(notes, onsets)
        hops = range(0, len(heard), HOP_FRAMES)
        return made, [tuple(chain.from_iterable(heard[first : first + HOP_FRAMES])) for first in hops]


class SureHearing:
    """The second hearing, some hops at a time."""

    def __init__(self, before: ConstantQ) -> None:
        self._constant_q = LaterConstantQ(before, hop_frames=_SURE_HOPS * HOP_FRAMES, lookahead_frames=_SURE_FRAMES)
        self._stream = PosteriorgramStream(
            lookahead_frames=_SURE_FRAMES, normalizer_ahead=_SURE_NORMALIZER_FRAMES, with_activations=False
        )
        self._scribe = NoteScribe()
        self._waiting: Spectrum | None = None
        self._is_open = np.empty(0, np.bool_)
        self.delay_frames = self._stream.delay_frames

    @property
    def decided_after_frames(self) -> int:
        """After so many frames more, everything about a frame is decided."""
        return self.delay_frames + HORIZON + _SURE_HOPS * HOP_FRAMES

    def push(self, spectrum: Spectrum, is_open: NDArray[np.bool_]) -> list[Certain | None]:
        """Of each hop what became certain with it, None where it waits for the ones after it.

        ``spectrum`` is what the filter bank of the first hearing made.
        """
        waited = len(self._is_open) // HOP_FRAMES
        self._is_open = np.concatenate([self._is_open, is_open])
        hops = len(self._is_open) // HOP_FRAMES
        together = hops - hops % _SURE_HOPS
        waiting = spectrum if self._waiting is None else self._waiting + spectrum
        certain: list[Certain | None] = [None] * hops
        if together:
            frames = together * HOP_FRAMES
            now, waiting = waiting.split(frames)
            now_open, self._is_open = self._is_open[:frames], self._is_open[frames:]
            made = self._stream.push(self._constant_q.push(now), now_open)
            notes, onsets, _ = made.gated()
            decided = self._scribe.decided
            for block, heard in enumerate(self._scribe.push(notes, onsets), 1):
                certain[block * _SURE_HOPS - 1] = Certain(tuple(heard), decided + block * BLOCK_FRAMES)
        self._waiting = waiting
        return certain[waited:]

    def finish(self) -> Certain:
        """End what still sounds."""
        return Certain(tuple(self._scribe.finish()), self._scribe.decided)
