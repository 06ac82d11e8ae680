"""DEAM, the MediaEval Database for Emotional Analysis in Music: songs rated by about ten listeners each.

Aljanaki, Yang and Soleymani, "Developing a benchmark for emotional analysis of music", PLoS ONE 2017; CC BY-NC.

The published song-level file has valence and arousal swapped for ids up to 1000. That is not taken for granted here but
found from the dynamic labels (``offline.corpora.swaps``) and put right on loading.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np

from models.affect import HALF_RANGE, from_normalized
from models.errors import UsageError
from offline.corpora import Labels, Piece
from offline.corpora.artists import leads
from offline.corpora.deam_tables import Credit, credited, in_time, song_level
from offline.corpora.problems import Problems
from offline.corpora.swaps import SwapEvidence, swap_evidence
from offline.corpora.tables import read_content
from offline.corpora.unpack import folders_of

#: Up to this id the published song-level file is known to be swapped.
KNOWN_SWAPPED = 1000
_AUDIO_SUFFIXES = (".opus", ".mp3", ".wav", ".flac", ".ogg")


class Deam:
    """DEAM's songs with the song-level labels of each, and the dynamic ones where there are any, grouped by artist.

    ``path`` is the folder or zip of the official download in any of the arrangements it comes in, or the folder of the
    ten-second excerpts; ``audio_offset_s`` is where in the 45 s clips the sound files begin, 30 for the excerpts.
    ``as_published`` leaves the swapped rows as they are. A song whose artist is not known is a group by itself.

    Raises ``UsageError`` where ``path`` holds no DEAM, and ``MoodringError`` naming file, row and column where a label
    cannot be read; unless ``strict``, such a row is left out and told in ``problems``.
    """

    name = "deam"
    terms = "DEAM is shared under CC BY-NC for research (Aljanaki, Yang and Soleymani, 2017)"
    kind: Literal["sound", "notes"] = "sound"

    def __init__(
        self, path: Path, *, audio_offset_s: float = 0.0, as_published: bool = False, strict: bool = True
    ) -> None:
        folders = folders_of(path)
        self.audio_offset_s = audio_offset_s
        self.audio = _audio_files(folders)
        tables = _found(folders, "static_annotations_averaged_songs_*.csv")
        if not self.audio or not tables:
            raise UsageError(f"{path} holds no DEAM: it needs audio (MEMD_audio/ or audio/) and the song-level files")
        problems = Problems(strict=strict)
        self.published = song_level(tables, problems)
        axes = ("valence", "arousal")
        self._dynamic = {axis: in_time(_found(folders, f"{axis}.csv"), -1.0, problems) for axis in axes}
        self._dynamic_spread = {axis: in_time(_found(folders, f"{axis}_std.csv"), 0.0, problems) for axis in axes}
        self.problems = tuple(problems.found)
        self._songs = sorted(self.audio.keys() & self.published.keys())
        self.missing = tuple(str(song) for song in sorted(self.published.keys() - self.audio.keys()))
        self.unrated = tuple(str(song) for song in sorted(self.audio.keys() - self.published.keys()))
        self._credits = credited(_found(folders, "metadata_*.csv"))
        self._leads = leads([credit.artist for credit in self._credits.values() if credit.artist])
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
            credit = self._credits.get(song, Credit(None, None))
            group = self._leads[credit.artist] if credit.artist else f"song {song}"
            about = (str(song), self.audio[song], group, labels)
            yield Piece(*about, dynamic=self._in_time(song), genre=credit.genre, cohort=_cohort(song))

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
        rated = [song for song in sorted(self.published) if all(song in self._dynamic[axis] for axis in axes)]
        if not rated:
            return []
        dynamic = np.array([[self._dynamic[axis][song][1].mean() for axis in axes] for song in rated])
        static = np.array([[self.published[song][0], self.published[song][2]] for song in rated])
        return swap_evidence(rated, dynamic, static)

    def _in_time(self, song: int) -> Labels | None:
        """The dynamic labels on the file's own time, if there are any from its start on."""
        if any(song not in self._dynamic[axis] for axis in ("valence", "arousal")):
            return None
        columns = []
        for axis in ("valence", "arousal"):
            times_s, mean = self._dynamic[axis][song]
            spread_times_s, spread = self._dynamic_spread[axis].get(song, (times_s, np.full_like(mean, np.nan)))
            known = np.isin(times_s, spread_times_s)
            aligned = np.full_like(mean, np.nan)
            aligned[known] = spread[np.isin(spread_times_s, times_s)]
            columns.append((times_s, from_normalized(mean), HALF_RANGE * aligned))
        common = np.intersect1d(columns[0][0], columns[1][0])
        rows = [[mean[np.isin(times, common)], std[np.isin(times, common)]] for times, mean, std in columns]
        values = np.stack([column for pair in rows for column in pair], axis=1).astype(np.float32)
        return Labels(common - self.audio_offset_s, values)


def _cohort(song: int) -> str:
    """The MediaEval task for which a song was rated: each had raters, instructions and a scale of its own."""
    return f"MediaEval {2013 + min((song - 1) // 1000, 2)}"


def _found(folders: list[Path], pattern: str) -> list[Path]:
    """The files in order; a table that lies there both packed and unpacked counts once."""
    files = sorted({file for folder in folders for file in folder.rglob(pattern)}, reverse=True)
    return sorted({(file.name, read_content(file)): file for file in files}.values())


def _audio_files(folders: list[Path]) -> dict[int, Path]:
    places = {place for folder in folders for place in (folder, *folder.rglob("MEMD_audio"), *folder.rglob("audio"))}
    files = [file for place in sorted(places) if place.is_dir() for file in sorted(place.iterdir())]
    chosen = (file for file in files if file.suffix.lower() in _AUDIO_SUFFIXES and file.stem.isdecimal())
    return {int(file.stem): file for file in chosen}
