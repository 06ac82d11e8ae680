"""What each MIDI message means for the notes."""

from __future__ import annotations

import mido
import pytest

from realtime.events import AllNotesOff, Event, NoteOff, NoteOn, Pedal
from realtime.sources.midi_messages import events


@pytest.mark.parametrize(
    ("message", "meaning"),
    [
        (mido.Message("note_on", note=60, velocity=64, channel=3), [NoteOn(1.5, 60, 64, 3)]),
        (mido.Message("note_on", note=127, velocity=1, channel=9), [NoteOn(1.5, 127, 1, 9)]),
        (mido.Message("note_on", note=60, velocity=0, channel=3), [NoteOff(1.5, 60, 3)]),
        (mido.Message("note_off", note=60, velocity=64, channel=3), [NoteOff(1.5, 60, 3)]),
        (mido.Message("control_change", control=64, value=127, channel=2), [Pedal(1.5, True, 2)]),
        (mido.Message("control_change", control=64, value=64, channel=2), [Pedal(1.5, True, 2)]),
        (mido.Message("control_change", control=64, value=63, channel=2), [Pedal(1.5, False, 2)]),
        (mido.Message("control_change", control=64, value=0), [Pedal(1.5, False, 0)]),
        (mido.Message("control_change", control=120), [AllNotesOff(1.5)]),
        (mido.Message("control_change", control=123), [AllNotesOff(1.5)]),
        (mido.Message("reset"), [AllNotesOff(1.5)]),
        (mido.Message("control_change", control=1, value=100), []),
        (mido.Message("control_change", control=66, value=127), []),
        (mido.Message("pitchwheel", pitch=100), []),
        (mido.Message("aftertouch", value=3), []),
        (mido.Message("polytouch", note=60, value=3), []),
        (mido.Message("program_change", program=3), []),
        (mido.Message("sysex", data=[1, 2]), []),
        (mido.Message("clock"), []),
        (mido.Message("stop"), []),
        (mido.MetaMessage("set_tempo", tempo=1), []),
        (mido.MetaMessage("end_of_track"), []),
    ],
    ids=str,
)
def test_a_message_means(message: mido.Message, meaning: list[Event]) -> None:
    assert events(message, 1.5) == meaning


def test_events_are_stamped_with_the_time_given_and_not_the_messages_own() -> None:
    assert events(mido.Message("note_on", note=60, velocity=1, time=480), 0.25) == [NoteOn(0.25, 60, 1)]
