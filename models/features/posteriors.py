"""What the feature sets of the transcription network's posteriorgrams share.

Posteriors say how sure the network is of each pitch at each moment, so that they tell more than the notes made of them:
soft attacks, noise, many voices. They lag behind the window's end by the transcriber's look-ahead.
"""

from __future__ import annotations

import numpy as np

from models.features import SoundWindow, Window
from models.features.kept import kept
from models.features.spectra import FEWEST_POSTERIORS, Numbers
from models.transcription import LOWEST_PITCH, PITCHES

PITCH = np.arange(LOWEST_PITCH, LOWEST_PITCH + PITCHES)
#: Which pitch class each pitch is of [shape=(88, 12)].
CLASSES = (PITCH[:, None] % 12 == np.arange(12)).astype(np.float32)


@kept
def transcribed(window: Window) -> SoundWindow | None:
    """The window's sound, None where it has under half a second of posteriors or nothing in them."""
    sound = window.sound
    if sound is None or len(sound.note_posteriors) < FEWEST_POSTERIORS or sound.note_posteriors.max() <= 0:
        return None
    return sound


def posteriors_of(sound: SoundWindow) -> int:
    """How many frames of posteriors there are."""
    return len(sound.note_posteriors)


def pooled(frames: Numbers, count: int) -> Numbers:
    """Means of ``count`` frames after another, counted back from the last [shape=(n, d) to (n // count, d)]."""
    rows = len(frames) // count
    grouped = frames[len(frames) - rows * count :].reshape(rows, count, frames.shape[1])
    means: Numbers = grouped.sum(axis=1, dtype=np.float32) * np.float32(1 / count)
    return means
