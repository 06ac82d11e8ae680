"""The two hearings of a stream: at once to announce notes, and later to say for certain what they were.

Both give what they heard hop by hop, in frames counted from the first one that came in.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from models.transcription import FRAME_SAMPLES
from realtime.note_scribe import HORIZON, NoteScribe
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
_SURE_HOPS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Certain:
    """Notes that began or ended for certain, and the frame before which nothing more will."""

    notes: tuple[FrameNote, ...]
    decided: int


class PromptHearing:
    """The first hearing, hop by hop."""

    def __init__(self) -> None:
        self._stream = PosteriorgramStream(hop_frames=HOP_FRAMES, lookahead_frames=_PROMPT_FRAMES)
        self._tracker = NoteTracker()
        self.delay_frames = self._stream.delay_frames

    def push(
        self, samples: FloatArray, is_open: NDArray[np.bool_]
    ) -> list[tuple[Posteriorgrams, tuple[FrameNote, ...]]]:
        """Of each hop, what the network made of it and the notes that seem to begin or end."""
        made = self._stream.push(samples, is_open)
        heard = self._tracker.push(*made.gated())
        hops = []
        for first in range(0, len(heard), HOP_FRAMES):
            rows = slice(first, first + HOP_FRAMES)
            hops.append((made.part(rows), tuple(chain.from_iterable(heard[rows]))))
        return hops


class SureHearing:
    """The second hearing, some hops at a time."""

    def __init__(self) -> None:
        self._stream = PosteriorgramStream(
            hop_frames=_SURE_HOPS * HOP_FRAMES,
            lookahead_frames=_SURE_FRAMES,
            normalizer_ahead=_SURE_NORMALIZER_FRAMES,
        )
        self._scribe = NoteScribe()
        self._samples = np.empty(0, np.float32)
        self._is_open = np.empty(0, np.bool_)
        self.delay_frames = self._stream.delay_frames

    @property
    def decided_after_frames(self) -> int:
        """After so many frames more, everything about a frame is decided."""
        return self.delay_frames + HORIZON + _SURE_HOPS * HOP_FRAMES

    def push(self, samples: FloatArray, is_open: NDArray[np.bool_]) -> list[Certain | None]:
        """Of each hop what became certain with it, None where it waits for the ones after it."""
        waited = len(self._samples) // HOP_SAMPLES
        hops = waited + len(samples) // HOP_SAMPLES
        together = hops - hops % _SURE_HOPS
        self._samples = np.concatenate([self._samples, samples])
        self._is_open = np.concatenate([self._is_open, is_open])
        certain: list[Certain | None] = [None] * hops
        if together:
            now, self._samples = np.split(self._samples, [together * HOP_SAMPLES])
            now_open, self._is_open = np.split(self._is_open, [together * HOP_FRAMES])
            made = self._stream.push(now, now_open)
            notes, onsets = made.gated()
            for hop in range(_SURE_HOPS, together + 1, _SURE_HOPS):
                rows = slice((hop - _SURE_HOPS) * HOP_FRAMES, hop * HOP_FRAMES)
                heard = self._scribe.push(notes[rows], onsets[rows])
                certain[hop - 1] = Certain(tuple(heard), self._scribe.decided)
        return certain[waited:]

    def finish(self) -> Certain:
        """End what still sounds."""
        return Certain(tuple(self._scribe.finish()), self._scribe.decided)
