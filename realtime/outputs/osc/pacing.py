"""From readings, a few a second, to frames at any rate: straight lines between readings, and when a tick is due.

Nothing here has a thread or a clock; every function is told what time it is, in seconds.
"""

from __future__ import annotations

import math
from collections import deque

from models.affect import HALF_RANGE, Reading, State
from realtime.level import SILENCE_DB
from realtime.outputs import Status
from realtime.outputs.osc.addresses import Frame

#: Over how much stream time a slope is taken, and how much of it there must be.
SLOPE_S = 2.0
_LEAST_SLOPE_S = 0.5

#: A line between two readings takes no longer than this, however long the pause before the second was.
LONGEST_LINE_S = 2.0

#: So many pauses between readings give the mean that the next line takes.
_PAUSES = 8

#: Valence and arousal, their spreads, their slopes.
_POINT = 6


class Glide:
    """Values that move in straight lines from where they are to where they were last aimed at, and never past it."""

    def __init__(self) -> None:
        self._start: tuple[float, ...] = ()
        self._goal: tuple[float, ...] = ()
        self._start_s = self._duration_s = 0.0

    def aim(self, goal: tuple[float, ...], now_s: float, duration_s: float) -> None:
        """Be at ``goal`` in ``duration_s`` seconds. The first goal is taken at once; NaN keeps the goal before."""
        self._start = self.at(now_s) or goal
        before = self._goal or goal
        self._goal = tuple(new if math.isfinite(new) else old for new, old in zip(goal, before, strict=True))
        self._start_s, self._duration_s = now_s, duration_s

    def at(self, now_s: float) -> tuple[float, ...]:
        """Where the values are at ``now_s``; nothing before the first goal."""
        passed_s = now_s - self._start_s
        if passed_s >= self._duration_s:
            return self._goal
        share = max(0.0, passed_s / self._duration_s)
        return tuple(_between(low, high, share) for low, high in zip(self._start, self._goal, strict=True))


def _between(start: float, goal: float, share: float) -> float:
    if not math.isfinite(start):
        return goal
    return max(min(start, goal), min(max(start, goal), start + share * (goal - start)))


class Slopes:
    """How fast points move: the slopes of least-squares lines through the last ``SLOPE_S`` seconds of stream time."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, float, float]] = deque()

    def of(self, time_s: float, valence: float, arousal: float) -> tuple[float, float]:
        """The change a second of both with this point as the newest; 0 while there is too little to tell."""
        if self._points and time_s <= self._points[-1][0]:
            self.forget()
        self._points.append((time_s, valence, arousal))
        while self._points[0][0] < time_s - SLOPE_S:
            self._points.popleft()
        if time_s - self._points[0][0] < _LEAST_SLOPE_S:
            return 0.0, 0.0
        times, valences, arousals = zip(*self._points, strict=True)
        return _slope(times, valences), _slope(times, arousals)

    def forget(self) -> None:
        """Begin again: what comes next has nothing to do with what was."""
        self._points.clear()


def _slope(times: tuple[float, ...], values: tuple[float, ...]) -> float:
    middle, mean = sum(times) / len(times), sum(values) / len(values)
    squares = sum((time - middle) ** 2 for time in times)
    return sum((time - middle) * (value - mean) for time, value in zip(times, values, strict=True)) / squares


class Pacing:
    """Takes readings as they come and gives a frame for any moment.

    Point, spreads, slopes and level arrive at the newest reading one mean pause between readings after it came, in a
    straight line (with ``glides``; at once without). State and tempo change at once. While the state is not ``live``
    the point and its spreads stay where they are, and the slopes are 0.
    """

    def __init__(self, *, glides: bool = True) -> None:
        self._glides = glides
        self._point, self._level = Glide(), Glide()
        self._slopes = Slopes()
        self._pauses: deque[float] = deque(maxlen=_PAUSES)
        self._came_s: float | None = None
        self._newest: tuple[Reading, Status] | None = None

    def take(self, reading: Reading, status: Status, now_s: float) -> None:
        """The newest reading, which came at ``now_s``."""
        if self._came_s is not None:
            self._pauses.append(min(now_s - self._came_s, LONGEST_LINE_S))
        self._came_s = now_s
        self._newest = reading, status
        if reading.level_db is not None:
            # Digital silence may be given as −∞, which no line leads to.
            self._level.aim((max(reading.level_db, SILENCE_DB),), now_s, self._line_s)
        if reading.state is State.LIVE:
            self._point.aim(self._goal(reading), now_s, self._line_s)
        else:
            self._slopes.forget()
            held = self._point.at(now_s)
            if held:
                self._point.aim((*held[:4], 0.0, 0.0), now_s, 0.0)

    def frame(self, now_s: float) -> Frame | None:
        """What is to be sent at ``now_s``; None before the first reading."""
        if self._newest is None:
            return None
        reading, status = self._newest
        late_s = self._line_s + (0.0 if reading.latency_ms is None else reading.latency_ms / 1000.0)
        valence, arousal, valence_std, arousal_std, valence_slope, arousal_slope = (
            self._point.at(now_s) or (math.nan,) * _POINT
        )
        return Frame(
            reading.state,
            valence=valence,
            arousal=arousal,
            valence_std=valence_std,
            arousal_std=arousal_std,
            valence_slope=valence_slope,
            arousal_slope=arousal_slope,
            level_db=next(iter(self._level.at(now_s)), math.nan),
            tempo_bpm=status.tempo_bpm,
            age_s=late_s,
        )

    @property
    def _line_s(self) -> float:
        return sum(self._pauses) / len(self._pauses) if self._glides and self._pauses else 0.0

    def _goal(self, reading: Reading) -> tuple[float, ...]:
        # A network may overshoot its scale; what is held to it before the line is drawn does not stick to its end.
        valence, arousal = (max(-1.0, min(1.0, value)) for value in (reading.valence_norm, reading.arousal_norm))
        if not (math.isfinite(reading.valence) and math.isfinite(reading.arousal)):
            return (math.nan,) * _POINT
        slopes = self._slopes.of(reading.time, valence, arousal)
        return valence, arousal, reading.valence_std / HALF_RANGE, reading.arousal_std / HALF_RANGE, *slopes


class Ticks:
    """``rate_hz`` ticks a second from ``start_s`` on. Those that were missed are left out, never made up for."""

    def __init__(self, rate_hz: float, start_s: float) -> None:
        self._rate_hz, self._start_s = rate_hz, start_s
        self._next = 0

    def wait_s(self, now_s: float) -> float:
        """How long it is until the next tick; 0 when it is due."""
        return max(0.0, self._start_s + self._next / self._rate_hz - now_s)

    def take(self, now_s: float) -> bool:
        """Whether a tick is due; it is then taken."""
        if self.wait_s(now_s) > 0.0:
            return False
        self._next = max(self._next, math.floor((now_s - self._start_s) * self._rate_hz)) + 1
        while self.wait_s(now_s) == 0.0:  # the clock's last digits may put this tick and the next on the same moment
            self._next += 1
        return True
