"""The plane of valence and arousal: a ring in the colours of the moods, where the music is, and where it came from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

from rich.style import Style

from models.affect import HALF_RANGE, Quadrant, Reading, State
from realtime.outputs.dashboard.canvas import DOTS, Canvas
from realtime.outputs.palette import THEMES, Theme
from realtime.outputs.wording import is_known, known_since

#: How much of the past the trail shows, and the least time between two of its corners.
TRAIL_S, _TRAIL_STEP_S = 60.0, 1.0

#: A corner for each quadrant: its direction across and up.
_CORNERS = {Quadrant.TENSE: (-1, 1), Quadrant.HAPPY: (1, 1), Quadrant.SAD: (-1, -1), Quadrant.CALM: (1, -1)}

#: From these sizes on, in rows, the axes carry their names in full, and the point is a disc of dots.
_ROOMY, _LARGE = 13, 23


def draw_circumplex(
    canvas: Canvas,
    x: int,
    y: int,
    width: int,
    height: int,
    readings: Sequence[Reading],
    theme: Theme,
    *,
    label: tuple[float, float] | None = None,
    caption: str = "",
) -> None:
    """Draw the plane into the given cells: valence across and arousal up, −1…1 each, the newest of ``readings`` last.

    All of the cells must be on the canvas. Round when ``width`` is twice ``height``, as cells are twice as high as
    wide. While the newest reading says nothing, the plane stays empty but for ``label``, the listener's own point, and
    ``caption``, a word in its upper half.
    """
    now = readings[-1] if readings and is_known(readings[-1]) else None
    plane = _Plane(canvas, x, y, width, height, theme)
    plane.backdrop(now, known_since(readings, TRAIL_S) if now is not None else ())
    if now is not None:
        plane.spread(now)
    _words(canvas, x, y, width, height, now, theme)
    canvas.put(x + (width - len(caption)) // 2, y + height // 4, caption, theme.bright)
    if now is not None:
        plane.point(now)
    if label is not None:
        plane.label(*label)


def _words(canvas: Canvas, x: int, y: int, width: int, height: int, now: Reading | None, theme: Theme) -> None:
    for quadrant, (across, up) in _CORNERS.items():
        name = quadrant.value
        here = now is not None and now.state is State.LIVE and now.quadrant is quadrant
        style = theme.mood(across, up, bold=True) if here else theme.muted
        canvas.put(x if across < 0 else x + width - len(name), y if up > 0 else y + height - 1, name, style)
    valence, arousal = ("valence", "arousal") if height >= _ROOMY else ("V", "A")
    canvas.put(x + width // 2 + 2, y + 1, arousal, theme.muted)
    canvas.put(x + width - 3 - len(valence), y + height // 2 + 1, valence, theme.muted)


class _Plane:
    """Braille dots in a rectangle of cells, addressed by valence and arousal."""

    def __init__(self, canvas: Canvas, x: int, y: int, width: int, height: int, theme: Theme) -> None:
        self._canvas = canvas
        self._theme = theme
        self._x, self._y, self._width, self._height = x, y, width, height
        self._left, self._top = 2 * x, 4 * y
        self._right, self._bottom = 2 * (x + width) - 1, 4 * (y + height) - 1

    def backdrop(self, now: Reading | None, readings: Sequence[Reading]) -> None:
        """The axes, the unit circle, which glows on the side that the music is drawn to, and the trail of the past."""
        is_live = now is not None and now.state is State.LIVE
        valence, arousal = (now.valence_norm, now.arousal_norm) if now is not None and is_live else (0.0, 0.0)
        corners = _thinned(readings)
        sheet, glowing = _backdrop(self._width, self._height, self._theme.name, corners)
        self._canvas.paste(self._x, self._y, sheet)
        glow = _glow(round(8 * _within(valence)), round(8 * _within(arousal)), self._theme.name)
        self._canvas.dye(self._x, self._y, glowing, glow)
        if now is not None and corners:
            self.line(corners[-1], now, 0.95)

    def trail(self, corners: Sequence[Reading]) -> None:
        """Lines between the corners, which fade with their age."""
        for before, after in pairwise(corners):
            age = (corners[-1].time - after.time) / TRAIL_S
            self.line(before, after, max(0.1, 0.95 * (1.0 - age) ** 1.5))

    def line(self, before: Reading, after: Reading, strength: float) -> None:
        """A straight line in the colour of its end."""
        style = self._theme.mood(after.valence_norm, after.arousal_norm, strength)
        start = self._dots(before.valence_norm, before.arousal_norm)
        for x, y, bits in _segment(start, self._dots(after.valence_norm, after.arousal_norm)):
            self._canvas.dots(x, y, bits, style)

    def spread(self, now: Reading) -> None:
        """An ellipse as wide and high as one standard deviation over listeners to either side."""
        across, up = now.valence_std / HALF_RANGE, now.arousal_std / HALF_RANGE
        # A spread that is not a number draws nothing, since no place compares with it.
        # A dot every third or so, so that it reads as a margin, not as a second ring.
        steps = max(8, round((self._right - self._left) * min(2.0, math.hypot(across, up)) * 0.75))
        strength = 0.75 if now.state is State.LIVE else 0.3
        style = self._theme.mood(now.valence_norm, now.arousal_norm, strength)
        for cosine, sine in _directions(steps):
            valence, arousal = now.valence_norm + across * cosine, now.arousal_norm + up * sine
            if -1.0 <= valence <= 1.0 and -1.0 <= arousal <= 1.0:
                self._canvas.dot(*self._dots(valence, arousal), style)

    def point(self, now: Reading) -> None:
        """Where the music is: full while it is heard, hollow at the last place while it is not."""
        live = now.state is State.LIVE
        style = self._theme.mood(now.valence_norm, now.arousal_norm, bold=True) if live else self._theme.muted
        dot_x, dot_y = self._dots(now.valence_norm, now.arousal_norm)
        if self._height >= _LARGE:
            radius = self._height / 9
            self._disc(dot_x, dot_y, radius, 0.0 if live else radius - 1.2, style)
        else:
            self._canvas.put(dot_x // 2, dot_y // 4, "●" if live else "○", style)

    def label(self, valence: float, arousal: float) -> None:
        """The listener's own point: a cross, in a ring where there is room, and in no mood's colour."""
        dot_x, dot_y = self._dots(valence, arousal)
        if self._height >= _ROOMY:
            radius = max(3.6, self._height / 7)
            # Around the middle of the cell that the cross stands in.
            self._disc(dot_x // 2 * 2 + 0.5, dot_y // 4 * 4 + 1.5, radius, radius - 1.1, self._theme.bright)
        self._canvas.put(dot_x // 2, dot_y // 4, "+", self._theme.bright)

    def _disc(self, middle_x: float, middle_y: float, radius: float, hole: float, style: Style) -> None:
        left, top = math.floor(middle_x / 2), math.floor(middle_y / 4)
        for across, down, bits in _disc_cells(middle_x - 2 * left, middle_y - 4 * top, radius, hole):
            x, y = left + across, top + down
            if 0 <= x - self._x < self._width and 0 <= y - self._y < self._height:
                self._canvas.dots(x, y, bits, style)

    def _dots(self, valence: float, arousal: float) -> tuple[int, int]:
        """The dot for a point, at the edge for one outside the plane."""
        across = (_within(valence) + 1) / 2
        down = (1 - _within(arousal)) / 2
        return (
            round(self._left + across * (self._right - self._left)),
            round(self._top + down * (self._bottom - self._top)),
        )


def _thinned(readings: Sequence[Reading]) -> tuple[Reading, ...]:
    """The first of the readings in every step of stream time, so that corners stay where they are."""
    if not readings:
        return ()
    oldest = math.floor(readings[-1].time / _TRAIL_STEP_S) - round(TRAIL_S / _TRAIL_STEP_S)
    firsts: dict[int, Reading] = {}
    for reading in readings:
        firsts.setdefault(math.floor(reading.time / _TRAIL_STEP_S), reading)
    return tuple(reading for step, reading in firsts.items() if step > oldest)


@lru_cache(maxsize=4)
def _backdrop(
    width: int, height: int, theme_name: str, corners: tuple[Reading, ...]
) -> tuple[Canvas, tuple[tuple[int, int, int | None], ...]]:
    """Ground and trail, which stay as they are until the trail has a new corner, and what is still without a colour.

    That is column, row and the angle (see ``_ground``) of each cell of the ground that the trail does not cross.
    """
    sheet = Canvas(width, height)
    sheet.paste(0, 0, _bare_ground(width, height))
    _Plane(sheet, 0, 0, width, height, THEMES[theme_name]).trail(corners)
    styles = [row for _, row in sheet.rows()]
    return sheet, tuple((x, y, turned) for x, y, _, turned in _ground(width, height) if styles[y][x] is None)


@lru_cache(maxsize=4)
def _bare_ground(width: int, height: int) -> Canvas:
    sheet = Canvas(width, height)
    for x, y, bits, _ in _ground(width, height):
        sheet.dots(x, y, bits, None)
    return sheet


@lru_cache(maxsize=4)
def _ground(width: int, height: int) -> tuple[tuple[int, int, int, int | None], ...]:
    """The cells of the axes and the circle of a plane: column, row, dots, and the angle in steps of 3° of the circle.

    The circle is two dots thick where there is room for it.
    """
    right, bottom = 2 * width - 1, 4 * height - 1
    dots: dict[tuple[int, int], int | None] = {}
    for dot_x in range(2, right - 1, 2):
        dots[dot_x, round(bottom / 2)] = None
    for dot_y in range(2, bottom - 1, 2):
        dots[round(right / 2), dot_y] = None
    for step in range(4 * right):
        angle = 2 * math.pi * step / (4 * right)
        for radius in (1.0, 1.0 - 2 / right) if height >= _ROOMY else (1.0,):
            dot_x = round((1 + radius * math.cos(angle)) * right / 2)
            dot_y = round((1 - radius * math.sin(angle)) * bottom / 2)
            dots[dot_x, dot_y] = round(math.degrees(angle) / 3) * 3
    cells: dict[tuple[int, int], tuple[int, int | None]] = {}
    for (dot_x, dot_y), turned in dots.items():
        bits, held = cells.get((dot_x // 2, dot_y // 4), (0, None))
        bits |= DOTS[dot_y % 4][dot_x % 2]
        cells[dot_x // 2, dot_y // 4] = (bits, held if turned is None else turned)
    return tuple((x, y, bits, turned) for (x, y), (bits, turned) in cells.items())


@lru_cache(maxsize=512)
def _glow(valence: int, arousal: int, theme_name: str) -> dict[int | None, Style]:
    """The colours of the ground by angle, for music that is so many eighths of the way to the ends of the axes."""
    theme = THEMES[theme_name]
    styles: dict[int | None, Style] = {None: theme.faint}
    for angle in range(-180, 361, 3):
        across, up = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        glow = max(0.0, across * valence / 8 + up * arousal / 8)
        styles[angle] = theme.mood(across, up, 0.5 + 0.5 * min(1.0, 1.6 * glow**1.5))
    return styles


@lru_cache(maxsize=64)
def _directions(steps: int) -> tuple[tuple[float, float], ...]:
    """Cosine and sine of so many directions all around."""
    angles = [2 * math.pi * step / steps for step in range(steps)]
    return tuple((math.cos(angle), math.sin(angle)) for angle in angles)


@lru_cache(maxsize=64)
def _disc_cells(middle_x: float, middle_y: float, radius: float, hole: float) -> tuple[tuple[int, int, int], ...]:
    """The cells of a disc with a round hole, all sizes in dots: column, row, dots."""
    cells: dict[tuple[int, int], int] = {}
    for dot_y in range(math.floor(middle_y - radius), math.ceil(middle_y + radius) + 1):
        for dot_x in range(math.floor(middle_x - radius), math.ceil(middle_x + radius) + 1):
            if hole <= math.hypot(dot_x - middle_x, dot_y - middle_y) <= radius:
                cell = (dot_x // 2, dot_y // 4)
                cells[cell] = cells.get(cell, 0) | DOTS[dot_y % 4][dot_x % 2]
    return tuple((x, y, bits) for (x, y), bits in cells.items())


@lru_cache(maxsize=512)
def _segment(start: tuple[int, int], end: tuple[int, int]) -> tuple[tuple[int, int, int], ...]:
    """The cells of a straight line between two dots: column, row, dots."""
    steps = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
    cells: dict[tuple[int, int], int] = {}
    for step in range(steps + 1):
        dot_x = round(start[0] + (end[0] - start[0]) * step / steps)
        dot_y = round(start[1] + (end[1] - start[1]) * step / steps)
        cell = (dot_x // 2, dot_y // 4)
        cells[cell] = cells.get(cell, 0) | DOTS[dot_y % 4][dot_x % 2]
    return tuple((x, y, bits) for (x, y), bits in cells.items())


def _within(value: float) -> float:
    return max(-1.0, min(1.0, value))
