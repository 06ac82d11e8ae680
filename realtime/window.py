"""The notes of the last seconds: keys and transcribed notes go in, the window that features see comes out.

Keys are certain at once. A transcribed note counts from its announcement on and is put right, or taken away, once more
of the music is known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.features import SoundWindow, Window
from models.notes import DRUM_CHANNEL, NOTE_DTYPE, NoteArray
from realtime.note_events import NoteBegan, NoteEnded, NoteEvent, NoteReleased, NoteWithdrawn

_Key = tuple[int, int]
_Row = tuple[float, float, int, int, int]


@dataclass(slots=True)
class _Announced:
    """A transcribed note of which not all is certain; ``offset_s`` is None while it seems to sound."""

    onset_s: float
    pitch: int
    velocity: int
    offset_s: float | None = None

    def row(self, time_s: float) -> _Row:
        """The note as far as it is known at ``time_s``."""
        offset_s = time_s if self.offset_s is None else self.offset_s
        return self.onset_s, offset_s, self.pitch, self.velocity, 0


class NoteWindow:
    """Keeps every note that sounded in the last ``length_s`` seconds. Times must not go backwards by more than that."""

    def __init__(self, length_s: float) -> None:
        self.length_s = length_s
        self.reset()

    def reset(self) -> None:
        """Forget everything, as if new."""
        # Those that end between one window and the next are put with the others once, when the next is asked for.
        self._ended: NoteArray = np.zeros(0, NOTE_DTYPE)
        self._just_ended: list[_Row] = []
        self._sounding: dict[_Key, tuple[float, int]] = {}
        self._announced: dict[int, _Announced] = {}
        self._released: set[_Key] = set()
        self._pedals: set[int] = set()
        # By channel whose sostenuto pedal is down: the keys that it holds.
        self._sostenuto: dict[int, set[_Key]] = {}
        self.begun = 0

    @property
    def sounding(self) -> tuple[int, ...]:
        """The pitches that sound now, in ascending order. Drums are not among them: their numbers are no pitches."""
        heard = {note.pitch for note in self._announced.values() if note.offset_s is None}
        return tuple(sorted(heard | {pitch for channel, pitch in self._sounding if channel != DRUM_CHANNEL}))

    @property
    def is_sounding(self) -> bool:
        """Whether anything sounds now, drums included."""
        return bool(self._sounding) or any(note.offset_s is None for note in self._announced.values())

    def begin(self, onset_s: float, pitch: int, velocity: int, channel: int = 0) -> None:
        """A note starts; one that still sounds at its pitch and channel is struck again and ends here."""
        self._end(onset_s, (channel, pitch))
        self._sounding[channel, pitch] = (onset_s, velocity)
        self.begun += 1

    def release(self, offset_s: float, pitch: int, channel: int = 0) -> None:
        """The key comes up; the note ends, or sounds on until no pedal holds it."""
        key = (channel, pitch)
        if not self._is_held(key):
            self._end(offset_s, key)
        elif key in self._sounding:
            self._released.add(key)

    def release_all(self, offset_s: float, channel: int) -> None:
        """All keys of a channel come up."""
        for _, pitch in self._of(channel):
            self.release(offset_s, pitch, channel)

    def hear(self, event: NoteEvent, origin_s: float = 0.0) -> None:
        """What a transcription says of a note, its times counted from ``origin_s``."""
        if isinstance(event, NoteBegan):
            self._announced[event.number] = _Announced(origin_s + event.onset_s, event.pitch, event.velocity)
            self.begun += 1
            return
        if isinstance(event, NoteWithdrawn):
            self.begun -= 1
        note = self._announced.get(event.number)
        if note is None:  # ended by ``end_all``
            return
        if isinstance(event, NoteReleased):
            note.offset_s = max(origin_s + event.offset_s, note.onset_s)
            return
        del self._announced[event.number]
        if isinstance(event, NoteEnded):
            onset_s, offset_s = origin_s + event.onset_s, origin_s + event.offset_s
            self._just_ended.append((onset_s, offset_s, event.pitch, event.velocity, 0))

    def pedal(self, time_s: float, down: bool, channel: int = 0) -> None:
        """The sustain pedal of a channel; when it comes up, the notes whose keys are up end, but for sostenuto."""
        if down:
            self._pedals.add(channel)
            return
        self._pedals.discard(channel)
        self._let_go(time_s, channel)

    def sostenuto(self, time_s: float, down: bool, channel: int = 0) -> None:
        """The sostenuto pedal of a channel: going down, it takes hold of the notes whose keys are down.

        As on a piano it holds the damper, so a key that is struck again meanwhile is held, too. While it is down, going
        down once more means nothing: half-pedals send every value on their way.
        """
        if not down:
            self._sostenuto.pop(channel, None)
            self._let_go(time_s, channel)
        elif channel not in self._sostenuto:
            self._sostenuto[channel] = {key for key in self._of(channel) if key not in self._released}

    def silence(self, time_s: float, channel: int) -> None:
        """Every note of a channel ends, whatever the pedals; those that are down hold what is played from now on."""
        for key in self._of(channel):
            self._end(time_s, key)
        if channel in self._sostenuto:
            self._sostenuto[channel].clear()

    def end_transcribed(self, time_s: float) -> None:
        """Every transcribed note ends, and no more is said of them."""
        for note in self._announced.values():
            self._just_ended.append(note.row(max(time_s, note.onset_s)))
        self._announced.clear()

    def end_all(self, time_s: float) -> None:
        """Every note ends and every pedal comes up; no more is said of transcribed notes."""
        self.end_transcribed(time_s)
        self._pedals.clear()
        self._sostenuto.clear()
        for key in list(self._sounding):
            self._end(time_s, key)

    def at(self, time_s: float, sound: SoundWindow | None = None, tempo_bpm: float | None = None) -> Window:
        """The window that ends at ``time_s``, with its ``sound`` and ``tempo_bpm``.

        What no later window can hold is forgotten.
        """
        start_s = time_s - self.length_s
        # Of rows with fields, ``compress`` and ``take`` are many times faster than the index that they stand for.
        ended = _with_rows(self._ended, self._just_ended)
        self._just_ended.clear()
        self._ended = ended.compress(ended["offset_s"] > start_s)
        rows = [(on, time_s, pitch, velocity, ch) for (ch, pitch), (on, velocity) in self._sounding.items()]
        rows += [row for row in (note.row(time_s) for note in self._announced.values()) if row[1] > start_s]
        notes = _with_rows(self._ended, rows)
        notes = notes.compress(notes["onset_s"] <= time_s)
        np.minimum(notes["offset_s"], time_s, out=notes["offset_s"])
        # One order for one set of notes, however they came.
        notes = notes.take(np.lexsort((notes["channel"], notes["pitch"], notes["onset_s"])))
        return Window(notes, time_s, self.length_s, tempo_bpm, sound)

    def _of(self, channel: int) -> list[_Key]:
        return [key for key in self._sounding if key[0] == channel]

    def _is_held(self, key: _Key) -> bool:
        channel, _ = key
        return channel in self._pedals or key in self._sostenuto.get(channel, ())

    def _let_go(self, time_s: float, channel: int) -> None:
        for key in [key for key in self._released if key[0] == channel and not self._is_held(key)]:
            self._end(time_s, key)

    def _end(self, offset_s: float, key: _Key) -> None:
        self._released.discard(key)
        sounding = self._sounding.pop(key, None)
        if sounding is not None:
            onset_s, velocity = sounding
            channel, pitch = key
            self._just_ended.append((onset_s, max(offset_s, onset_s), pitch, velocity, channel))


def _with_rows(notes: NoteArray, rows: list[_Row]) -> NoteArray:
    # numpy takes long to find out that two types with fields are one.
    return np.concatenate([notes, np.array(rows, NOTE_DTYPE)], dtype=NOTE_DTYPE)
