"""A table of your own: files, which of them belong together, and what listeners said of them, in one CSV file.

Columns, in any order: ``file`` (sound or MIDI; relative to the table's folder, or absolute), ``group`` (an artist, a
composer: what must not stand on both sides of a split), ``time`` (seconds from which the row holds, until the file's
next row; the first holds from the start; empty in a file's only row), ``valence`` and ``arousal`` (means over
listeners). They may be followed by ``valence_std`` and ``arousal_std`` (spreads over listeners; empty where not known)
and ``scale`` (``1-9``, ``-1-1`` or ``0-1``, or with dots, ``1..9``, where a spreadsheet would make it a date; empty for
1-9), in which means and spreads are given. Other columns are passed over.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from models.affect import SCALE_HIGH, SCALE_LOW
from models.errors import MoodringError, UsageError
from offline.corpora import Labels, Piece
from offline.corpora.problems import Problems
from offline.corpora.tables import Row, read_table
from realtime.sources.files import MIDI_SUFFIXES

COLUMNS = ("file", "group", "time", "valence", "arousal")
OPTIONAL_COLUMNS = ("valence_std", "arousal_std", "scale")
SCALES = {"1-9": (1.0, 9.0), "-1-1": (-1.0, 1.0), "0-1": (0.0, 1.0)}
#: How else a scale is written in print.
_AS_HYPHEN = str.maketrans({"–": "-", "−": "-", "…": "-", " ": None})


@dataclass(frozen=True, slots=True, eq=False)
class _Rating:
    """A row that was read: ``time_s`` is None for the whole file, ``values`` in the order of ``Labels``."""

    row: int
    file: str
    group: str
    time_s: float | None
    values: tuple[float, ...]


class Manifest:
    """The pieces of a table, in the order in which they stand there. ``path`` is the table or the folder of just one.

    Raises ``UsageError`` where there is no table, and ``MoodringError`` naming file, row and column where a row cannot
    be used; unless ``strict``, such a row is left out and told in ``problems``.
    """

    name = "csv"
    corrections: tuple[str, ...] = ()
    unrated: tuple[str, ...] = ()

    def __init__(self, path: Path, *, strict: bool = True) -> None:
        table = _table(path)
        problems = Problems(strict=strict)
        rated: dict[str, dict[float | None, _Rating]] = {}
        for row in read_table(table, COLUMNS, OPTIONAL_COLUMNS):
            with problems.gathered():
                rating = _rating(row)
                # Two spellings of a path are one file.
                beside = rated.setdefault(os.path.normpath(table.parent / rating.file), {})
                _verify_beside(row, rating, beside)
                beside[rating.time_s] = rating
        self._pieces = [_piece(table.parent, list(ratings.values())) for ratings in rated.values() if ratings]
        if not self._pieces and not problems.found:
            raise MoodringError(f"{table} has no ratings; add a row for each file below the header")
        self.problems = tuple(problems.found)
        self.missing = tuple(piece.name for piece in self._pieces if not piece.path.is_file())
        self.terms = f"{table.name} does not state under which terms it is shared"
        is_midi = [piece.path.suffix.lower() in MIDI_SUFFIXES for piece in self._pieces]
        self.kind: Literal["sound", "notes"] = "notes" if is_midi and all(is_midi) else "sound"

    def __len__(self) -> int:
        return len(self._pieces)

    def __iter__(self) -> Iterator[Piece]:
        return iter(self._pieces)


def _table(path: Path) -> Path:
    if path.is_file():
        return path
    if not path.is_dir():
        raise UsageError(f"{path} is not there; give the table of ratings (.csv) or the folder that it is in")
    tables = [file for file in path.iterdir() if file.suffix.lower() == ".csv" and not file.name.startswith(".")]
    if len(tables) != 1:
        raise UsageError(f"{path} holds {len(tables) or 'no'} .csv files, not one; give the table itself")
    return tables[0]


def _rating(row: Row) -> _Rating:
    row.verify_width()
    for column in ("file", "group"):
        if not row.text(column):
            raise row.error(f"{column} is empty")
    time_s = row.real("time", 0.0) if row.text("time") else None
    scale = row.text("scale") or "1-9"
    low, high = SCALES.get(scale.replace("..", "-").translate(_AS_HYPHEN), (math.nan, math.nan))
    if math.isnan(low):
        raise row.error(f"scale must be {', '.join(SCALES)} or empty, not '{scale}'")
    stretch = (SCALE_HIGH - SCALE_LOW) / (high - low)
    advice = "" if row.text("scale") else f"; another scale is said in a column 'scale' ({', '.join(SCALES)})"
    values = []
    for axis in ("valence", "arousal"):
        mean, spread = row.real(axis, low, high, advice=advice), f"{axis}_std"
        known = row.real(spread, 0.0, high - low) if row.text(spread) else math.nan
        values += [SCALE_LOW + (mean - low) * stretch, known * stretch]
    return _Rating(row.number, row.text("file"), " ".join(row.text("group").split()), time_s, tuple(values))


def _verify_beside(row: Row, rating: _Rating, beside: dict[float | None, _Rating]) -> None:
    """Whether a row goes together with the other rows of its file."""
    if not beside:
        return
    first = next(iter(beside.values()))
    if rating.group != first.group:
        raise row.error(f"group of {rating.file} is '{rating.group}', but '{first.group}' in row {first.row}")
    if same := beside.get(rating.time_s):
        at = "" if rating.time_s is None else f" at time {rating.time_s:g}"
        raise row.error(f"{rating.file} is rated twice{at}, as in row {same.row}; leave one of the rows")
    if rating.time_s is None or first.time_s is None:
        raise row.error(f"time is empty for {rating.file} here or in row {first.row}; of several rows, each needs one")


def _piece(folder: Path, ratings: list[_Rating]) -> Piece:
    in_order = sorted(ratings, key=lambda rating: rating.time_s or 0.0)
    times_s = np.array([rating.time_s or 0.0 for rating in in_order])
    times_s[0] = 0.0
    labels = Labels(times_s, np.array([rating.values for rating in in_order], np.float32))
    return Piece(ratings[0].file, folder / ratings[0].file, ratings[0].group, labels)
