"""Numbers that are read from across a stage, the last minutes at a glance, and the level of the sound."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from rich.style import Style

from models.affect import SCALE_HIGH, SCALE_LOW, Reading, State, normalized
from realtime.outputs.dashboard.canvas import Canvas
from realtime.outputs.palette import THEMES, Theme
from realtime.outputs.wording import Axis, decibels, is_known, known_since, spread_words, trend_arrow

#: How much of the past the sparklines show.
HISTORY_S = 180.0

#: The level bar's left end; its right end is full scale.
_QUIETEST_DB = -60.0

#: Each character as five rows of three pixels, a row an octal digit.
_GLYPHS = {
    "0": "75557",
    "1": "26227",
    "2": "71747",
    "3": "71717",
    "4": "55711",
    "5": "74717",
    "6": "74757",
    "7": "71111",
    "8": "75757",
    "9": "75717",
    "–": "00700",
}
_POINT = "00001"

#: Each arrow as five rows of five pixels, a row a hexadecimal number of two digits.
_ARROWS = {"→": "04021f0204", "↗": "0f03050910", "↘": "100905030f", "↑": "040e150404", "↓": "0404150e04"}

_EIGHTHS = " ▁▂▃▄▅▆▇█"

#: The sparkline covers at least this part of the scale, so that small wavering looks small.
_SPARK_LOW, _SPARK_HIGH = 3.0, 7.0


def digits_size(scale: int) -> tuple[int, int]:
    """Width and height in cells of a number like 5.3 in big digits."""
    return 9 * scale, math.ceil(5 * scale / 2)


def draw_digits(canvas: Canvas, x: int, y: int, text: str, scale: int, style: Style) -> None:
    """Draw ``text`` (digits, a point, a dash) in pixels of ``scale`` by ``scale`` half cells."""
    for row, line in enumerate(_digit_lines(text, scale), start=y):
        canvas.blocks(x, row, line, style)


def draw_arrow(canvas: Canvas, x: int, y: int, arrow: str, scale: int, style: Style) -> None:
    """Draw an arrow of ``trend_arrow`` in five by five pixels of ``scale`` by ``scale`` half cells; 0 is a letter."""
    if scale < 1:
        canvas.put(x, y, arrow, style)
        return
    for row, line in enumerate(_arrow_lines(arrow, scale), start=y):
        canvas.blocks(x, row, line, style)


@lru_cache(maxsize=256)
def _digit_lines(text: str, scale: int) -> list[str]:
    rows: list[str] = [""] * 5
    for character in text:
        glyph, width = (_POINT, 1) if character == "." else (_GLYPHS[character], 3)
        for index, octal in enumerate(glyph):
            rows[index] += f"{int(octal):0{width}b}0"
    # Without the gap after the last character.
    return _lines([row[:-1] for row in rows], scale)


@lru_cache(maxsize=32)
def _arrow_lines(arrow: str, scale: int) -> list[str]:
    glyph = _ARROWS[arrow]
    return _lines([f"{int(glyph[at : at + 2], 16):05b}" for at in range(0, 10, 2)], scale)


def _lines(rows: list[str], scale: int) -> list[str]:
    """Rows of pixels, each larger by ``scale``, as lines of half blocks."""
    pixels = ["".join(pixel * scale for pixel in row) for row in rows for _ in range(scale)]
    pixels.append("0" * len(pixels[0]))  # the lower half of the last cells, when the number of rows is odd
    halves = {"00": " ", "10": "▀", "01": "▄", "11": "█"}
    return [
        "".join(halves[upper + lower] for upper, lower in zip(pixels[row], pixels[row + 1], strict=True))
        for row in range(0, len(pixels) - 1, 2)
    ]


def draw_number(
    canvas: Canvas, x: int, y: int, scale: int, axis: Axis, readings: Sequence[Reading], theme: Theme, *, note: str
) -> None:
    """Draw one axis: the newest value in big digits, beside it the name, the trend and the spread.

    ``note`` stands below those where the digits leave a row for it, which is at ``scale`` 1.
    """
    now = readings[-1] if readings else None
    width, height = digits_size(scale)
    beside = x + width + 1
    canvas.put(beside, y, axis.name, theme.muted)
    if scale == 1:
        canvas.put(beside, y + 2, note, theme.muted)
    if now is None or not is_known(now):
        draw_digits(canvas, x, y, "–.–", scale, theme.faint)
        return
    live = now.state is State.LIVE
    style = theme.mood(now.valence_norm, now.arousal_norm, bold=True) if live else theme.muted
    draw_digits(canvas, x, y, f"{max(SCALE_LOW, min(SCALE_HIGH, axis.value(now))):.1f}", scale, style)
    if live:
        draw_arrow(canvas, beside, y + 1, trend_arrow(readings, axis), scale - 1, style)
    at = (beside + 2, y + 1) if scale == 1 else (beside, y + height - 1)
    canvas.put(*at, spread_words(axis.spread(now)), theme.muted)


class Moment(NamedTuple):
    """The mean of the readings of one column of a sparkline; ``live`` if the last of them was."""

    valence: float
    arousal: float
    live: bool


def moments(readings: Sequence[Reading], columns: int) -> tuple[tuple[int, Moment], ...]:
    """The last minutes of ``readings`` in that many columns, oldest first, each with its column; gaps are left out.

    The newest is in column ``columns - 1``. Columns are fixed stretches of stream time, so that bars move along but do
    not flicker.
    """
    column_s = HISTORY_S / columns
    known = known_since(readings, HISTORY_S)
    steps = [math.floor(reading.time / column_s) for reading in known]
    found: list[tuple[int, Moment]] = []
    begin = 0
    while begin < len(known):
        end = bisect_right(steps, steps[begin], begin)
        column = steps[begin] - math.floor(readings[-1].time / column_s) + columns - 1
        if column >= 0:
            found.append((column, _mean(known[begin:end])))
        begin = end
    return tuple(found)


def _mean(readings: Sequence[Reading]) -> Moment:
    valence, arousal = 0.0, 0.0
    for reading in readings:
        valence += reading.valence
        arousal += reading.arousal
    return Moment(valence / len(readings), arousal / len(readings), readings[-1].state is State.LIVE)


def draw_sparkline(
    canvas: Canvas,
    x: int,
    y: int,
    width: int,
    height: int,
    shown: tuple[tuple[int, Moment], ...],
    axis: Axis,
    theme: Theme,
) -> None:
    """Draw moments as bars of up to ``height`` cells, in the colours of the moods. All cells must be on the canvas."""
    values = [getattr(moment, axis.name) for _, moment in shown]
    span = (min([_SPARK_LOW, *values]), max([_SPARK_HIGH, *values]))
    # The newest bar changes with every reading, those before it once in a while.
    canvas.paste(x, y, _bars(width, height, shown[:-1], axis.name, span, theme.name))
    for column, moment in shown[-1:]:
        canvas.stack(x + column, y + height - 1, *_bar(height, moment, axis.name, span, theme))


@lru_cache(maxsize=4)
def _bars(
    width: int,
    height: int,
    shown: tuple[tuple[int, Moment], ...],
    axis_name: str,
    span: tuple[float, float],
    theme_name: str,
) -> Canvas:
    sheet = Canvas(width, height)
    for column, moment in shown:
        sheet.stack(column, height - 1, *_bar(height, moment, axis_name, span, THEMES[theme_name]))
    return sheet


def _bar(height: int, moment: Moment, axis_name: str, span: tuple[float, float], theme: Theme) -> tuple[str, Style]:
    """A bar, from its foot upwards, of up to ``height`` cells for values within ``span``, and its ink."""
    filled = (getattr(moment, axis_name) - span[0]) / (span[1] - span[0])
    whole, rest = divmod(max(1, round(filled * 8 * height)), 8)
    style = theme.mood(normalized(moment.valence), normalized(moment.arousal), 0.85) if moment.live else theme.faint
    return "█" * whole + _EIGHTHS[rest] * (rest > 0), style


def draw_level(
    canvas: Canvas,
    x: int,
    y: int,
    width: int,
    level_db: float,
    theme: Theme,
    *,
    is_clipped: bool,
    is_gated: bool,
    is_thick: bool,
) -> None:
    """Draw the level as a bar up to full scale, ``is_thick`` where it may, with its decibels at the right end.

    A word at the bar's right end marks a sound that has reached full scale, one at its left end a sound below the gate.
    """
    label = decibels(level_db)
    bar = width - 8
    filled = round(bar * max(0.0, min(1.0, 1 - level_db / _QUIETEST_DB))) if level_db > _QUIETEST_DB else 0
    canvas.blocks(x, y, ("▄" if is_thick else "━") * filled, theme.faint if is_gated else theme.muted)
    canvas.blocks(x + filled, y, "─" * (bar - filled), theme.faint)
    if is_gated:
        canvas.put(x, y, "gate ", theme.muted)
    if is_clipped:
        canvas.put(x + bar - 5, y, " CLIP", theme.alert)
    canvas.put(x + width - len(label), y, label, theme.alert if is_clipped else theme.muted)
