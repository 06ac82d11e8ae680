"""A strip of piano keys that shows which notes sound."""

from __future__ import annotations

from realtime.outputs.dashboard.canvas import Canvas
from realtime.outputs.dashboard.palette import MUTED, ink

#: Ranges of MIDI pitches from the whole piano down to two octaves, first and last key; C4 is 60.
_RANGES = ((21, 108), (28, 103), (36, 96), (36, 84), (48, 84), (48, 72), (60, 72))

_BLACK_PITCH_CLASSES = {1, 3, 6, 8, 10}
_WHITE_KEY, _BLACK_KEY = "#5a5a60", "#1c1c20"


def draw_keyboard(
    canvas: Canvas, x: int, y: int, width: int, sounding: tuple[int, ...], color: str, *, octaves: bool
) -> None:
    """Draw as much of a piano as ``width`` holds, in the middle of it, the ``sounding`` pitches in ``color``.

    Arrows at the ends tell of notes beyond them. With ``octaves``, the row below names the Cs.
    """
    fitting = [keys for keys in _RANGES if keys[1] - keys[0] + 3 <= width]
    if not fitting:
        return
    low, high = fitting[0]
    cells = max(1, (width - 2) // (high - low + 1))
    left = x + (width - cells * (high - low + 1)) // 2
    for pitch in range(low, high + 1):
        black = pitch % 12 in _BLACK_PITCH_CLASSES
        at = left + cells * (pitch - low)
        # Shapes that tell apart what sounds even where no colours are shown.
        if pitch in sounding:
            canvas.put(at, y, "█" * cells, ink(color))
        elif black:
            canvas.put(at, y, "▀" * cells, ink(_BLACK_KEY, on=_WHITE_KEY))
        else:
            canvas.put(at, y, " " * cells, ink(on=_WHITE_KEY))
        if octaves and pitch % 12 == 0:
            canvas.put(at, y + 1, f"C{pitch // 12 - 1}", ink(MUTED))
    if any(pitch < low for pitch in sounding):
        canvas.put(left - 1, y, "‹", ink(color, bold=True))
    if any(pitch > high for pitch in sounding):
        canvas.put(left + cells * (high - low + 1), y, "›", ink(color, bold=True))
