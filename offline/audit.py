"""What is wrong with a corpus, before anyone trains on it."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from models.errors import MoodringError
from offline.corpora import Corpus
from offline.corpora.deam import Deam
from realtime.sources.files import open_file


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: its ``kind``, what it is in a line, and the names of the pieces that it is about."""

    kind: str
    message: str
    pieces: tuple[str, ...]


def audit(corpus: Corpus) -> list[Finding]:
    """Everything that was found, in the order in which it matters."""
    findings: list[Finding] = []
    if isinstance(corpus, Deam):
        findings += _swapped_axes(corpus)
        findings += _missing_sound(corpus)
    findings += _unreadable(corpus)
    findings += _duplicates(corpus)
    return findings


def _swapped_axes(corpus: Deam) -> Iterator[Finding]:
    for run in corpus.swap_evidence:
        if run.is_swapped:
            songs = tuple(str(song) for song in run.songs)
            yield Finding("swapped axes", f"{run}: their valence and arousal columns are swapped", songs)
    checked = {song for run in corpus.swap_evidence for song in run.songs}
    unchecked = tuple(str(song) for song in sorted(corpus.published.keys() - checked))
    if unchecked:
        yield Finding(
            "unchecked axes", f"{len(unchecked)} songs have no dynamic labels to check their axes by", unchecked
        )


def _missing_sound(corpus: Deam) -> Iterator[Finding]:
    missing = tuple(str(song) for song in sorted(corpus.published.keys() - corpus.audio.keys()))
    if missing:
        yield Finding("missing", f"{len(missing)} rated songs have no sound file", missing)
    unrated = tuple(str(song) for song in sorted(corpus.audio.keys() - corpus.published.keys()))
    if unrated:
        yield Finding("unrated", f"{len(unrated)} sound files have no rating", unrated)


def _unreadable(corpus: Corpus) -> Iterator[Finding]:
    for piece in corpus:
        try:
            open_file(piece.path).close()
        except MoodringError as error:
            yield Finding("unreadable", str(error), (piece.name,))


def _duplicates(corpus: Corpus) -> Iterator[Finding]:
    by_size: dict[int, list[tuple[str, Path]]] = defaultdict(list)
    for piece in corpus:
        by_size[piece.path.stat().st_size].append((piece.name, piece.path))
    for same_size in by_size.values():
        if len(same_size) < 2:
            continue
        by_content: dict[str, list[str]] = defaultdict(list)
        for name, path in same_size:
            by_content[hashlib.sha256(path.read_bytes()).hexdigest()].append(name)
        for names in by_content.values():
            if len(names) > 1:
                yield Finding("duplicates", f"{', '.join(names)} are the same file under several names", tuple(names))
