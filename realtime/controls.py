"""What a person asks of a running session: by a key, over OSC, from a page. Asked on any thread, done by the session.

A control is data. The session takes what was asked between two reads of its source, does it, and says what came of it
in one line: as its message, and to whoever asked.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

#: What is said back to whoever asked: one line, and whether it was done.
Answer = Callable[[str, bool], None]

#: How many may wait: a flood is refused, not hoarded.
MOST_WAITING = 256


@dataclass(frozen=True, slots=True)
class Calibrate:
    """Learn the noise of the room: the next five seconds are nothing but that."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Forget the music so far; stream time goes on."""


@dataclass(frozen=True, slots=True)
class Freeze:
    """Hold what is shown and sent, or let it go on; None changes from one to the other."""

    on: bool | None = None


@dataclass(frozen=True, slots=True)
class Smooth:
    """Another setting of ``realtime.smoothing``; None takes the next one."""

    setting: str | None = None


@dataclass(frozen=True, slots=True)
class SetRate:
    """Another number of readings a second: ``hz``; where that is None, the next faster (``step`` 1) or slower (−1)."""

    hz: float | None = None
    step: int = 0


@dataclass(frozen=True, slots=True)
class UseModel:
    """Another model, by name or folder; None takes the next that the source can feed."""

    name: str | None = None


@dataclass(frozen=True, slots=True)
class Label:
    """What a listener feels now: ``valence`` and ``arousal`` on −1…1; ``rater`` names the listener, empty for the one
    of the session."""

    valence: float
    arousal: float
    rater: str = ""


@dataclass(frozen=True, slots=True)
class MoveLabel:
    """Move the listener's point by so much on −1…1, from where it is, or from the middle."""

    valence: float
    arousal: float


@dataclass(frozen=True, slots=True)
class PlaceLabel:
    """Put the listener's point there on −1…1; an axis that is None stays where it is, or in the middle."""

    valence: float | None = None
    arousal: float | None = None


@dataclass(frozen=True, slots=True)
class Learn:
    """Learn anew which controls of the MIDI controller rate."""


@dataclass(frozen=True, slots=True)
class Record:
    """Begin a recording, or end it; None changes from one to the other."""

    on: bool | None = None


@dataclass(frozen=True, slots=True)
class Quit:
    """End the session."""


Rating = Label | MoveLabel | PlaceLabel
Control = Calibrate | Reset | Freeze | Smooth | SetRate | UseModel | Rating | Learn | Record | Quit


class Controls:
    """What has been asked and not yet done. Safe on any thread; nothing in it waits."""

    def __init__(self) -> None:
        self.refused = 0
        self._waiting: deque[tuple[Control, Answer | None]] = deque()
        self._lock = threading.Lock()

    def ask(self, control: Control, answer: Answer | None = None) -> bool:
        """Ask for ``control``; whether it will be done: False where too many wait, which ``refused`` counts.

        ``answer`` is called once it is done or has turned out not to be possible, on the session's thread, so it must
        not wait.
        """
        with self._lock:
            if len(self._waiting) >= MOST_WAITING:
                self.refused += 1
                return False
            self._waiting.append((control, answer))
            return True

    def take(self) -> list[tuple[Control, Answer | None]]:
        """Everything that waits, in order."""
        with self._lock:
            taken = list(self._waiting)
            self._waiting.clear()
        return taken
