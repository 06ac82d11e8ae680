"""A recorded session as a source: the same events in the same order, and what was asked in its place."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from models.errors import MoodringError, UsageError
from realtime.controls import Control, Quit, Record
from realtime.events import Advance, Event, Lost, Sound
from realtime.recording.schema import FORMAT, FULL_SCALE, Header, from_line, header_of, input_of, seconds, whole

#: No header is longer; what is has no lines, and is no recording.
_LONGEST_HEADER = 1_000_000
_ENDS = b'{"type":"end",'
_SOUNDS = b'{"type":"sound",'


class Recorded:
    """The session recorded in the file ``path``, given back to the bit, in the blocks of sound that were recorded.

    Each ``read`` gives about ``block_s`` seconds of stream time, controls among the events where they were done; what
    ended the session or the recording is left out. ``header`` says what was recorded, and how; ``began_s`` is where
    stream time begins. ``is_whole`` is False where the recording was cut short; it plays as far as it goes.

    Raises ``UsageError`` where there is no such file, ``MoodringError`` where it cannot be read or is no recording, was
    made by a newer moodring or without its sound, a sound file is missing or a line damaged, the last two with
    ``read``, too, and ``ValueError`` for a ``block_s`` that is not above 0.
    """

    is_live = False
    arrived_s = None

    def __init__(self, path: str | os.PathLike[str], block_s: float = 0.1) -> None:
        if not block_s > 0:
            raise ValueError(f"block_s must be above 0, not {block_s}")
        self._path = Path(path)
        self.name = self._path.name
        self.header = _read_header(self._path)
        if self.header.kind == "sound" and self.header.sound is None:
            raise MoodringError(f"{path} was recorded without its sound: it can be plotted, not replayed")
        self.kind: Literal["sound", "notes"] = self.header.kind
        self.began_s = self.header.began_s
        self.is_whole = self._look_through()
        self.ended = False
        self.dropped = 0
        self.overflows = 0
        self._block_s = block_s
        self._sound: _SoundFile | None = None
        self._items = self._played()
        self._next: tuple[float, Event | Control] | None = None
        self._has_begun = False

    def read(self, timeout_s: float) -> Sequence[Event | Control]:
        """What comes next; never waits."""
        if self.ended:
            return []
        if not self._has_begun:
            self._has_begun = True
            self._next = next(self._items, None)
        given: list[Event | Control] = []
        until_s = self._next[0] + self._block_s if self._next else 0.0
        while self._next is not None and (not given or self._next[0] < until_s):
            given.append(self._next[1])
            self._next = next(self._items, None)
        self.ended = self._next is None
        return given

    def close(self) -> None:
        """Let go of the files; nothing follows."""
        self.ended = True
        self._items.close()
        if self._sound is not None:
            self._sound.close()

    def _look_through(self) -> bool:
        """Whether the recording has its end; ``MoodringError`` where a sound file is missing."""
        last = b""
        with self._path.open("rb") as file:
            for line in file:
                last = line
                if line.startswith(_SOUNDS):
                    sound = self._sound_path(line)
                    if sound is not None and not sound.exists():
                        raise MoodringError(f"{sound} is missing: put it beside {self.name}, whose sound is in it")
        return last.startswith(_ENDS) and last.rstrip().endswith(b"}")

    def _sound_path(self, line: bytes) -> Path | None:
        """The file that a line names, None where the line is damaged, which is said when it is played."""
        try:
            return self._path.with_name(Path(str(from_line(line).get("file"))).name)
        except ValueError:
            return None

    def _played(self) -> Generator[tuple[float, Event | Control], None, None]:
        """All that is to be given, each with its time."""
        if self.began_s > 0:
            yield self.began_s, Advance(self.began_s)
        time_s = self.began_s
        for number, record in self._records():
            time_s = float(record["time"])
            try:
                yield from ((time_s, item) for item in self._inputs(record))
            except ValueError as error:
                raise self._damaged(number, error) from None
        if self._sound is not None and (rest := self._sound.read_to(None)) is not None:
            yield time_s, rest

    def _records(self) -> Generator[tuple[int, dict[str, Any]], None, None]:
        """The records after the header, with their line numbers."""
        torn: tuple[int, ValueError] | None = None
        with self._path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if torn is not None:
                    raise self._damaged(*torn)
                if number == 1:
                    continue
                try:
                    record = from_line(line)
                except ValueError as error:
                    # The last line may be torn.
                    torn = number, error
                    continue
                yield number, record

    def _damaged(self, number: int, error: ValueError) -> MoodringError:
        return MoodringError(f"{self._path} is damaged in line {number} ({error}): take a copy that is whole")

    def _inputs(self, record: dict[str, Any]) -> list[Event | Control]:
        if record["type"] == "sound":
            return self._turn_to(record)
        if record["type"] == "sound_to":
            return self._block(whole(record, "frames"))
        if record["type"] == "gap":
            return [Lost(float(record["time"])), Advance(seconds(record, "to"))]
        item = input_of(record)
        return [] if item is None or isinstance(item, Quit | Record) else [item]

    def _turn_to(self, record: dict[str, Any]) -> list[Event | Control]:
        path = self._path.with_name(Path(str(record.get("file"))).name)
        if self._sound is None or self._sound.path != path:
            if self._sound is not None:
                self._sound.close()
            self._sound = _SoundFile(path, whole(record, "rate", 1), whole(record, "channels", 1))
        if whole(record, "start_frame") != self._sound.given:
            raise ValueError("its sound does not follow the sound before it")
        return []

    def _block(self, frames: int) -> list[Event | Control]:
        if self._sound is None or frames < self._sound.given:
            raise ValueError("its sound does not follow the sound before it")
        sound = self._sound
        wanted = frames - sound.given
        block = sound.read_to(frames)
        if wanted and (block is None or len(block.samples) < wanted):
            if self.is_whole:
                raise MoodringError(f"{sound.path} is shorter than {self.name} says: take a copy that is whole")
            return [] if block is None else [block]
        return [block or Sound(np.empty((0, sound.channels), np.float32), sound.rate)]


class _SoundFile:
    """The sound of a recording, of which ``given`` frames have been read. It may break off, and may be empty then."""

    def __init__(self, path: Path, rate: int, channels: int) -> None:
        import soundfile

        self.path, self.rate, self.channels = path, rate, channels
        self.given = 0
        self._stumbled: type[Exception] = soundfile.LibsndfileError
        self._file: Any = None
        try:
            self._file = soundfile.SoundFile(path)
        except soundfile.LibsndfileError as error:
            # Killed before the first block was whole, the recorder leaves a head without sound.
            if path.stat().st_size > 10_000:
                raise MoodringError(f"{path} is no sound that can be read: take a copy that is whole") from error
            return
        if (self._file.samplerate, self._file.channels) != (rate, channels):
            self._file.close()
            raise MoodringError(f"{path} is not the sound of this recording: it has another rate, or other channels")

    def read_to(self, frames: int | None) -> Sound | None:
        """The sound up to frame ``frames``, or to the end of the file; None where there is none."""
        blocks = []
        while frames is None or self.given < frames:
            wanted = self.rate if frames is None else frames - self.given
            block = self._read(wanted)
            self.given += len(block)
            blocks.append(block)
            if len(block) < wanted:
                break
        if not sum(map(len, blocks)):
            return None
        samples = np.concatenate(blocks) >> 8
        return Sound((samples / np.float32(FULL_SCALE)).astype(np.float32), self.rate)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _read(self, wanted: int) -> np.ndarray[tuple[int, int], np.dtype[np.int32]]:
        samples = np.zeros((wanted, self.channels), np.int32)
        if self._file is None:
            return samples[:0]
        start = self._file.tell()
        try:
            count = len(self._file.read(out=samples))
        except self._stumbled:
            # The file breaks off in this block; what came before is good, and libsndfile knows how much it was.
            count = min(max(self._file.tell() - start, 0), wanted)
        return samples[:count]


def _read_header(path: Path) -> Header:
    if path.is_dir():
        raise UsageError(f"{path} is a directory: give the path of a recording in it")
    try:
        with path.open("rb") as file:
            line = file.readline(_LONGEST_HEADER)
    except FileNotFoundError:
        raise UsageError(f"{path} is not there: check the path") from None
    except OSError as error:
        raise MoodringError(f"{path} cannot be read: {error.strerror}") from error
    try:
        record = from_line(line)
        if record["type"] == "ratings":
            raise UsageError(f"{path} holds ratings of {record.get('session')}: give that recording")
        if record["type"] != "header" or not isinstance(record.get("format"), int):
            raise ValueError("its first line is no header")
    except ValueError:
        raise MoodringError(f"{path} is no recording of moodring: give a file that --record has made") from None
    if record["format"] > FORMAT:
        raise MoodringError(f"{path} was made by a newer moodring (format {record['format']}): update moodring")
    try:
        return header_of(record)
    except ValueError as error:
        raise MoodringError(f"{path} is damaged in line 1 ({error}): take a copy that is whole") from None
