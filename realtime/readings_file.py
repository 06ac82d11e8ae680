"""Readings in files: as CSV for a spreadsheet, and out of JSON Lines as a recording or ``live --json`` has them."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from models.affect import Reading, State
from models.errors import MoodringError, UsageError

#: The columns of a CSV of readings: what a reading says as JSON but for its type.
COLUMNS = tuple(
    name for name in Reading(0, State.LIVE, 5, 1, 5, 1, 0, None, None, "").as_json() if name != "type"
)  # fmt: skip

#: How a file begins that is not plain UTF-8; PowerShell's ">" writes UTF-16.
_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb": "utf-8-sig"}


def readings_csv(readings: Iterable[Reading]) -> bytes:
    """A row a reading with the columns ``COLUMNS``; what is unknown is empty."""
    return rows_csv(COLUMNS, (reading.as_json() for reading in readings))


def rows_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """CSV in UTF-8 under a line of names; what ``rows`` hold beyond ``columns`` is left out."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: None if _is_nan(value) else value for name, value in row.items()})
    return text.getvalue().encode("utf-8", "replace")


def read_readings(path: Path) -> list[Reading]:
    """The readings in a file of JSON Lines, in order; lines of any other type are passed over.

    A last line that is no JSON is what a crash has left of it, and ignored. Raises ``UsageError`` where there is no
    such file, ``MoodringError`` where it cannot be read, a line is malformed, or no line is a reading.
    """
    readings: list[Reading] = []
    torn: int | None = None
    for number, line in _lines(path):
        if torn is not None:
            raise MoodringError(f"{path} line {torn} is not JSON: remove the line or record anew")
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError):
            torn = number
            continue
        if isinstance(fields, dict) and fields.get("type") == "reading":
            readings.append(_reading(fields, f"{path} line {number}"))
    if not readings:
        raise MoodringError(f"{path} holds no readings: give a recording, or what 'moodring live --json' printed")
    return readings


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines that hold anything, numbered from 1."""
    if path.is_dir():
        raise UsageError(f"{path} is a directory: give the path of a recording in it")
    try:
        with path.open("rb") as file:
            encoding = _MARKS.get(file.read(2), "utf-8")
        with path.open(encoding=encoding, errors="replace") as text:
            yield from ((number, line) for number, line in enumerate(text, 1) if line.strip("\0 \t\r\n"))
    except FileNotFoundError:
        raise UsageError(f"{path} is not there: check the path") from None
    except OSError as error:
        raise MoodringError(f"{path} cannot be read: {error.strerror}") from error


def _reading(fields: Mapping[str, Any], place: str) -> Reading:
    time = _number(fields, "time", place)
    if not math.isfinite(time):
        raise MoodringError(f"{place}: 'time' must be a number of seconds: remove the line or record anew")
    state = fields.get("state")
    if state not in list(State):
        raise MoodringError(f"{place}: 'state' must be {', '.join(State)}, not {state!r}: remove the line")
    notes = _number(fields, "notes", place)
    level_db, latency_ms = (_number(fields, name, place) for name in ("level_db", "latency_ms"))
    names = ("valence", "valence_std", "arousal", "arousal_std")
    valence, valence_std, arousal, arousal_std = (_number(fields, name, place) for name in names)
    return Reading(
        time,
        State(state),
        valence,
        valence_std,
        arousal,
        arousal_std,
        notes=int(notes) if math.isfinite(notes) else 0,
        level_db=None if math.isnan(level_db) else level_db,
        latency_ms=None if math.isnan(latency_ms) else latency_ms,
        model=str(fields.get("model", "")),
    )


def _number(fields: Mapping[str, Any], name: str, place: str) -> float:
    """NaN for ``null``, as JSON has no word for it."""
    if name not in fields:
        raise MoodringError(f"{place} is a reading without '{name}': remove the line or record anew")
    value = fields[name]
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MoodringError(f"{place}: '{name}' must be a number, not {value!r}: remove the line or record anew")
    return float(value)


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)
