"""What a transcription says of notes, and when: announced at once, certain two seconds later.

A note is announced as soon as its onset is found, and its end as soon as it seems over, from little look-ahead. What
the music after it shows is known later: then the note is either withdrawn or, once it is over, given whole. So
``NoteBegan`` is followed by just one of ``NoteEnded`` and ``NoteWithdrawn``, perhaps with a ``NoteReleased`` between.
Times are seconds of stream time; ``certain_s`` is when the event became known. ``number`` is the same for all events
about one note and not used again in the stream.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NoteBegan:
    """A note that seems to sound from ``onset_s`` on; ``velocity`` (1…127) is of its first moments."""

    number: int
    onset_s: float
    pitch: int
    velocity: int
    certain_s: float


@dataclass(frozen=True, slots=True)
class NoteReleased:
    """A note that seems to be over since ``offset_s``."""

    number: int
    offset_s: float
    pitch: int
    certain_s: float


@dataclass(frozen=True, slots=True)
class NoteEnded:
    """A whole note, and certain: its onset can be a little off the one announced, its velocity is of all of it."""

    number: int
    onset_s: float
    offset_s: float
    pitch: int
    velocity: int
    certain_s: float


@dataclass(frozen=True, slots=True)
class NoteWithdrawn:
    """What was announced was none: an overtone, a short one, or a part of another note."""

    number: int
    pitch: int
    certain_s: float


NoteEvent = NoteBegan | NoteReleased | NoteEnded | NoteWithdrawn


@dataclass(frozen=True, slots=True)
class Struck:
    """A note as it begins, played or transcribed, for whoever shows notes: ``pitch`` 0–127, ``velocity`` 1–127.

    ``time_s`` is its onset in stream time; ``channel`` 0–15 (9 is drums), 0 for a transcribed note. A transcribed one
    may turn out to have been none; nothing more is said of it then.
    """

    time_s: float
    pitch: int
    velocity: int
    channel: int = 0
