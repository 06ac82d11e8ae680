"""Streaming transcription: samples in, notes out, with Spotify's Basic Pitch network.

Sound is heard twice. At once, a hop of four frames (46 ms) at a time and with little look-ahead, to announce a note
while it is new; how long an announcement waits to be surer depends on how long the filters of its register are. And
again half a second later with eight times that look-ahead, at which filters are whole down to E2, in order to say what
the notes were. Both ways share the filter bank, the network and their thresholds; see ``realtime.posteriorgrams``.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.transcription import FRAME_S, FRAME_SAMPLES, SAMPLE_RATE
from realtime.hearings import HOP_FRAMES, HOP_SAMPLES, Certain, PromptHearing, SureHearing
from realtime.level import LevelGate
from realtime.note_events import NoteBegan, NoteEnded, NoteEvent, NoteReleased, NoteWithdrawn
from realtime.note_ledger import NoteLedger
from realtime.note_tracker import FrameNote
from realtime.posteriorgrams import Posteriorgrams
from realtime.resampler import MonoResampler

__all__ = [
    "HOP_SAMPLES",
    "NoteBegan",
    "NoteEnded",
    "NoteEvent",
    "NoteReleased",
    "NoteWithdrawn",
    "StreamingTranscriber",
]

FloatArray = NDArray[np.float32]

#: At most so many hops are transcribed together (8.9 s): more gain nothing, and memory stays small.
MOST_HOPS = 192


class _Hop(NamedTuple):
    """All that came of one hop: the level after it, whether the gate was open and learns the room still, and the notes
    heard either way.

    ``made`` are the posteriorgrams of all hops that were transcribed with it, of which ``rows`` are its own; None after
    the end, where the first hearing is over.
    """

    level_db: float
    is_audible: bool
    is_calibrating: bool
    made: Posteriorgrams | None
    rows: slice
    announced: tuple[FrameNote, ...]
    certain: Certain | None


class StreamingTranscriber:
    """Transcribes a stream of mono or multi-channel samples at ``sample_rate`` Hz.

    Events do not depend on how the stream is cut into blocks. Memory is constant.
    """

    def __init__(self, sample_rate: int = SAMPLE_RATE) -> None:
        self.sample_rate = sample_rate
        self.reset()

    def reset(self) -> None:
        """Forget everything, as if new: the next sample is at stream time 0."""
        self._resampler = MonoResampler(self.sample_rate, SAMPLE_RATE)
        self._gate = LevelGate(HOP_SAMPLES / SAMPLE_RATE)
        self._prompt = PromptHearing()
        self._sure = SureHearing(self._prompt.constant_q)
        self._ledger = NoteLedger()
        self._waiting = np.empty(0, np.float32)
        self._ready: deque[_Hop] = deque()
        self._hops = 0
        self._level_db = self._gate.level_db
        self._is_audible = self._is_calibrating = False
        self._is_over = False
        #: What the last hop, or what was pushed last, has of posteriorgrams, each with the rows that are meant.
        self.made: list[tuple[Posteriorgrams, slice]] = []

    @property
    def posteriorgrams(self) -> list[Posteriorgrams]:
        """The same, those rows alone."""
        return [made.part(rows) for made, rows in self.made]

    @property
    def delay_frames(self) -> int:
        """How many frames the newest posteriorgram frame lies behind the newest sample."""
        return self._prompt.delay_frames

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

    def calibrate(self, length_s: float) -> None:
        """Take the next ``length_s`` seconds for the noise of the room: nothing in them is a note."""
        self._gate.calibrate(length_s)

    @property
    def is_calibrating(self) -> bool:
        """Whether the noise of the room is being learned."""
        # The gate may be hops ahead of what has been handed on.
        return self._is_calibrating if self._ready else self._gate.is_calibrating

    @property
    def room_db(self) -> float:
        """The noise of the room in dB re full scale, −120 where it was not learned or told."""
        return self._gate.room_db

    @room_db.setter
    def room_db(self, level_db: float) -> None:
        self._gate.room_db = level_db

    @property
    def nonfinite(self) -> int:
        """How many samples were NaN or infinite."""
        return self._resampler.nonfinite

    def push(self, samples: FloatArray) -> list[NoteEvent]:
        """Take the next ``samples`` [shape=(n,) or (n, channels)] in −1…1; what has become known with them."""
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
        if len(mono):
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
        self._is_calibrating = hop.is_calibrating
        self.made = [] if hop.made is None else [(hop.made, hop.rows)]
        events = self._announce(hop.announced) if hop.announced and not self._is_over else []
        if hop.certain is not None:
            events += self._make_certain(hop.certain)
        return events

    def _transcribe(self, hops: int) -> None:
        """Make as many ``hops`` ready of what waits."""
        if not hops:
            return
        taken = hops * HOP_SAMPLES
        samples, self._waiting = self._waiting[:taken], self._waiting[taken:]
        levels = []
        for hop in samples.reshape(hops, HOP_SAMPLES):
            is_audible = self._gate.push(hop)
            levels.append((self._gate.level_db, is_audible, self._gate.is_calibrating))
        # What was below the gate when it was heard is silence, whatever the normaliser makes of it.
        is_open = np.repeat([is_audible for _, is_audible, _ in levels], HOP_FRAMES)
        spectrum = self._prompt.constant_q.push(samples)
        # After the end nothing is new: what is certain then need not be announced.
        made, prompt = (None, [()] * hops) if self._is_over else self._prompt.push(spectrum, is_open)
        sure = self._sure.push(spectrum, is_open)
        for number, (level, announced, certain) in enumerate(zip(levels, prompt, sure, strict=True)):
            rows = slice(number * HOP_FRAMES, (number + 1) * HOP_FRAMES)
            self._ready.append(_Hop(*level, made, rows, announced, certain))

    def flush(self) -> list[NoteEvent]:
        """Make certain what is still on its way, as if silence followed, and end every note; no more follows.

        The first hearing is over: no posteriorgrams come of it.
        """
        self.end_input()
        self._is_over = True
        # Enough silence for the last frame to be decided; its hop need not be full.
        missing = self._sure.decided_after_frames * FRAME_SAMPLES
        self._waiting = np.concatenate([self._waiting, np.zeros(missing, np.float32)])
        events = self._drain()
        events += self._make_certain(self._sure.finish())
        events += self._withdraw(None)
        return events

    def _drain(self) -> list[NoteEvent]:
        events: list[NoteEvent] = []
        made: list[tuple[Posteriorgrams, slice]] = []
        while (hop := self.next_hop()) is not None:
            events += hop
            made += self.made
        self.made = made
        return events

    def _announce(self, heard: tuple[FrameNote, ...]) -> list[NoteEvent]:
        events: list[NoteEvent] = []
        for note in heard:
            if note.end is None:
                start = note.start - self._prompt.delay_frames
                events.append(self._began(self._ledger.announce(note.pitch, start), note, start))
            elif (number := self._ledger.release(note.pitch)) is not None:
                offset_s = max((note.end - self._prompt.delay_frames) * FRAME_S, 0.0)
                events.append(NoteReleased(number, offset_s, note.pitch, self.transcribed_s))
        return events

    def _make_certain(self, certain: Certain) -> list[NoteEvent]:
        events: list[NoteEvent] = []
        delay = self._sure.delay_frames
        for note in certain.notes:
            start = note.start - delay
            if note.end is None:
                number, is_new = self._ledger.begin(note.pitch, start)
                if is_new:
                    events.append(self._began(number, note, start))
            else:
                number = self._ledger.end(note.pitch)
                onset_s, offset_s = max(start * FRAME_S, 0.0), max((note.end - delay) * FRAME_S, 0.0)
                events.append(NoteEnded(number, onset_s, offset_s, note.pitch, _velocity(note), self.transcribed_s))
        events += self._withdraw(certain.decided - delay)
        return events

    def _withdraw(self, decided: int | None) -> list[NoteEvent]:
        return [NoteWithdrawn(number, pitch, self.transcribed_s) for number, pitch in self._ledger.withdraw(decided)]

    def _began(self, number: int, note: FrameNote, start: int) -> NoteBegan:
        return NoteBegan(number, max(start * FRAME_S, 0.0), note.pitch, _velocity(note), self.transcribed_s)


def _velocity(note: FrameNote) -> int:
    return min(max(round(127 * note.amplitude), 1), 127)
