"""One's own recordings, with what was rated while they were made.

A folder of recordings (``*.jsonl``, their sound beside them) as ``realtime.recording`` writes them. A rating holds
until the same rater's next; several raters become mean and spread at each time, and where one rates the spread is not
known. Ratings are ``dynamic`` labels: before a session's first there is none. Its ``labels``, which have a value
everywhere, say the first rating there.

A session is a group of its own, named like its file. Takes of one piece stay together where the header's ``settings``
have the same text under ``group``, or where the source was the same MIDI or sound file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from models.affect import HALF_RANGE, from_normalized
from models.errors import MoodringError, UsageError
from offline.corpora import Labels, Piece
from offline.corpora.problems import Problems
from realtime.controls import Label
from realtime.events import Event
from realtime.recording.schema import Header, from_line, input_of
from realtime.sources.files import MIDI_SUFFIXES
from realtime.sources.recorded import Recorded

SUFFIX = ".jsonl"
_SOUND_SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".aif", ".aiff")


class Sessions:
    """The rated recordings in the folder ``path``, by name; those without a rating are told in ``unrated``.

    Raises ``UsageError`` where there is no recording, and ``MoodringError`` for one that cannot be read; unless
    ``strict``, that one is left out and told in ``problems``. Sessions of sound and of notes together are refused: no
    set of features fits both.
    """

    name = "sessions"
    terms = "recordings of one's own; whose music and whose ratings they are is for who recorded them to say"
    corrections: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    def __init__(self, path: Path, *, strict: bool = True) -> None:
        files = sorted(path.glob(f"*{SUFFIX}")) if path.is_dir() else []
        if not files:
            raise UsageError(f"{path} holds no recordings (*{SUFFIX}); 'moodring live --record FILE' makes one")
        problems = Problems(strict=strict)
        pieces, unrated, kinds = [], [], {}
        for file in files:
            with problems.gathered():
                header, ratings = _read(file)
                if not ratings:
                    unrated.append(file.stem)
                    continue
                kinds[file.stem] = header.kind
                pieces.append(_piece(file, header, ratings))
        if len(set(kinds.values())) > 1:
            one, other = (next(name for name, kind in kinds.items() if kind == wanted) for wanted in ("sound", "notes"))
            raise MoodringError(f"'{one}' is of sound and '{other}' of notes; keep them in folders of their own")
        if not pieces and not problems.found:
            raise MoodringError(f"no recording in {path} has a rating; rate while you record, then prepare again")
        self._pieces = pieces
        self.problems = tuple(problems.found)
        self.unrated = tuple(unrated)
        self.kind: Literal["sound", "notes"] = next(iter(kinds.values()), "notes")

    def __len__(self) -> int:
        return len(self._pieces)

    def __iter__(self) -> Iterator[Piece]:
        return iter(self._pieces)


class SessionEvents:
    """What was heard in a recording, without what was asked: a source like a file's. ``close`` may be called twice."""

    is_live = False
    arrived_s = None
    dropped = 0
    overflows = 0

    def __init__(self, path: Path, block_s: float) -> None:
        self._recorded = Recorded(path, block_s)
        self.name = self._recorded.name
        self.kind: Literal["sound", "notes"] = self._recorded.kind
        self.ended = False

    def read(self, timeout_s: float) -> Sequence[Event]:
        """The next events, in order; never waits."""
        items = self._recorded.read(timeout_s)
        self.ended = self._recorded.ended
        return [item for item in items if isinstance(item, Event)]

    def close(self) -> None:
        """Let go of the files."""
        self.ended = True
        self._recorded.close()


def _read(file: Path) -> tuple[Header, list[tuple[float, Label]]]:
    """The header and the ratings in their order, each with its time."""
    recorded = Recorded(file)
    recorded.close()
    ratings = []
    with file.open("rb") as lines:
        for line in lines:
            if b'"label"' not in line:
                continue
            try:
                record = from_line(line)
                label = input_of(record)
            except ValueError:
                # A torn last line, or one that says so when the recording is played.
                continue
            if isinstance(label, Label):
                ratings.append((float(record["time"]), label))
    return recorded.header, ratings


def _piece(file: Path, header: Header, ratings: list[tuple[float, Label]]) -> Piece:
    said = _labels(ratings)
    unknown = np.full((1, 4), np.nan, np.float32)
    dynamic = said
    if said.times_s[0] > 0:
        dynamic = Labels(np.concatenate([[0.0], said.times_s]), np.concatenate([unknown, said.values]))
    labels = Labels(np.concatenate([[0.0], said.times_s[1:]]), said.values)
    raters = sorted({label.rater for _, label in ratings if label.rater})
    return Piece(
        file.stem, file, _group(file, header), labels, dynamic=dynamic, cohort=", ".join(raters) if raters else None
    )


def _group(file: Path, header: Header) -> str:
    named = header.settings.get("group")
    if isinstance(named, str) and named.strip():
        return " ".join(named.split())
    source = Path(header.source)
    return source.name if source.suffix.lower() in (*MIDI_SUFFIXES, *_SOUND_SUFFIXES) else file.stem


def _labels(ratings: list[tuple[float, Label]]) -> Labels:
    """Mean and spread over the raters that have rated so far, a row for each time at which one of them did."""
    points: dict[str, tuple[float, float]] = {}
    rows: dict[float, list[float]] = {}
    for time_s, label in ratings:
        points[label.rater] = (label.valence, label.arousal)
        said = np.array(list(points.values()))
        spreads = HALF_RANGE * said.std(axis=0) if len(said) > 1 else np.full(2, np.nan)
        means = from_normalized(said.mean(axis=0))
        rows[time_s] = [means[0], spreads[0], means[1], spreads[1]]
    times_s = np.array(sorted(rows))
    return Labels(times_s, np.array([rows[time_s] for time_s in times_s.tolist()], np.float32))
