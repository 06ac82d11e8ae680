"""DEAM, the MediaEval Database for Emotional Analysis in Music: songs rated by about ten listeners each.

Aljanaki, Yang and Soleymani, "Developing a benchmark for emotional analysis of music", PLoS ONE 2017; CC BY-NC.

The published song-level file has valence and arousal swapped for ids up to 1000. That is not taken for granted here but
found from the dynamic labels (``offline.corpora.swaps``) and put right on loading.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, TextIO

import numpy as np
from numpy.typing import NDArray

from models.affect import HALF_RANGE, OUTPUTS, from_normalized
from models.errors import MoodringError, UsageError
from offline.corpora import Labels, Piece
from offline.corpora.swaps import SwapEvidence, swap_evidence
from offline.corpora.unpack import folders_of

#: Up to this id the published song-level file is known to be swapped.
KNOWN_SWAPPED = 1000
_AUDIO_SUFFIXES = (".opus", ".mp3", ".wav", ".flac", ".ogg")


class Deam:
    """DEAM's songs with the song-level labels of each, and the dynamic ones where there are any, grouped by artist.

    ``path`` is the folder or zip of the official download in any of the arrangements it comes in, or the folder of the
    ten-second excerpts; ``audio_offset_s`` is where in the 45 s clips the sound files begin, 30 for the excerpts.
    ``as_published`` leaves the swapped rows as they are.

    Raises ``UsageError`` where ``path`` holds no DEAM, and ``MoodringError`` naming file, row and column where a label
    cannot be read.
    """

    name = "deam"
    terms = "DEAM is shared under CC BY-NC for research (Aljanaki, Yang and Soleymani, 2017)"
    kind: Literal["sound", "notes"] = "sound"

    def __init__(self, path: Path, *, audio_offset_s: float = 0.0, as_published: bool = False) -> None:
        folders = folders_of(path)
        self.audio_offset_s = audio_offset_s
        self.audio = _audio_files(folders)
        tables = _found(folders, "static_annotations_averaged_songs_*.csv")
        if not self.audio or not tables:
            raise UsageError(f"{path} holds no DEAM: it needs audio (MEMD_audio/ or audio/) and the song-level files")
        self.published = {song: row for table in tables for song, row in _song_level(table).items()}
        self.dynamic = {axis: _dynamic(folders, f"{axis}.csv") for axis in ("valence", "arousal")}
        self._dynamic_spread = {axis: _dynamic(folders, f"{axis}_std.csv") for axis in ("valence", "arousal")}
        artists = _artists(_found(folders, "metadata_*.csv"))
        self._songs = sorted(self.audio.keys() & self.published.keys())
        self._groups = {song: artists.get(song) or f"song {song}" for song in self._songs}
        self.swap_evidence = self._compare_axes()
        self.corrections: tuple[str, ...] = ()
        self._swapped: frozenset[int] = frozenset()
        if not as_published:
            self._correct_axes()

    def __len__(self) -> int:
        return len(self._songs)

    def __iter__(self) -> Iterator[Piece]:
        for song in self._songs:
            valence, valence_std, arousal, arousal_std = self.published[song]
            values = [valence, valence_std, arousal, arousal_std]
            if song in self._swapped:
                values = [arousal, arousal_std, valence, valence_std]
            labels = Labels(np.zeros(1), np.array([values], np.float32))
            yield Piece(str(song), self.audio[song], self._groups[song], labels, dynamic=self._in_time(song))

    def _correct_axes(self) -> None:
        swapped = [run for run in self.swap_evidence if run.is_swapped]
        checked = {song for run in self.swap_evidence for song in run.songs}
        # Without dynamic labels there is nothing to check by; what is known of the published file is relied on.
        known = [song for song in self._songs if song <= KNOWN_SWAPPED and song not in checked]
        self._swapped = frozenset(known).union(*(run.songs for run in swapped))
        self.corrections = tuple(f"valence and arousal swapped back in {run}" for run in swapped)
        if known:
            self.corrections += (
                f"valence and arousal swapped back in {len(known)} rows, song ids {known[0]} to {known[-1]}: "
                "there are no dynamic labels to check by, but the published file is known to be wrong there",
            )

    def _compare_axes(self) -> list[SwapEvidence]:
        axes = ("valence", "arousal")
        rated = [song for song in sorted(self.published) if all(song in self.dynamic[axis] for axis in axes)]
        if not rated:
            return []
        dynamic = np.array([[self.dynamic[axis][song][1].mean() for axis in axes] for song in rated])
        static = np.array([[self.published[song][0], self.published[song][2]] for song in rated])
        return swap_evidence(rated, dynamic, static)

    def _in_time(self, song: int) -> Labels | None:
        """The dynamic labels on the file's own time, if there are any from its start on."""
        if any(song not in self.dynamic[axis] for axis in ("valence", "arousal")):
            return None
        columns = []
        for axis in ("valence", "arousal"):
            times_s, mean = self.dynamic[axis][song]
            spread_times_s, spread = self._dynamic_spread[axis].get(song, (times_s, np.full_like(mean, np.nan)))
            known = np.isin(times_s, spread_times_s)
            aligned = np.full_like(mean, np.nan)
            aligned[known] = spread[np.isin(spread_times_s, times_s)]
            columns.append((times_s, from_normalized(mean), HALF_RANGE * aligned))
        common = np.intersect1d(columns[0][0], columns[1][0])
        rows = [[mean[np.isin(times, common)], std[np.isin(times, common)]] for times, mean, std in columns]
        values = np.stack([column for pair in rows for column in pair], axis=1).astype(np.float32)
        return Labels(common - self.audio_offset_s, values)


