"""What ``-o`` leaves in a folder: for each piece its readings, summary and arc; for several the same together."""

from __future__ import annotations

import errno
import json
import os
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from models.atomic import write_atomically
from models.errors import MoodringError
from realtime.analysis import Summary
from realtime.readings_file import COLUMNS, readings_csv, rows_csv

#: What is written once for all pieces; no piece gets such a name.
TOGETHER = ("comparison", "readings", "summary")

#: File systems allow 255 bytes, of which endings and a name under way take some.
_LONGEST = 180

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def make_folder(folder: Path) -> None:
    """Make ``folder``, or take it as it is; raises ``MoodringError`` where that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MoodringError(f"{folder} cannot be made a folder: {error.strerror}") from error


def piece_names(files: Sequence[Path]) -> dict[Path, str]:
    """What each file's outputs are called: its stem; where others share that, its whole name, then folders before it.

    No two different files get the same, also where a file system does not tell large letters from small.
    """
    whole = {file: file.resolve() for file in files}
    levels = dict.fromkeys(whole.values(), 0)
    while True:
        names = {file: _name(file, level) for file, level in levels.items()}
        counts = Counter(map(_key, names.values())) + Counter(TOGETHER)
        clashing = [file for file in names if counts[_key(names[file])] > 1]
        growing = [file for file in clashing if levels[file] <= len(file.parts)]
        if not growing:
            break
        for file in growing:
            levels[file] += 1
    taken = {*TOGETHER, *(_key(name) for file, name in names.items() if file not in clashing)}
    for file in clashing:
        number = 2
        while _key(f"{names[file]} {number}") in taken:
            number += 1
        names[file] = f"{names[file]} {number}"
        taken.add(_key(names[file]))
    return {file: names[resolved] for file, resolved in whole.items()}


def _name(file: Path, level: int) -> str:
    folders = file.parts[-level:-1] if level > 1 else ()
    name = "-".join([*(part.strip("/\\:") for part in folders), file.name if level else file.stem])
    return name.encode("utf-8", "replace")[:_LONGEST].decode("utf-8", "ignore")


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def write_piece(summary: Summary, *, folder: Path, names: Mapping[Path, str], pictures: bool) -> None:
    """Write one piece's readings (CSV), summary (JSON) and, with ``pictures``, arc (PNG and SVG)."""
    name = names[summary.file]
    _write(folder / f"{name}.csv", readings_csv(summary.readings))
    _write(folder / f"{name}.json", (json.dumps(summary.as_json(), indent=2) + "\n").encode())
    if pictures:
        from realtime.pictures.arc import arc_figure
        from realtime.pictures.style import png, svg

        figure = arc_figure(summary.readings, printable(Path(summary.file.name)), summary.affect)
        _write(folder / f"{name}.png", png(figure))
        _write(folder / f"{name}.svg", svg(figure))


def write_together(summaries: Sequence[Summary], *, folder: Path, pictures: bool) -> None:
    """Write what several pieces come to: ``readings.csv``, ``summary.csv``, and the comparison as PNG and SVG."""
    rows = ({"file": printable(s.file), **reading.as_json()} for s in summaries for reading in s.readings)
    _write(folder / "readings.csv", rows_csv(("file", *COLUMNS), rows))
    lines = [{**summary.as_json(), "file": printable(summary.file)} for summary in summaries]
    _write(folder / "summary.csv", rows_csv([name for name in lines[0] if name != "type"], lines))
    if pictures:
        from realtime.pictures.comparison import Piece, comparison_figure
        from realtime.pictures.style import png, svg

        titles = titles_of([summary.file for summary in summaries])
        pieces = [Piece(title, s.readings, s.affect) for title, s in zip(titles, summaries, strict=True)]
        figure = comparison_figure(pieces)
        _write(folder / "comparison.png", png(figure))
        _write(folder / "comparison.svg", svg(figure))


def titles_of(files: Sequence[Path]) -> list[str]:
    """Each file's name, with as many folders before it as tell it from others of that name."""
    distinct = dict.fromkeys(files)
    longest = max((len(file.parts) for file in distinct), default=1)
    counts = [Counter(_tail(file, length) for file in distinct) for length in range(1, min(longest, 6) + 1)]
    titles = {
        file: next(
            (_tail(file, length) for length, count in enumerate(counts, 1) if count[_tail(file, length)] == 1), file
        )
        for file in distinct
    }
    return [printable(titles[file]) for file in files]


def _tail(file: Path, length: int) -> Path:
    return Path(*file.parts[-length:])


def printable(file: Path) -> str:
    """The path as text that can be written anywhere, also where it is not UTF-8."""
    return os.fsencode(file).decode("utf-8", "replace")


def _write(path: Path, content: bytes) -> None:
    try:
        write_atomically(path, content)
    except OSError as error:
        if error.errno in _FULL:
            raise  # told of in one place, for all that writes
        raise MoodringError(f"{path} cannot be written: {error.strerror}") from error
