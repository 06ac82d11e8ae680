"""What is wrong with a corpus, before anyone trains on it."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.errors import MoodringError
from offline.corpora import Corpus, Piece
from offline.corpora.deam import Deam
from offline.prepare import open_piece


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: its ``kind``, what it is in a line, and the names of the pieces that it is about."""

    kind: str
    message: str
    pieces: tuple[str, ...]


def audit(corpus: Corpus) -> list[Finding]:
    """Everything that was found, in the order in which it matters.

    Labels that cannot be used are listed where the corpus was opened with ``strict=False``, which lets it be opened.
    """
    findings = [Finding("labels", problem, ()) for problem in corpus.problems]
    if isinstance(corpus, Deam):
        findings += _swapped_axes(corpus)
    if corpus.missing:
        message = f"{len(corpus.missing)} rated pieces have no file: {_shortened(corpus.missing)}"
        findings.append(Finding("missing", message, corpus.missing))
    if corpus.unrated:
        message = f"{len(corpus.unrated)} files have no rating: {_shortened(corpus.unrated)}"
        findings.append(Finding("unrated", message, corpus.unrated))
    pieces = [piece for piece in corpus if piece.name not in set(corpus.missing)]
    findings += _unreadable(pieces)
    findings += _duplicates(pieces)
    return findings


def _shortened(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")


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


def _unreadable(pieces: Sequence[Piece]) -> Iterator[Finding]:
    for piece in pieces:
        try:
            source = open_piece(piece.path)
            # A file may look whole and yet break off before its first block.
            source.read(0.0)
            source.close()
        except MoodringError as error:
            yield Finding("unreadable", str(error), (piece.name,))


def _duplicates(pieces: Sequence[Piece]) -> Iterator[Finding]:
    by_size: dict[int, list[tuple[str, Path]]] = defaultdict(list)
    for piece in pieces:
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
