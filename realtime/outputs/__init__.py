"""Where readings go: the dashboard, plain lines, JSON Lines, OSC. One protocol, one file each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from models.affect import Reading


@dataclass(frozen=True, slots=True)
class Status:
    """What is worth knowing beside a reading: where the sound comes from and whether any was lost.

    ``sounding`` holds the MIDI pitches that sound now, in ascending order; ``dropped`` counts the blocks or messages
    that a full queue refused, ``overflows`` those that the driver reported as lost; ``message`` is the newest event
    worth a line ("input lost"), empty when there is none; ``raw`` is the reading before it was smoothed, None where
    nothing is smoothed.
    """

    source: str
    sounding: tuple[int, ...] = ()
    dropped: int = 0
    overflows: int = 0
    message: str = ""
    raw: Reading | None = None


class Output(Protocol):
    """Takes every reading as it comes. ``close`` may be called twice, and leaves everything as it was found."""

    def write(self, reading: Reading, status: Status) -> None:
        """Show or send one reading."""

    def close(self) -> None:
        """Flush and let go of whatever is held."""
