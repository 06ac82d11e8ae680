"""The plane of valence and arousal: a ring in the colours of the moods, where the music is, and where it came from."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

from models.affect import HALF_RANGE, Quadrant, Reading, State
from realtime.outputs.dashboard.canvas import Canvas
from realtime.outputs.dashboard.palette import FAINT, MUTED, ink, mood_color
from realtime.outputs.wording import is_known, known_since

#: How much of the past the trail shows.
TRAIL_S = 15.0

#: A corner for each quadrant: its direction across and up.
_CORNERS = {Quadrant.TENSE: (-1, 1), Quadrant.HAPPY: (1, 1), Quadrant.SAD: (-1, -1), Quadrant.CALM: (1, -1)}

#: From this size on, in rows, the axes carry their names in full.
_ROOMY = 13


def draw_circumplex(canvas: Canvas, x: int, y: int, width: int, height: int, readings: Sequence[Reading]) -> None:
    """Draw the plane into the given cells: valence across and arousal up, −1…1 each, the newest of ``readings`` last.

    Round when ``width`` is twice ``height``, as cells are twice as high as wide. While the newest reading says nothing,
    the plane stays empty.
    """
    now = readings[-1] if readings and is_known(readings[-1]) else None
    plane = _Plane(canvas, x, y, width, height)
    plane.axes()
    plane.ring(now)
    if now is not None:
        plane.trail(known_since(readings, TRAIL_S))
        plane.spread(now)
    _labels(canvas, x, y, width, height, now)
    if now is not None:
        plane.point(now)


def _labels(canvas: Canvas, x: int, y: int, width: int, height: int, now: Reading | None) -> None:
    for quadrant, (across, up) in _CORNERS.items():
        name = quadrant.value
        here = now is not None and now.state is State.LIVE and now.quadrant is quadrant
        style = ink(mood_color(across, up), bold=True) if here else ink(MUTED)
        canvas.put(x if across < 0 else x + width - len(name), y if up > 0 else y + height - 1, name, style)
    valence, arousal = ("valence", "arousal") if height >= _ROOMY else ("V", "A")
    canvas.put(x + width // 2 + 2, y + 1, arousal, ink(MUTED))
    canvas.put(x + width - 3 - len(valence), y + height // 2 + 1, valence, ink(MUTED))


class _Plane:
    """Braille dots in a rectangle of cells, addressed by valence and arousal."""

    def __init__(self, canvas: Canvas, x: int, y: int, width: int, height: int) -> None:
        self._canvas = canvas
        self._left, self._top = 2 * x, 4 * y
        self._right, self._bottom = 2 * (x + width) - 1, 4 * (y + height) - 1

    def axes(self) -> None:
        style = ink(FAINT)
        middle_x, middle_y = self._dots(0.0, 0.0)
        for dot_x in range(self._left + 2, self._right - 1, 2):
            self._canvas.dot(dot_x, middle_y, style)
        for dot_y in range(self._top + 2, self._bottom - 1, 2):
            self._canvas.dot(middle_x, dot_y, style)

    def ring(self, now: Reading | None) -> None:
        """The unit circle; it glows on the side that the music is drawn to."""
        live = now is not None and now.state is State.LIVE
        for angle, dots in _circle(self._right - self._left, self._bottom - self._top).items():
            across, up = math.cos(math.radians(angle)), math.sin(math.radians(angle))
            glow = max(0.0, across * now.valence_norm + up * now.arousal_norm) if now is not None and live else 0.0
            style = ink(mood_color(across, up, 0.45 + 0.55 * min(1.0, 1.6 * glow**1.5)))
            for dot_x, dot_y in dots:
                self._canvas.dot(self._left + dot_x, self._top + dot_y, style)

    def trail(self, readings: Sequence[Reading]) -> None:
        path = [self._dots(reading.valence_norm, reading.arousal_norm) for reading in readings]
        for (start, end), after in zip(pairwise(path), readings[1:], strict=True):
            age = (readings[-1].time - after.time) / TRAIL_S
            style = ink(mood_color(after.valence_norm, after.arousal_norm, 0.9 * (1.0 - age)))
            for dot_x, dot_y in _line(start, end):
                self._canvas.dot(dot_x, dot_y, style)

    def spread(self, now: Reading) -> None:
        """An ellipse as wide and high as one standard deviation over listeners to either side."""
        across, up = now.valence_std / HALF_RANGE, now.arousal_std / HALF_RANGE
        # A spread that is not a number draws nothing, since no place compares with it.
        # A dot every third or so, so that it reads as a margin, not as a second ring.
        steps = max(8, round((self._right - self._left) * min(2.0, math.hypot(across, up)) * 0.75))
        color = mood_color(now.valence_norm, now.arousal_norm, 0.5 if now.state is State.LIVE else 0.2)
        for step in range(steps):
            angle = 2 * math.pi * step / steps
            self._dot(now.valence_norm + across * math.cos(angle), now.arousal_norm + up * math.sin(angle), color)

    def point(self, now: Reading) -> None:
        dot_x, dot_y = self._dots(now.valence_norm, now.arousal_norm)
        live = now.state is State.LIVE
        color = mood_color(now.valence_norm, now.arousal_norm) if live else MUTED
        self._canvas.put(dot_x // 2, dot_y // 4, "●" if live else "○", ink(color, bold=True))

    def _dot(self, valence: float, arousal: float, color: str) -> None:
        if -1.0 <= valence <= 1.0 and -1.0 <= arousal <= 1.0:
            self._canvas.dot(*self._dots(valence, arousal), ink(color))

    def _dots(self, valence: float, arousal: float) -> tuple[int, int]:
        """The dot for a point, at the edge for one outside the plane."""
        across = (max(-1.0, min(1.0, valence)) + 1) / 2
        down = (1 - max(-1.0, min(1.0, arousal))) / 2
        return (
            round(self._left + across * (self._right - self._left)),
            round(self._top + down * (self._bottom - self._top)),
        )


@lru_cache(maxsize=4)
def _circle(width: int, height: int) -> dict[int, tuple[tuple[int, int], ...]]:
    """The dots of a circle that fills ``width`` by ``height`` dots, by their angle in steps of 3 degrees.

    Two dots thick where there is room for it.
    """
    dots: defaultdict[int, set[tuple[int, int]]] = defaultdict(set)
    steps = 4 * width
    for step in range(steps):
        angle = 2 * math.pi * step / steps
        for radius in (1.0, 1.0 - 2 / width) if height >= 4 * _ROOMY - 1 else (1.0,):
            dot_x = round((1 + radius * math.cos(angle)) * width / 2)
            dot_y = round((1 - radius * math.sin(angle)) * height / 2)
            dots[round(math.degrees(angle) / 3) * 3].add((dot_x, dot_y))
    return {angle: tuple(found) for angle, found in dots.items()}


def _line(start: tuple[int, int], end: tuple[int, int]) -> Iterator[tuple[int, int]]:
    steps = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
    for step in range(steps + 1):
        yield (
            round(start[0] + (end[0] - start[0]) * step / steps),
            round(start[1] + (end[1] - start[1]) * step / steps),
        )
