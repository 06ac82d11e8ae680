"""What a MIDI message says to the tracker: a pure function, for ports, for files, for programs with their own MIDI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from realtime.events import AllNotesOff, Event, NoteOff, NoteOn, Pedal

if TYPE_CHECKING:
    import mido

_SUSTAIN = 64
_ALL_SOUND_OFF = 120
_ALL_NOTES_OFF = 123


def events(message: mido.Message, time_s: float) -> list[Event]:
    """The events that a mido ``message`` stands for at stream time ``time_s`` (seconds): one, or none.

    A note-on with velocity 0 is a note-off, as the MIDI standard has it. The sustain pedal (controller 64) is down from
    value 64. "All sound off" and "all notes off" (controllers 120 and 123) and a reset become ``AllNotesOff``.
    Everything else, meta messages included, says nothing about notes and gives an empty list.
    """
    if message.type == "note_on" and message.velocity > 0:
        return [NoteOn(time_s, message.note, message.velocity, message.channel)]
    if message.type in ("note_on", "note_off"):
        return [NoteOff(time_s, message.note, message.channel)]
    if message.type == "control_change":
        if message.control == _SUSTAIN:
            return [Pedal(time_s, message.value >= 64, message.channel)]
        if message.control in (_ALL_SOUND_OFF, _ALL_NOTES_OFF):
            return [AllNotesOff(time_s)]
    if message.type == "reset":
        return [AllNotesOff(time_s)]
    return []
