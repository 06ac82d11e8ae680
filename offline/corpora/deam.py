"""DEAM, the MediaEval Database for Emotional Analysis in Music: songs rated by about ten listeners each.

Aljanaki, Yang and Soleymani, "Developing a benchmark for emotional analysis of music", PLoS ONE 2017; CC BY-NC.

The published song-level file has valence and arousal swapped for ids up to 1000: there, the mean of a song's dynamic
arousal correlates with its ``valence_mean`` at 0.96 and with its ``arousal_mean`` at 0.57, and the other way round for
the other axis; for later ids the columns are what they say. The rows are swapped back on loading.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np

from models.affect import OUTPUTS
from models.errors import MoodringError, UsageError
from offline.corpora import Labels, Piece

LAST_SWAPPED_ID = 1000
_AUDIO_SUFFIXES = (".opus", ".mp3", ".wav", ".flac", ".ogg")


class Deam:
    """DEAM's excerpts with the song-level labels of each, grouped by artist.

    Raises ``UsageError`` where ``path`` is no such folder, and ``MoodringError`` naming file, row and column where a
    label cannot be read.
    """

    name = "deam"
    terms = "DEAM is shared under CC BY-NC for research (Aljanaki, Yang and Soleymani, 2017)"
    kind: Literal["sound", "notes"] = "sound"

    def __init__(self, path: Path) -> None:
        self._audio = _audio_files(path)
        artists = _artists(path / "metadata")
        tables = sorted(path.rglob("static_annotations_averaged_songs_*.csv"))
        if not self._audio or not tables:
            raise UsageError(f"{path} holds no DEAM: it needs audio/ and annotations/ with the song-level files")
        rated = {song: row for table in tables for song, row in _song_level(table).items()}
        self._songs = sorted(self._audio.keys() & rated.keys())
        self._rated = rated
        self._groups = {song: artists.get(song) or f"song {song}" for song in self._songs}
        swapped = [song for song in self._songs if song <= LAST_SWAPPED_ID]
        self.corrections: tuple[str, ...] = ()
        if swapped:
            self.corrections = (
                f"valence and arousal swapped back in {len(swapped)} rows, song ids {swapped[0]} to {swapped[-1]}",
            )

    def __len__(self) -> int:
        return len(self._songs)

    def __iter__(self) -> Iterator[Piece]:
        for song in self._songs:
            valence, valence_std, arousal, arousal_std = self._rated[song]
            values = [valence, valence_std, arousal, arousal_std]
            if song <= LAST_SWAPPED_ID:
                values = [arousal, arousal_std, valence, valence_std]
            labels = Labels(np.zeros(1), np.array([values], np.float32))
            yield Piece(str(song), self._audio[song], self._groups[song], labels)


def _audio_files(path: Path) -> dict[int, Path]:
    folder = path / "audio"
    if not folder.is_dir():
        return {}
    files = (file for file in sorted(folder.iterdir()) if file.suffix.lower() in _AUDIO_SUFFIXES)
    return {int(file.stem): file for file in files if file.stem.isdecimal()}


def _song_level(table: Path) -> dict[int, list[float]]:
    rated: dict[int, list[float]] = {}
    with table.open(newline="", encoding="utf-8-sig") as file:
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


def _artists(folder: Path) -> dict[int, str]:
    """Each song's artist, spelled one way. The files of the three years have their columns in three orders."""
    artists: dict[int, str] = {}
    for table in sorted(folder.glob("metadata_*.csv")) if folder.is_dir() else ():
        with table.open(newline="", encoding="utf-8-sig", errors="replace") as file:
            rows = csv.reader(file)
            header = [cell.strip().lower() for cell in next(rows, [])]
            song_column, artist_column = header.index("song_id"), header.index("artist")
            for row in rows:
                if len(row) > max(song_column, artist_column) and row[song_column].strip().isdecimal():
                    artist = " ".join(row[artist_column].split()).casefold()
                    if artist and artist != "n/a":
                        artists[int(row[song_column])] = artist
    return artists
