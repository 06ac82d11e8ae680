"""The sound of the last seconds: samples and posteriorgrams go in, what feature sets of sound see comes out."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from models.features import SoundWindow
from models.features.spectra import DESCRIPTORS, MEL_BANDS, SPECTRUM_HOP, SPECTRUM_SAMPLES
from models.transcription import ACTIVATIONS, FRAME_SAMPLES, PITCHES, SAMPLE_RATE
from realtime.posteriorgrams import Posteriorgrams
from realtime.spectra import SpectrumStream

FloatArray = NDArray[np.float32]


class SoundMemory:
    """Keeps the frames of the last ``length_s`` seconds of one stream of samples.

    Times are seconds since its first sample and must not go backwards. Spectra are computed when a window is asked for,
    and are the same whenever that is.
    """

    def __init__(self, length_s: float) -> None:
        samples = round(length_s * SAMPLE_RATE)
        # The count is fixed rather than the time, so that every full window is a number of frames alike.
        self._most_spectra = max((samples - SPECTRUM_SAMPLES) // SPECTRUM_HOP + 1, 1)
        self._most_posteriors = max(samples // FRAME_SAMPLES, 1)
        self._stream = SpectrumStream()
        self._first_spectrum = 0
        self._mel_db = np.empty((0, MEL_BANDS), np.float32)
        self._level_db = np.empty(0, np.float32)
        self._descriptors = np.empty((0, len(DESCRIPTORS)), np.float32)
        self._notes: list[FloatArray] = [np.empty((0, PITCHES), np.float32)]
        self._onsets: list[FloatArray] = [np.empty((0, PITCHES), np.float32)]
        self._activations: list[FloatArray] = [np.empty((0, ACTIVATIONS), np.float32)]

    def hear(self, samples: FloatArray) -> None:
        """Take the next samples, mono at 22,050 Hz [shape=(n,)]."""
        self._stream.feed(samples)

    def begin_at(self, time_s: float) -> None:
        """Forget what was before ``time_s``: music that begins after a silence is heard as if nothing had been."""
        self._first_spectrum = int(time_s * SAMPLE_RATE + 1e-3) // SPECTRUM_HOP
        for blocks in (self._notes, self._onsets, self._activations):
            blocks[:] = [blocks[0][:0]]

    def transcribe(self, made: Iterable[Posteriorgrams]) -> None:
        """Take what the transcriber made next; frames from before the first sample are left out."""
        for block in made:
            early = max(-block.frame, 0)
            audible = block.audible[early:, None]
            self._notes.append(block.notes[early:] * audible)
            self._onsets.append(block.onsets[early:] * audible)
            self._activations.append(block.activations[early:] * audible)

    def at(self, time_s: float) -> SoundWindow:
        """The frames that had ended by ``time_s`` and what had been transcribed, as much as a window holds."""
        # A sample that came at this very time is there, whatever rounding says.
        blocks = self._stream.take(int(time_s * SAMPLE_RATE + 1e-3))
        most = min(self._most_spectra, max(self._stream.frames - self._first_spectrum, 0))
        self._mel_db = _newest(most, self._mel_db, *(block.mel_db for block in blocks))
        self._level_db = _newest(most, self._level_db, *(block.level_db for block in blocks))
        self._descriptors = _newest(most, self._descriptors, *(block.descriptors for block in blocks))
        notes, onsets, activations = (
            np.concatenate(blocks)[-self._most_posteriors :]
            for blocks in (self._notes, self._onsets, self._activations)
        )
        self._notes, self._onsets, self._activations = [notes], [onsets], [activations]
        return SoundWindow(self._mel_db, self._level_db, self._descriptors, notes, onsets, activations)


def _newest(count: int, *blocks: FloatArray) -> FloatArray:
    joined = np.concatenate(blocks)
    return joined[max(len(joined) - count, 0) :]
