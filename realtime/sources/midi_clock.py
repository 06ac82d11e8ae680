"""The tempo that a MIDI clock gives: 24 ticks a quarter note, from drum machines, sequencers and music programs."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from realtime.events import Tempo

if TYPE_CHECKING:
    import mido

TICKS_PER_BEAT = 24
#: Without a tick for this long there is no clock any more; at the slowest tempo they are 0.125 s apart.
SILENT_AFTER_S = 0.5
SLOWEST_BPM = 20.0
FASTEST_BPM = 400.0
#: Smaller changes, as a share of the tempo, are not told: ticks are never quite even.
LEAST_CHANGE = 0.005
# Whichever is more: at fast tempi two beats are too short for ticks that are 3 ms early or late.
_REMEMBERED_BEATS = 2
_REMEMBERED_S = 1.0
_FEWEST_TICKS = _REMEMBERED_BEATS * TICKS_PER_BEAT + 1
_MOST_TICKS = int(_REMEMBERED_S * FASTEST_BPM / 60 * TICKS_PER_BEAT) + 1


class MidiClock:
    """Turns clock messages into ``Tempo`` events: the first one a beat after the first tick, then as the tempo changes.

    The tempo is the slope of a straight line (least squares) through the ticks of the last two beats, or of the last
    second where that is more; a tick that comes late hardly moves it. It is not known any more after a stop, until the
    next start or continue, and after half a second without ticks. Call ``reset`` when the instrument went away.
    """

    def __init__(self) -> None:
        self._ticks_s: deque[float] = deque(maxlen=_MOST_TICKS)
        self.reset()

    def reset(self) -> None:
        """Forget everything, as if new. Whoever heard a tempo must be told by other means that it is gone."""
        self._ticks_s.clear()
        self._told_bpm: float | None = None
        self._newest_s = 0.0
        # Who joins in the middle of a song has missed its start.
        self._runs = True

    def hear(self, message: mido.Message, time_s: float) -> list[Tempo]:
        """What the next message, of whatever type, says of the tempo at ``time_s`` (seconds): one event or none."""
        if message.type == "reset":
            self.reset()
            return []
        if message.type in ("start", "continue", "stop"):
            self._ticks_s.clear()
            self._newest_s = time_s
            self._runs = message.type != "stop"
            # Where a song starts the tempo told so far holds until a beat of the new one has been heard.
            return [] if self._runs else self._tell(time_s, None)
        found = self.advance(time_s)
        if message.type == "clock" and self._runs:
            self._remember(time_s)
            if len(self._ticks_s) > TICKS_PER_BEAT:
                found += self._tell(time_s, _tempo_bpm(self._ticks_s))
        return found

    def advance(self, time_s: float) -> list[Tempo]:
        """Stream time has reached ``time_s`` (seconds): no tempo is known any more once the ticks have ceased."""
        if time_s - self._newest_s <= SILENT_AFTER_S:
            return []
        self._ticks_s.clear()
        return self._tell(time_s, None)

    def _remember(self, tick_s: float) -> None:
        self._ticks_s.append(tick_s)
        self._newest_s = tick_s
        while len(self._ticks_s) > _FEWEST_TICKS and tick_s - self._ticks_s[0] > _REMEMBERED_S:
            self._ticks_s.popleft()

    def _tell(self, time_s: float, bpm: float | None) -> list[Tempo]:
        told = self._told_bpm
        if bpm == told or (bpm and told and abs(bpm - told) <= LEAST_CHANGE * told):
            return []
        self._told_bpm = bpm
        return [Tempo(time_s, bpm)]


def _tempo_bpm(ticks_s: deque[float]) -> float | None:
    """Beats a minute of evenly numbered ticks, None beyond what anyone plays."""
    number = np.arange(len(ticks_s)) - (len(ticks_s) - 1) / 2
    tick_s = float(number @ (np.array(ticks_s) - ticks_s[0]) / (number @ number))
    if not 60 / FASTEST_BPM <= TICKS_PER_BEAT * tick_s <= 60 / SLOWEST_BPM:
        return None
    return 60 / (TICKS_PER_BEAT * tick_s)
