"""Readings out of JSON Lines and into CSV."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path

import pytest

from models.affect import Reading, State
from models.errors import MoodringError, UsageError
from realtime.readings_file import COLUMNS, read_readings, readings_csv

READINGS = [
    Reading(0.5, State.WARMING, 5.0, 2.0, 5.0, 2.0, 1, -20.5, 141.0, "audio"),
    Reading(1.0, State.LIVE, 6.1234, 1.5, 3.9, 1.25, 14, None, None, "audio"),
    Reading(1.5, State.LOST, 6.0, 1.5, 4.0, 1.25, 0, -80.0, 12.5, "audio"),
]
HEADER = {"type": "header", "version": 1}


def written(path: Path, *lines: object, encoding: str = "utf-8", end: str = "\n") -> Path:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts) + end, encoding=encoding)
    return path


def test_a_recording_gives_back_its_readings_and_passes_over_all_else(tmp_path: Path):
    lines = [HEADER, *(reading.as_json() for reading in READINGS), {"type": "note", "pitch": 60}, [1, 2], ""]
    assert read_readings(written(tmp_path / "concert.jsonl", *lines)) == READINGS


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_what_powershell_writes_is_read_too(tmp_path: Path, encoding: str):
    path = written(tmp_path / "live.jsonl", *(reading.as_json() for reading in READINGS), encoding=encoding)
    assert read_readings(path) == READINGS


def test_smoothed_readings_are_read_as_they_were_shown(tmp_path: Path):
    line = {**READINGS[1].as_json(), "valence_raw": 2.0, "arousal_raw": 3.0}
    assert read_readings(written(tmp_path / "live.jsonl", line)) == [READINGS[1]]


def test_null_is_not_known(tmp_path: Path):
    (reading,) = read_readings(written(tmp_path / "a.jsonl", {**READINGS[0].as_json(), "valence": None}))
    assert math.isnan(reading.valence)


def test_a_last_line_that_broke_off_is_ignored(tmp_path: Path):
    torn = json.dumps(READINGS[1].as_json())[:40]
    path = written(tmp_path / "crashed.jsonl", HEADER, READINGS[0].as_json(), torn, end="")
    assert read_readings(path) == READINGS[:1]


def test_any_other_malformed_line_is_named(tmp_path: Path):
    path = written(tmp_path / "edited.jsonl", HEADER, '{"type": "rea', READINGS[0].as_json())
    with pytest.raises(MoodringError, match=r"edited\.jsonl line 2 is not JSON"):
        read_readings(path)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"time": "soon"}, "line 2: 'time' must be a number, not 'soon'"),
        ({"time": None}, "line 2: 'time' must be a number of seconds"),
        ({"state": "dancing"}, "line 2: 'state' must be warming, live, silence, lost, not 'dancing'"),
        ({"arousal": True}, "line 2: 'arousal' must be a number, not True"),
    ],
)
def test_a_reading_with_a_wrong_value_is_named(tmp_path: Path, change: dict[str, object], complaint: str):
    path = written(tmp_path / "a.jsonl", HEADER, {**READINGS[1].as_json(), **change})
    with pytest.raises(MoodringError) as raised:
        read_readings(path)
    assert complaint in str(raised.value)


def test_a_reading_that_lacks_a_value_is_named(tmp_path: Path):
    fields = READINGS[1].as_json()
    del fields["arousal_std"]
    with pytest.raises(MoodringError, match="line 1 is a reading without 'arousal_std'"):
        read_readings(written(tmp_path / "a.jsonl", fields))


def test_a_file_without_readings_says_what_it_should_be(tmp_path: Path):
    for path in (written(tmp_path / "letter.txt", "Dear Clara"), written(tmp_path / "a.jsonl", HEADER)):
        with pytest.raises(MoodringError, match="holds no readings"):
            read_readings(path)


def test_what_is_not_there_is_wrong_use(tmp_path: Path):
    with pytest.raises(UsageError, match="is not there"):
        read_readings(tmp_path / "gone.jsonl")
    with pytest.raises(UsageError, match="is a directory"):
        read_readings(tmp_path)


def test_rows_are_the_readings():
    rows = list(csv.DictReader(io.StringIO(readings_csv(READINGS).decode())))
    assert len(rows) == len(READINGS)
    for row, reading in zip(rows, READINGS, strict=True):
        expected = {name: value for name, value in reading.as_json().items() if name != "type"}
        assert tuple(row) == COLUMNS == tuple(expected)
        assert row == {name: "" if value is None else str(value) for name, value in expected.items()}


def test_no_readings_are_a_line_of_names():
    assert readings_csv([]).decode().splitlines() == [",".join(COLUMNS)]


def test_what_is_no_number_is_empty():
    nowhere = Reading(0.5, State.WARMING, math.nan, 2.0, 5.0, 2.0, 1, None, None, "a")
    (row,) = csv.DictReader(io.StringIO(readings_csv([nowhere]).decode()))
    assert row["valence"] == ""
