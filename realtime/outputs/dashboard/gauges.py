"""Numbers that are read from across a stage, the last minutes at a glance, and the level of the sound."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rich.style import Style

from models.affect import SCALE_HIGH, SCALE_LOW, Reading, State, normalized
from realtime.outputs.dashboard.canvas import Canvas
from realtime.outputs.dashboard.palette import Theme
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


@dataclass(frozen=True, slots=True)
class Moment:
    """The mean of the readings of one column of a sparkline; ``live`` if the last of them was."""

    valence: float
    arousal: float
    live: bool


def moments(readings: Sequence[Reading], columns: int) -> dict[int, Moment]:
    """The last minutes of ``readings`` in that many columns, the newest in column ``columns - 1``; gaps are left out.

    Columns are fixed stretches of stream time, so that bars move along but do not flicker.
    """
    column_s = HISTORY_S / columns
    first = math.floor(readings[-1].time / column_s) - columns + 1 if readings else 0
    found: dict[int, tuple[float, float, bool]] = {}
    current, valence, arousal, count = -1, 0.0, 0.0, 0
    for reading in known_since(readings, HISTORY_S):
        column = math.floor(reading.time / column_s) - first
        if column < 0:
            continue
        if column != current:
            current, valence, arousal, count = column, 0.0, 0.0, 0
        valence, arousal, count = valence + reading.valence, arousal + reading.arousal, count + 1
        found[column] = (valence / count, arousal / count, reading.state is State.LIVE)
    return {column: Moment(*means) for column, means in found.items()}


def draw_sparkline(
    canvas: Canvas,
    x: int,
    y: int,
    height: int,
    shown: dict[int, Moment],
    value: Callable[[Moment], float],
    theme: Theme,
) -> None:
    """Draw the ``value`` of moments as bars of up to ``height`` cells, in the colours of the moods."""
    low = min([_SPARK_LOW, *map(value, shown.values())])
    high = max([_SPARK_HIGH, *map(value, shown.values())])
    for column, moment in shown.items():
        filled = max(1, round((value(moment) - low) / (high - low) * 8 * height))
        style = theme.mood(normalized(moment.valence), normalized(moment.arousal), 0.85) if moment.live else theme.faint
        whole, rest = divmod(filled, 8)
        canvas.stack(x + column, y + height - 1, "█" * whole + _EIGHTHS[rest] * (rest > 0), style)


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
