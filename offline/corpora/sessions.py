"""One's own recordings, with what was rated while they were made.

A folder of recordings (``*.jsonl``, their sound beside them) as ``realtime.recording`` writes them, and of what was
rated while they were replayed. A rating holds until the same rater's next, or the end of that pass; several raters
become mean and spread at each time, the passes of one rater their mean, and where one rates the spread is not known.
Ratings are ``dynamic`` labels: before a session's first there is none. Its ``labels``, which have a value everywhere,
say the first rating there.

A session is a group of its own, named like its file. Takes of one piece stay together where the header's ``settings``
have the same text under ``group``, where the source was the same MIDI or sound file, and where one is a replay of the
other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from models.errors import MoodringError, UsageError
from offline.corpora import Piece
from offline.corpora.problems import Problems
from offline.corpora.raters import Pass, filled, passes, together
from realtime.events import Event
from realtime.recording.ratings import labels_in, read_ratings
from realtime.recording.schema import Header, RatingsHeader
from realtime.sources.files import MIDI_SUFFIXES
from realtime.sources.recorded import Recorded

SUFFIX = ".jsonl"
_SOUND_SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".aif", ".aiff")


class Sessions:
    """The rated recordings in the folder ``path``, by name; those without a rating are told in ``unrated``.

    Where a ``rater`` is named, theirs are the only ratings. ``passes`` are who rated each recording, by its name: first
    what was said when it was recorded, then the others.

    Raises ``UsageError`` where there is no recording, and ``MoodringError`` for one that cannot be read; unless
    ``strict``, that one is left out and told in ``problems``. Sessions of sound and of notes together are refused: no
    set of features fits both.
    """

    name = "sessions"
    terms = "recordings of one's own; whose music and whose ratings they are is for who recorded them to say"
    corrections: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    def __init__(self, path: Path, *, strict: bool = True, rater: str | None = None) -> None:
        files = sorted(path.glob(f"*{SUFFIX}")) if path.is_dir() else []
        if not files:
            raise UsageError(f"{path} holds no recordings (*{SUFFIX}); 'moodring live --record FILE' makes one")
        problems = Problems(strict=strict)
        headers: dict[str, Header] = {}
        heard: dict[str, list[Pass]] = {}
        later: list[tuple[Path, RatingsHeader, list[Pass]]] = []
        for file in files:
            with problems.gathered():
                given_later = read_ratings(file)
                if given_later is not None:
                    own, labels, end_s = given_later
                    later.append((file, own, passes(labels, own.rater, end_s)))
                    continue
                headers[file.name], heard[file.name] = _read(file)
        for file, own, said in sorted(later, key=lambda one: one[1].began):
            with problems.gathered():
                _verify_same(file, own, headers)
                heard[own.session] += said
        if rater is not None:
            heard = _by(rater, heard)
        unrated = [Path(name).stem for name, said in heard.items() if not said]
        kinds = {Path(name).stem: headers[name].kind for name, said in heard.items() if said}
        pieces = [_piece(path / name, headers, said) for name, said in heard.items() if said]
        if len(set(kinds.values())) > 1:
            one, other = (next(name for name, kind in kinds.items() if kind == wanted) for wanted in ("sound", "notes"))
            raise MoodringError(f"'{one}' is of sound and '{other}' of notes; keep them in folders of their own")
        if not pieces and not problems.found:
            raise MoodringError(f"no recording in {path} has a rating; rate while you record, then prepare again")
        self._pieces = pieces
        self.passes = {Path(name).stem: tuple(said) for name, said in heard.items() if said}
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


def _read(file: Path) -> tuple[Header, list[Pass]]:
    """The header, and what was rated while it was recorded."""
    recorded = Recorded(file)
    recorded.close()
    with file.open("rb") as lines:
        labels = labels_in(lines)
    rater = recorded.header.settings.get("rater")
    return recorded.header, passes(labels, rater if isinstance(rater, str) else "")


def _by(rater: str, heard: Mapping[str, Sequence[Pass]]) -> dict[str, list[Pass]]:
    """The passes of one rater; raises ``UsageError`` where there are none of theirs."""
    raters = sorted({one.rater for said in heard.values() for one in said if one.rater})
    if rater not in raters:
        raise UsageError(f"nobody called '{rater}' has rated; there are ratings by {', '.join(raters) or 'no name'}")
    return {name: [one for one in said if one.rater == rater] for name, said in heard.items()}


def _verify_same(file: Path, own: RatingsHeader, headers: Mapping[str, Header]) -> None:
    """Raise ``MoodringError`` where the recording that was rated is not there, or is another one."""
    if own.session not in headers:
        raise MoodringError(
            f"{file} rates {own.session}, which is not beside it: put it there, or take {file.name} out"
        )
    if headers[own.session].began != own.session_began:
        raise MoodringError(f"{file} rates another recording that was called {own.session}: put it beside that one")


def _piece(file: Path, headers: Mapping[str, Header], said: Sequence[Pass]) -> Piece:
    dynamic = together(said)
    raters = sorted({one.rater for one in said if one.rater})
    cohort = ", ".join(raters) if raters else None
    return Piece(file.stem, file, _group(file.name, headers), filled(dynamic), dynamic=dynamic, cohort=cohort)


def _group(name: str, headers: Mapping[str, Header]) -> str:
    header = headers[name]
    named = header.settings.get("group")
    if isinstance(named, str) and named.strip():
        return " ".join(named.split())
    source = Path(header.source)
    if source.suffix == SUFFIX and source.name != name:
        others = {other: header for other, header in headers.items() if other != name}
        return _group(source.name, others) if source.name in others else source.stem
    return source.name if source.suffix.lower() in (*MIDI_SUFFIXES, *_SOUND_SUFFIXES) else Path(name).stem
