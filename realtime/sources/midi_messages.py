"""What a MIDI message says to the tracker: a pure function, for ports, for files, for programs with their own MIDI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from realtime.events import AllNotesOff, AllSoundOff, Event, NoteOff, NoteOn, Pedal, Sostenuto

if TYPE_CHECKING:
    import mido

_SUSTAIN = 64
_SOSTENUTO = 66
_ALL_SOUND_OFF = 120
_RESET_ALL_CONTROLLERS = 121
# All notes off, then the four changes of mode (omni off and on, mono, poly), each of which is that, too.
_ALL_NOTES_OFF = range(123, 128)


def events(message: mido.Message, time_s: float, muted: frozenset[int] = frozenset()) -> list[Event]:
    """The events that a mido ``message`` stands for at stream time ``time_s`` (seconds): one, none, or two.

    A note-on with velocity 0 is a note-off, as the MIDI standard has it. The sustain and sostenuto pedals (controllers
    64 and 66) are down from value 64. "All sound off" (120) becomes ``AllSoundOff``; "all notes off" (123) and the mode
    messages (124–127) become ``AllNotesOff`` of their channel; "reset all controllers" (121) lifts both pedals; a
    system reset is ``AllNotesOff`` of all channels. Everything else, meta messages included, says nothing about notes
    and gives an empty list, as does every message of a channel in ``muted`` (0–15). The MIDI clock is heard by
    ``MidiClock``.
    """
    if message.type == "reset":
        return [AllNotesOff(time_s)]
    if message.type not in ("note_on", "note_off", "control_change") or message.channel in muted:
        return []
    if message.type == "control_change":
        return _control(message.control, message.value, message.channel, time_s)
    if message.type == "note_on" and message.velocity > 0:
        return [NoteOn(time_s, message.note, message.velocity, message.channel)]
    return [NoteOff(time_s, message.note, message.channel)]


def _control(control: int, value: int, channel: int, time_s: float) -> list[Event]:
    if control == _SUSTAIN:
        return [Pedal(time_s, value >= 64, channel)]
    if control == _SOSTENUTO:
        return [Sostenuto(time_s, value >= 64, channel)]
    if control == _ALL_SOUND_OFF:
        return [AllSoundOff(time_s, channel)]
    if control == _RESET_ALL_CONTROLLERS:
        return [Pedal(time_s, False, channel), Sostenuto(time_s, False, channel)]
    if control in _ALL_NOTES_OFF:
        return [AllNotesOff(time_s, channel)]
    return []
