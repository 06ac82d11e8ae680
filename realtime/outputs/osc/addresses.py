"""What is sent over OSC: every address with its types, range, unit and meaning, and how it is taken from a frame.

``ADDRESSES`` is the machine-readable list: messages are built from it, and so are the tables of the documentation
(``listing``) and what OSCQuery tells.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

from models.affect import Quadrant, State, from_normalized, quadrant
from realtime.level import SILENCE_DB

#: What every address begins with unless another prefix is set.
PREFIX = "/moodring"

#: A slope is held to this much of the −1…1 scale a second: music does not cross it from end to end faster.
STEEPEST = 2.0

#: The least and the greatest that an argument may be, None where there is no bound.
Bounds = tuple[float | None, float | None]

#: A message's arguments.
Arguments = tuple[float | int | str, ...]

#: When an address is sent: at each tick of the output rate, as notes begin, or once a second.
When = Literal["tick", "note", "second"]


@dataclass(frozen=True, slots=True)
class Frame:
    """What is to be sent of one moment. Points, spreads and slopes (change a second) are on the −1…1 scale.

    NaN stands for what is not known, None for an unknown tempo; ``age_s`` is how long ago the sound was that the frame
    tells of.
    """

    state: State
    valence: float = math.nan
    arousal: float = math.nan
    valence_std: float = math.nan
    arousal_std: float = math.nan
    valence_slope: float = math.nan
    arousal_slope: float = math.nan
    level_db: float = math.nan
    tempo_bpm: float | None = None
    age_s: float = 0.0

    @property
    def is_known(self) -> bool:
        """Whether the frame says where the music stands."""
        return math.isfinite(self.valence) and math.isfinite(self.arousal)

    @property
    def angle(self) -> float:
        """The direction on the circumplex in radians, −π…π: pleasant 0, excited π/2."""
        return math.atan2(self.arousal, self.valence)

    @property
    def quadrant(self) -> Quadrant:
        """The quarter of the circumplex that the point lies in."""
        return quadrant(from_normalized(self.valence), from_normalized(self.arousal))

    @property
    def confidence(self) -> float:
        """How closely listeners would agree, 0…1: one less the mean of both spreads, and 0 while not ``live``.

        A spread of 1 is the widest that ratings on −1…1 can have (half of them at each end). It is no probability of
        being right; where the music is like nothing that was rated, spreads widen and this falls.
        """
        if self.state is not State.LIVE:
            return 0.0
        return 1.0 - (self.valence_std + self.arousal_std) / 2.0


@dataclass(frozen=True, slots=True)
class Address:
    """One address: ``path`` is what follows the prefix, ``types`` are OSC type tags, one an argument.

    ``low`` and ``high`` bound every number that is sent, None where there is no bound or several arguments have one
    each, which ``each`` then gives; ``choices`` are the words that may be sent. ``value`` gives the arguments for a
    frame, None while they are not known. What is not sent at each tick has no ``value``: the sender knows it.
    """

    path: str
    types: str
    low: float | None
    high: float | None
    unit: str
    meaning: str
    value: Callable[[Frame], Arguments | None] | None = None
    when: When = "tick"
    each: tuple[Bounds, ...] = ()
    choices: tuple[str, ...] = ()

    @property
    def bounds(self) -> tuple[Bounds, ...]:
        """The least and the greatest of each argument, None where there is no bound."""
        return self.each or ((self.low, self.high),) * len(self.types)


def hue(angle: float) -> float:
    """The hue, 0…1 as in HSV, of the colour that the dashboard gives to a direction (radians) of the circumplex.

    It falls as the angle grows, without a step but where hue itself begins again, at red.
    """
    steps = _hues()
    place = math.degrees(angle) % 360.0 / 360.0 * (len(steps) - 1)
    index = min(int(place), len(steps) - 2)
    return (steps[index] + (place - index) * (steps[index + 1] - steps[index])) % 1.0


@cache
def _hues() -> tuple[float, ...]:
    """The hue each three degrees of a whole turn, never more than half a turn of hue from the one before."""
    from realtime.outputs.palette import mood_color

    hues: list[float] = []
    for degrees in range(0, 361, 3):
        color = mood_color(math.cos(math.radians(degrees)), math.sin(math.radians(degrees)))
        red, green, blue = (int(color[at : at + 2], 16) / 255.0 for at in (1, 3, 5))
        found = colorsys.rgb_to_hsv(red, green, blue)[0]
        hues.append(found - round(found - hues[-1]) if hues else found)
    return tuple(hues)


def _number(
    path: str,
    low: float,
    high: float,
    unit: str,
    meaning: str,
    of: Callable[[Frame], float],
    *,
    needs_point: bool = True,
) -> Address:
    """An address with one float, held to its range and left out while it is not known."""

    def value(frame: Frame) -> Arguments | None:
        number = of(frame) if frame.is_known or not needs_point else math.nan
        return (float(max(low, min(high, number))),) if math.isfinite(number) else None

    return Address(path, "f", low, high, unit, meaning, value)


def _axis(name: str, end: str, of: Callable[[Frame], float], std: Callable[[Frame], float]) -> list[Address]:
    """The addresses of a point and a spread of one axis."""

    def unit(frame: Frame) -> float:
        return (of(frame) + 1.0) / 2.0

    spread = f"spread of {name} over listeners, on the scale of"
    return [
        _number(name, -1.0, 1.0, "", f"{name}: {end}; 0 is neutral", of),
        _number(f"{name}/unit", 0.0, 1.0, "", f"{name} once more; 0.5 is neutral", unit),
        _number(f"{name}/raw", 1.0, 9.0, "", f"{name} on the scale that listeners used; 5 is neutral", _raw(of)),
        _number(f"{name}/std", 0.0, 1.0, "", f"{spread} `{name}`", std),
        _number(f"{name}/unit/std", 0.0, 0.5, "", f"{spread} `{name}/unit`", lambda frame: std(frame) / 2.0),
    ]


def _raw(of: Callable[[Frame], float]) -> Callable[[Frame], float]:
    return lambda frame: from_normalized(of(frame))


def _slope(name: str, of: Callable[[Frame], float]) -> Address:
    meaning = f"change of `{name}` over the last two seconds (least squares); 0 while not live"
    return _number(f"{name}/slope", -STEEPEST, STEEPEST, "1/s", meaning, of)


def _packed(frame: Frame) -> Arguments | None:
    values = [_VALUES[path](frame) for path in PACKED]
    return tuple(value[0] for value in values if value is not None) if None not in values else None


#: What the one packed message holds, in this order.
PACKED = ("valence", "arousal", "valence/std", "arousal/std", "intensity", "angle", "hue", "confidence", "state")

NOTE = Address("note", "ii", 0, 127, "MIDI", "pitch and velocity of a note; drums have none", when="note")
ONSET = Address("onset", "i", 1, 1, "", "always 1: a bang as notes, or drums, begin together", when="note")
HEARTBEAT = Address("heartbeat", "i", 0, 2**31 - 1, "s", "counts seconds, music or not", when="second")

#: What is sent of a frame, one by one: the state first, so that a receiver knows what to make of the numbers.
_SINGLE: tuple[Address, ...] = (
    Address(
        "state",
        "s",
        None,
        None,
        "",
        "`warming`, `live`, `silence` or `lost`",
        lambda frame: (frame.state.value,),
        choices=tuple(state.value for state in State),
    ),
    *_axis("valence", "unpleasant to pleasant", lambda frame: frame.valence, lambda frame: frame.valence_std),
    _slope("valence", lambda frame: frame.valence_slope),
    *_axis("arousal", "calm to excited", lambda frame: frame.arousal, lambda frame: frame.arousal_std),
    _slope("arousal", lambda frame: frame.arousal_slope),
    _number(
        "intensity", 0.0, math.sqrt(2.0), "", "distance from the centre", lambda f: math.hypot(f.valence, f.arousal)
    ),
    _number(
        "angle",
        -math.pi,
        math.pi,
        "rad",
        "direction from the centre: pleasant 0, excited π/2, unpleasant ±π, calm −π/2",
        lambda frame: frame.angle,
    ),
    _number("hue", 0.0, 1.0, "", "hue (HSV) of the dashboard's colour; 0 and 1 are red", lambda f: hue(f.angle)),
    Address(
        "quadrant",
        "i",
        0,
        3,
        "",
        ", ".join(f"{number} {name.value}" for number, name in enumerate(Quadrant)),
        lambda frame: (tuple(Quadrant).index(frame.quadrant),) if frame.is_known else None,
    ),
    Address(
        "quadrant/name",
        "s",
        None,
        None,
        "",
        ", ".join(f"`{name.value}`" for name in Quadrant),
        lambda frame: (frame.quadrant.value,) if frame.is_known else None,
        choices=tuple(name.value for name in Quadrant),
    ),
    _number(
        "confidence",
        0.0,
        1.0,
        "",
        "1 less the mean of `valence/std` and `arousal/std`: how closely listeners would agree; 0 while not live",
        lambda frame: frame.confidence,
        needs_point=False,
    ),
    _number(
        "level",
        SILENCE_DB,
        6.0,
        "dB",
        "level of the sound re full scale; −120 is silence; not sent for MIDI",
        lambda frame: frame.level_db,
        needs_point=False,
    ),
    _number(
        "tempo",
        0.0,
        1000.0,
        "1/min",
        "beats a minute; not sent while unknown",
        lambda frame: math.nan if frame.tempo_bpm is None else frame.tempo_bpm,
        needs_point=False,
    ),
)

ALL = Address(
    "all",
    "ffffffffs",
    None,
    None,
    "",
    f"in one message: {', '.join(f'`{path}`' for path in PACKED)}",
    _packed,
    each=tuple((each.low, each.high) for path in PACKED for each in _SINGLE if each.path == path),
)

#: Every address, in the order in which those of a tick are sent.
ADDRESSES: tuple[Address, ...] = (
    *_SINGLE,
    ALL,
    NOTE,
    ONSET,
    HEARTBEAT,
)

_VALUES = {address.path: address.value for address in ADDRESSES if address.value is not None}
