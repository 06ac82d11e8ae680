"""Where events come from: microphone, MIDI port, sound file, MIDI file, recorded session. One protocol, a file each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from realtime.events import Event

if TYPE_CHECKING:
    from realtime.controls import Control


class Played(Protocol):
    """A stream of events, and of what was asked where a recorded session is played again. ``close`` may be called
    twice.

    ``name`` is what a person calls it; ``kind`` says whether it gives sound or notes; ``is_live`` whether its events
    come at their time (from a microphone, or a file that is played) or as fast as they are read; ``ended`` turns true
    when nothing will follow; ``dropped`` and ``overflows`` count what was lost here and in the driver; ``arrived_s`` is
    when the newest event of the last ``read`` happened, in seconds of the clock, None for a file.
    """

    name: str
    is_live: bool
    ended: bool

    @property
    def kind(self) -> Literal["sound", "notes"]:
        """See above."""

    @property
    def dropped(self) -> int:
        """See above."""

    @property
    def overflows(self) -> int:
        """See above."""

    @property
    def arrived_s(self) -> float | None:
        """See above."""

    def read(self, timeout_s: float) -> Sequence[Event | Control]:
        """The next events, in order; waits up to ``timeout_s`` seconds and returns none where none came."""

    def close(self) -> None:
        """Let go of the device or file."""


class Source(Played, Protocol):
    """A stream of events alone: an input, or a file of music."""

    def read(self, timeout_s: float) -> Sequence[Event]:
        """See ``Played``."""


@runtime_checkable
class PartedSource(Source, Protocol):
    """A source of several inputs, of which some may be away: ``trouble`` is what to say of that, empty while none is.

    ``kind`` says what it gives at present.
    """

    @property
    def trouble(self) -> str:
        """See above."""


@runtime_checkable
class Overheard(Protocol):
    """A source of MIDI ``ports``, by name, whose messages somebody else may hear, too."""

    @property
    def ports(self) -> Sequence[str]:
        """See above."""

    def overhear(self, port: str, hear: Callable[[Any], None]) -> None:
        """Tell ``hear`` each mido message of ``port``, on the driver's thread, also after it has come back."""


class LiveSource(Source, Protocol):
    """A source that the world drives, and that may go away: the last event of its last ``read`` is a ``Lost`` then.

    A ``Lost`` that sound follows says that some was left out to catch up. ``started_at`` is when its stream time began,
    in seconds of the clock.
    """

    started_at: float

    def reopen(self) -> LiveSource:
        """The same input, found anew by its name; raises ``MoodringError`` while it is not there. Closes nothing."""
