"""A prepared corpus: feature sequences with their labels, one Parquet file.

A row is one step of one piece. Columns: ``piece``, ``group``, ``genre`` and ``cohort`` (null where they are not known;
see ``offline.corpora.Piece``), ``time`` (s, the end of the window), one float column a feature named ``set.feature``
(``notes22.pitch_mean``), and the labels that hold at that time (``valence_mean``, ``valence_std``, ``arousal_mean``,
``arousal_std``, 1–9; NaN where a spread is not known), and the same four with ``dynamic_`` before them: ratings given
while listening, NaN where there are none. Pieces follow one another, steps in order of time. Where the data comes from
is in the file's key-value metadata under ``moodring``, as JSON. ``pandas.read_parquet(path)`` reads it.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.affect import OUTPUTS
from models.atomic import write_atomically
from models.errors import MoodringError, UsageError
from models.features import feature_set

FORMAT = 3

#: The columns of the ratings given while listening.
DYNAMIC = tuple(f"dynamic_{name}" for name in OUTPUTS)


@dataclass(frozen=True, slots=True, eq=False)
class PieceSteps:
    """One piece: ``times_s`` [shape=(n,)], ``features`` by set [shape=(n, features)], ``labels`` [shape=(n, 4)].

    A spread that is not known is NaN. ``dynamic`` are ratings given while listening, NaN where unknown [shape=(n, 4)];
    None where there are none at all. ``genre`` and ``cohort`` as in ``offline.corpora.Piece``, None where not known.
    """

    piece: str
    group: str
    times_s: NDArray[np.float64]
    features: Mapping[str, NDArray[np.float32]]
    labels: NDArray[np.float32]
    dynamic: NDArray[np.float32] | None = None
    genre: str | None = None
    cohort: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Pieces and their provenance: corpus, corrections, settings, code version."""

    pieces: tuple[PieceSteps, ...]
    provenance: Mapping[str, Any]

    @property
    def groups(self) -> NDArray[np.str_]:
        """The group of each piece [shape=(pieces,)]."""
        return np.array([piece.group for piece in self.pieces])

    @property
    def hop_s(self) -> float:
        """Seconds from a step to the next."""
        return float(self.provenance["hop_s"])

    @property
    def window_s(self) -> float:
        """Seconds that each step's features look back."""
        return float(self.provenance["window_s"])


def write_dataset(path: Path, pieces: Sequence[PieceSteps], provenance: Mapping[str, Any]) -> None:
    """Write a dataset; nothing is there before it is whole."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, Any] = {
        name: pa.array([getattr(piece, name) for piece in pieces for _ in piece.times_s], pa.string())
        for name in ("piece", "group", "genre", "cohort")
    }
    columns = {name: texts.dictionary_encode() for name, texts in columns.items()}
    columns["time"] = np.concatenate([piece.times_s for piece in pieces])
    for name in provenance["feature_sets"]:
        values = np.concatenate([piece.features[name] for piece in pieces])
        for number, feature in enumerate(feature_set(name).names):
            columns[f"{name}.{feature}"] = values[:, number]
    labels = np.concatenate([piece.labels for piece in pieces])
    columns |= {name: labels[:, number] for number, name in enumerate(OUTPUTS)}
    unknown = np.float32(np.nan)
    dynamic = [np.full_like(p.labels, unknown) if p.dynamic is None else p.dynamic for p in pieces]
    columns |= {name: np.concatenate(dynamic)[:, number] for number, name in enumerate(DYNAMIC)}
    note = json.dumps({"format": FORMAT, **provenance}, sort_keys=True)
    table = pa.table(columns).replace_schema_metadata({"moodring": note})
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    write_atomically(path, buffer.getvalue())


def read_dataset(path: Path) -> Dataset:
    """Read a dataset back. Raises ``UsageError`` where there is none, ``MoodringError`` where a file is not one."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise UsageError(f"{path} is not there; 'moodring prepare' makes a dataset")
    try:
        table = pq.read_table(path)
        provenance = json.loads((table.schema.metadata or {})[b"moodring"])
        written = provenance["format"]
    except (pa.ArrowInvalid, OSError, KeyError, TypeError, ValueError):
        raise MoodringError(f"{path} is not a dataset of moodring's; 'moodring prepare' makes one") from None
    if written != FORMAT:
        raise MoodringError(f"{path} has dataset format {written}, not {FORMAT}; prepare it again")
    columns = [f"{name}.{feature}" for name in provenance["feature_sets"] for feature in feature_set(name).names]
    for column in ("piece", "group", "genre", "cohort", "time", *columns, *OUTPUTS, *DYNAMIC):
        if column not in table.column_names:
            raise MoodringError(f"{path} has no column '{column}'; prepare it again")
    if not len(table):
        raise MoodringError(f"{path} has no rows; prepare it again")
    names = np.asarray(table["piece"].to_pylist())
    groups, genres, cohorts = (table[name].to_pylist() for name in ("group", "genre", "cohort"))
    times_s = table["time"].to_numpy()
    features = {
        name: np.stack([table[f"{name}.{feature}"].to_numpy() for feature in feature_set(name).names], axis=1)
        for name in provenance["feature_sets"]
    }
    labels = np.stack([table[name].to_numpy() for name in OUTPUTS], axis=1)
    dynamic = np.stack([table[name].to_numpy() for name in DYNAMIC], axis=1)
    bounds = [0, *(np.flatnonzero(names[1:] != names[:-1]) + 1), len(names)]
    pieces = []
    for start, stop in pairwise(bounds):
        rows = slice(int(start), int(stop))
        own = {name: values[rows] for name, values in features.items()}
        about = (str(names[start]), groups[start], times_s[rows])
        pieces.append(PieceSteps(*about, own, labels[rows], dynamic[rows], genres[start], cohorts[start]))
    return Dataset(tuple(pieces), provenance)
