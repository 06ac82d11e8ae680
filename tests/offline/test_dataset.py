"""A prepared corpus survives being written and read, by us and by anyone who reads Parquet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.affect import OUTPUTS
from models.errors import MoodringError, UsageError
from models.features import feature_set
from offline.dataset import Dataset, PieceSteps, read_dataset, write_dataset

pq = pytest.importorskip("pyarrow.parquet")
pa = pytest.importorskip("pyarrow")

PROVENANCE: dict[str, Any] = {
    "corpus": "deam",
    "kind": "sound",
    "corrections": ["valence and arousal swapped back in 744 rows"],
    "feature_sets": ["notes22"],
    "hop_s": 0.5,
    "window_s": 10.0,
    "moodring": "0.1.0",
}
NAMES = feature_set("notes22").names


def steps(
    name: str, group: str, count: int, seed: int, genre: str | None = None, cohort: str | None = None
) -> PieceSteps:
    rng = np.random.default_rng(seed)
    features = rng.normal(50, 20, (count, len(NAMES))).astype(np.float32)
    features[0] = 0.0
    labels = rng.uniform(1, 9, (count, 4)).astype(np.float32)
    labels[-1, 1] = np.nan  # a spread that nobody knows
    return PieceSteps(name, group, 0.5 * np.arange(1, count + 1), {"notes22": features}, labels, None, genre, cohort)


PIECES = [
    steps("7", "one band", 20, seed=1, genre="folk"),
    steps("1001", "one band", 1, seed=2),
    steps("Ünë", 'ç, "d"', 33, seed=3, genre="räp", cohort="the second year"),
]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "some.parquet"
    write_dataset(path, PIECES, PROVENANCE)
    return path


def test_what_was_written_is_read_back_bit_for_bit(written: Path) -> None:
    dataset = read_dataset(written)
    assert isinstance(dataset, Dataset)
    assert len(dataset.pieces) == len(PIECES)
    for read, piece in zip(dataset.pieces, PIECES, strict=True):
        assert (read.piece, read.group) == (piece.piece, piece.group)
        assert (read.genre, read.cohort) == (piece.genre, piece.cohort)
        np.testing.assert_array_equal(read.times_s, piece.times_s)
        np.testing.assert_array_equal(read.features["notes22"], piece.features["notes22"])
        np.testing.assert_array_equal(read.labels, piece.labels)
        assert (read.features["notes22"].dtype, read.labels.dtype) == (np.float32, np.float32)
    assert {**dataset.provenance} == {"format": 3, **PROVENANCE}
    assert (dataset.hop_s, dataset.window_s) == (0.5, 10.0)
    assert dataset.groups.tolist() == ["one band", "one band", 'ç, "d"']


def test_anyone_who_reads_parquet_can_read_it(written: Path) -> None:
    table = pq.read_table(written)
    features = [f"notes22.{name}" for name in NAMES]
    dynamic = [f"dynamic_{name}" for name in OUTPUTS]
    assert table.column_names == ["piece", "group", "genre", "cohort", "time", *features, *OUTPUTS, *dynamic]
    assert np.isnan(table["dynamic_arousal_std"].to_numpy()).all()
    assert table.num_rows == 54
    assert table["piece"].to_pylist()[19:22] == ["7", "1001", "Ünë"]
    assert table["genre"].to_pylist()[19:22] == ["folk", None, "räp"]
    assert table["time"].to_pylist()[:2] == [0.5, 1.0]
    np.testing.assert_array_equal(
        table["notes22.tempo"].to_numpy()[:20], PIECES[0].features["notes22"][:, NAMES.index("tempo")]
    )
    np.testing.assert_array_equal(table["arousal_mean"].to_numpy()[:20], PIECES[0].labels[:, 2])
    assert json.loads(table.schema.metadata[b"moodring"])["corpus"] == "deam"


def test_writing_twice_gives_the_same_bytes_and_leaves_nothing_else(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    write_dataset(first, PIECES, PROVENANCE)
    write_dataset(second, PIECES, PROVENANCE)
    write_dataset(first, PIECES, PROVENANCE)
    assert first.read_bytes() == second.read_bytes()
    assert sorted(tmp_path.iterdir()) == [first, second]


def test_a_dataset_may_know_no_genre_at_all(tmp_path: Path) -> None:
    path = tmp_path / "some.parquet"
    write_dataset(path, [steps("7", "one band", 3, seed=1)], PROVENANCE)
    (piece,) = read_dataset(path).pieces
    assert piece.genre is None


def test_a_dataset_that_is_not_there_is_wrong_use(tmp_path: Path) -> None:
    for path in (tmp_path / "none.parquet", tmp_path):
        with pytest.raises(UsageError, match=r"is not there; 'moodring prepare' makes a dataset$"):
            read_dataset(path)


def refusal(path: Path) -> str:
    with pytest.raises(MoodringError) as caught:
        read_dataset(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    assert caught.value.exit_status == 1
    return message


@pytest.mark.parametrize("content", [b"", b"piece,group\n7,one\n", b"PAR1" + bytes(100) + b"PAR1"])
def test_a_file_that_is_no_parquet(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "some.parquet"
    path.write_bytes(content)
    assert refusal(path) == f"{path} is not a dataset of moodring's; 'moodring prepare' makes one"


def test_a_dataset_cut_off(written: Path) -> None:
    written.write_bytes(written.read_bytes()[:-20])
    assert "is not a dataset" in refusal(written)


def test_a_parquet_file_of_someone_else(tmp_path: Path) -> None:
    path = tmp_path / "other.parquet"
    pq.write_table(pa.table({"piece": ["7"]}), path)
    assert "is not a dataset" in refusal(path)
    pq.write_table(pa.table({"piece": ["7"]}).replace_schema_metadata({"moodring": "not json"}), path)
    assert "is not a dataset" in refusal(path)


def test_a_dataset_of_another_format(written: Path) -> None:
    table = pq.read_table(written)
    note = json.dumps({**PROVENANCE, "format": 1})
    pq.write_table(table.replace_schema_metadata({"moodring": note}), written)
    assert refusal(written) == f"{written} has dataset format 1, not 3; prepare it again"


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.drop_columns(["arousal_std"]),
        lambda table: table.drop_columns(["notes22.tempo"]),
        lambda table: table.drop_columns(["group"]),
        lambda table: table.drop_columns(["genre"]),
        lambda table: table.slice(0, 0),
        lambda table: table.replace_schema_metadata({"moodring": "[]"}),
    ],
    ids=["a label", "a feature", "groups", "genres", "rows", "provenance"],
)
def test_a_dataset_that_lacks(written: Path, change: Any) -> None:
    table = pq.read_table(written)
    pq.write_table(change(table), written)
    refusal(written)
