"""From events to feature vectors at a steady pace: the part of the tracker that training shares with it.

No threads, no clock, no I/O. What comes out depends on the events and their times alone, not on how they are grouped
into calls: a moment at time ``t`` holds everything that had become certain by ``t`` and nothing later.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

from models.affect import State
from models.features import MOMENTS_TOGETHER, FeatureSet, FeatureVector, Window
from models.transcription import SAMPLE_RATE
from realtime.doubles import Doubles
from realtime.events import (
    Advance,
    AllNotesOff,
    AllSoundOff,
    Event,
    KeyEvent,
    Lost,
    NoteOff,
    NoteOn,
    Pedal,
    Sostenuto,
    Sound,
    SoundLost,
    Tempo,
)
from realtime.level import SILENCE_DB
from realtime.note_events import NoteBegan, NoteEvent, Struck
from realtime.sound_memory import SoundMemory
from realtime.transcriber import HOP_SAMPLES, StreamingTranscriber
from realtime.window import NoteWindow

#: How long the noise of a room is listened to, and how many notes wait to be asked for.
CALIBRATION_S = 5.0
_MOST_STRUCK = 256

#: With nothing heard for this long, the state is silence.
SILENCE_AFTER_S = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """What is known at one moment of stream time; see ``Reading`` for the fields that the two share."""

    time: float
    state: State
    features: Mapping[str, FeatureVector]
    notes: int
    level_db: float | None
    latency_ms: float | None


#: A window, and all that is known of its moment but for its features: where they are nothing it is not live yet.
_Due = tuple[Window, Moment]


class Listener:
    """Turns events into ``rate_hz`` moments a second of stream time, the first one at ``1 / rate_hz``.

    Stream time runs with the samples once sound has come, else with the events' own times. ``heard`` counts the notes
    so far, ``sounding`` holds the pitches that sound now.
    """

    def __init__(self, feature_sets: tuple[FeatureSet, ...], *, window_s: float, rate_hz: float) -> None:
        self._feature_sets = feature_sets
        self._needs_sound = any(known.needs_sound for known in feature_sets)
        self._rate_hz = rate_hz
        self._window = NoteWindow(window_s)
        self._doubles = Doubles()
        self._struck: deque[Struck] = deque(maxlen=_MOST_STRUCK)
        self._latest: Window | None = None
        self._room_db: float | None = None
        self._awaits_room = False
        self._sound: SoundMemory | None = None
        # Time of the transcriber at which the present memory of sound began.
        self._sound_origin_s = 0.0
        self._transcriber: StreamingTranscriber | None = None
        # Stream time at which the present transcriber's own time began.
        self._origin_s = 0.0
        self._reached_s = 0.0
        self._heard_s = 0.0
        self._tempo_bpm: float | None = None
        self._lost = False
        self._finished = False
        # How many moments there would have been at this pace from the start, and when the last one was.
        self._moments, self._moment_s = 0, 0.0

    @property
    def heard(self) -> int:
        """How many notes have begun so far."""
        return self._window.begun

    @property
    def sounding(self) -> tuple[int, ...]:
        """The pitches that sound now, in ascending order; drums have none."""
        return self._window.sounding

    @property
    def time_s(self) -> float:
        """The stream time that has been reached."""
        return self._reached_s

    @property
    def nonfinite(self) -> int:
        """How many samples were NaN or infinite, and heard as silence."""
        return 0 if self._transcriber is None else self._transcriber.nonfinite

    @property
    def latest(self) -> Window | None:
        """The window of the last moment, None before the first."""
        return self._latest

    @property
    def is_gated(self) -> bool:
        """Whether the sound is below what is listened to; False where there is none."""
        return self._transcriber is not None and not self._transcriber.is_audible

    @property
    def is_calibrating(self) -> bool:
        """Whether the noise of the room is being learned."""
        return self._awaits_room or (self._transcriber is not None and self._transcriber.is_calibrating)

    @property
    def room_db(self) -> float | None:
        """What was learned of the noise of the room, in dB re full scale; None where nothing was."""
        return self._room_db

    def take_struck(self) -> list[Struck]:
        """The notes that have begun since the last time, the newest 256 of them."""
        struck = list(self._struck)
        self._struck.clear()
        return struck

    def calibrate(self) -> None:
        """Take the next ``CALIBRATION_S`` seconds of sound for the noise of the room."""
        if self._transcriber is None:
            self._awaits_room = True
        else:
            self._transcriber.calibrate(CALIBRATION_S)

    def forget(self) -> None:
        """Forget the music so far. Stream time goes on, and what is set stays."""
        begun = self._window.begun
        self._window.reset()
        self._window.begun = begun
        self._doubles = Doubles()
        if self._sound is not None:
            self._sound.begin_at(max(self._reached_s - self._origin_s - self._sound_origin_s, 0.0))

    def use(self, feature_sets: tuple[FeatureSet, ...], *, window_s: float, rate_hz: float) -> None:
        """Other features, window or rate from here on; what has been heard stays.

        Where features of sound were not asked for before, their window begins now.
        """
        remembered, length_s = self._sound is not None, self._window.length_s
        self._feature_sets, self._window.length_s = feature_sets, window_s
        self._needs_sound = any(known.needs_sound for known in feature_sets)
        if not (self._needs_sound and remembered and window_s == length_s):
            self._begin_sound()
        # The next moment is the first of the new pace after the last one.
        self._moments = math.floor(self._moment_s * rate_hz + 1e-6)
        self._rate_hz = rate_hz

    def push(self, events: Iterable[Event]) -> list[Moment]:
        """Take the next events; the moments that have become due."""
        return self._described(
            chain.from_iterable(
                self._hear_sound(event) if isinstance(event, Sound) else self._hear_key(event) for event in events
            )
        )

    def finish(self) -> list[Moment]:
        """The stream is over: the moments up to its end. Notes still on their way are counted in ``heard``.

        Calling it twice is fine.
        """
        if self._finished:
            return []
        self._finished = True
        return self._described(self._last())

    def _last(self) -> Iterator[_Due]:
        if self._transcriber is not None and not self._lost:
            self._remember(self._transcriber.end_input())
            yield from self._transcribe(self._transcriber)
            self._hear_notes(self._transcriber.flush())
        yield from self._due(self._reached_s, inclusive=True)

    def _described(self, due: Iterator[_Due]) -> list[Moment]:
        """What is ``due``, with the features of each, a set for many moments: what it needs is at hand then."""
        moments: list[Moment] = []
        while some := list(islice(due, MOMENTS_TOGETHER)):
            windows = [window for window, _ in some]
            rows = {known.name: known.compute_all(windows) for known in self._feature_sets}
            features = [{name: of_set[place] for name, of_set in rows.items()} for place in range(len(some))]
            for (_, moment), found in zip(some, features, strict=True):
                is_music = any(vector.any() for vector in found.values())
                state = State.WARMING if moment.state is State.LIVE and not is_music else moment.state
                moments.append(replace(moment, state=state, features=found))
        return moments

    def _hear_sound(self, sound: Sound) -> Iterator[_Due]:
        transcriber = self._transcriber
        begins = transcriber is None or self._lost or transcriber.sample_rate != sound.sample_rate
        if transcriber is None or begins:
            # A new stream of samples begins at the time that has been reached.
            is_beside_keys = transcriber is None and not self._lost
            transcriber = self._transcriber = StreamingTranscriber(sound.sample_rate)
            if self._room_db is not None:
                transcriber.room_db = self._room_db
            if self._awaits_room:
                self._awaits_room = False
                transcriber.calibrate(CALIBRATION_S)
            self._origin_s = self._reached_s
            if not is_beside_keys:
                self._window.end_all(self._reached_s)
            self._begin_sound()
            self._lost = False
        heard = transcriber.feed(sound.samples)
        # The resampler hands on sound in pieces of its own; in between nothing is new.
        if len(heard) or begins:
            self._remember(heard)
            yield from self._transcribe(transcriber)

    def _begin_sound(self) -> None:
        """A memory of the sound that follows, where one is needed."""
        self._sound = None
        if self._needs_sound and self._transcriber is not None:
            self._sound = SoundMemory(self._window.length_s)
            self._sound_origin_s = self._transcriber.received_s

    def _hear_notes(self, events: Iterable[NoteEvent]) -> None:
        """What the transcriber says of notes, but for those that a key has told of."""
        for event in self._doubles.transcribed(events, self._origin_s):
            self._window.hear(event, self._origin_s)
            if isinstance(event, NoteBegan):
                self._struck.append(Struck(self._origin_s + event.onset_s, event.pitch, event.velocity))

    def _remember(self, samples: NDArray[np.float32]) -> None:
        if self._sound is not None:
            self._sound.hear(samples)

    def _transcribe(self, transcriber: StreamingTranscriber) -> Iterator[_Due]:
        received_s = transcriber.received_s
        while transcriber.next_hop_s <= received_s:
            # Moments before the end of the hop that comes next do not know of it.
            yield from self._due(self._origin_s + transcriber.next_hop_s, inclusive=False)
            events = transcriber.next_hop()
            self._reached_s = self._origin_s + transcriber.transcribed_s
            if transcriber.is_audible:
                if self._sound is not None and self._reached_s - self._heard_s > SILENCE_AFTER_S:
                    began_s = transcriber.transcribed_s - HOP_SAMPLES / SAMPLE_RATE - self._sound_origin_s
                    self._sound.begin_at(max(began_s, 0.0))
                self._heard_s = self._reached_s
            if events:
                self._hear_notes(events)
            if self._sound is not None:
                for made, rows in transcriber.made:
                    self._sound.transcribe(made, rows)
        if transcriber.room_db > SILENCE_DB:
            self._room_db = transcriber.room_db
        self._reached_s = self._origin_s + received_s
        yield from self._due(self._reached_s, inclusive=True)

    def _hear_key(self, event: KeyEvent) -> Iterator[_Due]:
        if self._transcriber is None or self._lost:
            # A moment holds what happened at its own time, so it waits for an event that is later.
            yield from self._due(event.time_s, inclusive=False)
            self._reached_s = max(self._reached_s, event.time_s)
        if isinstance(event, NoteOn):
            self._window.begin(event.time_s, event.pitch, event.velocity, event.channel)
            for double in self._doubles.struck(event, self._origin_s):
                self._window.hear(double, self._origin_s)
            self._struck.append(Struck(event.time_s, event.pitch, event.velocity, event.channel))
        elif isinstance(event, NoteOff):
            self._window.release(event.time_s, event.pitch, event.channel)
        elif isinstance(event, Pedal):
            self._window.pedal(event.time_s, event.down, event.channel)
        elif isinstance(event, Sostenuto):
            self._window.sostenuto(event.time_s, event.down, event.channel)
        elif isinstance(event, AllSoundOff):
            self._window.silence(event.time_s, event.channel)
        elif isinstance(event, AllNotesOff) and event.channel is not None:
            self._window.release_all(event.time_s, event.channel)
        elif isinstance(event, SoundLost):
            self._end_sound(event.time_s)
        elif isinstance(event, AllNotesOff | Lost):
            self._window.end_all(event.time_s)
            self._tempo_bpm = None
            if isinstance(event, Lost):
                self._transcriber = self._sound = None
        elif isinstance(event, Tempo):
            self._tempo_bpm = None if event.bpm is None else _as_estimated(event.bpm)
        if isinstance(event, NoteOn | NoteOff):
            self._heard_s = event.time_s
        # That time goes on, or that the clock has ceased, is no sign of life.
        if not isinstance(event, Advance) and not (isinstance(event, Tempo) and event.bpm is None):
            self._lost = isinstance(event, Lost)

    def _end_sound(self, time_s: float) -> None:
        """The sound is gone: what was transcribed is over, and the events of keys carry stream time on."""
        self._window.end_transcribed(time_s)
        self._doubles = Doubles()
        self._transcriber = self._sound = None

    def _due(self, until_s: float, *, inclusive: bool) -> Iterator[_Due]:
        while True:
            time_s = (self._moments + 1) / self._rate_hz
            if time_s > until_s or (time_s == until_s and not inclusive):
                return
            self._moments += 1
            self._moment_s = time_s
            yield self._moment(time_s)

    def _moment(self, time_s: float) -> _Due:
        heard = None
        if self._sound is not None and not self._lost:
            heard = self._sound.at(time_s - self._origin_s - self._sound_origin_s)
        window = self._latest = self._window.at(time_s, heard, self._tempo_bpm)
        transcriber = self._transcriber
        if self._lost:
            level_db, latency_ms = None, None
        elif transcriber is None:
            level_db, latency_ms = None, 0.0
            if self._window.is_sounding:
                self._heard_s = time_s
        else:
            level_db = transcriber.level_db
            newest_s = self._origin_s + transcriber.transcribed_s - transcriber.delay_s
            latency_ms = 1000.0 * (time_s - newest_s)
        return window, Moment(time_s, self._state(time_s), {}, len(window.notes), level_db, latency_ms)

    def _state(self, time_s: float) -> State:
        if self._lost:
            return State.LOST
        if self.is_calibrating:
            return State.WARMING
        if time_s - self._heard_s > SILENCE_AFTER_S:
            return State.SILENCE
        return State.LIVE


def _as_estimated(bpm: float) -> float:
    """A tempo an octave nearer where it lies outside the 30–300 BPM that estimates, and so models, know."""
    if bpm < 30.0:
        return 2 * bpm
    return bpm / 2 if bpm > 300.0 else bpm
