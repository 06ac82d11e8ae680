"""DEAM is loaded as it was rated, corrected where the published file is wrong, grouped by artist, or refused."""

from __future__ import annotations

import csv
import shutil
import zipfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from models.errors import MoodringError, UsageError
from offline.corpora import Piece
from offline.corpora.artists import leads, spelled
from offline.corpora.deam import Deam

HEADER = "song_id, valence_mean, valence_std, arousal_mean, arousal_std"


@pytest.fixture(scope="module")
def deam(shared_data: Path) -> Deam:
    return Deam(shared_data / "deam")


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


def metadata(folder: Path, content: bytes) -> None:
    (folder / "metadata" / "metadata_2014.csv").unlink()
    (folder / "metadata" / "metadata_2013.csv").write_bytes(content)


def test_an_artist_is_one_in_either_encoding(small: Path) -> None:
    rows = "song_id,artist\n7,Béla\n".encode() + "1001,BÉLA\n".encode("cp1252") + "1002,Be\u0301la\n".encode()
    metadata(small, rows)
    assert {piece.group for piece in Deam(small)} == {"béla"}


@pytest.mark.parametrize("nobody", ["", "n/a", " Unknown\t", "Various Artists", "-"])
def test_songs_of_nobody_known_are_not_put_together(small: Path, nobody: str) -> None:
    metadata(small, f"song_id,artist\n7,{nobody}\n1001,{nobody}\n1002,{nobody}\n".encode())
    assert [piece.group for piece in Deam(small)] == ["song 7", "song 1001", "song 1002"]


@pytest.mark.parametrize(
    ("credits", "groups"),
    [
        (["Ann", "Ann-Half a Title"], ["ann", "ann"]),
        (["Ann-One Title", "Ann-Another"], ["ann", "ann"]),
        (["Ann & Bob", "Ann and Bob"], ["ann and bob", "ann and bob"]),
        (["Ann", "Ann &amp; Bob", "Ann + Cy", "Ann feat. Dee", "Ann with Eve"], ["ann"] * 5),
        (["Cooper-Moore", "Cooper-Moore"], ["cooper-moore", "cooper-moore"]),
        (["Ann-Marie", "Anna", "Ann Band"], ["ann-marie", "anna", "ann band"]),
        (["Bob", "Ann and Bob"], ["bob", "ann and bob"]),
    ],
)
def test_credits_that_begin_with_an_artist_go_with_that_artist(credits: list[str], groups: list[str]) -> None:
    names = [spelled(credit) or "" for credit in credits]
    found = leads(names)
    assert [found[name] for name in names] == groups


def test_no_artist_of_deam_stands_in_a_second_group_under_half_a_title(deam: Deam) -> None:
    """Read by hand out of 2013's metadata, whose artists are cut from file names at the last hyphen."""
    groups = {piece.name: piece.group for piece in deam}
    assert groups["238"] == groups["736"] == groups["3"] == "kevin macleod"
    assert groups["142"] == groups["167"] == groups["170"] == "circus marcus"
    assert groups["160"] == groups["232"] == groups["245"] == "advent chamber orchestra"
    assert len(set(groups.values())) == 914


def test_every_song_of_deam_has_an_artist(deam: Deam) -> None:
    groups = {int(piece.name): piece.group for piece in deam}
    assert not [group for group in groups.values() if group.startswith("song ")]
    assert sum(song > 2000 for song in groups) == 58
    assert groups[2057] == groups[2058] == "la verue"


def test_deams_genres_are_read_from_all_three_layouts(deam: Deam) -> None:
    """Looked up by hand, a song of each year's file; one is given as n/a."""
    genres = {piece.name: piece.genre for piece in deam}
    asked = ("3", "1002", "2004", "2031")
    assert [genres[song] for song in asked] == ["blues", "blues-soulrb-rock", "world/folk", None]
    assert sum(genre is None for genre in genres.values()) == 1


def test_a_genre_is_one_however_spelled(small: Path) -> None:
    metadata(small, b"song_id,Genre,artist\n7,\tHip  Hop\t,a\n1001,hip hop,b\n1002,,c\n")
    assert [piece.genre for piece in Deam(small)] == ["hip hop", "hip hop", None]


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


