"""The dashboard as a pure function of what is known and how much room there is."""

from __future__ import annotations

import math
from dataclasses import dataclass

from models.affect import State
from realtime.outputs.dashboard.canvas import Canvas
from realtime.outputs.dashboard.circumplex import draw_circumplex
from realtime.outputs.dashboard.footer import STATE_WORDS, draw_events, draw_help, draw_status, tempo_words
from realtime.outputs.dashboard.gauges import digits_size, draw_level, draw_number, draw_sparkline, moments
from realtime.outputs.dashboard.keyboard import draw_keyboard
from realtime.outputs.dashboard.view import View
from realtime.outputs.wording import AROUSAL, VALENCE, is_known, spread_words, trend_arrow

#: The least room, in cells, for the numbers beside or below the plane, and the most they make use of.
_PANEL_WIDTH, _PANEL_HEIGHT, _WIDEST_PANEL = 19, 9, 84

#: Below this size a plane says nothing.
_SMALLEST_PLANE = 7


@dataclass(frozen=True, slots=True)
class _Box:
    x: int
    y: int
    width: int
    height: int


def render(view: View, width: int, height: int) -> Canvas:
    """Draw ``view`` as a rich renderable of exactly ``width`` by ``height`` cells (positive, any size).

    What does not fit is left out, the plane first and the numbers last.
    """
    canvas = Canvas(width, height)
    keyboard_rows = 1 + (height >= 20) + (height >= 34) + (height >= 50)
    event_rows = 1 if height < 30 else 3
    top = 1 if height >= 30 else 0
    footer = height
    if height >= 3:
        footer -= 1
        draw_status(canvas, footer, view, with_message=height < 10)
    if height >= 10:
        footer -= event_rows  # kept free while there is no message, so that one does not move everything
        draw_events(canvas, footer, event_rows, view)
        footer -= keyboard_rows
        draw_keyboard(canvas, 0, footer, width, view.status.sounding, view.mood, view.theme, height=keyboard_rows)
        footer -= height >= 20
    _draw_main(canvas, _Box(1, top, width - 2, footer - top), view)
    if view.shows_help:
        draw_help(canvas, height - 1 if height >= 3 else height, view)
    return canvas


def _draw_main(canvas: Canvas, box: _Box, view: View) -> None:
    """The plane and the numbers, side by side or one above the other, whichever gives the larger plane."""
    gap = 4 if box.width >= 70 else 1
    beside = _odd(min(box.height, (box.width - gap - _PANEL_WIDTH - 1) // 2))
    above = _odd(min(box.height - _PANEL_HEIGHT - 1, (box.width - 1) // 2))
    if max(beside, above) < _SMALLEST_PLANE:
        _draw_lines(canvas, box, view)
    elif beside >= above:
        width = 2 * beside + 1
        panel_width = min(box.width - width - gap, _WIDEST_PANEL)
        x = box.x + (box.width - width - gap - panel_width) // 2
        _draw_plane(canvas, _Box(x, box.y + (box.height - beside) // 2, width, beside), view)
        _draw_panel(canvas, _Box(x + width + gap, box.y, panel_width, box.height), view)
    else:
        width = 2 * above + 1
        _draw_plane(canvas, _Box(box.x + (box.width - width) // 2, box.y, width, above), view)
        _draw_panel(canvas, _Box(box.x, box.y + above + 1, box.width, box.height - above - 1), view)


def _odd(size: int) -> int:
    """``size`` or one less: a plane with a middle row has its axis in the middle."""
    return size - 1 + size % 2


def _draw_plane(canvas: Canvas, box: _Box, view: View) -> None:
    caption = "" if view.state in (State.LIVE, State.SILENCE) else STATE_WORDS[view.state]
    draw_circumplex(
        canvas,
        box.x,
        box.y,
        box.width,
        box.height,
        view.shown,
        view.theme,
        label=view.status.label,
        caption="hidden" if view.status.is_blind else caption,
    )


def _draw_panel(canvas: Canvas, box: _Box, view: View) -> None:
    """Both numbers with their sparklines, tempo and key, and the level."""
    now, theme = view.now, view.theme
    level_db = None if now is None or now.level_db is None or math.isnan(now.level_db) else now.level_db
    roomy = box.height >= 14
    level_rows = 1 + roomy if level_db is not None else 0
    facts_rows = 2 if box.height >= 16 else 0
    gap = 1 if box.height >= 13 else 0
    each = (box.height - level_rows - facts_rows - gap) // 2
    scale = 1
    while digits_size(scale + 1)[0] <= 0.65 * box.width and digits_size(scale + 1)[1] + 2 <= each:
        scale += 1
    digits_height = digits_size(scale)[1]
    air = 1 if each - digits_height >= 3 else 0
    spark = min(each - digits_height - air, 1 + scale)
    used = 2 * (digits_height + air + spark) + gap + facts_rows + level_rows
    y = box.y + (box.height - used) // 2
    history = moments(view.shown, box.width)
    facts = (tempo_words(view), view.status.key or "")
    for axis, fact in zip((VALENCE, AROUSAL), facts, strict=True):
        draw_number(canvas, box.x, y, scale, axis, view.shown, theme, note="" if facts_rows else fact)
        draw_sparkline(canvas, box.x, y + digits_height + air, box.width, spark, history, axis, theme)
        y += digits_height + air + spark + gap
    if facts_rows:
        canvas.put(box.x, y + 1 - gap, "   ".join(filter(None, facts)), theme.bright, right=box.x + box.width)
    if level_db is not None:
        bottom = box.y + (box.height + used) // 2 - 1
        draw_level(
            canvas,
            box.x,
            bottom,
            box.width,
            level_db,
            theme,
            is_clipped=view.status.is_clipped,
            is_gated=view.status.is_gated,
            is_thick=roomy,
        )


def _draw_lines(canvas: Canvas, box: _Box, view: View) -> None:
    """The numbers as lines of text, where there is no room for anything else."""
    now = None if view.status.is_blind else view.now
    y = box.y + max(0, (box.height - 2) // 2)
    for axis in (VALENCE, AROUSAL):
        figures = "hidden" if view.status.is_blind else "–"
        if now is not None and is_known(now):
            figures = f"{axis.value(now):.1f} {trend_arrow(view.readings, axis)} {spread_words(axis.spread(now))}"
        x = canvas.put(box.x, y, f"{axis.name} ", view.theme.muted)
        canvas.put(x, y, figures, view.mood)
        y += 1