def _open_table(table: Path, errors: str = "strict") -> TextIO:
    """The table as text, which the labels must be; titles and artists come in several encodings and need not."""
    try:
        text = table.read_text(encoding="utf-8-sig", errors=errors)
    except UnicodeDecodeError as error:
        raise MoodringError(f"{table} is not UTF-8 (byte {error.start}); download it again") from None
    return io.StringIO(text, newline="")


def _found(folders: list[Path], pattern: str) -> list[Path]:
    return sorted({file for folder in folders for file in folder.rglob(pattern)})


def _audio_files(folders: list[Path]) -> dict[int, Path]:
    places = {place for folder in folders for place in (folder, *folder.rglob("MEMD_audio"), *folder.rglob("audio"))}
    files = [file for place in sorted(places) if place.is_dir() for file in sorted(place.iterdir())]
    chosen = (file for file in files if file.suffix.lower() in _AUDIO_SUFFIXES and file.stem.isdecimal())
    return {int(file.stem): file for file in chosen}


def _dynamic(folders: list[Path], name: str) -> dict[int, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Of each song the seconds of its clip and the values there; what a song is too short for is left out."""
    songs: dict[int, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
    for table in _found(folders, name):
        with _open_table(table) as file:
            rows = csv.reader(file)
            header = [cell.strip() for cell in next(rows, [])]
            try:
                times_s = np.array([int(cell[len("sample_") : -len("ms")]) / 1000 for cell in header[1:]])
            except ValueError:
                raise MoodringError(f"{table}: columns must be song_id, sample_15000ms, …, not {header[:3]}") from None
            for number, row in enumerate(rows, start=2):
                try:
                    values = np.array([float(cell) if cell.strip() else np.nan for cell in row[1:]])
                    song = int(row[0])
                except ValueError:
                    raise MoodringError(f"{table}, row {number}: not a song id and numbers: {row[:3]}…") from None
                known = np.isfinite(values)
                if len(values) > len(times_s) or np.any(np.abs(values[known]) > 1):
                    raise MoodringError(f"{table}, row {number}: values must be in range -1..1, one a column")
                songs[song] = (times_s[: len(values)][known], values[known])
    return songs


def _song_level(table: Path) -> dict[int, list[float]]:
    rated: dict[int, list[float]] = {}
    with _open_table(table) as file:
        rows = csv.reader(file)
        header = [cell.strip() for cell in next(rows, [])]
        for column in ("song_id", *OUTPUTS):
            if column not in header:
                raise MoodringError(f"{table}: no column '{column}'; is it DEAM's song-level file?")
        places = [header.index(column) for column in OUTPUTS]
        for number, row in enumerate(rows, start=2):
            try:
                song = int(row[header.index("song_id")])
                rated[song] = [float(row[place]) for place in places]
            except (ValueError, IndexError):
                raise MoodringError(f"{table}, row {number}: not a song id and four numbers: {row}") from None
            for name, value in zip(OUTPUTS, rated[song], strict=True):
                low = 1.0 if name.endswith("_mean") else 0.0
                if not low <= value <= 9.0:
                    raise MoodringError(f"{table}, row {number}: {name} must be in range {low:g}..9, not {value}")
    return rated


def _artists(tables: list[Path]) -> dict[int, str]:
    """Each song's artist, spelled one way. The files of the three years have their columns in three orders."""
    artists: dict[int, str] = {}
    for table in tables:
        with _open_table(table, errors="replace") as file:
            rows = csv.reader(file)
            header = [cell.strip().lower() for cell in next(rows, [])]
            for column in ("song_id", "artist"):
                if column not in header:
                    raise MoodringError(f"{table}: no column '{column}'; is it DEAM's metadata?")
            song_column, artist_column = header.index("song_id"), header.index("artist")
            for row in rows:
                if len(row) > max(song_column, artist_column) and row[song_column].strip().isdecimal():
                    artist = " ".join(row[artist_column].split()).casefold()
                    if artist and artist != "n/a":
                        artists[int(row[song_column])] = artist
    return artists
