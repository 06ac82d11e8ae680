"""Which source plays a file: told by its ending, in one place for live use, analysis and preparation."""

from __future__ import annotations

from pathlib import Path

from realtime.sources import Source

#: What a MIDI file is known by.
MIDI_SUFFIXES = (".mid", ".midi", ".smf", ".kar")


#: Blocks of sound for a listener in no hurry: they cost it less than the short ones of live use and are the same. Twice
#: as much as is transcribed together.
LONG_BLOCK_S = 17.84


def open_file(path: Path, block_s: float = 0.1) -> Source:
    """The source for the MIDI or sound file at ``path``, in blocks of ``block_s`` seconds.

    Raises what ``MidiFile`` and ``AudioFile`` raise.
    """
    # Each loads libraries of its own, and a start that needs one should not wait for both.
    if path.suffix.lower() in MIDI_SUFFIXES:
        from realtime.sources.midi_file import MidiFile

        return MidiFile(path, block_s)
    from realtime.sources.audio_file import AudioFile

    return AudioFile(path, block_s)
