"""A piano that is wired and miked is heard twice: what a key has told of, the transcription need not tell again.

A transcribed note is the sound of a key where it has the key's pitch and begins about when the key went down, or while
its string still sounds (a transcription may begin a held note twice). Everything else that is heard stays: a singer
beside the piano counts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from realtime.events import NoteOn
from realtime.note_events import NoteBegan, NoteEnded, NoteEvent, NoteWithdrawn

#: How far the onsets of a key and of its sound may lie apart: the driver's jitter, the room and the transcription's.
APART_S = 0.15
#: How long after it was struck a string may be heard to begin anew.
RINGING_S = 2.0
_MOST_KEYS = 512


class Doubles:
    """Tells the transcribed notes that keys have told of from those that only sound gives.

    Keys and transcribed notes may come in either order; times are seconds of stream time, those of the transcription
    counted from ``origin_s``.
    """

    def __init__(self) -> None:
        self._keys: deque[tuple[float, int]] = deque(maxlen=_MOST_KEYS)
        self._left_out: set[int] = set()
        self._announced: dict[int, NoteBegan] = {}

    def transcribed(self, events: Iterable[NoteEvent], origin_s: float) -> Iterator[NoteEvent]:
        """The ``events`` that are about notes of which no key has told."""
        for event in events:
            if isinstance(event, NoteBegan):
                if self._is_told(event, origin_s):
                    self._left_out.add(event.number)
                else:
                    self._announced[event.number] = event
            is_last = isinstance(event, NoteEnded | NoteWithdrawn)
            if event.number not in self._left_out:
                yield event
            elif is_last:
                self._left_out.discard(event.number)
            if is_last:
                self._announced.pop(event.number, None)

    def struck(self, key: NoteOn, origin_s: float) -> list[NoteWithdrawn]:
        """A key went down: the transcribed notes that were its sound are to be taken back."""
        self._keys.append((key.time_s, key.pitch))
        doubles = [
            note
            for note in self._announced.values()
            if note.pitch == key.pitch and abs(origin_s + note.onset_s - key.time_s) <= APART_S
        ]
        for note in doubles:
            del self._announced[note.number]
            self._left_out.add(note.number)
        return [NoteWithdrawn(note.number, note.pitch, note.certain_s) for note in doubles]

    def _is_told(self, note: NoteBegan, origin_s: float) -> bool:
        onset_s = origin_s + note.onset_s
        return any(pitch == note.pitch and -APART_S <= onset_s - time_s <= RINGING_S for time_s, pitch in self._keys)
