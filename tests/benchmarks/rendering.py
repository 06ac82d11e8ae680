"""Sound whose notes are known: the beginning of a MIDI file on one instrument, played by FluidSynth without effects."""

from __future__ import annotations

import io
from pathlib import Path

import mido

from offline.synthesizer import synthesize
from tests.benchmarks.music import FloatArray
from tests.benchmarks.note_scores import HIGHEST_PITCH, LOWEST_PITCH, Notes, as_notes, without_doubles

SAMPLE_RATE = 44_100
#: Sound goes on for so long after the last note is let go.
TAIL_S = 1.0
_DRUMS = 9
_BANK_SELECT = (0, 32)
#: 0.1 ms a tick.
_TEMPO, _TICKS_PER_BEAT, _TICKS_PER_S = 500_000, 5000, 10_000


def beginning(path: Path, length_s: float, program: int) -> tuple[mido.MidiFile, Notes]:
    """The first ``length_s`` seconds of a file on one instrument, and the notes in it.

    Drums and what lies outside A0…C8 are left out of both. A note that sounds at the end is let go there.
    """
    kept: list[tuple[float, mido.Message]] = []
    notes = []
    sounding: dict[tuple[int, int], int] = {}
    time_s = 0.0
    for message in mido.MidiFile(path, clip=True):
        time_s += message.time
        if time_s >= length_s:
            break
        if not _is_kept(message):
            continue
        kept.append((time_s, message))
        if message.type == "control_change":
            continue
        key = (message.channel, message.note)
        is_on = message.type == "note_on" and message.velocity > 0
        sounding[key] = max(sounding.get(key, 0) + (1 if is_on else -1), 0)
        if is_on:
            notes.append((time_s, float(message.note)))
    for (channel, note), count in sounding.items():
        kept += [(length_s, mido.Message("note_off", channel=channel, note=note))] * count
    return _file(kept, program, length_s + TAIL_S), without_doubles(as_notes(notes))


def _is_kept(message: mido.Message) -> bool:
    if message.type == "control_change":
        return message.channel != _DRUMS and message.control not in _BANK_SELECT
    is_note = message.type in ("note_on", "note_off")
    return is_note and message.channel != _DRUMS and LOWEST_PITCH <= message.note <= HIGHEST_PITCH


def _file(kept: list[tuple[float, mido.Message]], program: int, end_s: float) -> mido.MidiFile:
    """One track in which every channel that is used plays ``program``."""
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=_TEMPO)])
    for channel in sorted({message.channel for _, message in kept}):
        track.append(mido.Message("program_change", channel=channel, program=program))
    now = 0
    for time_s, message in [*kept, (end_s, mido.MetaMessage("end_of_track"))]:
        tick = round(time_s * _TICKS_PER_S)
        track.append(message.copy(time=tick - now))
        now = tick
    return mido.MidiFile(type=0, ticks_per_beat=_TICKS_PER_BEAT, tracks=[track])


def render(midi: mido.MidiFile) -> FloatArray:
    """The sound of it, mono at ``SAMPLE_RATE`` [shape=(n,)]."""
    content = io.BytesIO()
    midi.save(file=content)
    samples = synthesize(content.getvalue(), SAMPLE_RATE, ["-R", "0", "-C", "0", "-g", "0.5"])
    return samples.mean(axis=1)
