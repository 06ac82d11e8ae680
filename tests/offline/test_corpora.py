"""Rated music is loaded as it was rated, corrected where the published file is wrong, grouped, or refused."""

from __future__ import annotations

import csv
import json
import shutil
import zipfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import MoodringError, UsageError
from offline.corpora import Labels, Piece, open_corpus
from offline.corpora.deam import Deam
from offline.corpora.vgmidi import Vgmidi

HEADER = "song_id, valence_mean, valence_std, arousal_mean, arousal_std"


@pytest.fixture(scope="module")
def deam(shared_data: Path) -> Deam:
    return Deam(shared_data / "deam")


@pytest.fixture(scope="module")
def vgmidi(shared_data: Path) -> Vgmidi:
    return Vgmidi(shared_data / "vgmidi")


def ratings(piece: Piece) -> list[float]:
    assert piece.labels.values.shape == (1, 4)
    return piece.labels.values[0].tolist()


def published(folder: Path) -> dict[int, dict[str, float]]:
    """The song-level rows as DEAM's authors published them."""
    rows: dict[int, dict[str, float]] = {}
    for table in folder.rglob("static_annotations_averaged_songs_*.csv"):
        with table.open(newline="") as file:
            for row in csv.DictReader(file, skipinitialspace=True):
                rows[int(row["song_id"])] = {name: float(value) for name, value in row.items() if value}
    return rows


# DEAM


def test_deam_is_all_its_excerpts_in_order(deam: Deam, shared_data: Path) -> None:
    pieces = list(deam)
    assert len(deam) == len(pieces) == 1802
    assert [int(piece.name) for piece in pieces] == sorted(int(piece.name) for piece in pieces)
    assert all(piece.path == shared_data / "deam" / "audio" / f"{piece.name}.opus" for piece in pieces)
    assert all(piece.path.is_file() for piece in pieces)
    assert {piece.end_s for piece in pieces} == {None}
    assert (deam.name, deam.kind) == ("deam", "sound")


def test_deams_swapped_rows_are_named(deam: Deam) -> None:
    (correction,) = deam.corrections
    assert correction.startswith("valence and arousal swapped back in ids 2 to 1000 (744 songs): dynamic valence ")


def test_the_swap_is_found_and_not_assumed(deam: Deam) -> None:
    swapped, straight = deam.swap_evidence
    assert (swapped.is_swapped, len(swapped.songs), swapped.first, swapped.last) == (True, 744, 2, 1000)
    assert (straight.is_swapped, len(straight.songs), straight.first, straight.last) == (False, 1000, 1001, 2000)
    # The figures that the description of the data gives.
    assert swapped.crossed == pytest.approx((0.95, 0.956), abs=0.005)
    assert straight.straight == pytest.approx((0.912, 0.942), abs=0.005)


def test_labels_as_published_stay_swapped(shared_data: Path, deam: Deam) -> None:
    as_published = Deam(shared_data / "deam", as_published=True)
    assert as_published.corrections == ()
    ours, theirs = next(iter(deam)).labels.values[0], next(iter(as_published)).labels.values[0]
    assert ours.tolist() == [theirs[2], theirs[3], theirs[0], theirs[1]]


def test_dynamic_labels_are_on_the_time_of_the_file(shared_data: Path) -> None:
    deam = Deam(shared_data / "deam", audio_offset_s=30.0)
    first = next(iter(deam))
    assert first.dynamic is not None
    (path,) = (shared_data / "deam").rglob("arousal.csv")
    header, row = path.read_text().splitlines()[:2]
    expected = float(row.split(",")[header.split(",").index("sample_30000ms")]) * 4 + 5
    assert row.startswith(f"{first.name},")
    assert first.dynamic.at(0.0)[2] == pytest.approx(expected, abs=1e-5)
    assert sum(piece.dynamic is not None for piece in deam) == 1744


