"""What was rated while a recorded session was played again: a file of its own beside it, read together with it.

The recording itself is not touched. Ratings of ``take.jsonl`` by Bela go into ``take.Bela.jsonl``, those of the next
time into ``take.Bela-2.jsonl``: JSON Lines as in a recording, with a first line of type ``ratings`` (see ``schema``)
and then a ``label`` each, at its time in the session, and where that pass ended as it should, an ``end``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path

from models.errors import MoodringError
from realtime.controls import Label
from realtime.recording.disk import Disk
from realtime.recording.schema import (
    FORMAT,
    Header,
    RatingsHeader,
    as_line,
    control_record,
    from_line,
    input_of,
    ratings_of,
    ratings_record,
)

#: What a listener is called who has given no name.
UNNAMED = "listener"
#: So much of a name is in the file's name.
_LONGEST_STEM = 32


def _now() -> datetime:
    return datetime.now().astimezone()


class RatingPass:
    """Keeps what ``rater`` says while ``session``, whose ``header`` is given, is played again, ``is_blind`` or not.

    The file is made with the first rating, under a name that is still free; ``path`` is None until then. ``kept``
    counts ratings. ``close`` may be called twice.
    """

    def __init__(
        self,
        session: Path,
        header: Header,
        *,
        rater: str,
        is_blind: bool,
        version: str,
        now: Callable[[], datetime] = _now,
    ) -> None:
        self.path: Path | None = None
        self.kept = 0
        self._session, self._began = session, header.began
        self._rater, self._is_blind, self._version, self._now = rater, is_blind, version, now
        self._disk: Disk | None = None

    def keep(self, time_s: float, label: Label, said: str) -> None:
        """Write ``label``, given at ``time_s`` of the session; raises ``MoodringError`` where that cannot be."""
        if self._disk is None:
            self._disk = self._created()
        if not self._disk.put([as_line(control_record(time_s, label, said))]):
            raise MoodringError(self._disk.problem or "the disk is too slow: this rating was not kept")
        self.kept += 1

    def close(self, time_s: float | None = None) -> None:
        """Let go of the file; what was said last holds until ``time_s`` of the session, where that is known."""
        if self._disk is not None:
            if time_s is not None:
                self._disk.put([as_line({"type": "end", "time": time_s, "labels": self.kept})], is_last=True)
            self._disk.close()

    @property
    def problem(self) -> str:
        """Why nothing is written any more, in one line; empty while all is well."""
        return "" if self._disk is None else self._disk.problem

    @property
    def told(self) -> str:
        """What became of the ratings, in one line; empty where there were none."""
        if self.path is None:
            return ""
        return f"{self.path}: {self.problem or f'{self.kept} kept, to be read together with {self._session.name}'}"

    def _created(self) -> Disk:
        began = self._now().isoformat(timespec="milliseconds")
        header = RatingsHeader(
            FORMAT, self._version, began, self._session.name, self._began, self._rater, self._is_blind
        )
        path = _free(self._session, self._rater or UNNAMED)
        disk = Disk(path, as_line(ratings_record(header)))
        self.path = path
        return disk


def read_ratings(path: Path) -> tuple[RatingsHeader, list[tuple[float, Label]], float | None] | None:
    """The ratings in the file ``path``, in order, each with its time, and where the pass ended, None where that is not
    known; None of all where it does not begin as such a file.

    Raises ``MoodringError`` where it cannot be read, its first line is wrong, or it was made by a newer moodring.
    """
    try:
        with path.open("rb") as file:
            first = file.readline()
            if not first.startswith(b'{"type":"ratings",'):
                return None
            header = ratings_of(from_line(first))
            if header.format > FORMAT:
                raise MoodringError(f"{path} was made by a newer moodring (format {header.format}): update moodring")
            lines = file.readlines()
            return header, labels_in(lines), _end_s(lines)
    except OSError as error:
        raise MoodringError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise MoodringError(f"{path} is damaged in line 1 ({error}): take a copy that is whole") from None


def labels_in(lines: Iterable[bytes]) -> list[tuple[float, Label]]:
    """The ratings among the ``lines`` of a recording or of a file of ratings, each with its time, in their order."""
    found = []
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
            found.append((float(record["time"]), label))
    return found


def _end_s(lines: Sequence[bytes]) -> float | None:
    try:
        last = from_line(lines[-1]) if lines else {}
    except ValueError:
        return None
    return float(last["time"]) if last.get("type") == "end" else None


def _free(session: Path, rater: str) -> Path:
    """A name beside ``session`` that no file has yet."""
    stem = re.sub(r"[^\w-]+", "-", rater)[:_LONGEST_STEM].strip("-") or UNNAMED
    number = 1
    while True:
        path = session.with_name(f"{session.stem}.{stem}{'' if number == 1 else f'-{number}'}{session.suffix}")
        if not path.exists():
            return path
        number += 1
