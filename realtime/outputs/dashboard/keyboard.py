"""A strip of piano keys that shows which notes sound."""

from __future__ import annotations

from functools import lru_cache

from rich.style import Style

from realtime.outputs.dashboard.canvas import Canvas
from realtime.outputs.palette import THEMES, Theme, ink

#: Ranges of MIDI pitches from the whole piano down to two octaves, first and last key; C4 is 60.
_RANGES = ((21, 108), (28, 103), (36, 96), (36, 84), (48, 84), (48, 72), (60, 72))

_BLACK_PITCH_CLASSES = {1, 3, 6, 8, 10}


def draw_keyboard(
    canvas: Canvas, x: int, y: int, width: int, sounding: tuple[int, ...], style: Style, theme: Theme, *, height: int
) -> None:
    """Draw as much of a piano as ``width`` holds, in the middle of it, the ``sounding`` pitches in ``style``.

    Arrows at the ends tell of notes beyond them. The last of two or more rows of ``height`` names the Cs.
    """
    fitting = [keys for keys in _RANGES if keys[1] - keys[0] + 3 <= width]
    if not fitting:
        return
    low, high = fitting[0]
    cells = max(1, (width - 2) // (high - low + 1))
    left = x + (width - cells * (high - low + 1)) // 2
    canvas.paste(left, y, _strip(low, high, cells, height, theme.name))
    for pitch in sounding:
        if low <= pitch <= high:
            for row in range(max(1, height - 1)):
                canvas.blocks(left + cells * (pitch - low), y + row, "█" * cells, style)
        elif pitch < low:
            canvas.put(left - 1, y, "‹", style)
        else:
            canvas.put(left + cells * (high - low + 1), y, "›", style)


@lru_cache(maxsize=4)
def _strip(low: int, high: int, cells: int, height: int, theme_name: str) -> Canvas:
    """The keys from ``low`` to ``high``, none of which sounds, each so many ``cells`` wide."""
    theme = THEMES[theme_name]
    strip = Canvas(cells * (high - low + 1), height)
    rows = max(1, height - 1)
    # Shapes that tell apart what sounds even where no colours are shown.
    white, white_style = (" ", ink(on=theme.white_key)) if theme.has_colors else ("▁", theme.faint)
    black_style = ink(theme.black_key, on=theme.white_key, dim=not theme.has_colors)
    for pitch in range(low, high + 1):
        at = cells * (pitch - low)
        for row in range(rows):
            # A black key is shorter than a white one: it ends in the middle of the front row.
            is_front = row == rows - 1
            if pitch % 12 in _BLACK_PITCH_CLASSES:
                strip.blocks(at, row, ("▀" if is_front else "█") * cells, black_style)
            else:
                strip.blocks(at, row, (white if is_front else " ") * cells, white_style)
        if height > 1 and pitch % 12 == 0 and at + 2 <= strip.width:
            strip.put(at, rows, f"C{pitch // 12 - 1}", theme.muted)
    return strip
