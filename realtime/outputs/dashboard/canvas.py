"""A sheet of terminal cells that text, blocks and braille dots are put on: what the dashboard is drawn with."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import TypeVar

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions
from rich.measure import Measurement
from rich.segment import Segment
from rich.style import Style

_BRAILLE = 0x2800

Hue = TypeVar("Hue")

#: The bit of each dot in a braille character, by row and column of its 4 by 2 dots.
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


class Canvas:
    """``width`` by ``height`` cells, a rich renderable of exactly that size; what falls outside is left out.

    Cells count from the upper left corner. Braille dots have a finer grid of their own, 2 across and 4 down in a cell,
    nearly square in most terminals.
    """

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        # A character that takes two cells stands in the first, with nothing ("") in the second.
        self._characters = [[" "] * width for _ in range(height)]
        self._styles: list[list[Style | None]] = [[None] * width for _ in range(height)]

    def put(self, x: int, y: int, text: str, style: Style | None = None, *, right: int | None = None) -> int:
        """Write ``text`` from cell ``x`` of row ``y``, up to the column before ``right``; return the column after it.

        Control characters are left out: a device may carry any name.
        """
        right = self.width if right is None else min(right, self.width)
        if x >= 0 and 0 <= y < self.height and text.isascii() and text.isprintable():
            text = text[: max(0, right - x)]
            end = x + len(text)
            if "" not in self._characters[y][x : end + 1]:  # no half of a wide character to take away
                self._characters[y][x:end] = text
                self._styles[y][x:end] = [style] * len(text)
                return end
        for character in text if text.isascii() and text.isprintable() else _printable(text):
            cells = 1 if character < "\x7f" else cell_len(character)
            if x + cells > right:
                break
            if cells == 0:  # an accent: it belongs to the character before it
                continue
            if x >= 0 and 0 <= y < self.height:
                self._set(x, y, character, style)
                if cells == 2:
                    self._set(x + 1, y, " ", style)
                    self._characters[y][x + 1] = ""
            x += cells
        return x

    def blocks(self, x: int, y: int, characters: str, style: Style | None) -> None:
        """Set ``characters``, each a cell wide, as they are: the quick way for bars, digits and keys.

        Nothing that is two cells wide may be there. A blank on no ground gets no style: it would not be seen, and the
        terminal would be told of it anew with every change of colour.
        """
        if not 0 <= y < self.height:
            return
        shown = characters[max(0, -x) : max(0, self.width - x)]
        x = max(0, x)
        self._characters[y][x : x + len(shown)] = shown
        if style is None or style.bgcolor is not None or " " not in shown:
            self._styles[y][x : x + len(shown)] = [style] * len(shown)
        else:
            self._styles[y][x : x + len(shown)] = [None if character == " " else style for character in shown]

    def stack(self, x: int, bottom: int, characters: str, style: Style | None) -> None:
        """Set ``characters`` one above the other from row ``bottom`` upwards; otherwise as ``blocks``."""
        if not 0 <= x < self.width:
            return
        for y, character in zip(range(bottom, -1, -1), characters, strict=False):
            if y < self.height:
                self._characters[y][x] = character
                self._styles[y][x] = style

    def paste(self, x: int, y: int, sheet: Canvas) -> None:
        """Put all cells of ``sheet`` here; it must fit."""
        for row, (characters, styles) in enumerate(sheet.rows(), start=y):
            self._characters[row][x : x + sheet.width] = characters
            self._styles[row][x : x + sheet.width] = styles

    def clear(self, y: int) -> None:
        """Empty row ``y``."""
        if 0 <= y < self.height:
            self._characters[y] = [" "] * self.width
            self._styles[y] = [None] * self.width

    def dye(self, x: int, y: int, cells: Iterable[tuple[int, int, Hue]], styles: Mapping[Hue, Style]) -> None:
        """Give cells, counted from here, their styles and leave what stands in them; they must be on the canvas."""
        for column, row, hue in cells:
            self._styles[y + row][x + column] = styles[hue]

    def dot(self, dot_x: int, dot_y: int, style: Style) -> None:
        """Set one braille dot. A cell has one colour, that of its latest dot; text gives way to it."""
        self.dots(dot_x // 2, dot_y // 4, DOTS[dot_y % 4][dot_x % 2], style)

    def dots(self, x: int, y: int, bits: int, style: Style | None) -> None:
        """Add the dots of ``bits`` to those of one cell; as ``dot``."""
        if not (0 <= x < self.width and 0 <= y < self.height):
            return
        held = self._characters[y][x]
        if held == " ":
            self._characters[y][x] = chr(_BRAILLE | bits)
            self._styles[y][x] = style
        elif held and _BRAILLE <= ord(held) < _BRAILLE + 256:
            self._characters[y][x] = chr(ord(held) | bits)
            self._styles[y][x] = style
        else:
            self._set(x, y, chr(_BRAILLE | bits), style)

    def _set(self, x: int, y: int, character: str, style: Style | None) -> None:
        row = self._characters[y]
        if row[x] == "":  # the second half of a wide character: the first cannot stand alone
            row[x - 1] = " "
        elif x + 1 < self.width and row[x + 1] == "":
            row[x + 1] = " "
        row[x] = character
        self._styles[y][x] = style

    def rows(self) -> Iterable[tuple[list[str], list[Style | None]]]:
        """The characters and the styles of each row, to be read and not changed."""
        return zip(self._characters, self._styles, strict=True)

    def cells(self) -> Iterator[tuple[int, int, str, Style | None]]:
        """Column, row, character and style of every cell, row by row; the second half of a wide character is ""."""
        for y, (characters, styles) in enumerate(self.rows()):
            for x, (character, style) in enumerate(zip(characters, styles, strict=True)):
                yield x, y, character, style

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for (y, style), run in groupby(self.cells(), key=lambda cell: (cell[1], cell[3])):
            run_of_cells = list(run)
            if y and run_of_cells[0][0] == 0:
                yield Segment.line()
            yield Segment("".join(character for _, _, character, _ in run_of_cells), style)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(self.width, self.width)


def braille_bits(character: str) -> int:
    """The dots of a braille character, 0 for any other."""
    return ord(character) - _BRAILLE if character and _BRAILLE <= ord(character) < _BRAILLE + 256 else 0


def _printable(text: str) -> Iterator[str]:
    """The characters of ``text``, accents joined to their letters where Unicode has such a letter."""
    for character in unicodedata.normalize("NFC", text):
        if unicodedata.category(character)[0] not in "CZ" or character == " ":
            yield character
