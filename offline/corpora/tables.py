"""Tables as people save them, read row by row: every complaint names the file, the row and the column.

Cells are separated by ``,``, or by ``;`` or tabs as spreadsheets do where numbers are written with a decimal comma.
"""

from __future__ import annotations

import codecs
import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.errors import MoodringError

_SEPARATORS = (",", ";", "\t")


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One row: ``number`` is the line where it begins, as an editor counts, ``columns`` the place of each by name."""

    table: Path
    number: int
    columns: Mapping[str, int]
    width: int
    cells: Sequence[str]
    has_decimal_commas: bool

    def error(self, problem: str) -> MoodringError:
        """The complaint about this row."""
        return MoodringError(f"{self.table}, row {self.number}: {' '.join(problem.split())}")

    def verify_width(self) -> None:
        """Raises ``MoodringError`` where something stands behind the last column."""
        if any(cell.strip() for cell in self.cells[self.width :]):
            raise self.error(f"{len(self.cells)} cells for {self.width} columns; put what has a separator into quotes")

    def text(self, column: str) -> str:
        """What stands in ``column``; nothing where the table has none or the row ends before it."""
        place = self.columns.get(column, len(self.cells))
        return self.cells[place].strip() if place < len(self.cells) else ""

    def real(self, column: str, low: float, high: float = math.inf, *, advice: str = "") -> float:
        """The number in ``column``; raises ``MoodringError`` where it is none or not in ``low..high``."""
        text = self.text(column)
        if not text:
            raise self.error(f"{column} is empty")
        try:
            value = float(text.replace(",", ".") if self.has_decimal_commas else text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self.error(f"{column} must be a number, not '{text}'")
        if not low <= value <= high:
            span = f"in range {low:g}..{high:g}" if math.isfinite(high) else f"{low:g} or more"
            raise self.error(f"{column} must be {span}, not {text}{advice}")
        return value


def read_content(path: Path) -> bytes:
    """The bytes of a file; raises ``MoodringError`` where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise MoodringError(f"{path} cannot be read: {error.strerror}") from None


def read_text(path: Path, *, tolerant: bool = False) -> str:
    """The text of a file in UTF-8; raises ``MoodringError`` naming the first row that is not.

    ``tolerant`` takes such a row as Windows-1252: lists of titles are often put together from both.
    """
    lines = []
    # No character of UTF-8 has a line break among its bytes.
    for number, line in enumerate(read_content(path).removeprefix(codecs.BOM_UTF8).splitlines(keepends=True), start=1):
        try:
            lines.append(line.decode("utf-8"))
        except UnicodeDecodeError as error:
            if not tolerant:
                wrong = f"byte 0x{line[error.start]:02X} is not UTF-8"
                raise MoodringError(f"{path}, row {number}: {wrong}; save the file as UTF-8") from None
            lines.append(line.decode("cp1252", errors="replace"))
    return "".join(lines)


def read_table(
    path: Path, needed: Sequence[str], optional: Sequence[str] = (), *, tolerant: bool = False
) -> Iterator[Row]:
    """The rows of a table but for blank ones. Header cells may be in any case, with spaces around.

    ``tolerant`` is for text that need not be exact: encodings as in ``read_text``, and quotes that do not close.
    Raises ``MoodringError`` where the file is no table with the ``needed`` columns, or has one of them or of the
    ``optional`` ones twice.
    """
    text = read_text(path, tolerant=tolerant)
    separator = max(_SEPARATORS, key=text.lstrip().partition("\n")[0].count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=not tolerant)
    columns: dict[str, int] = {}
    width, number = 0, 1
    try:
        for cells in rows:
            if not any(cell.strip() for cell in cells):
                pass
            elif columns:
                yield Row(path, number, columns, width, cells, separator != ",")
            else:
                columns, width = _columns(path, cells, needed, optional), len(cells)
            number = rows.line_num + 1
    except csv.Error as error:
        raise MoodringError(f"{path}, row {number}: not a row of a table ({error})") from None
    if not columns:
        raise MoodringError(f"{path} is empty; it needs the columns {', '.join(needed)}")


def _columns(path: Path, header: Sequence[str], needed: Sequence[str], optional: Sequence[str]) -> dict[str, int]:
    names = [cell.strip().casefold() for cell in header]
    for column in (*needed, *optional):
        if names.count(column) > 1:
            raise MoodringError(f"{path}: column '{column}' is there {names.count(column)} times; leave one")
        if column in needed and column not in names:
            raise MoodringError(f"{path}: no column '{column}'; it needs {', '.join(needed)}")
    return {name: place for place, name in enumerate(names)}
