"""Rated music: pieces, what listeners said of them, and which of them must stay together when data is split."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from models.errors import UsageError


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """What listeners said of a piece over its time.

    ``times_s`` are the seconds from which each row holds [shape=(n,)], ascending, the first one 0; ``values`` the mean
    and spread of valence and of arousal on the 1–9 scale, in the order of ``models.affect.OUTPUTS`` [shape=(n, 4)]; a
    spread that is not known is NaN.
    """

    times_s: NDArray[np.float64]
    values: NDArray[np.float32]

    def at(self, time_s: float) -> NDArray[np.float32]:
        """The row that holds at ``time_s`` [shape=(4,)]."""
        row: NDArray[np.float32] = self.values[max(int(np.searchsorted(self.times_s, time_s, side="right")) - 1, 0)]
        return row


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """One piece. Pieces of one ``group`` (an artist, a series) never stand on both sides of a split.

    ``labels`` hold for training; ``dynamic`` are ratings given while listening, where a corpus has both (their
    spread is NaN where it is not known); ``cohort`` names the raters and their task where these differ within a corpus,
    since each has a scale of its own. ``end_s`` is where the labels end and with them the piece, None for the end
    of the file. ``genre`` is what the corpus calls it, None where it does not say.
    """

    name: str
    path: Path
    group: str
    labels: Labels
    end_s: float | None = None
    dynamic: Labels | None = None
    genre: str | None = None
    cohort: str | None = None


class Corpus(Protocol):
    """A folder of rated music.

    ``terms`` says under which terms it is shared, ``corrections`` in a line each what was put right on loading, and
    ``problems`` which labels were left out because they cannot be used. ``missing`` names the rated pieces that have no
    file, ``unrated`` the files that have no rating.
    """

    name: str
    terms: str
    kind: Literal["sound", "notes"]
    corrections: tuple[str, ...]
    problems: tuple[str, ...]
    missing: tuple[str, ...]
    unrated: tuple[str, ...]

    def __iter__(self) -> Iterator[Piece]:
        """The pieces, in a fixed order."""

    def __len__(self) -> int:
        """How many there are."""


def open_corpus(
    name: str,
    path: Path,
    *,
    audio_offset_s: float = 0.0,
    as_published: bool = False,
    strict: bool = True,
    rater: str | None = None,
) -> Corpus:
    """The corpus called ``name`` (``deam``, ``vgmidi``, ``csv`` or ``sessions``) at ``path``.

    ``audio_offset_s`` is where in DEAM's clips its sound files begin; ``as_published`` leaves labels as they are.
    ``rater`` names whose ratings of sessions are taken, None for everybody's.
    Raises ``UsageError`` for another name or where the corpus is not there, and ``MoodringError`` for the first label
    that cannot be used; unless ``strict``, that is left out and told in ``problems``.
    """
    from offline.corpora.deam import Deam
    from offline.corpora.manifest import Manifest
    from offline.corpora.sessions import Sessions
    from offline.corpora.vgmidi import Vgmidi

    known: dict[str, Callable[[], Corpus]] = {
        "deam": lambda: Deam(path, audio_offset_s=audio_offset_s, as_published=as_published, strict=strict),
        "vgmidi": lambda: Vgmidi(path, strict=strict),
        "csv": lambda: Manifest(path, strict=strict),
        "sessions": lambda: Sessions(path, strict=strict, rater=rater),
    }
    if name not in known:
        raise UsageError(f"unknown corpus '{name}'; there are {', '.join(known)}")
    if rater is not None and name != "sessions":
        raise UsageError(f"one rater's own ratings are known of sessions alone, not of {name}; leave --rater out")
    return known[name]()
