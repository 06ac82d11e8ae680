"""Readings as plain lines, one a second: for a log, a screen reader, a terminal without cursor control."""

from __future__ import annotations

import math
from collections import deque
from typing import TextIO

from models.affect import Reading, State
from realtime.outputs import Status
from realtime.outputs.pen import Pen
from realtime.outputs.wording import (
    AROUSAL,
    TREND_S,
    VALENCE,
    count,
    decibels,
    is_known,
    spread_words,
    stream_time,
    trend_arrow,
)


class Plain:
    """Writes one readable line a second of stream time to ``stream``, in the colours that ``Pen`` has, and flushes it.

    ``0:12.5  valence 5.31 ±1.42 ↗  arousal 6.08 ±1.30 →  happy  -23 dB  14 notes  live``, and after it the status's
    message when it is a new one; what is predicted is ``hidden`` from a blind rater. Signs that the stream's encoding
    lacks come out as question marks. ``close`` leaves the stream open, since it belongs to the caller. Raises
    UsageError for an unknown ``theme``.
    """

    def __init__(self, stream: TextIO, theme: str = "auto") -> None:
        self._stream = stream
        self._pen = Pen(stream, theme)
        self._recent: deque[Reading] = deque()
        self._second: int | None = None
        self._message = ""

    def write(self, reading: Reading, status: Status) -> None:
        """Write a line if the reading is the first of its second. Raises what the stream raises."""
        if self._recent and reading.time < self._recent[-1].time:
            self._recent.clear()  # the stream began again; the past is not comparable
        self._recent.append(reading)
        while self._recent[0].time < reading.time - TREND_S:
            self._recent.popleft()
        second = math.floor(reading.time)
        if second == self._second:
            return
        self._second = second
        line = self._line(reading, is_blind=status.is_blind)
        if status.message != self._message:
            self._message = status.message
            line += f"  {self._pen(status.message, self._pen.theme.warning)}" if status.message else ""
        encoding = self._stream.encoding or "utf-8"
        self._stream.write(line.encode(encoding, "replace").decode(encoding) + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Nothing is held: every line was flushed as it was written."""

    def _line(self, reading: Reading, *, is_blind: bool) -> str:
        theme = self._pen.theme
        live = reading.state is State.LIVE and is_known(reading)
        mood = theme.mood(reading.valence_norm, reading.arousal_norm, bold=True) if live else theme.muted
        parts = [self._pen(stream_time(reading.time), theme.muted)]
        if is_blind:
            parts.append("hidden")
        elif is_known(reading):
            history = tuple(self._recent)
            for axis in (VALENCE, AROUSAL):
                spread, arrow = spread_words(axis.spread(reading), 2), trend_arrow(history, axis)
                value = self._pen(f"{axis.value(reading):.2f}", mood)
                parts.append(f"{axis.name} {value} {spread} {arrow}")
            parts.append(self._pen(reading.quadrant.value, mood))
        if reading.level_db is not None:
            parts.append(decibels(reading.level_db))
        state = self._pen(reading.state.value, theme.warning if reading.state is State.LOST else theme.muted)
        parts += [count(reading.notes, "note"), state]
        return "  ".join(parts)
