"""DEAM's tables: song-level ratings, ratings in time, and what is known of the songs."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.affect import OUTPUTS, SCALE_HIGH, SCALE_LOW
from models.errors import MoodringError
from offline.corpora.artists import spelled
from offline.corpora.problems import Problems
from offline.corpora.tables import Row, read_table

#: Of each song the seconds of its clip and the values there.
InTime = dict[int, tuple[NDArray[np.float64], NDArray[np.float64]]]


@dataclass(frozen=True, slots=True)
class Credit:
    """Who plays a song and what it is; None where that is not known."""

    artist: str | None
    genre: str | None


def song_level(tables: Sequence[Path], problems: Problems) -> dict[int, list[float]]:
    """Each song's ratings in the order of ``models.affect.OUTPUTS``, on the 1–9 scale."""
    rated: dict[int, list[float]] = {}
    for table in tables:
        for row in read_table(table, ("song_id", *OUTPUTS)):
            with problems.gathered():
                row.verify_width()
                song = _new_song(row, rated)
                lows = {name: SCALE_LOW if name.endswith("_mean") else 0.0 for name in OUTPUTS}
                rated[song] = [row.real(name, low, SCALE_HIGH) for name, low in lows.items()]
    return rated


def in_time(tables: Sequence[Path], low: float, problems: Problems) -> InTime:
    """Each song's ratings in time, in range ``low``…1; what a song is too short for is left out."""
    songs: InTime = {}
    for table in tables:
        samples: list[tuple[str, int, float]] = []
        for row in read_table(table, ("song_id",)):
            samples = samples or _samples(table, row.columns)
            with problems.gathered():
                row.verify_width()
                song = _new_song(row, songs)
                filled = [sample for sample in samples if sample[1] < len(row.cells) and row.cells[sample[1]].strip()]
                values = np.array([row.real(column, low, 1.0) for column, _, _ in filled])
                if filled:
                    songs[song] = (np.array([time_s for _, _, time_s in filled]), values)
    return songs


def credited(tables: Sequence[Path]) -> dict[int, Credit]:
    """Each song's artist and genre, spelled one way. The files of the three years have their columns in three orders.

    Their encodings are mixed and they are not exact, but no rating hangs on that: a row without an id is passed over.
    """
    songs: dict[int, Credit] = {}
    for table in tables:
        for row in read_table(table, ("song_id", "artist"), ("genre",), tolerant=True):
            if not row.text("song_id").isdecimal():
                continue
            song, genre = int(row.text("song_id")), " ".join(row.text("genre").split()).casefold()
            credit = Credit(spelled(row.text("artist")), None if genre in ("", "n/a") else genre)
            if songs.setdefault(song, credit) != credit:
                raise row.error(f"song_id {song} stands twice, with different artists or genres; leave one")
    return songs


def _new_song(row: Row, known: Container[int]) -> int:
    text = row.text("song_id")
    if not text.isdecimal():
        raise row.error(f"song_id must be a whole number, not '{text}'")
    if int(text) in known:
        raise row.error(f"song_id {text} is rated twice; leave one of the rows")
    return int(text)


def _samples(table: Path, columns: Mapping[str, int]) -> list[tuple[str, int, float]]:
    """Name, place and time of each column of ratings, in order of time."""
    samples = []
    for column, place in columns.items():
        if column not in ("", "song_id"):
            number = column.removeprefix("sample_").removesuffix("ms")
            if column != f"sample_{number}ms" or not number.isdecimal():
                raise MoodringError(f"{table}: columns must be song_id, sample_15000ms, …; there is '{column}'")
            samples.append((column, place, int(number) / 1000))
    return sorted(samples, key=lambda sample: sample[2])
