"""The beginning of a MIDI file on another instrument, and the notes that are said to be in it."""

from __future__ import annotations

from pathlib import Path

import mido
import numpy as np
import pytest

from models.errors import MoodringError
from offline.synthesizer import soundfont
from tests.benchmarks.rendering import SAMPLE_RATE, TAIL_S, beginning, render


@pytest.fixture
def played(tmp_path: Path) -> Path:
    """Two hands and a drum at 60 beats a minute: a beat is a second."""
    right = mido.MidiTrack(
        [
            mido.MetaMessage("set_tempo", tempo=1_000_000),
            mido.Message("control_change", control=0, value=8),
            mido.Message("program_change", program=5),
            mido.Message("note_on", note=60, time=480),
            mido.Message("note_on", note=60, velocity=0, time=480),
            mido.Message("note_on", note=72, time=0),
            mido.Message("note_on", note=110, time=0),
            mido.Message("note_on", note=64, time=4800),
        ]
    )
    left = mido.MidiTrack([mido.Message("note_on", note=60, channel=1, time=480)])
    drum = mido.MidiTrack([mido.Message("note_on", note=36, channel=9, time=480)])
    path = tmp_path / "played.mid"
    mido.MidiFile(ticks_per_beat=480, tracks=[right, left, drum]).save(path)
    return path


def test_notes_are_what_is_pitched_in_range_and_early_enough(played: Path):
    _, notes = beginning(played, 3.0, 24)
    np.testing.assert_allclose(notes, [(1.0, 60), (2.0, 72)])


def test_every_channel_plays_the_instrument_and_what_sounds_is_let_go(played: Path):
    midi, _ = beginning(played, 3.0, 24)
    messages = list(midi)
    programs = [message for message in messages if message.type == "program_change"]
    assert [(message.channel, message.program) for message in programs] == [(0, 24), (1, 24)]
    assert not any(message.type == "control_change" for message in messages)
    sounding: dict[tuple[int, int], int] = {}
    for message in messages:
        if message.type in ("note_on", "note_off"):
            key = (message.channel, message.note)
            is_on = message.type == "note_on" and message.velocity > 0
            sounding[key] = sounding.get(key, 0) + (1 if is_on else -1)
    assert sounding == {(0, 60): 0, (0, 72): 0, (1, 60): 0}
    assert midi.length == pytest.approx(3.0 + TAIL_S)


def test_sound_begins_with_the_first_note(played: Path):
    try:
        soundfont()
    except MoodringError as error:
        pytest.skip(str(error))
    samples = render(beginning(played, 3.0, 0)[0])
    assert np.argmax(np.abs(samples) > 1e-3) / SAMPLE_RATE == pytest.approx(1.0, abs=0.02)
    assert len(samples) / SAMPLE_RATE >= 3.0
