"""The dashboard as a pure function of what is known and how much room there is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import attrgetter

from rich.cells import cell_len
from rich.style import Style

from models.affect import Reading, State
from realtime.outputs import Status
from realtime.outputs.dashboard.canvas import Canvas
from realtime.outputs.dashboard.circumplex import draw_circumplex
from realtime.outputs.dashboard.gauges import digits_size, draw_level, draw_number, draw_sparkline, moments
from realtime.outputs.dashboard.keyboard import draw_keyboard
from realtime.outputs.dashboard.palette import FAINT, MUTED, WARNING, ink, mood_color
from realtime.outputs.wording import AROUSAL, VALENCE, count, is_known, spread_words, stream_time, trend_arrow

#: The least room, in cells, for the numbers beside or below the plane, and the most they make use of.
_PANEL_WIDTH, _PANEL_HEIGHT, _WIDEST_PANEL = 19, 9, 84

#: Below this size a plane says nothing.
_SMALLEST_PLANE = 7

_STATE_WORDS = {
    State.WARMING: "listening…",
    State.LIVE: "live",
    State.SILENCE: "silence",
    State.LOST: "input lost",
}


@dataclass(frozen=True, slots=True)
class View:
    """What the dashboard shows: the ``readings`` of the last minute, oldest first, and the newest ``status``."""

    readings: tuple[Reading, ...] = ()
    status: Status = field(default_factory=lambda: Status(source=""))

    @property
    def now(self) -> Reading | None:
        """The newest reading, None before the first."""
        return self.readings[-1] if self.readings else None

    @property
    def color(self) -> str:
        """The colour of the present mood, grey when there is none."""
        now = self.now
        if now is None or now.state is not State.LIVE or not is_known(now):
            return MUTED
        return mood_color(now.valence_norm, now.arousal_norm)


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
    roomy = height >= 20
    top = 1 if height >= 30 else 0
    footer = height
    if height >= 3:
        footer -= 1
        _draw_status(canvas, _Box(1, footer, width - 2, 1), view, with_message=height < 10)
    if height >= 10:
        footer -= 1  # kept free while there is no message, so that one does not move everything
        canvas.put(1, footer, view.status.message, ink(WARNING), right=width - 1)
        footer -= 2 if roomy else 1
        draw_keyboard(canvas, 0, footer, width, view.status.sounding, view.color, octaves=roomy)
        footer -= roomy
    _draw_main(canvas, _Box(1, top, width - 2, footer - top), view)
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
        draw_circumplex(canvas, x, box.y + (box.height - beside) // 2, width, beside, view.readings)
        _draw_panel(canvas, _Box(x + width + gap, box.y, panel_width, box.height), view)
    else:
        width = 2 * above + 1
        draw_circumplex(canvas, box.x + (box.width - width) // 2, box.y, width, above, view.readings)
        _draw_panel(canvas, _Box(box.x, box.y + above + 1, box.width, box.height - above - 1), view)


def _odd(size: int) -> int:
    """``size`` or one less: a plane with a middle row has its axis in the middle."""
    return size - 1 + size % 2


def _draw_panel(canvas: Canvas, box: _Box, view: View) -> None:
    """Both numbers with their sparklines, and the level."""
    now = view.now
    level_db = None if now is None or now.level_db is None or math.isnan(now.level_db) else now.level_db
    level_rows = (2 if box.height >= 14 else 1) if level_db is not None else 0
    gap = 1 if box.height >= 13 else 0
    each = (box.height - level_rows - gap) // 2
    scale = 1
    while digits_size(scale + 1)[0] <= 0.65 * box.width and digits_size(scale + 1)[1] + 2 <= each:
        scale += 1
    digits_height = digits_size(scale)[1]
    air = 1 if each - digits_height >= 3 else 0
    spark = min(each - digits_height - air, 1 + scale)
    used = 2 * (digits_height + air + spark) + gap + level_rows
    y = box.y + (box.height - used) // 2
    minute = moments(view.readings, box.width)
    for axis, mean in ((VALENCE, attrgetter("valence")), (AROUSAL, attrgetter("arousal"))):
        draw_number(canvas, box.x, y, scale, axis, view.readings)
        draw_sparkline(canvas, box.x, y + digits_height + air, spark, minute, mean)
        y += digits_height + air + spark + gap
    if level_db is not None:
        draw_level(canvas, box.x, box.y + (box.height + used) // 2 - 1, box.width, level_db)


def _draw_lines(canvas: Canvas, box: _Box, view: View) -> None:
    """The numbers as lines of text, where there is no room for anything else."""
    now = view.now
    y = box.y + max(0, (box.height - 2) // 2)
    for axis in (VALENCE, AROUSAL):
        figures = "–"
        if now is not None and is_known(now):
            figures = f"{axis.value(now):.1f} {trend_arrow(view.readings, axis)} {spread_words(axis.spread(now))}"
        x = canvas.put(box.x, y, f"{axis.name} ", ink(MUTED))
        canvas.put(x, y, figures, ink(view.color, bold=True))
        y += 1


def _draw_status(canvas: Canvas, box: _Box, view: View, *, with_message: bool) -> None:
    """State, source, model, latency, notes and losses, as many as fit, and the time at the right end.

    ``with_message`` where the message has no line of its own.
    """
    now = view.now
    state = State.WARMING if now is None else now.state
    clock = "" if now is None else stream_time(now.time)[:-2]
    right = box.x + box.width
    style = ink(WARNING if state is State.LOST else view.color, bold=True)
    x = canvas.put(box.x, box.y, f"● {_STATE_WORDS[state]}", style, right=right)
    if x + 2 + len(clock) <= right:
        right = canvas.width - 1 - len(clock)
        canvas.put(right, box.y, clock, ink(MUTED))
        right -= 2
    message = [(view.status.message, ink(WARNING))] if with_message else []
    for text, look in (*message, *_facts(view)):
        if text and x + 2 + cell_len(text) <= right:
            canvas.put(x, box.y, " ·", ink(FAINT))
            x = canvas.put(x + 3, box.y, text, look)


def _facts(view: View) -> Iterator[tuple[str, Style]]:
    """What the status line tells, the most important first."""
    now, status = view.now, view.status
    losses = [f"{status.dropped} dropped"] if status.dropped else []
    losses += [count(status.overflows, "overflow")] if status.overflows else []
    yield ", ".join(losses), ink(WARNING)
    yield status.source, ink(MUTED)
    if now is None:
        return
    if now.latency_ms is not None and math.isfinite(now.latency_ms):
        yield f"{now.latency_ms:.0f} ms", ink(MUTED)
    yield count(now.notes, "note"), ink(MUTED)
    yield now.model, ink(MUTED)
