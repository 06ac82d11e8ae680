"""A canvas on a terminal: only what changed since the last one is written, as one synchronised update."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import compress, count
from operator import is_not, ne, or_

from rich.console import Console
from rich.style import Style

from realtime.outputs.dashboard.canvas import Canvas
from realtime.outputs.pen import color_system_of, inked

# Alternate screen, no cursor, no wrapping at the right edge (a line from before a resize would spill into the next),
# and pastes in brackets, which tells them from typing.
_ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[?2004h"
_LEAVE = "\x1b[0m\x1b[?2004l\x1b[?7h\x1b[?25h\x1b[?1049l"

# DEC mode 2026: a terminal that has it shows what comes between all at once; one that has not ignores it.
_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"

_CLEAR = "\x1b[0m\x1b[2J"

#: Up to so many unchanged cells are written again, which is shorter than moving past them.
_LEAP = 4

#: About so many characters are written at once: half a second of the slowest terminal.
_AT_ONCE = 1024

_Row = tuple[list[str], list[Style | None]]


class Painter:
    """Paints canvases on the alternate screen of ``console``, which it takes at the first one."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._color_system = color_system_of(console)
        self._codes: dict[Style | None, str] = {None: "\x1b[0m"}
        self._shown: list[_Row] | None = None
        self._size = (0, 0)
        self._is_stale = False
        self.is_on = False

    @property
    def is_current(self) -> bool:
        """Whether the terminal shows all of the latest canvas, as far as is known."""
        return self._shown is not None and not self._is_stale

    def forget(self) -> None:
        """What the terminal shows is not known any more: the next canvas is painted whole. Safe in a signal handler."""
        self._is_stale = True

    def paint(self, canvas: Canvas, may_go_on: Callable[[], bool] = lambda: True) -> None:
        """Show ``canvas``. Writes a little at a time, and stops where ``may_go_on`` says no: a slow terminal may take
        seconds. Raises what the terminal raises.
        """
        after = list(canvas.rows())
        if self._console.legacy_windows:  # no escape sequences: all of it, over what was there
            self._console.print(canvas, end="")
            self._shown = after
            return
        size = (canvas.width, canvas.height)
        if self._is_stale or size != self._size:
            self._shown = None
        if self._is_stale or not self.is_on:
            self._is_stale, self.is_on = False, True
            self._write(_ENTER)
        before = self._shown
        # Until all of it is written, what the terminal shows is not known.
        self._shown, self._size = None, size
        waiting, began = _BEGIN if before else _BEGIN + _CLEAR, before is None
        for piece in self._pieces(before, after):
            waiting += piece
            began = True
            if len(waiting) >= _AT_ONCE:
                self._write(waiting)
                waiting = ""
                if not may_go_on():
                    self._write(_END)
                    return
        if began:
            self._write(waiting + "\x1b[0m" + _END)
        self._shown = after

    def leave(self) -> None:
        """Give the terminal back as it was, until the next canvas. May be called twice."""
        self._shown = None
        if self.is_on:
            self._write(_LEAVE)
            self.is_on = False

    def _write(self, text: str) -> None:
        self._console.file.write(text)
        self._console.file.flush()

    def _pieces(self, before: list[_Row] | None, after: list[_Row]) -> Iterator[str]:
        """What to write for each row that changed; every piece begins with a move and its own style."""
        for y, row in enumerate(after):
            if before is None:
                yield from self._row(
                    y, row, [x for x, cell in enumerate(zip(*row, strict=True)) if cell != (" ", None)]
                )
            elif before[y] != row:
                yield from self._row(y, row, _changed(before[y], row))

    def _row(self, y: int, row: _Row, changed: list[int]) -> Iterator[str]:
        if not changed:
            return
        characters, styles = row
        parts: list[str] = []
        held: Style | str | None = ""  # no style
        for start, end in _stretches(changed, characters):
            parts.append(f"\x1b[{y + 1};{start + 1}H")
            column = start
            while column < end:
                style, first = styles[column], column
                while column < end and styles[column] is style:
                    column += 1
                if style is not held:
                    held = style
                    parts.append(self._code(style))
                parts += characters[first:column]
        yield "".join(parts)

    def _code(self, style: Style | None) -> str:
        code = self._codes.get(style)
        if code is None:
            assert style is not None
            codes = inked("x", style, self._color_system).partition("x")[0]
            code = self._codes[style] = "\x1b[0m" + codes
        return code


def _changed(before: _Row, after: _Row) -> list[int]:
    """The columns of the cells that differ."""
    other_styles = map(is_not, before[1], after[1])
    if before[0] == after[0]:
        return list(compress(count(), other_styles))
    return list(compress(count(), map(or_, map(ne, before[0], after[0]), other_styles)))


def _stretches(changed: list[int], characters: list[str]) -> Iterator[tuple[int, int]]:
    """The columns to write, as first ones and those after the last: short ways between are written, too.

    The halves of a wide character stay together, and none is followed by anything: terminals disagree on which
    characters are wide, so past one the cursor is moved.
    """
    start = end = -1 - _LEAP
    for x in changed:
        if characters[x] == "":
            x -= 1
        if x < end:
            continue
        if x - end > _LEAP or "" in characters[end - 1 : x]:
            if end > 0:
                yield start, end
            start = x
        end = x + 1 + (x + 1 < len(characters) and characters[x + 1] == "")
    yield start, end
