"""The files of a recording, written on a thread of their own, so that nothing waits for the disk."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import MoodringError, UsageError

#: So many lines may wait beside the sound, a minute of the densest music.
_MOST_LINES = 60_000
#: How often what was written is made to survive a power cut, too.
_SYNC_S = 1.0
#: How long ``close`` waits for what is still to be written.
LAST_WAIT_S = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Sound for the file ``path``: whole numbers of 24 bits in the upper bits of 32 [shape=(n, channels)]."""

    path: Path
    sample_rate: int
    samples: NDArray[np.int32]


class Disk:
    """Writes lines to the new file ``path``, and sound to the files that its chunks name, in their order.

    What has been put is written at once. Up to ``queue_s`` seconds of sound may wait. ``problem`` says in one line why
    nothing is written any more; empty while all is well.

    Raises ``UsageError`` where the file exists or its folder does not, ``MoodringError`` where it cannot be written.
    """

    def __init__(
        self, path: Path, first_line: bytes, queue_s: float = 60.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.problem = ""
        self._path = path
        self._queue_s = queue_s
        self._clock = clock
        self._waiting: deque[bytes | Chunk] = deque()
        self._waiting_s = 0.0
        self._is_full = False
        self._ending = False
        self._changed = threading.Condition()
        self._sound: _SoundFile | None = None
        self._synced_at: float = clock()
        self._is_dirty = False
        self._file = create(path)
        self._length = 0
        try:
            self._append(first_line)
            os.fsync(self._file)
        except OSError as error:
            os.close(self._file)
            path.unlink(missing_ok=True)
            raise MoodringError(f"{path} cannot be written: {error.strerror}") from error
        # A daemon: a thread that is stuck in a write must not keep the program alive.
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def put(self, items: Sequence[bytes | Chunk], sound_s: float = 0.0, *, is_last: bool = False) -> bool:
        """Let ``items`` be written, all or none of them: False where too much waits, or nothing is written any more.

        ``sound_s`` is how long their sound is, in seconds. What ``is_last`` is always taken.
        """
        with self._changed:
            if self.problem or self._ending:
                return False
            # Once it is full, half of it has to be written first: one long gap says more than many short ones.
            share = 0.5 if self._is_full else 1.0
            self._is_full = (
                len(self._waiting) >= share * _MOST_LINES or self._waiting_s + sound_s > share * self._queue_s
            )
            if self._is_full and not is_last:
                return False
            self._waiting.extend(items)
            self._waiting_s += sound_s
            self._changed.notify()
        return True

    def close(self) -> None:
        """Write what waits and let go of the files. May be called twice."""
        with self._changed:
            self._ending = True
            self._changed.notify()
        self._thread.join(LAST_WAIT_S)
        if self._thread.is_alive() and not self.problem:
            self.problem = f"{self._path} cannot be finished: the disk does not answer"

    def _run(self) -> None:
        try:
            while (batch := self._next()) is not None:
                self._save(batch)
                self._sync()
        except Exception as error:
            # Whatever it is, it must be said: a recording that has silently stopped is found out after the concert.
            self._fail(error)
        finally:
            self._let_go()

    def _next(self) -> list[bytes | Chunk] | None:
        """All that waits, once there is something, nothing after a while without; None when none will come."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ending, _SYNC_S if self._is_dirty else None)
            batch = list(self._waiting)
            self._waiting.clear()
            self._waiting_s = 0.0
            return None if self._ending and not batch else batch

    def _save(self, batch: Sequence[bytes | Chunk]) -> None:
        lines = bytearray()
        try:
            for item in batch:
                if isinstance(item, bytes):
                    lines += item
                else:
                    self._hear(item)
        finally:
            # What came before a sound that could not be written still can be.
            self._append(lines)

    def _hear(self, chunk: Chunk) -> None:
        if self._sound is None or self._sound.path != chunk.path:
            if self._sound is not None:
                self._sound.close()
            self._sound = _SoundFile(chunk.path, chunk.sample_rate, chunk.samples.shape[1])
        self._sound.write(chunk.samples)
        self._is_dirty = True

    def _append(self, lines: bytes | bytearray) -> None:
        rest = memoryview(bytes(lines))
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError:
            # A torn line would be in the way of simpler readers than ours.
            whole = bytes(lines).rfind(b"\n", 0, len(lines) - len(rest)) + 1
            with suppress(OSError):
                os.ftruncate(self._file, self._length + whole)
            raise
        self._length += len(lines)
        self._is_dirty = self._is_dirty or bool(lines)

    def _sync(self) -> None:
        now = self._clock()
        if self._is_dirty and now - self._synced_at >= _SYNC_S:
            os.fsync(self._file)
            if self._sound is not None:
                os.fsync(self._sound.file)
            self._synced_at, self._is_dirty = now, False

    def _fail(self, error: Exception) -> None:
        reason = error.strerror if isinstance(error, OSError) else str(error).strip(" .:")
        if reason in (None, "", "System error"):
            # All that libsndfile has to say of a full disk.
            reason = "the sound cannot be written, as if the disk were full"
        with self._changed:
            self.problem = f"the recording {self._path.name} has stopped: {reason}"
            self._waiting.clear()

    def _let_go(self) -> None:
        for step in (
            self._sound.close if self._sound else None,
            lambda: os.fsync(self._file),
            lambda: os.close(self._file),
        ):
            try:
                if step is not None:
                    step()
            except (OSError, RuntimeError) as error:
                if not self.problem:
                    self._fail(error)


class _SoundFile:
    """A FLAC file of 24 bits that is being written. ``file`` is its descriptor."""

    def __init__(self, path: Path, sample_rate: int, channels: int) -> None:
        import soundfile

        self.path = path
        self.file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o644)
        try:
            self._flac: Any = soundfile.SoundFile(
                self.file, "w", sample_rate, channels, subtype="PCM_24", format="FLAC", closefd=False
            )
        except BaseException:
            os.close(self.file)
            path.unlink(missing_ok=True)
            raise

    def write(self, samples: NDArray[np.int32]) -> None:
        self._flac.write(samples)

    def close(self) -> None:
        try:
            self._flac.close()
            os.fsync(self.file)
        finally:
            os.close(self.file)


def create(path: Path) -> int:
    """A descriptor of the new, empty file ``path`` that every write adds to; raises as ``Disk`` does."""
    try:
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o644)
    except FileExistsError:
        raise UsageError(f"{path} exists already, and a recording is never overwritten: take another name") from None
    except FileNotFoundError:
        raise UsageError(f"{path.parent} is not there: make that folder, or record into another one") from None
    except OSError as error:
        raise MoodringError(f"{path} cannot be written: {error.strerror}") from error
