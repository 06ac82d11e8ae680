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

from models.affect import HALF_RANGE, from_normalized
from models.errors import MoodringError, UsageError
from offline.corpora import Labels, Piece


class Vgmidi:
    """The rated pieces of VGMIDI.

    Raises ``UsageError`` where ``path`` is no such folder, and ``MoodringError`` for an annotation file that is none.
    """

    name = "vgmidi"
    terms = "VGMIDI comes without a licence file: for research, not to be redistributed (Ferreira and Whitehead, 2019)"
    kind: Literal["sound", "notes"] = "notes"
    corrections: tuple[str, ...] = ()

    def __init__(self, path: Path) -> None:
        tables = sorted((path / "annotations").glob("vgmidi_raw_*.json"))
        if not tables or not (path / "midi").is_dir():
            raise UsageError(f"{path} holds no VGMIDI: it needs midi/ and annotations/vgmidi_raw_1.json")
        pieces = [piece for table in tables for piece in _pieces(path, table)]
        self._pieces = sorted(pieces, key=lambda piece: piece.name)

    def __len__(self) -> int:
        return len(self._pieces)

    def __iter__(self) -> Iterator[Piece]:
        return iter(self._pieces)


def _pieces(path: Path, table: Path) -> Iterator[Piece]:
    try:
        content: dict[str, Any] = json.loads(table.read_text(encoding="utf-8"))
        ratings: dict[str, list[Any]] = defaultdict(list)
        for key, rating in content["annotations"].items():
            ratings[key.rpartition("_")[0]].append(rating)
        for key, piece in content["pieces"].items():
            file = path / "midi" / Path(piece["midi"]).name
            if key in ratings and file.exists():
                measures, duration_s = int(piece["measures"]), float(piece["duration"])
                labels = _labels(ratings[key], measures, duration_s)
                yield Piece(file.stem, file, file.stem.partition("_")[0], labels, end_s=duration_s)
    except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError) as error:
        raise MoodringError(
            f"{table} is not a file of VGMIDI's raw ratings ({type(error).__name__}: {error})"
        ) from None


def _labels(ratings: list[Any], measures: int, duration_s: float) -> Labels:
    """Mean and spread over listeners, a row a measure."""
    columns = []
    for axis in ("valence", "arousal"):
        said = np.array([rating[axis][:measures] for rating in ratings if len(rating[axis]) >= measures], np.float64)
        columns += [from_normalized(said.mean(axis=0)), HALF_RANGE * said.std(axis=0)]
    times_s = np.arange(measures, dtype=np.float64) * np.float64(duration_s / measures)
    return Labels(times_s, np.stack(columns, axis=1).astype(np.float32))
