"""What a musician would call the music of a window: its tempo and its key. To be shown, not to be learned from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.features import Window
from models.features.heard import hear
from models.features.pitch_classes import KRUMHANSL_KESSLER, fit_keys
from models.tempo import estimate_tempo

_TONICS = ("C", "D♭", "D", "E♭", "E", "F", "G♭", "G", "A♭", "A", "B♭", "B")

#: A key is named where it correlates at least so well, of at least so many notes, and leads by so much.
_LEAST_FIT, _LEAST_NOTES, _LEAST_LEAD = 0.7, 8, 0.03
#: How long an answer stands, in seconds of stream time: nobody reads faster, and it costs as much as a feature set.
_STANDS_S = 0.5


@dataclass(frozen=True, slots=True)
class Music:
    """``tempo_bpm`` in beats a minute, 30–300, and ``key`` as ``C major``; None where unknown."""

    tempo_bpm: float | None = None
    key: str | None = None


class Outline:
    """Answers for window after window, anew twice a second of stream time."""

    def __init__(self) -> None:
        self._music = Music()
        self._told_s: float | None = None

    def of(self, window: Window | None) -> Music:
        """The music of ``window``, or of one at most half a second older."""
        if window is None:
            return Music()
        if self._told_s is None or not 0.0 <= window.end_s - self._told_s < _STANDS_S:
            self._told_s = window.end_s
            self._music = Music(tempo(window), key(window))
        return self._music


def tempo(window: Window) -> float | None:
    """The tempo of a window in beats a minute: the source's own where it knows one; None for fewer than two events."""
    if window.tempo_bpm is not None:
        return window.tempo_bpm
    heard = hear(window)
    return (estimate_tempo(heard.strokes_s) or None) if heard is not None else None


def key(window: Window) -> str | None:
    """The key that the notes of ``window`` fit best by Krumhansl & Kessler's profiles; None where that is not clear.

    Notes weigh as long as they sound in the window. See ``models.features.pitch_classes`` for the source.
    """
    heard = hear(window)
    if heard is None or len(heard.pitch) < _LEAST_NOTES:
        return None
    weights = np.bincount(heard.pitch % 12, heard.duration_s, 12).astype(np.float64)
    fit = fit_keys(weights, KRUMHANSL_KESSLER)
    fits = np.concatenate([fit.major, fit.minor])
    second, best = np.sort(fits)[-2:]
    if best < _LEAST_FIT or best - second < _LEAST_LEAD:
        return None
    mode, tonic = divmod(int(fits.argmax()), 12)
    return f"{_TONICS[tonic]} {('major', 'minor')[mode]}"
