"""What sources say and the tracker hears. All times are stream time: seconds since the start of the stream."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """A block of sound that follows the block before it without a gap.

    ``samples`` is float in −1…1 [shape=(n,) or (n, channels)], ``sample_rate`` in Hz.
    """

    samples: NDArray[np.float32]
    sample_rate: int


@dataclass(frozen=True, slots=True)
class NoteOn:
    """A key went down: ``pitch`` 0–127, ``velocity`` 1–127, ``channel`` 0–15 (9 is drums)."""

    time_s: float
    pitch: int
    velocity: int
    channel: int = 0


@dataclass(frozen=True, slots=True)
class NoteOff:
    """The key came up."""

    time_s: float
    pitch: int
    channel: int = 0


@dataclass(frozen=True, slots=True)
class Pedal:
    """The sustain pedal went down or came up; while it is down, notes of its channel sound on."""

    time_s: float
    down: bool
    channel: int = 0


@dataclass(frozen=True, slots=True)
class Sostenuto:
    """The sostenuto pedal went down or came up; it holds the notes of its channel whose keys were down just then."""

    time_s: float
    down: bool
    channel: int = 0


@dataclass(frozen=True, slots=True)
class AllNotesOff:
    """All keys of ``channel`` (0–15) came up; what its pedals hold sounds on until they do.

    Without a channel every note of every channel ends at once, the pedals come up and no tempo is known any more: a
    system reset, a panic button, an instrument that went away.
    """

    time_s: float
    channel: int | None = None


@dataclass(frozen=True, slots=True)
class AllSoundOff:
    """Every note of ``channel`` (0–15) ends at once, whatever its pedals; they stay as they are."""

    time_s: float
    channel: int


@dataclass(frozen=True, slots=True)
class Tempo:
    """The exact tempo in beats a minute, 20–400, from now on; None where it is not known any more."""

    time_s: float
    bpm: float | None


@dataclass(frozen=True, slots=True)
class Advance:
    """Stream time has reached ``time_s``; nothing earlier will follow. Readings up to there become due."""

    time_s: float


@dataclass(frozen=True, slots=True)
class Lost:
    """The input went away: readings go on in state ``lost`` until the next event from it."""

    time_s: float


@dataclass(frozen=True, slots=True)
class SoundLost:
    """The sound went away while other inputs go on: stream time runs with their events until sound comes again."""

    time_s: float


KeyEvent = NoteOn | NoteOff | Pedal | Sostenuto | AllNotesOff | AllSoundOff | Tempo | Advance | Lost | SoundLost
Event = Sound | KeyEvent
