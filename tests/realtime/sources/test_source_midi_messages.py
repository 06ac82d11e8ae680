"""What each MIDI message means for the notes."""

from __future__ import annotations

import mido
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.features import feature_set
from realtime.events import Advance, AllNotesOff, AllSoundOff, Event, NoteOff, NoteOn, Pedal, Sostenuto
from realtime.listener import Listener
from realtime.sources.midi_clock import MidiClock
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
        (mido.Message("control_change", control=66, value=127, channel=2), [Sostenuto(1.5, True, 2)]),
        (mido.Message("control_change", control=66, value=64, channel=2), [Sostenuto(1.5, True, 2)]),
        (mido.Message("control_change", control=66, value=63, channel=2), [Sostenuto(1.5, False, 2)]),
        (mido.Message("control_change", control=120, channel=2), [AllSoundOff(1.5, 2)]),
        (mido.Message("control_change", control=121, channel=2), [Pedal(1.5, False, 2), Sostenuto(1.5, False, 2)]),
        (mido.Message("control_change", control=122, channel=2), []),
        (mido.Message("control_change", control=123), [AllNotesOff(1.5, 0)]),
        (mido.Message("control_change", control=124, channel=2), [AllNotesOff(1.5, 2)]),
        (mido.Message("control_change", control=125, channel=2), [AllNotesOff(1.5, 2)]),
        (mido.Message("control_change", control=126, value=4, channel=2), [AllNotesOff(1.5, 2)]),
        (mido.Message("control_change", control=127, channel=15), [AllNotesOff(1.5, 15)]),
        (mido.Message("reset"), [AllNotesOff(1.5)]),
        (mido.Message("control_change", control=1, value=100), []),
        (mido.Message("pitchwheel", pitch=100), []),
        (mido.Message("aftertouch", value=3), []),
        (mido.Message("polytouch", note=60, value=3), []),
        (mido.Message("program_change", program=3), []),
        (mido.Message("sysex", data=[1, 2]), []),
        (mido.Message("clock"), []),
        (mido.Message("stop"), []),
        (mido.Message("active_sensing"), []),
        (mido.Message("songpos", pos=3), []),
        (mido.Message("song_select", song=3), []),
        (mido.Message("quarter_frame"), []),
        (mido.Message("tune_request"), []),
        (mido.MetaMessage("channel_prefix", channel=3), []),
        (mido.MetaMessage("set_tempo", tempo=1), []),
        (mido.MetaMessage("end_of_track"), []),
    ],
    ids=str,
)
def test_a_message_means(message: mido.Message, meaning: list[Event]) -> None:
    assert events(message, 1.5) == meaning


def test_events_are_stamped_with_the_time_given_and_not_the_messages_own() -> None:
    assert events(mido.Message("note_on", note=60, velocity=1, time=480), 0.25) == [NoteOn(0.25, 60, 1)]


@pytest.mark.parametrize(
    "message",
    [
        mido.Message("note_on", note=60, velocity=64, channel=3),
        mido.Message("note_off", note=60, channel=3),
        *(mido.Message("control_change", control=number, value=127, channel=3) for number in (64, 66, 120, 121, 123)),
    ],
    ids=str,
)
def test_a_muted_channel_says_nothing(message: mido.Message) -> None:
    assert events(message, 1.5, frozenset({3, 9})) == []
    assert events(message, 1.5, frozenset({2, 9})) == events(message, 1.5) != []


def test_a_system_reset_is_heard_whatever_is_muted() -> None:
    assert events(mido.Message("reset"), 1.5, frozenset(range(16))) == [AllNotesOff(1.5)]


# Bytes that make whole messages more often than not, and any bytes at all.
MESSAGES = st.tuples(
    st.sampled_from([0x80, 0x90, 0x90, 0x99, 0x9F, 0xB0, 0xB9, 0xC0, 0xE0, 0xF8, 0xFA, 0xFC, 0xFF]),
    st.sampled_from([0, 60, 61, 64, 66, 120, 121, 123, 126, 127]),
    st.integers(0, 127),
).map(bytes)
STREAMS = st.lists(MESSAGES | st.binary(max_size=8), max_size=80)


@given(STREAMS, st.sets(st.integers(0, 15)))
def test_whatever_comes_over_the_cable_notes_stay_sane_and_a_reset_ends_them(
    stream: list[bytes], muted: set[int]
) -> None:
    hears = Listener((feature_set("notes22"),), window_s=5.0, rate_hz=4.0)
    parser, clock = mido.Parser(), MidiClock()
    for number, some in enumerate(stream):
        time_s = number / 10
        parser.feed(some)
        for message in parser:
            hears.push([*clock.hear(message, time_s), *events(message, time_s, frozenset(muted))])
        assert all(0 <= pitch <= 127 for pitch in hears.sounding)
        notes = hears._window.at(time_s).notes
        assert (notes["offset_s"] >= notes["onset_s"]).all()
        assert not set(notes["channel"].tolist()) & muted
    end_s = len(stream) / 10
    (reset,) = events(mido.Message("reset"), end_s)
    moments = hears.push([reset, Advance(end_s + 6.0)])
    assert moments[-1].notes == 0
    assert hears.sounding == ()
    assert not hears._window.is_sounding