def test_deams_rows_are_swapped_up_to_id_1000_and_left_alone_after(deam: Deam, shared_data: Path) -> None:
    rows = published(shared_data / "deam")
    swapped = 0
    for piece in deam:
        row = rows[int(piece.name)]
        valence = [row["valence_mean"], row["valence_std"]]
        arousal = [row["arousal_mean"], row["arousal_std"]]
        expected = arousal + valence if int(piece.name) <= 1000 else valence + arousal
        swapped += int(piece.name) <= 1000
        assert ratings(piece) == pytest.approx(expected)
    assert swapped == 744


@pytest.mark.parametrize(("low", "high", "songs"), [(1, 1000, 744), (1001, 2000, 1000)])
@pytest.mark.parametrize(("axis", "column"), [("valence", 0), ("arousal", 2)])
def test_deams_labels_agree_with_what_listeners_said_second_by_second(
    deam: Deam, shared_data: Path, low: int, high: int, songs: int, axis: str, column: int
) -> None:
    """The published rows of the first thousand fail this at 0.57: that is how the swap was found."""
    (table,) = (shared_data / "deam").rglob(f"{axis}.csv")
    with table.open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    dynamic = {int(row[0]): np.mean([float(cell) for cell in row[1:] if cell]) for row in rows}
    static = {int(piece.name): ratings(piece)[column] for piece in deam if low <= int(piece.name) <= high}
    both = sorted(static.keys() & dynamic.keys())
    assert len(both) == songs
    assert np.corrcoef([static[song] for song in both], [dynamic[song] for song in both])[0, 1] > 0.9


def test_deams_labels_lie_on_the_scale(deam: Deam) -> None:
    values = np.concatenate([piece.labels.values for piece in deam])
    assert values.shape == (1802, 4)
    assert values[:, [0, 2]].min() >= 1
    assert values[:, [0, 2]].max() <= 9
    assert values[:, [1, 3]].min() >= 0


