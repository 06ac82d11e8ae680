"""The sound of the last seconds: samples and posteriorgrams go in, what feature sets of sound see comes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.features import PosteriorColumns, SoundWindow
from models.features.posterior_columns import COLUMNS, POOL_FRAMES, POOLED, columns_of
from models.features.spectra import DESCRIPTORS, MEL_BANDS, SPECTRUM_HOP, SPECTRUM_SAMPLES
from models.transcription import ACTIVATIONS, FRAME_SAMPLES, PITCHES, SAMPLE_RATE
from realtime.posteriorgrams import Posteriorgrams
from realtime.spectra import SpectrumStream

FloatArray = NDArray[np.float32]

_NO_ONSETS = np.zeros((2, PITCHES), np.float32)

#: Rows of this many windows lie in one array: it is filled from one end, so that a window is a part of it as it stands.
_ROOM = 3


@dataclass(frozen=True, slots=True, eq=False)
class _Ahead:
    """Posteriors below the gate of which nothing is left, from ``first_frame`` to the end of ``last``, with their
    columns: what was transcribed together is computed together, asked for yet or not.
    """

    last: Posteriorgrams
    first_frame: int
    notes: FloatArray
    onsets: FloatArray
    activations: FloatArray
    columns: PosteriorColumns


class SoundMemory:
    """Keeps the frames of the last ``length_s`` seconds of one stream of samples.

    Times are seconds since its first sample and must not go backwards. Spectra, and what the feature sets need of each
    frame of posteriors, are computed once, when a window is asked for, and are the same whenever that is.
    """

    def __init__(self, length_s: float) -> None:
        samples = round(length_s * SAMPLE_RATE)
        # The count is fixed rather than the time, so that every full window is a number of frames alike.
        most_spectra = max((samples - SPECTRUM_SAMPLES) // SPECTRUM_HOP + 1, 1)
        most_posteriors = max(samples // FRAME_SAMPLES, 1)
        self._stream = SpectrumStream()
        self._first_spectrum = 0
        self._spectra = _Rows(most_spectra, MEL_BANDS), _Rows(most_spectra), _Rows(most_spectra, len(DESCRIPTORS))
        # Of what was transcribed together: the frames that are due, from the first to the one after the last.
        self._due: list[tuple[Posteriorgrams, int, int]] = []
        self._ahead: _Ahead | None = None
        self._notes, self._onsets = _Rows(most_posteriors, PITCHES), _Rows(most_posteriors, PITCHES)
        self._activations = _Rows(most_posteriors, ACTIVATIONS)
        nothing = columns_of(self._notes.newest(), self._onsets.newest(), self._activations.newest(), _NO_ONSETS)
        self._columns = {
            name: _Rows(most_posteriors // (POOL_FRAMES if name in POOLED else 1), getattr(nothing, name).shape[1])
            for name in COLUMNS
        }

    def hear(self, samples: FloatArray) -> None:
        """Take the next samples, mono at 22,050 Hz [shape=(n,)]."""
        self._stream.feed(samples)

    def begin_at(self, time_s: float) -> None:
        """Forget what was before ``time_s``: music that begins after a silence is heard as if nothing had been."""
        self._first_spectrum = int(time_s * SAMPLE_RATE + 1e-3) // SPECTRUM_HOP
        self._due.clear()
        for rows in (self._notes, self._onsets, self._activations, *self._columns.values()):
            rows.forget()

    def transcribe(self, made: Posteriorgrams, rows: slice | None = None) -> None:
        """Take what the transcriber made next, or some of its ``rows``; frames before the first sample are left out."""
        first, end = (0, len(made.audible)) if rows is None else (rows.start, rows.stop)
        first, end = max(made.frame + first, 0), made.frame + end
        if first >= end:
            return
        if self._due and self._due[-1][0] is made:
            first = self._due.pop()[1]
        self._due.append((made, first, end))

    def at(self, time_s: float) -> SoundWindow:
        """The frames that had ended by ``time_s`` and what had been transcribed, as much as a window holds."""
        # A sample that came at this very time is there, whatever rounding says.
        for block in self._stream.take(int(time_s * SAMPLE_RATE + 1e-3)):
            for rows, new in zip(self._spectra, (block.mel_db, block.level_db, block.descriptors), strict=True):
                rows.append(new)
        if self._due:
            self._take_posteriors()
        begun = max(self._stream.frames - self._first_spectrum, 0)
        mel_db, level_db, descriptors = (rows.newest(begun) for rows in self._spectra)
        return SoundWindow(
            mel_db,
            level_db,
            descriptors,
            self._notes.newest(),
            self._onsets.newest(),
            self._activations.newest(),
            PosteriorColumns(**{name: rows.newest() for name, rows in self._columns.items()}),
        )

    def _take_posteriors(self) -> None:
        due, self._due = self._due, []
        if self._ahead is not None and self._ahead.last is due[0][0]:
            self._keep(self._ahead, *due.pop(0)[1:])
        if due:
            self._ahead = self._look_ahead(due)
            self._keep(self._ahead, due[0][1], due[-1][2])

    def _look_ahead(self, due: list[tuple[Posteriorgrams, int, int]]) -> _Ahead:
        first_frame = due[0][1]
        blocks = [made for made, _, _ in due]
        early = first_frame - blocks[0].frame
        notes, onsets, activations = (
            _joined(rows)[early:] for rows in zip(*(block.gated() for block in blocks), strict=True)
        )
        before = np.concatenate([_NO_ONSETS, self._onsets.newest()[-2:]])[-2:]
        columns = columns_of(notes, onsets, activations, before)
        return _Ahead(blocks[-1], first_frame, notes, onsets, activations, columns)

    def _keep(self, ahead: _Ahead, first: int, end: int) -> None:
        """Put the frames from ``first`` to before ``end`` behind those that there are."""
        had = len(self._notes.newest())
        rows = slice(first - ahead.first_frame, end - ahead.first_frame)
        self._notes.append(ahead.notes[rows])
        self._onsets.append(ahead.onsets[rows])
        self._activations.append(ahead.activations[rows])
        later = len(ahead.notes) - rows.stop
        columns = ahead.columns
        if later % POOL_FRAMES or (had and (end - first) % POOL_FRAMES):
            # Pools count from the last frame: these lie across those that there were.
            for kept in self._columns.values():
                kept.forget()
            known = self._notes.newest(), self._onsets.newest(), self._activations.newest()
            columns = columns_of(*known, _NO_ONSETS)
            rows, later = slice(0, len(known[0])), 0
        pools_end = len(columns.intervals) - later // POOL_FRAMES
        pools = slice(pools_end - (rows.stop - rows.start) // POOL_FRAMES, pools_end)
        for name, kept in self._columns.items():
            kept.append(getattr(columns, name)[pools if name in POOLED else rows])


def _joined(blocks: Sequence[FloatArray]) -> FloatArray:
    """Rows one after another; nothing is copied where they are one block."""
    return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)


class _Rows:
    """The newest rows of a stream of them, at most so many. What was given out is never written to again."""

    def __init__(self, most: int, width: int | None = None) -> None:
        self._most = most
        self._held = np.empty((0,) if width is None else (0, width), np.float32)
        self._first = self._end = 0

    def append(self, rows: FloatArray) -> None:
        """Put ``rows`` behind those that there are."""
        rows = rows[-self._most :]
        if self._end + len(rows) > len(self._held):
            kept = self.newest()
            self._held = np.empty((max(_ROOM * self._most, 1), *rows.shape[1:]), np.float32)
            self._held[: len(kept)] = kept
            self._first, self._end = 0, len(kept)
        end = self._end + len(rows)
        self._held[self._end : end] = rows
        self._first, self._end = max(self._first, end - self._most), end

    def newest(self, most: int | None = None) -> FloatArray:
        """The rows that there are, no more than ``most``."""
        return self._held[self._first if most is None else max(self._first, self._end - most) : self._end]

    def forget(self) -> None:
        """Begin anew."""
        self._first = self._end
