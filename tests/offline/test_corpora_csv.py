"""A table of one's own is read as it is meant, whatever program wrote it, and refused in one clear line."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import MoodringError, UsageError
from offline.corpora import Piece
from offline.corpora.manifest import SCALES, Manifest

HEADER = "file,group,time,valence,arousal"
FULL = f"{HEADER},valence_std,arousal_std,scale"


def manifest(folder: Path, *lines: str, encoding: str = "utf-8") -> Path:
    path = folder / "ratings.csv"
    path.write_text("\n".join(lines) + "\n", encoding=encoding)
    return path


def only(path: Path) -> Piece:
    (piece,) = Manifest(path)
    return piece


def refusal(path: Path) -> str:
    with pytest.raises(MoodringError) as caught:
        Manifest(path)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_row_without_a_time_is_about_the_whole_file(tmp_path: Path) -> None:
    piece = only(manifest(tmp_path, HEADER, "sound/a.wav,Some Band,,4.5,6"))
    assert (piece.name, piece.path, piece.group) == ("sound/a.wav", tmp_path / "sound" / "a.wav", "Some Band")
    assert (piece.end_s, piece.dynamic, piece.genre) == (None, None, None)
    np.testing.assert_array_equal(piece.labels.times_s, [0.0])
    np.testing.assert_array_equal(piece.labels.values, [[4.5, np.nan, 6.0, np.nan]])
    assert piece.labels.values.dtype == np.float32


def test_rows_of_a_file_are_labels_in_time_in_any_order(tmp_path: Path) -> None:
    path = manifest(tmp_path, HEADER, "a.mid,g,20,7,7", "b.mid,g,,2,2", "./a.mid,g,5,5,5", "a.mid,g,12.5,6,6")
    first, second = Manifest(path)
    assert (first.name, second.name) == ("a.mid", "b.mid")
    np.testing.assert_array_equal(first.labels.times_s, [0.0, 12.5, 20.0])
    assert [first.labels.at(time_s)[0] for time_s in (0.0, 12.0, 12.5, 19.9, 20.0, 99.0)] == [5, 5, 6, 6, 7, 7]


@pytest.mark.parametrize(
    ("files", "kind"),
    [(["a.mid", "b.MIDI"], "notes"), (["a.mid", "b.wav"], "sound"), (["a.flac"], "sound")],
)
def test_a_table_is_of_notes_where_all_files_are_midi(tmp_path: Path, files: list[str], kind: str) -> None:
    assert Manifest(manifest(tmp_path, HEADER, *(f"{file},g,,5,5" for file in files))).kind == kind


def test_missing_files_are_told_and_kept_for_prepare_to_name(tmp_path: Path) -> None:
    (tmp_path / "a.mid").touch()
    corpus = Manifest(manifest(tmp_path, HEADER, "a.mid,g,,5,5", "b.mid,g,,5,5", f"{tmp_path}/c.mid,g,,5,5"))
    assert corpus.missing == ("b.mid", f"{tmp_path}/c.mid")
    assert len(corpus) == len(list(corpus)) == 3


def test_the_folder_of_just_one_table_will_do(tmp_path: Path) -> None:
    manifest(tmp_path, HEADER, "a.mid,g,,5,5")
    (tmp_path / "._ratings.csv").write_text("what macOS leaves behind")
    assert only(tmp_path).path == tmp_path / "a.mid"
    (tmp_path / "more.CSV").touch()
    with pytest.raises(UsageError, match=r"holds 2 \.csv files, not one; give the table itself$"):
        Manifest(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"holds no \.csv files, not one; give the table itself$"):
        Manifest(tmp_path / "empty")
    with pytest.raises(UsageError, match=r"none\.csv is not there; give the table of ratings"):
        Manifest(tmp_path / "none.csv")


# As programs write it


@pytest.mark.parametrize(
    "lines",
    [
        [" File ,GROUP, Time,Valence , arousal,note", "a.mid , g , 0 , 5.5 , 6 ,said aloud"],
        ["arousal,valence,time,group,file", "6,5.5,0,g,a.mid"],
        ["file;group;time;valence;arousal", "a.mid;g;0,0;5,5;6"],
        ["file;group;time;valence;arousal", "a.mid;g;0;5.5;6"],
        ["file\tgroup\ttime\tvalence\tarousal", "a.mid\tg\t0\t5,5\t6"],
        ["", HEADER, "", ",,,,", '"a.mid",g,0,"5.5",6,,'],
    ],
    ids=["spaces and case", "another order", "German", "semicolons", "tabs", "blank rows and cells"],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_table_is_read_as_programs_write_it(tmp_path: Path, lines: list[str], encoding: str, line_end: str) -> None:
    path = tmp_path / "ratings.csv"
    path.write_bytes(line_end.join(lines).encode(encoding))
    piece = only(path)
    assert (piece.name, piece.group) == ("a.mid", "g")
    np.testing.assert_array_equal(piece.labels.values, [[5.5, np.nan, 6.0, np.nan]])


def test_names_may_hold_separators_quotes_and_any_letters(tmp_path: Path) -> None:
    piece = only(manifest(tmp_path, HEADER, '"Ünë, ""two"".mid","ç;  d",,5,5'))
    assert (piece.name, piece.group) == ('Ünë, "two".mid', "ç; d")


# Scales


@pytest.mark.parametrize(
    ("scale", "low", "middle", "high", "spread"),
    [
        ("", 1, 5, 9, 2),
        ("1-9", 1, 5, 9, 2),
        ("1..9", 1, 5, 9, 2),
        ("-1-1", -1, 0, 1, 0.5),
        ("-1..1", -1, 0, 1, 0.5),
        ("−1…1", -1, 0, 1, 0.5),
        ("0-1", 0, 0.5, 1, 0.25),
        ("0 – 1", 0, 0.5, 1, 0.25),
    ],
)
def test_means_and_spreads_are_brought_to_one_scale(
    tmp_path: Path, scale: str, low: float, middle: float, high: float, spread: float
) -> None:
    rows = [f"a.mid,g,{time},{mean},{mean},{spread},,{scale}" for time, mean in enumerate((low, middle, high))]
    values = only(manifest(tmp_path, FULL, *rows)).labels.values
    np.testing.assert_allclose(values, [[1, 2, 1, np.nan], [5, 2, 5, np.nan], [9, 2, 9, np.nan]])


NUMBER = st.floats(1, 9, width=32)
SPREAD = st.none() | st.floats(0, 4, width=32)
ROWS = st.lists(
    st.tuples(st.sampled_from(sorted(SCALES)), NUMBER, NUMBER, SPREAD, SPREAD, st.floats(0, 1e4)),
    min_size=1,
    max_size=8,
    unique_by=lambda row: row[5],
)


@settings(deadline=None, max_examples=60)
@given(rows=ROWS, delimiter=st.sampled_from(",;\t"))
def test_ratings_are_the_same_on_whatever_scale_and_with_whatever_separator_they_are_given(
    rows: list[tuple[str, float, float, float | None, float | None, float]], delimiter: str
) -> None:
    def cell(value: float | None, scale: str, start: float = 0.0) -> str:
        low, high = SCALES[scale]
        text = "" if value is None else repr(start + value / 8 * (high - low))
        return text.replace(".", ",") if delimiter == ";" else text

    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(FULL.split(","))
    for scale, valence, arousal, valence_std, arousal_std, time_s in rows:
        means = [cell(mean - 1, scale, SCALES[scale][0]) for mean in (valence, arousal)]
        spreads = [cell(spread, scale) for spread in (valence_std, arousal_std)]
        writer.writerow(["a.mid", "g", repr(time_s), *means, *spreads, scale])
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ratings.csv"
        path.write_text(text.getvalue(), encoding="utf-8", newline="")
        labels = only(path).labels
    ordered = sorted(rows, key=lambda row: row[5])
    expected = [[v, np.nan if vs is None else vs, a, np.nan if s is None else s] for _, v, a, vs, s, _ in ordered]
    np.testing.assert_allclose(labels.values, expected, atol=2e-6)
    np.testing.assert_array_equal(labels.times_s, [0.0, *(row[5] for row in ordered[1:])])


# What is refused

SAID = "; another scale is said in a column 'scale' (1-9, -1-1, 0-1)"


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("b.mid,g,,0.5,5", f"valence must be in range 1..9, not 0.5{SAID}"),
        ("b.mid,g,,5,10", f"arousal must be in range 1..9, not 10{SAID}"),
        ("b.mid,g,,1.5,1,,,-1..1", "valence must be in range -1..1, not 1.5"),
        ("b.mid,g,,0,-0.1,,,0-1", "arousal must be in range 0..1, not -0.1"),
        ("b.mid,g,,5,5,-1", "valence_std must be in range 0..8, not -1"),
        ("b.mid,g,,0,0,,2.5,-1-1", "arousal_std must be in range 0..2, not 2.5"),
        ("b.mid,g,,nan,5", "valence must be a number, not 'nan'"),
        ("b.mid,g,,5,high", "arousal must be a number, not 'high'"),
        ('b.mid,g,,5,"5,5"', "arousal must be a number, not '5,5'"),
        ("b.mid,g,,,5", "valence is empty"),
        ("b.mid,g,,5", "arousal is empty"),
        ("b.mid,g,,5,5,nan", "valence_std must be a number, not 'nan'"),
        ("b.mid,g,soon,5,5", "time must be a number, not 'soon'"),
        ("b.mid,g,-1,5,5", "time must be 0 or more, not -1"),
        ("b.mid,g,inf,5,5", "time must be a number, not 'inf'"),
        (",g,,5,5", "file is empty"),
        ("b.mid, ,,5,5", "group is empty"),
        ("b.mid,g,,5,5,,,1-7", "scale must be 1-9, -1-1, 0-1 or empty, not '1-7'"),
        ("b.mid,g,,5,5,1,1,,9", "9 cells for 8 columns; put what has a separator into quotes"),
        ("a.mid,h,9,5,5", "group of a.mid is 'h', but 'g' in row 2"),
        ("a.mid,g,2.0,5,5", "a.mid is rated twice at time 2, as in row 2; leave one of the rows"),
        ("x/../a.mid,g,2,5,5", "x/../a.mid is rated twice at time 2, as in row 2; leave one of the rows"),
        ("a.mid,g,,5,5", "time is empty for a.mid here or in row 2; of several rows, each needs one"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(tmp_path: Path, row: str, problem: str) -> None:
    path = manifest(tmp_path, FULL, "a.mid,g,2,5,5,,,", "", row)
    assert refusal(path) == f"{path}, row 4: {problem}"


def test_a_file_with_two_rows_without_a_time_is_named(tmp_path: Path) -> None:
    path = manifest(tmp_path, HEADER, "a.mid,g,,5,5", "a.mid,g,,6,6")
    assert refusal(path) == f"{path}, row 3: a.mid is rated twice, as in row 2; leave one of the rows"


def test_rows_are_counted_as_an_editor_counts_them(tmp_path: Path) -> None:
    path = manifest(tmp_path, f"{HEADER},note", 'a.mid,g,,5,5,"said\non two lines"', "b.mid,g,,5,0,")
    assert refusal(path).startswith(f"{path}, row 4: arousal must be in range 1..9")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", " is empty; it needs the columns file, group, time, valence, arousal"),
        (
            b"file,group,time,valence\na.mid,g,,5\n",
            ": no column 'arousal'; it needs file, group, time, valence, arousal",
        ),
        (b"file,group,time,valence,arousal,File\n", ": column 'file' is there 2 times; leave one"),
        (b"file,group,time,valence,arousal,scale,scale\n", ": column 'scale' is there 2 times; leave one"),
        (f"{HEADER}\n".encode(), " has no ratings; add a row for each file below the header"),
        (
            f"{HEADER}\na.mid,g,,5,5\nnaïve.mid,g,,5,5\n".encode() + "café.mid,g,,5,5\n".encode("cp1252"),
            ", row 4: byte 0xE9 is not UTF-8; save the file as UTF-8",
        ),
        (f"{HEADER}\n".encode("utf-16"), ", row 1: byte 0xFF is not UTF-8; save the file as UTF-8"),
        (f'{HEADER}\n"a.mid,g,,5,5\n'.encode(), ", row 2: not a row of a table (unexpected end of data)"),
    ],
    ids=["nothing", "no column", "column twice", "scale twice", "no rows", "mixed encodings", "UTF-16", "open quote"],
)
def test_a_file_that_is_no_table_is_named(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "ratings.csv"
    path.write_bytes(content)
    assert refusal(path) == f"{path}{problem}"


def test_unless_strict_all_problems_are_told_and_the_rest_is_kept(tmp_path: Path) -> None:
    path = manifest(tmp_path, HEADER, "a.mid,g,,50,5", "b.mid,g,0,5,5", "b.mid,g,0,5,5", "b.mid,g,1,6,6", "c.mid,,,5,5")
    corpus = Manifest(path, strict=False)
    assert corpus.problems == (
        f"{path}, row 2: valence must be in range 1..9, not 50{SAID}",
        f"{path}, row 4: b.mid is rated twice at time 0, as in row 3; leave one of the rows",
        f"{path}, row 6: group is empty",
    )
    (piece,) = corpus
    np.testing.assert_array_equal(piece.labels.values[:, 0], [5.0, 6.0])
