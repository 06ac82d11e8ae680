"""Sound level and the gate in front of the transcription.

Levels are RMS in dB re full scale (a full-scale square wave is 0 dB, a full-scale sine −3 dB). Basic Pitch rescales
whatever it hears to its own minimum and maximum, so near-silence would come out as loud as a chord: level is measured
before it, and below the gate there are no notes.

The gate learns the noise of the room: a quiet sound that does not change for three seconds is hum or hiss, not music,
and from then on the gate opens above it only. Who knows that nothing plays can have it learn the room outright.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np
from numpy.typing import NDArray

#: What digital silence reads as.
SILENCE_DB = -120.0
OPEN_DB = -60.0
CLOSE_DB = -66.0
#: The gate stays open this long after the last sound above ``CLOSE_DB``.
HOLD_S = 0.5
#: Noise is what stays within ``STEADY_DB`` for ``STEADY_S`` and is not above ``MOST_NOISE_DB``, where music may be.
STEADY_S = 3.0
STEADY_DB = 3.0
MOST_NOISE_DB = -50.0
#: So far above the noise the gate opens, and half as far above it it begins to close.
ABOVE_NOISE_DB = 6.0
#: What is learned of the room when asked to may be louder, up to here: a gate above it would shut out music.
MOST_ROOM_DB = -30.0
#: A level is that of the last 0.4 s, as in the "momentary" loudness of EBU Tech 3341.
MOMENTARY_S = 0.4


def power_to_db(power: float) -> float:
    """The level of a mean square ``power``, not below ``SILENCE_DB``."""
    return max(10.0 * math.log10(power), SILENCE_DB) if power > 0.0 else SILENCE_DB


class LevelGate:
    """Measures hop after hop of equal length and says whether each is to be listened to."""

    def __init__(self, hop_s: float) -> None:
        self._hop_s = hop_s
        self._powers: deque[float] = deque(maxlen=max(1, round(MOMENTARY_S / hop_s)))
        self._levels: deque[float] = deque(maxlen=max(2, round(STEADY_S / hop_s)))
        self.reset()

    def reset(self) -> None:
        """Forget everything, as if new."""
        self._powers.clear()
        self._levels.clear()
        self._noise_db = SILENCE_DB
        self._open = False
        self._quiet_s = 0.0
        self._room_db = SILENCE_DB
        self._room: list[float] = []
        self._room_hops = 0

    def calibrate(self, length_s: float) -> None:
        """Take the next ``length_s`` seconds for the noise of the room: the gate is shut for as long."""
        self._room = []
        self._room_hops = max(1, round(length_s / self._hop_s))

    @property
    def is_calibrating(self) -> bool:
        """Whether the noise of the room is being learned."""
        return self._room_hops > 0

    def push(self, samples: NDArray[np.float32]) -> bool:
        """Take one hop; True while the gate is open."""
        exact = samples.astype(np.float64)
        power = float(exact.dot(exact)) / len(samples)
        self._powers.append(power)
        level = power_to_db(power)
        if self._room_hops:
            self._learn_room(level)
            self._open = False
            return False
        self._learn(level)
        noise_db = self.noise_db
        if level >= max(OPEN_DB, noise_db + ABOVE_NOISE_DB):
            self._open = True
        is_quiet = level < max(CLOSE_DB, noise_db + ABOVE_NOISE_DB / 2)
        self._quiet_s = self._quiet_s + self._hop_s if is_quiet else 0.0
        if self._quiet_s > HOLD_S:
            self._open = False
        return self._open

    def _learn(self, level: float) -> None:
        """The noise is the loudest moment of the last quiet stretch that did not change."""
        self._levels.append(level)
        if level <= MOST_NOISE_DB and len(self._levels) == self._levels.maxlen:
            loudest = max(self._levels)
            if loudest <= MOST_NOISE_DB and loudest - min(self._levels) <= STEADY_DB:
                self._noise_db = loudest

    def _learn_room(self, level: float) -> None:
        self._room.append(level)
        self._room_hops -= 1
        if not self._room_hops:
            # One cough is not the room.
            self.room_db = float(np.percentile(self._room, 95))
            self._room = []

    @property
    def room_db(self) -> float:
        """What was learned of the room when asked to, ``SILENCE_DB`` before; held to ``MOST_ROOM_DB`` when set."""
        return self._room_db

    @room_db.setter
    def room_db(self, level_db: float) -> None:
        self._room_db = min(level_db, MOST_ROOM_DB)

    @property
    def noise_db(self) -> float:
        """The level of the noise that has been learned, ``SILENCE_DB`` where none has."""
        return max(self._noise_db, self._room_db)

    @property
    def level_db(self) -> float:
        """The level of the last 0.4 s."""
        return power_to_db(sum(self._powers) / len(self._powers)) if self._powers else SILENCE_DB