def refusal(folder: Path) -> str:
    with pytest.raises(MoodringError) as caught:
        Deam(folder)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("1001, 4.0, 0.6, six, 1.6", "arousal_mean must be a number, not 'six'"),
        ("1001, 4.0, 0.6, nan, 1.6", "arousal_mean must be a number, not 'nan'"),
        ("1001, 4.0, 0.6, 6.0, inf", "arousal_std must be a number, not 'inf'"),
        ("1001, 4.0, 0.6", "arousal_mean is empty"),
        ("1001, , 0.6, 6.0, 1.6", "valence_mean is empty"),
        ("x, 4.0, 0.6, 6.0, 1.6", "song_id must be a whole number, not 'x'"),
        ("1001, 4.0, 0.6, 6.0, 1.6, 9", "6 cells for 5 columns; put what has a separator into quotes"),
        ("7, 4.0, 0.6, 6.0, 1.6", "song_id 7 is rated twice; leave one of the rows"),
        ("1001, 0.5, 0.6, 6.0, 1.6", "valence_mean must be in range 1..9, not 0.5"),
        ("1001, 4.0, -0.1, 6.0, 1.6", "valence_std must be in range 0..9, not -0.1"),
        ("1001, 4.0, 0.6, 9.1, 1.6", "arousal_mean must be in range 1..9, not 9.1"),
    ],
)
def test_a_rating_that_cannot_be_used_is_named(small: Path, row: str, problem: str) -> None:
    path = table(small, HEADER, "7, 3.0, 0.5, 7.0, 1.5", row)
    assert refusal(small) == f"{path}, row 3: {problem}"


def test_blank_rows_are_passed_over_and_counted(small: Path) -> None:
    path = table(small, HEADER, "", "7, 3.0, 0.5, 7.0, 1.5", ",,,,", "1001, 4, 1, 12, 1")
    assert refusal(small) == f"{path}, row 5: arousal_mean must be in range 1..9, not 12"


def test_a_song_in_both_song_level_files_is_named(small: Path) -> None:
    later = small / "annotations" / "static_annotations_averaged_songs_2000_2058.csv"
    later.write_text(f"{HEADER}\n1002, 5.0, 0.7, 5.5, 1.7\n")
    assert refusal(small) == f"{later}, row 2: song_id 1002 is rated twice; leave one of the rows"


def test_unless_strict_all_problems_are_told_and_the_rest_is_kept(small: Path) -> None:
    path = table(small, HEADER, "7, 30, 0.5, 7.0, 1.5", "1001, 4.0, 0.6, 6.0, 1.6", "1002, nan, 0.7, 5.5, 1.7")
    deam = Deam(small, strict=False)
    assert deam.problems == (
        f"{path}, row 2: valence_mean must be in range 1..9, not 30",
        f"{path}, row 4: valence_mean must be a number, not 'nan'",
    )
    assert [piece.name for piece in deam] == ["1001"]


@pytest.mark.parametrize("lines", [["song_id, valence_mean"], ["7, 3.0, 0.5, 7.0, 1.5"]])
def test_a_table_without_its_columns_is_named(small: Path, lines: list[str]) -> None:
    path = table(small, *lines)
    assert refusal(small).startswith(f"{path}: no column '")


@pytest.mark.parametrize(
    ("file", "content", "problem"),
    [
        ("metadata/metadata_2013.csv", b"song_id,band\n7,some\n", ": no column 'artist'; it needs song_id, artist"),
        ("metadata/metadata_2013.csv", b"", " is empty; it needs the columns song_id, artist"),
        (
            "metadata/metadata_2013.csv",
            b"song_id,artist\n7,a\n\n7,b\n",
            ", row 4: song_id 7 stands twice, with different artists or genres; leave one",
        ),
        (
            "annotations/static_annotations_averaged_songs_1_2000.csv",
            f"{HEADER}\n7, 3, 1, 4, 1\n1001, 3, 1, ".encode() + b"\xbd, 1\n",
            ", row 3: byte 0xBD is not UTF-8; save the file as UTF-8",
        ),
        (
            "annotations/static_annotations_averaged_songs_1_2000.csv",
            f'{HEADER}\n7, 3, 1, 4, 1\n"1001, 3, 1, 4, 1\n'.encode(),
            ", row 3: not a row of a table (unexpected end of data)",
        ),
    ],
    ids=["no artist column", "empty metadata", "two artists", "not UTF-8", "an open quote"],
)
def test_a_table_that_is_damaged_is_named(small: Path, file: str, content: bytes, problem: str) -> None:
    (small / file).write_bytes(content)
    assert refusal(small) == f"{small / file}{problem}"


