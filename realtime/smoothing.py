"""Readings made calmer by the one-euro filter: steady while the music is, quick when it turns.

After Casiez, Roussel and Vogel, "1€ Filter: a simple speed-based low-pass filter for noisy input in interactive
systems" (CHI 2012): a first-order low-pass filter whose cutoff frequency grows with the speed of its input. It differs
from the paper in one point: the share that a new value gets is 1 − exp(−2π · cutoff · dt) and not its approximation
for small dt, so that the curve is the same at 2 readings a second as at 50.
"""

from __future__ import annotations

import math
from dataclasses import replace

from models.affect import Reading, State
from models.errors import UsageError

#: The cutoff of each setting, in Hz, while the music stands still.
MINIMUM_CUTOFF_HZ = {"calm": 0.05, "normal": 0.15, "nervous": 0.6}

#: What the cutoff gains, in Hz, for each unit of the 1–9 scale a second. One value serves all settings.
BETA = 0.035

#: The cutoff, in Hz, at which the speed itself is smoothed; the paper's.
SPEED_CUTOFF_HZ = 1.0

SETTINGS = ("off", *MINIMUM_CUTOFF_HZ)


class Smoother:
    """Smooths valence, arousal and their spreads in stream time, by one of four settings.

    A jump of 2 on the 1–9 scale has come through to 90 % after 5.9 s with ``calm``, 2.0 s with ``normal`` and 0.5 s
    with ``nervous``, at any rate of readings; ``off`` changes nothing. A spread follows its axis, with the same cutoff.
    Raises UsageError for another setting.
    """

    def __init__(self, setting: str) -> None:
        if setting not in SETTINGS:
            raise UsageError(f"smoothing must be one of {', '.join(SETTINGS)}, not {setting!r}")
        self._is_off = setting == "off"
        minimum_hz = MINIMUM_CUTOFF_HZ.get(setting, math.inf)
        self._valence, self._arousal = _Axis(minimum_hz), _Axis(minimum_hz)
        self._time_s: float | None = None

    def smooth(self, reading: Reading) -> Reading:
        """The smoothed reading.

        A reading that is not live passes as it is, and so does an axis without a finite value; the filter begins anew
        with the next live value, and where stream time goes back. No value leaves the range of those it is made of.
        """
        if self._is_off:
            return reading
        if reading.state is not State.LIVE:
            self._begin()
            return reading
        if self._time_s is None or reading.time < self._time_s:
            self._begin()
        elapsed_s = 0.0 if self._time_s is None else reading.time - self._time_s
        self._time_s = reading.time
        valence, valence_std = self._valence.step(reading.valence, reading.valence_std, elapsed_s)
        arousal, arousal_std = self._arousal.step(reading.arousal, reading.arousal_std, elapsed_s)
        return replace(reading, valence=valence, valence_std=valence_std, arousal=arousal, arousal_std=arousal_std)

    def _begin(self) -> None:
        self._time_s = None
        self._valence.begin()
        self._arousal.begin()


class _Axis:
    """One axis and its spread. NaN stands for what has not begun."""

    def __init__(self, minimum_hz: float) -> None:
        self._minimum_hz = minimum_hz
        self.begin()

    def begin(self) -> None:
        """Forget what was heard; the next value passes as it is."""
        self._newest = self._smooth = self._spread = math.nan
        self._speed = 0.0

    def step(self, value: float, spread: float, elapsed_s: float) -> tuple[float, float]:
        """Both, smoothed, ``elapsed_s`` seconds after the step before."""
        if not math.isfinite(value):
            self.begin()
            return value, spread
        if not math.isfinite(self._smooth):
            self._newest = self._smooth = value
        elif elapsed_s > 0.0:
            share = _share(SPEED_CUTOFF_HZ, elapsed_s)
            # In this order: a change over next to no time has no speed that a float holds.
            self._speed += (value - self._newest) * (share / elapsed_s) - share * self._speed
            self._newest = value
        share = _share(self._minimum_hz + BETA * abs(self._speed), elapsed_s)
        self._smooth = _between(self._smooth, value, share)
        self._spread = _between(self._spread, spread, share)
        return self._smooth, self._spread


def _share(cutoff_hz: float, elapsed_s: float) -> float:
    """How much of the way to its input a first-order low-pass filter goes in ``elapsed_s`` seconds, in 0…1."""
    return -math.expm1(-2.0 * math.pi * cutoff_hz * elapsed_s)


def _between(start: float, end: float, share: float) -> float:
    """The point at ``share`` of the way, held to it against rounding; ``end`` where either is not finite."""
    if not (math.isfinite(start) and math.isfinite(end)):
        return end
    return min(max(start + share * (end - start), min(start, end)), max(start, end))
