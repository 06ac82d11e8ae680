"""Where readings go: the dashboard, plain lines, JSON Lines, OSC, a recording. One protocol, one file each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from models.affect import Reading
from realtime.note_events import Struck


@dataclass(frozen=True, slots=True)
class Status:
    """What is worth knowing beside a reading: where the sound comes from, what is set, whether any was lost.

    ``sounding`` holds the MIDI pitches that sound now, in ascending order; ``dropped`` counts the blocks or messages
    that a full queue refused, ``overflows`` those that the driver reported as lost, ``skipped`` the readings that a
    slow output could not take; ``message`` is the newest event worth a line ("input lost"), empty when there is none;
    ``raw`` is the reading before it was smoothed or frozen, None where it is the same.

    ``tempo_bpm`` in beats a minute and ``key`` ("C major") are None where unknown. ``is_clipped`` says that the sound
    has reached full scale since the last reading, ``is_gated`` that it is below what is listened to. ``smoothing``,
    ``rate_hz``, ``is_frozen`` and ``is_blind`` (predictions are to be hidden from whoever rates) are what is set.
    ``recording`` names the file that is written, None while none is. ``label`` is the listener's own point, valence
    and arousal on −1…1, None while there is none.
    """

    source: str
    sounding: tuple[int, ...] = ()
    dropped: int = 0
    overflows: int = 0
    message: str = ""
    raw: Reading | None = None
    skipped: int = 0
    tempo_bpm: float | None = None
    key: str | None = None
    is_clipped: bool = False
    is_gated: bool = False
    smoothing: str = "off"
    rate_hz: float | None = None
    is_frozen: bool = False
    is_blind: bool = False
    recording: str | None = None
    label: tuple[float, float] | None = None


class Output(Protocol):
    """Takes every reading as it comes. ``close`` may be called twice, and leaves everything as it was found."""

    def write(self, reading: Reading, status: Status) -> None:
        """Show or send one reading."""

    def close(self) -> None:
        """Flush and let go of whatever is held."""


@runtime_checkable
class NoteOutput(Output, Protocol):
    """An output that takes notes, too, as they begin and before the reading that counts them."""

    def play(self, notes: Sequence[Struck]) -> None:
        """Show or send the notes that have begun since the last time, in order."""


@runtime_checkable
class PromptOutput(Output, Protocol):
    """An output with a thread of its own: ``write`` and ``play`` hand over and return, ``close`` ends within a second.

    A live session calls it as it is, where another gets a thread and a queue (``outputs.queued``).
    """

    never_waits: Literal[True]
