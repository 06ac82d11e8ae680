"""A file of sound as a source: block after block, as fast as it is read. Any format that libsndfile knows."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile

from models.errors import MoodringError, UsageError
from realtime.events import Event, Sound

_LENGTH_UNKNOWN = 2**63 - 1  # libsndfile's SF_COUNT_MAX: what a FLAC stream gives that was written to a pipe


class AudioFile:
    """The sound of a file: each ``read`` gives the next block, float32 [shape=(n, channels)] at the file's own rate.

    ``block_s`` is the length of a block in seconds; the last one is shorter. ``sample_rate`` is in Hz; ``duration_s``
    is what the file says of its own length, in seconds, and ``None`` where it does not say. A file that breaks off in
    the middle gives what can be read of it and then ends.

    Raises ``UsageError`` where there is no such file, ``MoodringError`` where it cannot be read, holds nothing, or is
    no sound, and ``ValueError`` for a ``block_s`` that is not above 0.
    """

    kind: Literal["sound", "notes"] = "sound"
    is_live = False
    arrived_s = None

    def __init__(self, path: str | os.PathLike[str], block_s: float = 0.1) -> None:
        if not block_s > 0:
            raise ValueError(f"block_s must be above 0, not {block_s}")
        self._path = Path(path)
        self._file = _open(self._path)
        self.name = self._path.name
        self.sample_rate: int = self._file.samplerate
        self.channels: int = self._file.channels
        length = self._file.frames
        self.duration_s: float | None = None if length == _LENGTH_UNKNOWN else length / self.sample_rate
        self.ended = False
        self.dropped = 0
        self.overflows = 0
        self._block_length = max(1, round(block_s * self.sample_rate))
        self._has_given = False

    def read(self, timeout_s: float) -> Sequence[Event]:
        """The next block; never waits. Raises ``MoodringError`` where not even the first can be read."""
        if self.ended:
            return []
        samples = self._next_samples()
        # A short block is the last: saying so at once spares the listener a read that gives nothing.
        self.ended = len(samples) < self._block_length
        if self.ended and not self._has_given and not len(samples):
            raise MoodringError(f"{self._path} is damaged, no sound in it can be read: save or download it again")
        self._has_given = True
        return [Sound(samples, self.sample_rate)] if len(samples) else []

    def close(self) -> None:
        """Let go of the file; nothing follows."""
        self.ended = True
        self._file.close()

    def _next_samples(self) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        samples = np.zeros((self._block_length, self.channels), dtype=np.float32)
        start = self._file.tell()
        try:
            count = len(self._file.read(out=samples))
        except soundfile.LibsndfileError:
            # The decoder stumbled inside this block; what it had decoded before that is good, and it knows how much.
            count = min(max(self._file.tell() - start, 0), self._block_length)
        return samples[:count]


def _open(path: Path) -> soundfile.SoundFile:
    # libsndfile says "System error" or "Format not recognised" for most of these; the plain reason is found first.
    if path.is_dir():
        raise UsageError(f"{path} is a directory: give the path of a file in it")
    try:
        with path.open("rb") as file:
            is_empty = not file.read(1)
    except FileNotFoundError:
        raise UsageError(f"{path} is not there: check the path") from None
    except OSError as error:
        raise MoodringError(f"{path} cannot be read: {error.strerror}") from error
    if is_empty:
        raise MoodringError(f"{path} is empty: save or download it again")
    try:
        sound = soundfile.SoundFile(path)
    except (soundfile.LibsndfileError, TypeError) as error:  # TypeError: called .raw, which has no format to tell from
        other = ".flac" if path.suffix.lower() == ".wav" else ".wav"
        raise MoodringError(
            f"{path} is not sound that can be read here: convert it to WAV, FLAC, Ogg or MP3 "
            f"(for example: ffmpeg -i {path.name} {path.stem}{other})"
        ) from error
    if not sound.frames:
        sound.close()
        raise MoodringError(f"{path} is empty, it holds no sound at all: save or download it again")
    return sound
