"""Streaming transcription: samples in, notes out, with Spotify's Basic Pitch network.

Each hop of four frames (46 ms) goes through a constant-Q filter bank, a normaliser that runs over the last two
seconds as the reference's windows do, the re-cut network, and a causal note tracker. Look-ahead is explicit: a frame's
filters see ``lookahead_frames`` after it, the network ten more (116 ms), the note tracker a few to be sure. Where more
samples wait than one hop needs, as with a file, several hops go through together, which costs less and changes nothing.

Bittner et al., "A lightweight instrument-agnostic model for polyphonic note transcription and multipitch estimation",
ICASSP 2022.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from models.transcription import DELAY, FRAME_S, FRAME_SAMPLES, SAMPLE_RATE, STATES, open_transcription_network
from realtime.constant_q import ConstantQ
from realtime.level import LevelGate
from realtime.note_tracker import FrameNote, NoteTracker
from realtime.resampler import MonoResampler

FloatArray = NDArray[np.float32]

HOP_FRAMES = 4
HOP_SAMPLES = HOP_FRAMES * FRAME_SAMPLES
#: At most so many hops go through the network together; beyond that its layers outgrow the cache.
MOST_HOPS = 16
#: The reference normalises windows of this many frames (2 s).
_NORMALISED_FRAMES = 172


@dataclass(frozen=True, slots=True)
class NoteBegan:
    """A note that sounds: ``onset_s`` and, of the moment when it became certain, ``certain_s`` are stream time."""

    onset_s: float
    pitch: int
    velocity: int
    certain_s: float


@dataclass(frozen=True, slots=True)
class NoteEnded:
    """A whole note, once its end is certain; the ``NoteBegan`` of the same pitch came before it."""

    onset_s: float
    offset_s: float
    pitch: int
    velocity: int
    certain_s: float


NoteEvent = NoteBegan | NoteEnded


@dataclass(frozen=True, slots=True, eq=False)
class Posteriorgrams:
    """What the network made of one hop: probabilities 0…1, one row a frame; ``frame`` is the number of the first.

    ``contours`` has three bins a semitone [shape=(hop, 264)], ``notes`` and ``onsets`` one [shape=(hop, 88)];
    ``activations`` are what its inner layers made of the frame, from 0 up [shape=(hop, ACTIVATIONS)].
    ``audible`` [shape=(hop,)] is 0 for frames that were below the gate, else 1.
    """

    frame: int
    contours: FloatArray
    notes: FloatArray
    onsets: FloatArray
    activations: FloatArray
    audible: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class _Hop:
    """All that came of one hop: the level after it, whether the gate was open, and the notes of each of its frames."""

    level_db: float
    is_audible: bool
    posteriorgrams: Posteriorgrams
    heard: tuple[FrameNote, ...]


class _Normalizer:
    """Maps decibels to 0…1 between the minimum and the maximum of the last two seconds."""

    def __init__(self) -> None:
        self._lowest = np.full(_NORMALISED_FRAMES - 1, np.inf, np.float32)
        self._highest = np.full(_NORMALISED_FRAMES - 1, -np.inf, np.float32)

    def push(self, decibels: FloatArray) -> FloatArray:
        lowest = np.concatenate([self._lowest, decibels.min(axis=1)])
        highest = np.concatenate([self._highest, decibels.max(axis=1)])
        self._lowest, self._highest = lowest[len(decibels) :], highest[len(decibels) :]
        low = sliding_window_view(lowest, _NORMALISED_FRAMES).min(axis=1)[:, None]
        high = sliding_window_view(highest, _NORMALISED_FRAMES).max(axis=1)[:, None]
        normal = np.zeros_like(decibels)
        np.divide(decibels - low, high - low, out=normal, where=high > low)
        return normal


@cache
def _network() -> Any:
    """The network, loaded once: it keeps no state of its own, so one serves all."""
    return open_transcription_network()


class StreamingTranscriber:
    """Transcribes a stream of mono or multi-channel samples at ``sample_rate`` Hz.

    Events do not depend on how the stream is cut into blocks. Memory is constant.
    """

    def __init__(self, sample_rate: int = SAMPLE_RATE, *, lookahead_frames: int = 16) -> None:
        self.sample_rate = sample_rate
        self._lookahead_frames = lookahead_frames
        self._network = _network()
        self.reset()

    def reset(self) -> None:
        """Forget everything, as if new: the next sample is at stream time 0."""
        self._resampler = MonoResampler(self.sample_rate, SAMPLE_RATE)
        self._constant_q = ConstantQ(hop_frames=HOP_FRAMES, lookahead_frames=self._lookahead_frames)
        self._normalizer = _Normalizer()
        self._gate = LevelGate(HOP_SAMPLES / SAMPLE_RATE)
        self._tracker = NoteTracker()
        self._states = {name: np.zeros(shape, np.float32) for name, shape in STATES.items()}
        self._open: deque[bool] = deque([False] * self.delay_frames)
        self._waiting = np.empty(0, np.float32)
        self._ready: deque[_Hop] = deque()
        self._hops = 0
        self._level_db = self._gate.level_db
        self._is_audible = False
        self.posteriorgrams: list[Posteriorgrams] = []

    @property
    def delay_frames(self) -> int:
        """How many frames the newest posteriorgram frame lies behind the newest sample."""
        return self._lookahead_frames + DELAY

    @property
    def delay_s(self) -> float:
        """The same in seconds: the age of the newest sound that events can be about."""
        return self.delay_frames * FRAME_S

    @property
    def transcribed_s(self) -> float:
        """Stream time of the end of the last whole hop."""
        return self._hops * HOP_SAMPLES / SAMPLE_RATE

    @property
    def received_s(self) -> float:
        """Stream time of the newest sample, whether its hop is full yet or not."""
        return ((self._hops + len(self._ready)) * HOP_SAMPLES + len(self._waiting)) / SAMPLE_RATE

    @property
    def next_hop_s(self) -> float:
        """Stream time at which the next hop will be full."""
        return (self._hops + 1) * HOP_SAMPLES / SAMPLE_RATE

    @property
    def level_db(self) -> float:
        """The level of the last 0.4 s in dB re full scale."""
        return self._level_db

    @property
    def is_audible(self) -> bool:
        """Whether the newest hop was above the gate."""
        return self._is_audible

    @property
    def nonfinite(self) -> int:
        """How many samples were NaN or infinite."""
        return self._resampler.nonfinite

    def push(self, samples: FloatArray) -> list[NoteEvent]:
        """Take the next ``samples`` [shape=(n,) or (n, channels)] in −1…1; what has become certain with them."""
        self.feed(samples)
        return self._drain()

    def feed(self, samples: FloatArray) -> FloatArray:
        """Take samples without transcribing them yet: ``next_hop`` does that, a hop at a time.

        What they are, mono at ``SAMPLE_RATE`` [shape=(m,)].
        """
        return self._wait(self._resampler.push(samples))

    def end_input(self) -> FloatArray:
        """No more samples follow: what the resampler still holds is taken, and given as ``feed`` does."""
        return self._wait(self._resampler.finish())

    def _wait(self, mono: FloatArray) -> FloatArray:
        self._waiting = np.concatenate([self._waiting, mono])
        return mono

    def next_hop(self) -> list[NoteEvent] | None:
        """Transcribe one hop, or None where too few samples wait."""
        if not self._ready:
            self._transcribe(min(len(self._waiting) // HOP_SAMPLES, MOST_HOPS))
        if not self._ready:
            return None
        hop = self._ready.popleft()
        self._hops += 1
        self._level_db, self._is_audible = hop.level_db, hop.is_audible
        self.posteriorgrams = [hop.posteriorgrams]
        return [self._event(note) for note in hop.heard]

    def _transcribe(self, hops: int) -> None:
        """Make as many ``hops`` ready of what waits."""
        if not hops:
            return
        samples, self._waiting = np.split(self._waiting, [hops * HOP_SAMPLES])
        constant_q = self._normalizer.push(self._constant_q.push(samples))
        given = {"constant_q": constant_q[None], **self._states}
        contours, notes, onsets, activations, *states = self._network.run(None, given)
        self._states = dict(zip(STATES, states, strict=True))
        levels = []
        for hop in samples.reshape(hops, HOP_SAMPLES):
            is_audible = self._gate.push(hop)
            self._open.extend([is_audible] * HOP_FRAMES)
            levels.append((self._gate.level_db, is_audible))
        # What was below the gate when it was heard is silence, whatever the normaliser made of it.
        audible = np.array([self._open.popleft() for _ in range(hops * HOP_FRAMES)], np.float32)[:, None]
        heard = self._tracker.push(notes[0] * audible, onsets[0] * audible)
        first = self._hops * HOP_FRAMES - self.delay_frames
        for number, (level_db, is_audible) in enumerate(levels):
            rows = slice(number * HOP_FRAMES, (number + 1) * HOP_FRAMES)
            outputs = (contours[0, rows], notes[0, rows], onsets[0, rows], activations[0, rows])
            made = Posteriorgrams(first + rows.start, *outputs, audible[rows, 0])
            self._ready.append(_Hop(level_db, is_audible, made, tuple(chain.from_iterable(heard[rows]))))

    def flush(self) -> list[NoteEvent]:
        """Transcribe what is still on its way as if silence followed, and end every note."""
        self.end_input()
        # Enough silence for the last frame to come out; its hop need not be full.
        missing = self.delay_frames * FRAME_SAMPLES + HOP_SAMPLES
        self._waiting = np.concatenate([self._waiting, np.zeros(missing, np.float32)])
        events = self._drain()
        events += [self._event(note) for note in self._tracker.finish()]
        return events

    def _drain(self) -> list[NoteEvent]:
        events: list[NoteEvent] = []
        heard: list[Posteriorgrams] = []
        while (hop := self.next_hop()) is not None:
            events += hop
            heard += self.posteriorgrams
        self.posteriorgrams = heard
        return events

    def _event(self, note: FrameNote) -> NoteEvent:
        onset_s = max((note.start - self.delay_frames) * FRAME_S, 0.0)
        velocity = min(max(round(127 * note.amplitude), 1), 127)
        if note.end is None:
            return NoteBegan(onset_s, note.pitch, velocity, self.transcribed_s)
        offset_s = max((note.end - self.delay_frames) * FRAME_S, onset_s)
        return NoteEnded(onset_s, offset_s, note.pitch, velocity, self.transcribed_s)
