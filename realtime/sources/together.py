"""Several live inputs as one: a piano that is miked and wired, or a number of MIDI ports, on one stream time.

While there is sound, stream time runs with its samples, and what is played is placed in it: sample times and the
clock's differ by an offset that is watched. A block of sound is handed over late by a jitter that is never negative, so
the least difference of the last half minute is the best. Without sound stream time runs with the clock.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Literal

from models.errors import UsageError
from realtime.events import (
    Advance,
    AllNotesOff,
    Event,
    KeyEvent,
    Lost,
    NoteOff,
    NoteOn,
    Pedal,
    Sostenuto,
    Sound,
    SoundLost,
)
from realtime.sources.returning import Returning

#: How long a difference between the clock and the samples counts: long against jitter, short against clocks' drift.
OFFSET_S = 30.0
#: How long one MIDI port is waited for before the others are looked at.
_TURN_S = 0.005


class Together:
    """The live ``sources`` as one: at most one of sound, and MIDI ports; each may go away and come back by itself.

    ``kind`` is "sound" while there is sound and "notes" without. Where all are away it gives ``Lost``; where the sound
    alone is, ``SoundLost``; a keyboard's return ends its notes. ``clock`` must be that of the sources. Raises
    ``UsageError`` for a second input of sound.
    """

    is_live = True

    def __init__(self, sources: Sequence[Returning], clock: Callable[[], float] = time.monotonic) -> None:
        sounds = [source for source in sources if source.kind == "sound"]
        if len(sounds) > 1:
            raise UsageError(
                f"one sound input at a time, not {len(sounds)}: choose one --mic; MIDI ports may be several"
            )
        self.name = " + ".join(source.name for source in sources)
        self.ended = False
        self._sources = tuple(sources)
        self._sound = sounds[0] if sounds else None
        self._keys = [source for source in sources if source.kind == "notes"]
        self._held = [_Held() for _ in sources]
        self._away: set[int] = set()
        self._has_sound = self._sound is not None
        self._clock = clock
        self._offsets: deque[tuple[float, float]] = deque()
        # Seconds of the clock at which stream time 0 was, as far as is known.
        self._offset_s = min(source.started_at for source in sources)
        self._reached_s = 0.0
        self._newest_key_s = 0.0
        self._waiting: list[KeyEvent] = []
        self.arrived_s: float | None = None

    @property
    def kind(self) -> Literal["sound", "notes"]:
        """What it gives at present."""
        return "sound" if self._has_sound else "notes"

    @property
    def dropped(self) -> int:
        """How many blocks or messages full queues refused."""
        return sum(source.dropped for source in self._sources)

    @property
    def overflows(self) -> int:
        """How often a driver said that it had lost something."""
        return sum(source.overflows for source in self._sources)

    @property
    def trouble(self) -> str:
        """Which inputs are away while others go on."""
        away = [source.name for number, source in enumerate(self._sources) if number in self._away]
        if not away or len(away) == len(self._sources):
            return ""
        there = [source.name for number, source in enumerate(self._sources) if number not in self._away]
        verb = "is" if len(away) == 1 else "are"
        return f"{' and '.join(away)} {verb} gone: going on with {' and '.join(there)}"

    @property
    def ports(self) -> Sequence[str]:
        """The MIDI ports among them."""
        return [port for source in self._sources for port in source.ports]

    def overhear(self, port: str, hear: Callable[[Any], None]) -> None:
        """Tell ``hear`` each message of that port."""
        for source in self._sources:
            source.overhear(port, hear)

    def read(self, timeout_s: float) -> Sequence[Event]:
        """What the inputs gave since the last time, keys before the sound that they may have made."""
        if self.ended:
            return []
        was_lost, was_sounding = self._is_lost, self._is_sounding
        sound = self._read_sound(timeout_s)
        horizon_s = self._read_keys(0.0 if self._has_sound else timeout_s)
        events: list[Event] = [*self._ready(horizon_s), *sound]
        if self._is_lost and not was_lost:
            events.append(Lost(max(horizon_s, self._reached_s, self._newest_key_s)))
        elif not (self._is_sounding or any(isinstance(event, Sound) for event in sound)):
            now_s = max(horizon_s, self._reached_s)
            events.append(Advance(now_s))
            if not self._has_sound:
                self.arrived_s = now_s + self._offset_s
        self._reach(events, was_sounding)
        self._watch_offset(sound)
        return events

    def _reach(self, events: Iterable[Event], is_sounding: bool) -> None:
        """Stream time, as the listener to ``events`` counts it."""
        for event in events:
            if isinstance(event, Sound):
                is_sounding = True
                self._reached_s += len(event.samples) / event.sample_rate
            elif isinstance(event, SoundLost):
                is_sounding = False
            elif not is_sounding:
                self._reached_s = max(self._reached_s, event.time_s)

    def close(self) -> None:
        """Let go of all inputs; nothing follows."""
        self.ended = True
        for source in self._sources:
            source.close()

    @property
    def _is_lost(self) -> bool:
        return len(self._away) == len(self._sources)

    @property
    def _is_sounding(self) -> bool:
        """Whether stream time runs with samples."""
        return self._has_sound and bool(self._offsets)

    def _read_sound(self, timeout_s: float) -> list[Event]:
        if self._sound is None:
            return []
        # An input that is away is waited for by the others' side.
        given = self._sound.read(timeout_s if self._has_sound else 0.0)
        events: list[Event] = []
        number = self._sources.index(self._sound)
        for event in given:
            if isinstance(event, Sound):
                self._away.discard(number)
                self._has_sound = True
                events.append(event)
            elif isinstance(event, Lost):
                # What comes after a gap is placed anew.
                self._offsets.clear()
                events.append(SoundLost(self._reached_s))
                self._has_sound = event is not given[-1]
                if not self._has_sound:
                    self._away.add(number)
        if events:
            self.arrived_s = self._sound.arrived_s
        return events

    def _read_keys(self, timeout_s: float) -> float:
        """Gather what was played; the stream time up to which all of it has been."""
        deadline = self._clock() + timeout_s
        while True:
            horizons_s = [self._read_key(source, timeout_s) for source in self._keys]
            remaining_s = deadline - self._clock()
            if self._waiting or remaining_s <= 0.0 or self.ended:
                return min(horizons_s, default=self._clock() - self._offset_s)

    def _read_key(self, source: Returning, timeout_s: float) -> float:
        number = self._sources.index(source)
        to_s = source.started_at - self._offset_s
        horizon_s = self._reached_s
        for event in source.read(min(timeout_s, _TURN_S)):
            if isinstance(event, Sound):
                continue
            horizon_s = to_s + event.time_s
            if isinstance(event, Lost):
                self._away.add(number)
            if isinstance(event, Lost) or (isinstance(event, AllNotesOff) and event.channel is None):
                self._waiting += self._held[number].release(horizon_s)
            elif not isinstance(event, Advance):
                self._waiting.append(self._held[number].hear(replace(event, time_s=horizon_s)))
            if not isinstance(event, Lost | Advance):
                self._away.discard(number)
        return horizon_s

    def _ready(self, horizon_s: float) -> Iterable[KeyEvent]:
        """What was played up to ``horizon_s``, in order; with sound, which says itself how far it is, everything.

        So, too, where all inputs are away: nothing that comes after ``Lost`` may sound.
        """
        self._waiting.sort(key=lambda event: event.time_s)
        everything = self._has_sound or self._is_lost
        ready = [event for event in self._waiting if everything or event.time_s <= horizon_s]
        self._waiting = self._waiting[len(ready) :]
        for event in ready:
            # The offset may have moved by the jitter; what was played later does not come earlier for that.
            self._newest_key_s = max(self._newest_key_s, event.time_s)
            yield replace(event, time_s=self._newest_key_s)

    def _watch_offset(self, given: Sequence[Event]) -> None:
        if self._sound is None or self._sound.arrived_s is None or not any(isinstance(e, Sound) for e in given):
            return
        arrived_s = self._sound.arrived_s
        self._offsets.append((arrived_s, arrived_s - self._reached_s))
        while self._offsets[0][0] < arrived_s - OFFSET_S:
            self._offsets.popleft()
        self._offset_s = min(offset_s for _, offset_s in self._offsets)


class _Held:
    """What one instrument holds down, so that it alone can be let go when the instrument goes away."""

    def __init__(self) -> None:
        self._keys: dict[tuple[int, int], None] = {}
        self._channels: dict[int, None] = {}

    def hear(self, event: KeyEvent) -> KeyEvent:
        """Keep what ``event`` presses; the event as it is."""
        if isinstance(event, NoteOn):
            self._keys[event.pitch, event.channel] = None
            self._channels[event.channel] = None
        elif isinstance(event, NoteOff):
            self._keys.pop((event.pitch, event.channel), None)
        return event

    def release(self, time_s: float) -> list[KeyEvent]:
        """Every key and pedal of the instrument comes up."""
        ups: list[KeyEvent] = [NoteOff(time_s, pitch, channel) for pitch, channel in self._keys]
        for channel in self._channels:
            ups += [Pedal(time_s, False, channel), Sostenuto(time_s, False, channel)]
        self._keys.clear()
        return ups
