"""Posteriorgrams over a stream of constant-Q spectra: the normaliser, and the network that finds notes.

How much of the future a frame knows is up to the caller: little for what is announced at once, more for what is to be
certain. Where many frames come at once they go through together, which costs less and changes nothing.

Bittner et al., "A lightweight instrument-agnostic model for polyphonic note transcription and multipitch estimation",
ICASSP 2022.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.transcription import (
    ACTIVATIONS_STATE,
    DELAY,
    NETWORK,
    NOTES_NETWORK,
    STATES,
    open_transcription_network,
)
from realtime.constant_q import POWER_FLOOR
from realtime.constant_q_filters import BINS

FloatArray = NDArray[np.float32]

#: The reference normalises windows of this many frames (2 s).
_NORMALISED_FRAMES = 172
#: At most so many frames go through the network together; beyond that its layers outgrow the cache.
_MOST_FRAMES = 64
#: So many frames (5.2 s) come at once after the longest stall that a microphone bridges. They go through in as few as
#: live: what 64 need stays with the networks, 17 MB for good, and is worth that only where more follow.
_STALL_FRAMES, _FEW_FRAMES = 448, 16


@dataclass(frozen=True, slots=True, eq=False)
class Posteriorgrams:
    """What the network made of some frames: probabilities 0…1, one row a frame; ``frame`` is the number of the first.

    ``contours`` has three bins a semitone [shape=(frames, 264)], ``notes`` and ``onsets`` one [shape=(frames, 88)];
    ``activations`` are what its inner layers made of the frame, from 0 up [shape=(frames, ACTIVATIONS), or (frames, 0)
    where they were not asked for].
    ``audible`` [shape=(frames,)] is 0 for frames that were below the gate, else 1.
    """

    frame: int
    contours: FloatArray
    notes: FloatArray
    onsets: FloatArray
    activations: FloatArray
    audible: FloatArray

    def gated(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """``notes``, ``onsets`` and ``activations``, silent where the gate was shut."""
        if self.audible.all():
            return self.notes, self.onsets, self.activations
        audible = self.audible[:, None]
        return self.notes * audible, self.onsets * audible, self.activations * audible

    def part(self, rows: slice) -> Posteriorgrams:
        """Some of the frames."""
        return Posteriorgrams(
            self.frame + rows.start,
            self.contours[rows],
            self.notes[rows],
            self.onsets[rows],
            self.activations[rows],
            self.audible[rows],
        )


class _Normalizer:
    """Maps decibels to 0…1 between the minimum and the maximum of two seconds, ``ahead`` frames of them in the future.

    The reference cuts music into windows and normalises each, so a frame's limits there come from anywhere within two
    seconds around it; from its own surroundings they are the same wherever a window would begin.
    """

    def __init__(self, ahead: int) -> None:
        self._held = np.full((ahead, BINS), 10.0 * np.log10(POWER_FLOOR), np.float32)
        self._lowest = np.full(_NORMALISED_FRAMES - 1, np.inf, np.float32)
        self._highest = np.full(_NORMALISED_FRAMES - 1, -np.inf, np.float32)

    def push(self, decibels: FloatArray) -> FloatArray:
        """Take the next frames [shape=(frames, bins)]; as many, ``ahead`` frames older."""
        lowest = np.concatenate([self._lowest, np.minimum.reduce(decibels, axis=1)])
        highest = np.concatenate([self._highest, np.maximum.reduce(decibels, axis=1)])
        self._lowest, self._highest = lowest[len(decibels) :], highest[len(decibels) :]
        low, high = _running(np.minimum, lowest)[:, None], _running(np.maximum, highest)[:, None]
        due = decibels
        if len(self._held):
            held = np.concatenate([self._held, decibels])
            due, self._held = held[: len(decibels)], held[len(decibels) :]
        # Where all is alike nothing stands out.
        span = np.where(high > low, high - low, np.float32(np.inf))
        normal: FloatArray = due - low
        normal /= span
        # With both bounds a clip is many times as fast as the maximum of many numbers and one, and the minimum.
        return normal.clip(np.float32(0), np.float32(1), out=normal)


def _running(of: np.ufunc, values: FloatArray) -> FloatArray:
    """``of`` (minimum or maximum) over each ``_NORMALISED_FRAMES`` values in a row, twice as many at each step."""
    span = 1
    while 2 * span <= _NORMALISED_FRAMES:
        values = of(values[:-span], values[span:])
        span *= 2
    rest = _NORMALISED_FRAMES - span
    found: FloatArray = of(values[:-rest], values[rest:])
    return found


@cache
def _network(name: str) -> Any:
    """The network of that name, loaded once: it keeps no state of its own, so one serves all."""
    return open_transcription_network(name)


class PosteriorgramStream:
    """Turns constant-Q spectra of ``lookahead_frames`` into posteriorgrams, ``delay_frames`` behind the newest sample.

    A frame's normaliser sees ``normalizer_ahead`` frames more than its filters, and the network needs another
    ``DELAY``. The first frame has the number −``delay_frames``. ``with_activations``: they are asked for.
    """

    def __init__(self, *, lookahead_frames: int, normalizer_ahead: int = 0, with_activations: bool = True) -> None:
        self.delay_frames = lookahead_frames + normalizer_ahead + DELAY
        self._normalizer = _Normalizer(normalizer_ahead)
        self._network = NETWORK if with_activations else NOTES_NETWORK
        self._states = {
            name: np.zeros(shape, np.float32)
            for name, shape in STATES.items()
            if with_activations or name != ACTIVATIONS_STATE
        }
        # Whether the gate was open at each frame that has been heard and not come out yet.
        self._open = np.zeros(self.delay_frames, np.float32)
        self._frame = -self.delay_frames

    def push(self, decibels: FloatArray, is_open: NDArray[np.bool_]) -> Posteriorgrams:
        """Take frames [shape=(frames, 309)], and whether the gate ``is_open`` as each comes in [shape=(frames,)]."""
        constant_q = self._normalizer.push(decibels)
        together = _MOST_FRAMES if len(constant_q) > _STALL_FRAMES else _FEW_FRAMES
        frames = len(constant_q)
        outputs: list[FloatArray] = []
        for first in range(0, frames, together):
            made = self._run(constant_q[first : first + together])
            outputs = outputs or [np.empty((frames, output.shape[-1]), np.float32) for output in made]
            # What the network gives lies in its own memory, which grows where many runs' outputs wait there.
            for whole, output in zip(outputs, made, strict=True):
                whole[first : first + together] = output[0]
        contours, notes, onsets, *summed = outputs
        (activations,) = summed or [np.empty((len(notes), 0), np.float32)]
        known = np.concatenate([self._open, is_open.astype(np.float32)])
        audible, self._open = known[: len(is_open)], known[len(is_open) :]
        frame, self._frame = self._frame, self._frame + len(is_open)
        return Posteriorgrams(frame, contours, notes, onsets, activations, audible)

    def _run(self, constant_q: FloatArray) -> list[FloatArray]:
        """The network's outputs for the next frames [shape=(1, frames, …)]."""
        made: list[FloatArray] = _network(self._network).run(None, {"constant_q": constant_q[None], **self._states})
        outputs, states = made[: -len(self._states)], made[-len(self._states) :]
        self._states = dict(zip(self._states, states, strict=True))
        return outputs
