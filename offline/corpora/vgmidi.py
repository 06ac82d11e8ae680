"""VGMIDI: piano arrangements of game music, rated measure by measure by about thirty listeners each.

Ferreira and Whitehead, "Learning to generate music with sentiment", ISMIR 2019. The raw ratings are −1…1 for one
listener at a time; here they become their mean and their spread over listeners on the 1–9 scale. Pieces of one series
share composers and themes, so the series (the file name up to the first ``_``) is the group.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from models.affect import HALF_RANGE, from_normalized
from models.errors import MoodringError, UsageError
from offline.corpora import Labels, Piece
from offline.corpora.problems import Problems
from offline.corpora.tables import read_text

_AXES = ("valence", "arousal")


class Vgmidi:
    """The rated pieces of VGMIDI.

    Raises ``UsageError`` where ``path`` is no such folder, and ``MoodringError`` for a file that is no table of ratings
    or, naming its key, for a piece or a listener's annotation that cannot be used; unless ``strict``, that one is left
    out and told in ``problems``.
    """

    name = "vgmidi"
    terms = "VGMIDI comes without a licence file: for research, not to be redistributed (Ferreira and Whitehead, 2019)"
    kind: Literal["sound", "notes"] = "notes"
    corrections: tuple[str, ...] = ()

    def __init__(self, path: Path, *, strict: bool = True) -> None:
        tables = sorted((path / "annotations").glob("vgmidi_raw_*.json"))
        if not tables or not (path / "midi").is_dir():
            raise UsageError(f"{path} holds no VGMIDI: it needs midi/ and annotations/vgmidi_raw_1.json")
        problems = Problems(strict=strict)
        rated: dict[str, Piece] = {}
        for table in tables:
            _add_pieces(rated, path / "midi", table, problems)
        self._pieces = [piece for _, piece in sorted(rated.items()) if piece.path.is_file()]
        self.problems = tuple(problems.found)
        self.missing = tuple(name for name, piece in sorted(rated.items()) if not piece.path.is_file())
        self.unrated = tuple(file.stem for file in sorted((path / "midi").glob("*.mid")) if file.stem not in rated)

    def __len__(self) -> int:
        return len(self._pieces)

    def __iter__(self) -> Iterator[Piece]:
        return iter(self._pieces)


def _add_pieces(rated: dict[str, Piece], folder: Path, table: Path, problems: Problems) -> None:
    """Add the table's pieces by name; the published tables annotate a few that they do not list."""
    content = _load(table)
    annotations: dict[str, dict[str, Any]] = defaultdict(dict)
    for key, annotation in content["annotations"].items():
        annotations[key.rpartition("_")[0]][key] = annotation
    for key, about in content["pieces"].items():
        if key not in annotations:
            continue
        with problems.gathered():
            file, measures, duration_s = _about(about, folder, f"{table}, piece '{key}'")
            if file.stem in rated:
                raise MoodringError(f"{table}, piece '{key}': {file.name} is rated twice; leave one of the pieces")
            said = []
            for own, annotation in annotations[key].items():
                with problems.gathered():
                    said.append(_ratings(annotation, measures, f"{table}, annotation '{own}'"))
            if said:
                labels = _labels(np.stack(said), duration_s)
                rated[file.stem] = Piece(file.stem, file, file.stem.partition("_")[0], labels, end_s=duration_s)


def _load(table: Path) -> dict[str, Any]:
    """The table's pieces and annotations, each by key."""
    try:
        content: Any = json.loads(read_text(table), object_pairs_hook=_once_each)
    except ValueError as error:
        raise MoodringError(f"{table} is not a file of VGMIDI's raw ratings ({error})") from None
    parts = {name: content.get(name) if isinstance(content, dict) else None for name in ("pieces", "annotations")}
    for name, part in parts.items():
        if not isinstance(part, dict):
            raise MoodringError(f"{table} is not a file of VGMIDI's raw ratings (it has no object '{name}')")
    return parts


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"'{next(key for key in keys if keys.count(key) > 1)}' is there twice")
    return content


def _about(about: Any, folder: Path, place: str) -> tuple[Path, int, float]:
    """The file, measures and seconds of a piece."""
    fields = about if isinstance(about, dict) else {}
    midi, measures, duration_s = (fields.get(name) for name in ("midi", "measures", "duration"))
    if not isinstance(midi, str) or not Path(midi).name:
        raise MoodringError(f"{place}: midi must be the name of a file, not {midi!r}")
    if not isinstance(measures, int) or measures < 1:
        raise MoodringError(f"{place}: measures must be a whole number above 0, not {measures!r}")
    if not isinstance(duration_s, int | float) or not 0 < duration_s < 1e6:
        raise MoodringError(f"{place}: duration must be a number of seconds above 0, not {duration_s!r}")
    return folder / Path(midi).name, measures, float(duration_s)


def _ratings(annotation: Any, measures: int, place: str) -> list[list[float]]:
    """One listener's valence and arousal, one value a measure each."""
    rows = []
    for axis in _AXES:
        values = annotation.get(axis) if isinstance(annotation, dict) else None
        if not isinstance(values, list):
            raise MoodringError(f"{place}: {axis} must be a list of ratings, not {values!r}")
        # Three published listeners have one value too many, after the last measure.
        if not measures <= len(values) <= measures + 1:
            raise MoodringError(f"{place}: {axis} has {len(values)} ratings for {measures} measures")
        for number, value in enumerate(values, start=1):
            if not isinstance(value, int | float) or isinstance(value, bool) or not -1 <= value <= 1:
                raise MoodringError(f"{place}: {axis} of measure {number} must be in range -1..1, not {value!r}")
        rows.append(values[:measures])
    return rows


def _labels(said: NDArray[np.float64], duration_s: float) -> Labels:
    """Mean and spread over listeners, a row a measure, of ``said`` [shape=(listeners, 2, measures)]."""
    means, spreads = from_normalized(said.mean(axis=0)), HALF_RANGE * said.std(axis=0)
    measures = said.shape[2]
    times_s = np.arange(measures, dtype=np.float64) * np.float64(duration_s / measures)
    columns = [means[0], spreads[0], means[1], spreads[1]]
    return Labels(times_s, np.stack(columns, axis=1).astype(np.float32))