def in_time(folder: Path, name: str, *lines: str) -> Path:
    path = folder / "annotations" / name
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    ("name", "row", "problem"),
    [
        ("valence.csv", "1001,0.1,1.5", "sample_15500ms must be in range -1..1, not 1.5"),
        ("arousal.csv", "1001,6,0.5", "sample_15000ms must be in range -1..1, not 6"),
        ("valence_std.csv", "1001,0.1,-0.5", "sample_15500ms must be in range 0..1, not -0.5"),
        ("valence.csv", "1001,0.1,nan", "sample_15500ms must be a number, not 'nan'"),
        ("valence.csv", "1001,inf,0.1", "sample_15000ms must be a number, not 'inf'"),
        ("valence.csv", "x,0.1,0.1", "song_id must be a whole number, not 'x'"),
        ("valence.csv", "7,0.1,0.1", "song_id 7 is rated twice; leave one of the rows"),
        ("valence.csv", "1001,0.1,0.1,0.1", "4 cells for 3 columns; put what has a separator into quotes"),
    ],
)
def test_a_rating_in_time_that_cannot_be_used_is_named(small: Path, name: str, row: str, problem: str) -> None:
    path = in_time(small, name, "song_id,sample_15000ms,sample_15500ms", "7,0.5,", row)
    assert refusal(small) == f"{path}, row 3: {problem}"


@pytest.mark.parametrize("column", ["15000", "sample_15s", "sample_ms"])
def test_columns_that_are_no_times_are_named(small: Path, column: str) -> None:
    path = in_time(small, "arousal.csv", f"song_id,{column}", "7,0.5")
    assert refusal(small) == f"{path}: columns must be song_id, sample_15000ms, …; there is '{column}'"


def test_a_song_without_any_rating_in_time_has_none(small: Path) -> None:
    for name in ("valence.csv", "arousal.csv"):
        in_time(small, name, "song_id,sample_15000ms,sample_15500ms", "7,,", "1001,0.5,")
    assert [piece.dynamic is not None for piece in Deam(small)] == [False, True, False]


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


@pytest.mark.parametrize("member", ["../climbed.txt", "a/../../climbed.txt", "/climbed.txt", "C:/climbed.txt"])
def test_a_zip_that_climbs_out_of_its_folder_is_refused(downloads: Path, member: str) -> None:
    with zipfile.ZipFile(downloads / "DEAM.zip", "w") as archive:
        archive.writestr("audio/7.wav", b"")
        archive.writestr(member, b"out")
    assert refusal(downloads / "DEAM.zip").endswith(f"'{member}' would land outside the folder; nothing was unpacked")
    assert not list(downloads.rglob("*.txt"))
    assert not list(downloads.rglob("*.wav"))


def test_a_zip_that_is_broken_inside_is_named(small: Path, downloads: Path) -> None:
    path = Path(shutil.make_archive(str(downloads / "DEAM"), "zip", small))
    content = bytearray(path.read_bytes())
    place = content.index(b"songs_1_2000.csv") + len(b"songs_1_2000.csv")
    content[place : place + 40] = bytes(range(40))
    path.write_bytes(content)
    assert refusal(path).startswith(f"{path} is a damaged zip (")


def test_a_zip_with_a_password_is_left_to_the_user(small: Path, downloads: Path) -> None:
    path = Path(shutil.make_archive(str(downloads / "DEAM"), "zip", small))
    content = bytearray(path.read_bytes())
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = -1
        while (start := content.find(signature, start + 1)) >= 0:
            content[start + place] |= 1
    path.write_bytes(content)
    assert refusal(path).endswith("; unpack it yourself and give the folder")


def test_a_download_beside_what_it_unpacks_to_counts_once(small: Path, downloads: Path) -> None:
    archive = shutil.make_archive(str(downloads / "DEAM"), "zip", small)
    shutil.move(archive, small / "DEAM.zip")
    assert [piece.name for piece in Deam(small)] == ["7", "1001", "1002"]