def test_deams_groups_are_artists(deam: Deam) -> None:
    """Looked up by hand in the three metadata files: Kevin MacLeod is in 2013's, under several spellings of space."""
    groups: dict[str, list[int]] = defaultdict(list)
    for piece in deam:
        groups[piece.group].append(int(piece.name))
    assert 3 in groups["kevin macleod"]
    assert len(groups["kevin macleod"]) > 1
    assert groups["creepoid"] == [2001]
    assert 1001 in groups["the rope river blues band"]
    assert all(group == " ".join(group.split()).casefold() for group in groups)
    assert 500 < len(groups) < 1802


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Three songs, one of them among the swapped."""
    (tmp_path / "audio").mkdir()
    for song in (7, 1001, 1002):
        (tmp_path / "audio" / f"{song}.opus").touch()
    (tmp_path / "annotations").mkdir()
    table(tmp_path, HEADER, "7, 3.0, 0.5, 7.0, 1.5", "1001, 4.0, 0.6, 6.0, 1.6", "1002, 5.0, 0.7, 5.5, 1.7")
    (tmp_path / "metadata").mkdir()
    (tmp_path / "metadata" / "metadata_2013.csv").write_text('song_id,album,artist\n7,"\t7.mp3","\tOne  Band\t"\n')
    (tmp_path / "metadata" / "metadata_2014.csv").write_text("song_id,Artist\n1001,one band\n1002,n/a\n")
    return tmp_path


def table(folder: Path, *lines: str) -> Path:
    path = folder / "annotations" / "static_annotations_averaged_songs_1_2000.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_small_deam(small: Path) -> None:
    pieces = list(Deam(small))
    assert [piece.name for piece in pieces] == ["7", "1001", "1002"]
    assert ratings(pieces[0]) == [7.0, 1.5, 3.0, 0.5]
    assert ratings(pieces[1]) == pytest.approx([4.0, 0.6, 6.0, 1.6])
    (correction,) = Deam(small).corrections
    assert correction.startswith("valence and arousal swapped back in 1 rows, song ids 7 to 7: there are no dynamic")


def test_an_artist_is_one_however_spelled_and_the_unknown_stand_alone(small: Path) -> None:
    assert [piece.group for piece in Deam(small)] == ["one band", "one band", "song 1002"]


def test_a_deam_without_swapped_rows_has_nothing_to_correct(small: Path) -> None:
    (small / "audio" / "7.opus").unlink()
    assert Deam(small).corrections == ()


def test_songs_without_sound_or_without_rating_are_left_out(small: Path) -> None:
    (small / "audio" / "1001.opus").unlink()
    (small / "audio" / "1003.opus").touch()
    assert [piece.name for piece in Deam(small)] == ["7", "1002"]


def test_a_deam_without_metadata_groups_every_song_by_itself(small: Path) -> None:
    shutil.rmtree(small / "metadata")
    assert [piece.group for piece in Deam(small)] == ["song 7", "song 1001", "song 1002"]


@pytest.mark.parametrize(
    "row",
    ["1001, 4.0, 0.6, six, 1.6", "1001, 4.0, 0.6", "x, 4.0, 0.6, 6.0, 1.6", "1001, , 0.6, 6.0, 1.6", ""],
    ids=["text", "too short", "no id", "empty cell", "empty row"],
)
def test_a_row_that_cannot_be_read_is_named(small: Path, row: str) -> None:
    path = table(small, HEADER, "7, 3.0, 0.5, 7.0, 1.5", row)
    with pytest.raises(MoodringError) as caught:
        Deam(small)
    message = str(caught.value)
    assert message.startswith(f"{path}, row 3: not a song id and four numbers: ")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("1001, 0.5, 0.6, 6.0, 1.6", "valence_mean must be in range 1..9, not 0.5"),
        ("1001, 4.0, -0.1, 6.0, 1.6", "valence_std must be in range 0..9, not -0.1"),
        ("1001, 4.0, 0.6, 9.1, 1.6", "arousal_mean must be in range 1..9, not 9.1"),
        ("1001, 4.0, 0.6, nan, 1.6", "arousal_mean must be in range 1..9, not nan"),
        ("1001, 4.0, 0.6, 6.0, inf", "arousal_std must be in range 0..9, not inf"),
    ],
)
def test_a_rating_off_the_scale_is_named(small: Path, row: str, problem: str) -> None:
    path = table(small, HEADER, row)
    with pytest.raises(MoodringError) as caught:
        Deam(small)
    assert str(caught.value) == f"{path}, row 2: {problem}"


@pytest.mark.parametrize("lines", [[], ["song_id, valence_mean"], ["7, 3.0, 0.5, 7.0, 1.5"]])
def test_a_table_without_its_columns_is_named(small: Path, lines: list[str]) -> None:
    path = table(small, *lines)
    with pytest.raises(MoodringError) as caught:
        Deam(small)
    assert str(caught.value).startswith(f"{path}: no column '")


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("metadata/metadata_2013.csv", b"song_id,band\n7,some\n"),
        ("metadata/metadata_2013.csv", b""),
        ("annotations/static_annotations_averaged_songs_1_2000.csv", b"song_id\xff\xfe, valence_mean\n"),
    ],
    ids=["no artist column", "empty metadata", "not UTF-8"],
)
def test_a_table_that_is_damaged_is_named(small: Path, file: str, content: bytes) -> None:
    (small / file).write_bytes(content)
    with pytest.raises(MoodringError, match=Path(file).name):
        Deam(small)


def test_a_folder_that_is_no_deam_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no DEAM: it needs audio \(MEMD_audio/ or audio/\)"):
        Deam(tmp_path)
    with pytest.raises(UsageError, match="nowhere is neither a folder nor a zip"):
        Deam(tmp_path / "nowhere")


def test_the_official_download_is_read_in_its_arrangement(small: Path) -> None:
    official = small / "official"
    (official / "DEAM_audio").mkdir(parents=True)
    (small / "audio").rename(official / "DEAM_audio" / "MEMD_audio")
    (official / "DEAM_Annotations").mkdir()
    (small / "annotations").rename(official / "DEAM_Annotations" / "annotations")
    (small / "metadata").rename(official / "metadata")
    assert [piece.name for piece in Deam(official)] == ["7", "1001", "1002"]


@pytest.fixture
def downloads(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("downloads")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    return folder


def test_a_download_is_read_out_of_its_zip(small: Path, downloads: Path) -> None:
    archive = shutil.make_archive(str(downloads / "DEAM"), "zip", small)
    for _ in range(2):  # unpacked, and found unpacked
        assert [ratings(piece) for piece in Deam(Path(archive))] == [ratings(piece) for piece in Deam(small)]


def test_a_zip_that_climbs_out_of_its_folder_is_refused(downloads: Path) -> None:
    with zipfile.ZipFile(downloads / "DEAM.zip", "w") as archive:
        archive.writestr("audio/7.wav", b"")
        archive.writestr("../climbed.txt", b"out")
    with pytest.raises(MoodringError, match=r"'\.\./climbed\.txt' would land outside"):
        Deam(downloads / "DEAM.zip")
    assert not list(downloads.rglob("*.txt"))
    assert not list(downloads.rglob("*.wav"))


# VGMIDI


def test_vgmidi_is_all_its_rated_pieces_in_order(vgmidi: Vgmidi) -> None:
    pieces = list(vgmidi)
    assert len(vgmidi) == len(pieces) == 200
    assert [piece.name for piece in pieces] == sorted(piece.name for piece in pieces)
    assert len({piece.name for piece in pieces}) == 200
    assert all(piece.path.is_file() for piece in pieces)
    assert (vgmidi.name, vgmidi.kind, vgmidi.corrections) == ("vgmidi", "notes", ())


def test_vgmidis_groups_are_its_thirteen_series(vgmidi: Vgmidi) -> None:
    groups = {piece.group for piece in vgmidi}
    assert len(groups) == 13
    assert {"Banjo-Kazooie", "Final Fantasy", "Super Mario", "The Legend of Zelda"} <= groups
    assert all(piece.path.name.startswith(f"{piece.group}_") for piece in vgmidi)


def test_vgmidis_labels_lie_on_the_scale_and_in_time(vgmidi: Vgmidi) -> None:
    for piece in vgmidi:
        values, times_s = piece.labels.values, piece.labels.times_s
        assert values.shape == (len(times_s), 4)
        assert np.isfinite(values).all()
        assert values[:, [0, 2]].min() >= 1
        assert values[:, [0, 2]].max() <= 9
        assert values[:, [1, 3]].min() >= 0
        assert values[:, [1, 3]].max() <= 4  # half the range: listeners at both ends
        assert times_s[0] == 0
        assert np.all(np.diff(times_s) > 0)
        assert piece.end_s is not None
        assert times_s[-1] < piece.end_s


def test_vgmidis_labels_are_the_mean_and_the_spread_over_listeners(vgmidi: Vgmidi, shared_data: Path) -> None:
    """One piece by hand, from the raw file: the third measure of what thirty people said."""
    raw: dict[str, Any] = json.loads((shared_data / "vgmidi" / "annotations" / "vgmidi_raw_1.json").read_text())
    key, about = next(iter(raw["pieces"].items()))
    said = [rating for name, rating in raw["annotations"].items() if name.rpartition("_")[0] == key]
    (piece,) = (p for p in vgmidi if p.path.name == Path(about["midi"]).name)
    assert len(said) >= 28
    assert len(piece.labels.times_s) == about["measures"]
    assert piece.end_s == about["duration"]
    expected = []
    for axis in ("valence", "arousal"):
        votes = [5 + 4 * rating[axis][2] for rating in said]
        mean = sum(votes) / len(votes)
        expected += [mean, (sum((vote - mean) ** 2 for vote in votes) / len(votes)) ** 0.5]
    third_s = 2.5 * about["duration"] / about["measures"]
    assert piece.labels.at(third_s).tolist() == pytest.approx(expected, abs=1e-5)


RATING = {"valence": [0.5, -0.5], "arousal": [1.0, 0.0]}
PIECE = {"midi": "labelled_midi/Tune_One.mid", "measures": 2, "duration": 4.0}


def small_vgmidi(folder: Path, content: object) -> Path:
    for name in ("midi", "annotations"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "midi" / "Tune_One.mid").touch()
    path = folder / "annotations" / "vgmidi_raw_1.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_small_vgmidi(tmp_path: Path) -> None:
    other = {"valence": [-0.5, -0.5], "arousal": [0.0, 0.0]}
    small_vgmidi(tmp_path, {"pieces": {"piece1": PIECE}, "annotations": {"piece1_0": RATING, "piece1_1": other}})
    (piece,) = Vgmidi(tmp_path)
    assert (piece.name, piece.group, piece.end_s) == ("Tune_One", "Tune", 4.0)
    np.testing.assert_array_equal(piece.labels.times_s, [0.0, 2.0])
    np.testing.assert_allclose(piece.labels.values, [[5.0, 2.0, 7.0, 2.0], [3.0, 0.0, 5.0, 0.0]])


def test_pieces_without_a_rating_or_without_a_file_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "midi").mkdir()
    (tmp_path / "midi" / "Tune_Two.mid").touch()
    unrated, missing = PIECE | {"midi": "Tune_Two.mid"}, PIECE | {"midi": "Tune_Three.mid"}
    pieces = {"piece1": PIECE, "piece2": unrated, "piece3": missing}
    small_vgmidi(tmp_path, {"pieces": pieces, "annotations": {"piece1_0": RATING, "piece3_0": RATING}})
    assert [piece.name for piece in Vgmidi(tmp_path)] == ["Tune_One"]


@pytest.mark.parametrize(
    "content",
    [
        "not json",
        {},
        {"pieces": {"piece1": {"midi": "Tune_One.mid"}}, "annotations": {"piece1_0": RATING}},
        {"pieces": {"piece1": PIECE}, "annotations": {"piece1_0": {"valence": [0.1, 0.2]}}},
        {"pieces": {"piece1": PIECE | {"duration": "long"}}, "annotations": {"piece1_0": RATING}},
        [],
        {"pieces": {}, "annotations": []},
        {"pieces": {"piece1": PIECE | {"measures": 0}}, "annotations": {"piece1_0": RATING}},
    ],
    ids=["text", "empty", "no measures", "no arousal", "no duration", "a list", "annotations a list", "zero measures"],
)
def test_ratings_that_are_none_are_named(tmp_path: Path, content: object) -> None:
    path = small_vgmidi(tmp_path, content)
    with pytest.raises(MoodringError) as caught:
        Vgmidi(tmp_path)
    message = str(caught.value)
    assert message.startswith(f"{path} is not a file of VGMIDI's raw ratings")
    assert "\n" not in message


def test_a_folder_that_is_no_vgmidi_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        Vgmidi(tmp_path)
    assert str(caught.value) == f"{tmp_path} holds no VGMIDI: it needs midi/ and annotations/vgmidi_raw_1.json"


# Both


def test_a_label_holds_from_its_time_to_the_next() -> None:
    labels = Labels(np.array([0.0, 2.0, 4.0]), np.arange(12, dtype=np.float32).reshape(3, 4))
    rows = {time_s: labels.at(time_s)[0] for time_s in (-1.0, 0.0, 1.99, 2.0, 3.0, 4.0, 99.0)}
    assert rows == {-1.0: 0, 0.0: 0, 1.99: 0, 2.0: 4, 3.0: 4, 4.0: 8, 99.0: 8}


def test_corpora_are_opened_by_name(small: Path) -> None:
    assert isinstance(open_corpus("deam", small), Deam)
    with pytest.raises(UsageError, match=r"^unknown corpus 'daem'; there are deam, vgmidi$"):
        open_corpus("daem", small)
