"""Knobs, faders and sticks of a MIDI controller as the two axes of a listener's point, learned by moving them.

Pure: no port, no file, no thread. A control is a continuous controller (CC) of a channel, or a channel's pitch bend.
The 128 values of the first are −1…1 with the middle, 64, at exactly 0; pitch bend likewise, with its rest at 0.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from realtime.controls import PlaceLabel

if TYPE_CHECKING:
    import mido

#: How far a control must move to be the one that is meant, of the 2 from end to end: a fader's jitter is not.
MOVED = 0.5
#: For how long the first control must be still before the second is looked for: a stick moves both ways a little.
STILL_S = 0.5

#: What is no control to rate by: parts of numbers (bank, data entry, parameters), pedals, and channel modes.
_OTHER = frozenset({0, 6, *range(32, 64), *range(64, 70), *range(96, 102), *range(120, 128)})

_TEXT = re.compile(r"(?:CC (?P<number>\d{1,3})|pitch bend) on channel (?P<channel>\d{1,2})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class MidiControl:
    """A continuous controller by its ``number`` (0–127), None for pitch bend, on ``channel`` (0–15)."""

    channel: int
    number: int | None

    def __str__(self) -> str:
        kind = "pitch bend" if self.number is None else f"CC {self.number}"
        return f"{kind} on channel {self.channel + 1}"


#: The controls that move valence and arousal.
Axes = tuple[MidiControl, MidiControl]


def parse_control(text: str) -> MidiControl:
    """The control that ``str`` of one says; raises ``ValueError`` for anything else, and what is none to rate by."""
    found = _TEXT.fullmatch(text.strip())
    if found is not None and 1 <= int(found["channel"]) <= 16:
        number = None if found["number"] is None else int(found["number"])
        if number is None or (number < 128 and number not in _OTHER):
            return MidiControl(int(found["channel"]) - 1, number)
    raise ValueError(f"must be like 'CC 21 on channel 1' or 'pitch bend on channel 1', not {text!r}")


def position(message: mido.Message) -> tuple[MidiControl, float] | None:
    """Which control a mido ``message`` moves, and where to on −1…1; None for any other message."""
    if message.type == "pitchwheel":
        return MidiControl(message.channel, None), _placed(message.pitch, 8192)
    if message.type == "control_change" and message.control not in _OTHER:
        return MidiControl(message.channel, message.control), _placed(message.value - 64, 64)
    return None


def _placed(value: int, half: int) -> float:
    """``value`` in −half…half − 1 on −1…1."""
    return value / half if value < 0 else value / (half - 1)


class Rater:
    """Turns MIDI messages into ratings by the controls in ``axes``; where those are None it learns them first.

    The first control that is moved becomes valence, the next one arousal. ``guide`` says what to do, and after that
    what has been learned. ``clock`` gives seconds. Not safe on several threads.
    """

    def __init__(self, axes: Axes | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._found: list[MidiControl] = list(axes or ())
        self._before: Axes | None = None
        # Where the controls stand that were just learned, until the first rating by them.
        self._places: dict[MidiControl, float] = {}
        self._ways: dict[MidiControl, tuple[float, float]] = {}
        self._still_at: float | None = None

    @property
    def axes(self) -> Axes | None:
        """The controls that rate; None while they are being learned."""
        return (self._found[0], self._found[1]) if len(self._found) == 2 else None

    @property
    def guide(self) -> str:
        """A line for whoever holds the controller."""
        if not self._found:
            return "move the control for valence from end to end: a knob, fader, wheel or stick"
        if len(self._found) == 1:
            return f"valence is {self._found[0]}; now move the control for arousal from end to end"
        return f"valence is {self._found[0]}, arousal is {self._found[1]}"

    def learn(self) -> None:
        """Learn other controls; asked while they are being learned, go back to those before."""
        self._found, self._before = list(self._before or ()), self.axes
        self._ways.clear()
        self._places.clear()
        self._still_at = None

    def hear(self, message: mido.Message) -> PlaceLabel | None:
        """What ``message`` says of the listener's point; None where it says nothing, or something was being learned."""
        moved = position(message)
        if moved is None:
            return None
        control, place = moved
        if len(self._found) < 2:
            self._look(control, place)
            if control in self._found:
                self._places[control] = place
            return None
        if control not in self._found:
            return None
        # Moved for the first time, the point goes to where both controls stand; then each moves its own axis.
        places = {**self._places, control: place}
        self._places.clear()
        return PlaceLabel(*(places.get(each) for each in self._found))

    def _look(self, control: MidiControl, place: float) -> None:
        now = self._clock()
        if self._still_at is not None and now < self._still_at:
            if control in self._found:
                self._still_at = now + STILL_S
            return
        self._still_at = None
        if control in self._found:
            return
        rest = place if control.number is not None else 0.0
        low, high = self._ways.get(control, (rest, rest))
        low, high = self._ways[control] = min(low, place), max(high, place)
        if high - low >= MOVED:
            self._found.append(control)
            self._ways.clear()
            self._still_at = now + STILL_S
