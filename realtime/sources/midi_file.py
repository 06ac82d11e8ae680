"""A MIDI file as a source: all tracks together, the tempo map followed, in blocks of stream time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import mido
from mido.midifiles.meta import KeySignatureError

from models.errors import MoodringError, UsageError
from realtime.events import Advance, Event, NoteOn
from realtime.sources.midi_messages import events

_DEFAULT_TEMPO = 500_000  # microseconds a beat, where a file sets none

# All that mido lets through on files with bytes flipped or cut off (tried on 40,000 of them): reading past the end, a
# wrong chunk or status byte, a meta message too short, with a value out of range, or with an unknown code.
_BROKEN = (EOFError, OSError, ValueError, LookupError, KeySignatureError)


class MidiFile:
    """The notes and pedals of a MIDI file, stamped in seconds from its start.

    Each ``read`` gives the events of the next ``block_s`` seconds and an ``Advance`` to where they end, the last one to
    ``duration_s``, so that readings come out steadily. Data bytes out of range, which some files in the wild have, are
    taken as 127.

    Raises ``UsageError`` where there is no such file, ``MoodringError`` where it cannot be read, is not MIDI, is
    damaged or cut off, is of type 2 or holds no notes, and ``ValueError`` for a ``block_s`` that is not above 0.
    """

    kind: Literal["sound", "notes"] = "notes"
    is_live = False
    arrived_s = None

    def __init__(self, path: str | os.PathLike[str], block_s: float = 0.1) -> None:
        if not block_s > 0:
            raise ValueError(f"block_s must be above 0, not {block_s}")
        file = Path(path)
        self.name = file.name
        self._events, self.duration_s = _timed_events(_load(file), file)
        if not any(isinstance(event, NoteOn) for _, event in self._events):
            raise MoodringError(f"{file} holds no notes: choose another file")
        self.ended = False
        self.dropped = 0
        self.overflows = 0
        self._block_s = block_s
        self._blocks_given = 0
        self._events_given = 0

    def read(self, timeout_s: float) -> Sequence[Event]:
        """The events of the next block and an ``Advance`` to its end; never waits."""
        if self.ended:
            return []
        self._blocks_given += 1
        block_end_s = self._blocks_given * self._block_s
        self.ended = block_end_s >= self.duration_s
        first = last = self._events_given
        while last < len(self._events) and (self.ended or self._events[last][0] < block_end_s):
            last += 1
        self._events_given = last
        block = [event for _, event in self._events[first:last]]
        return [*block, Advance(self.duration_s if self.ended else block_end_s)]

    def close(self) -> None:
        """Nothing follows. The file itself was let go of when it had been loaded."""
        self.ended = True


def _load(path: Path) -> mido.MidiFile:
    if path.is_dir():
        raise UsageError(f"{path} is a directory: give the path of a file in it")
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise UsageError(f"{path} is not there: check the path") from None
    except OSError as error:
        raise MoodringError(f"{path} cannot be read: {error.strerror}") from error
    with file:
        if file.read(4) != b"MThd":
            raise MoodringError(f"{path} is not a MIDI file: give a Standard MIDI File (.mid)")
        file.seek(0)
        try:
            return mido.MidiFile(file=file, clip=True)
        except EOFError:
            raise MoodringError(f"{path} breaks off before its end: save or download it again") from None
        except _BROKEN as error:
            reason = "a message is too short or unknown" if isinstance(error, LookupError) else error
            raise MoodringError(f"{path} is damaged ({reason}): save it again from the program that made it") from error


def _timed_events(song: mido.MidiFile, path: Path) -> tuple[list[tuple[float, Event]], float]:
    """The events of the song with their times, and its duration, in seconds."""
    if song.type == 2:
        raise MoodringError(f"{path} is a MIDI file of type 2, whose tracks are no one piece: save it as type 0 or 1")
    if not song.ticks_per_beat or (song.ticks_per_beat < 0 and not song.ticks_per_beat & 0xFF):
        raise MoodringError(f"{path} is damaged (no ticks in a beat): save it again from the program that made it")
    timed: list[tuple[float, Event]] = []
    tick = tempo_tick = 0
    time_s = tempo_time_s = 0.0
    tick_s = _tick_s(song.ticks_per_beat, _DEFAULT_TEMPO)
    for message in song.merged_track:
        tick += message.time
        # Counted from the last change of tempo, so that rounding does not add up over thousands of messages.
        time_s = tempo_time_s + (tick - tempo_tick) * tick_s
        if message.type == "set_tempo":
            tempo_tick, tempo_time_s, tick_s = tick, time_s, _tick_s(song.ticks_per_beat, message.tempo)
        timed += [(time_s, event) for event in events(message, time_s)]
    return timed, time_s


def _tick_s(division: int, tempo: int) -> float:
    """Seconds a tick: ``division`` is ticks a beat, or, negative, film frames a second and ticks a frame."""
    if division > 0:
        return tempo / 1e6 / division
    frames_per_s = -(division >> 8)
    return 1 / ((30 / 1.001 if frames_per_s == 29 else frames_per_s) * (division & 0xFF))
