"""A canvas as an SVG picture.

Rich can export one too, but as text, whose blocks and braille dots come apart wherever the reader's fonts are not
those of the writer. Here they are shapes, and only words are text.
"""

from __future__ import annotations

from collections import defaultdict
from html import escape
from itertools import groupby

from rich.style import Style

from realtime.outputs.dashboard.canvas import DOTS, Canvas, braille_bits
from realtime.outputs.palette import DARK, LIGHT, Theme

#: A cell in SVG units, and the margin around all of them.
_CELL_WIDTH, _CELL_HEIGHT, _MARGIN = 10, 20, 20

#: The colour of what has none of its own, and of what is dim, on dark and on light paper.
_PENS = {True: ("#d0d0d6", "#6a6a72"), False: ("#28282e", "#a0a0a8")}

_FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"

#: The part of a cell that each block or line character fills: from the top and to the bottom, in eighths.
_BLOCKS = {character: (8.0 - eighths, 8.0) for eighths, character in enumerate(" ▁▂▃▄▅▆▇█") if eighths}
_BLOCKS |= {"▀": (0.0, 4.0), "━": (3.5, 4.5), "─": (3.8, 4.2)}


def canvas_svg(canvas: Canvas, theme: Theme = DARK) -> str:
    """The canvas as the text of an SVG file, on the theme's paper; the same canvas gives the same text."""
    pens = _PENS[theme is not LIGHT]
    shapes: defaultdict[str, list[str]] = defaultdict(list)
    grounds: defaultdict[str, list[str]] = defaultdict(list)
    dots: defaultdict[str, list[str]] = defaultdict(list)
    words: list[str] = []
    for (y, style), run in groupby(canvas.cells(), key=lambda cell: (cell[1], cell[3])):
        cells = [(x, character) for x, _, character, _ in run]
        color, ground = _colors(style, pens)
        if ground is not None:
            grounds[ground].append(_rectangle(cells[0][0], y, len(cells), 0, 8))
        for x, character in cells:
            if character in _BLOCKS:
                shapes[color].append(_rectangle(x, y, 1, *_BLOCKS[character]))
            elif bits := braille_bits(character):
                dots[color] += [_dot(2 * x + right, 4 * y + down) for down, right in _set_dots(bits)]
        for is_word, letters in groupby(cells, key=lambda cell: _is_letter(cell[1])):
            if is_word:
                words.append(_word(list(letters), y, color, bold=style is not None and bool(style.bold)))
    width = canvas.width * _CELL_WIDTH + 2 * _MARGIN
    height = canvas.height * _CELL_HEIGHT + 2 * _MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f'<rect width="{width}" height="{height}" rx="10" fill="{theme.paper}"/>',
        f'<g transform="translate({_MARGIN} {_MARGIN})" font-family="{_FONTS}" font-size="16">',
        *(_path(path, f'fill="{color}" shape-rendering="crispEdges"') for color, path in grounds.items()),
        *(_path(path, f'fill="{color}" shape-rendering="crispEdges"') for color, path in shapes.items()),
        *(_path(path, f'stroke="{color}" stroke-width="3" stroke-linecap="round"') for color, path in dots.items()),
        *words,
        "</g>",
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _colors(style: Style | None, pens: tuple[str, str]) -> tuple[str, str | None]:
    """The colours of the pen and, where there is one, of the ground."""
    if style is None:
        return pens[0], None
    pen = style.color.get_truecolor().hex if style.color else pens[bool(style.dim)]
    return pen, style.bgcolor.get_truecolor().hex if style.bgcolor else None


def _is_letter(character: str) -> bool:
    return character != " " and character not in _BLOCKS and not braille_bits(character)


def _rectangle(x: int, y: int, cells: int, top: float, bottom: float) -> str:
    width, height = cells * _CELL_WIDTH, (bottom - top) * _CELL_HEIGHT / 8
    return f"M{x * _CELL_WIDTH} {y * _CELL_HEIGHT + top * _CELL_HEIGHT / 8:g}h{width}v{height:g}h-{width}z"


def _dot(dot_x: int, dot_y: int) -> str:
    return f"M{(dot_x + 0.5) * _CELL_WIDTH / 2:g} {(dot_y + 0.5) * _CELL_HEIGHT / 4:g}h0"


def _set_dots(bits: int) -> list[tuple[int, int]]:
    return [(row, column) for row in range(4) for column in range(2) if bits & DOTS[row][column]]


def _path(parts: list[str], attributes: str) -> str:
    return f'<path {attributes} d="{"".join(parts)}"/>'


def _word(letters: list[tuple[int, str]], y: int, color: str, *, bold: bool) -> str:
    x, width = letters[0][0] * _CELL_WIDTH, len(letters) * _CELL_WIDTH
    text = escape("".join(character for _, character in letters))
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x}" y="{y * _CELL_HEIGHT + 15}" textLength="{width}" fill="{color}"{weight}>{text}</text>'
