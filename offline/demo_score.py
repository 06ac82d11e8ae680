"""Compose the piece that ``moodring demo`` plays: one motif, walked through the four quadrants.

The motif climbs a step, leaps a fourth and falls back by steps (1 2 5 4 3 of the scale). It is heard calm in F major,
happy in D major, torn to 1 ♭2 ♭5 4 3 under clusters, and sad in F minor. It was written for moodring.

A model that hears notes alone knows neither mode nor dissonance, so each part says its mood in its texture too: even,
dense, short notes read as pleasant, low ones as exciting, long ones as neither. The textures were chosen with the seed
models at hand; that these read the parts as written shows that the pipeline works, not how good the models are.

To retune the piece, change ``TEMPI_BPM``, the dynamic marks, an instrument's ``volume`` or the notes of a part. A part
always lasts as long as ``realtime.demo.PARTS`` says, so at another tempo it has another number of beats to fill.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import mido
import numpy as np

from models.affect import Quadrant
from realtime.demo import PARTS, Part

TICKS_PER_BEAT = 480

#: Beats a minute. Each divides a minute into whole microseconds and its part into whole beats.
TEMPI_BPM = {Quadrant.CALM: 60, Quadrant.HAPPY: 160, Quadrant.TENSE: 100, Quadrant.SAD: 40}

#: Dynamic marks as MIDI velocities. The synthesizer plays them 40 log10(127 / velocity) dB below full.
PIANISSIMO, PIANO, FORTE, FORTISSIMO = 46, 56, 100, 114

#: How much louder a stressed beat is than its neighbours, in steps of velocity.
STRESS = 8

#: The part of its written length that a note sounds.
RINGING, LEGATO, DETACHED, STACCATO = 2.0, 1.0, 0.8, 0.5


@dataclass(frozen=True, slots=True)
class Instrument:
    """A General MIDI program (counted from 0) on a channel of its own, at a volume (controller 7)."""

    name: str
    channel: int
    program: int
    volume: int


HARP = Instrument("harp", channel=0, program=46, volume=58)
FLUTE = Instrument("flute", channel=1, program=73, volume=82)
BRIGHT_PIANO = Instrument("bright piano", channel=2, program=1, volume=127)
XYLOPHONE = Instrument("xylophone", channel=3, program=13, volume=112)
CHORD_PIANO = Instrument("bright piano, chords", channel=12, program=1, volume=122)
PLUCKED_BASS = Instrument("plucked bass", channel=4, program=45, volume=84)
HAMMERED_PIANO = Instrument("hammered piano", channel=5, program=0, volume=104)
BRASS = Instrument("brass", channel=7, program=61, volume=100)
ENGLISH_HORN = Instrument("English horn", channel=10, program=69, volume=127)
LOW_PIANO = Instrument("low piano", channel=11, program=0, volume=110)


@dataclass(frozen=True, slots=True)
class Tone:
    """A note as composed: when it starts and how long it sounds in beats of its part, its pitch and its velocity."""

    start: float
    length: float
    pitch: int
    velocity: int


@dataclass(frozen=True, slots=True)
class Voice:
    """What one instrument plays in a part, and the swell (controller 11) it plays it with, from start to end."""

    instrument: Instrument
    tones: tuple[Tone, ...]
    swell: tuple[int, int] = (110, 110)


@dataclass(frozen=True, slots=True)
class Movement:
    """The score of one part: its metre, the beats of a bar that are stressed, and its voices."""

    beats_per_bar: int
    stressed: tuple[float, ...]
    voices: tuple[Voice, ...]


# Writing music ------------------------------------------------------------------------------------------------------


def pitch(name: str) -> int:
    """The MIDI number of a pitch such as ``C4`` (60), ``Bb3`` or ``F#5``."""
    match = re.fullmatch(r"([A-G])([#b]?)(\d)", name)
    if match is None:
        raise ValueError(f"pitch must be a letter A..G, at most one # or b, and an octave 0..9, not {name!r}")
    letter, accidental, octave = match.groups()
    return 12 * (int(octave) + 1) + "C D EF G A B".index(letter) + {"": 0, "#": 1, "b": -1}[accidental]


def line(written: str, dynamic: int, articulation: float = LEGATO) -> tuple[Tone, ...]:
    """The tones of a line such as ``"F5:1 r:.5 C4+E4:1.5"``: pitches (or r, a rest), a colon, a length in beats."""
    tones, beat = [], 0.0
    for word in written.split():
        names, _, length = word.partition(":")
        if names != "r":
            tones += [Tone(beat, float(length) * articulation, pitch(name), dynamic) for name in names.split("+")]
        beat += float(length)
    return tuple(tones)


def transposed(tones: Iterable[Tone], semitones: int) -> tuple[Tone, ...]:
    """The same tones, higher or lower."""
    return tuple(replace(tone, pitch=tone.pitch + semitones) for tone in tones)


def in_sequence(figure: Sequence[Tone], steps: Iterable[int], beats: float) -> tuple[Tone, ...]:
    """A ``figure`` of so many ``beats``, played once for each of the ``steps``, transposed by it (in semitones)."""
    return tuple(
        replace(tone, start=tone.start + turn * beats, pitch=tone.pitch + step)
        for turn, step in enumerate(steps)
        for tone in figure
    )


def cut_off(tones: Iterable[Tone], beat: float) -> tuple[Tone, ...]:
    """The same tones, until silence falls at a ``beat``."""
    return tuple(replace(tone, length=min(tone.length, beat - tone.start)) for tone in tones if tone.start < beat)


def rippling(chords: Iterable[str], dynamic: int) -> tuple[Tone, ...]:
    """Each of the ``chords`` of four pitches for a beat: up and down again in sixths, each tone ringing on."""
    ripples = [(beat, step, name) for beat, chord in enumerate(chords) for step, name in enumerate(wave(chord.split()))]
    return tuple(Tone(beat + step / 6, RINGING / 6, pitch(name), dynamic) for beat, step, name in ripples)


def wave(names: Sequence[str]) -> list[str]:
    """Four pitches from the lowest to the highest and back to the second."""
    return [names[step] for step in (0, 1, 2, 3, 2, 1)]


def off_beats(chords: Iterable[str], dynamic: int) -> tuple[Tone, ...]:
    """Each of the ``chords`` for two beats, struck short after each beat."""
    return line(" ".join(f"r:.5 {chord}:.5 r:.5 {chord}:.5" for chord in chords), dynamic, STACCATO)


# The parts ----------------------------------------------------------------------------------------------------------


def calm() -> Movement:
    """F major, six slow bars of two: a harp and a flute above it ripple softly; the crests are the motif."""
    chords = [
        *("F3 A3 C4 F4", "E3 G3 C4 G4", "A3 C4 F4 C5", "Bb3 D4 F4 Bb4", "A3 C4 F4 A4", "F3 A3 C4 F4"),
        *("E3 G3 C4 G4", "F3 A3 C4 A4", "G3 Bb3 D4 Bb4", "E3 Bb3 C4 G4", "F3 A3 C4 A4", "F3 A3 C4 F4"),
    ]
    ripples = cut_off(rippling(chords, PIANO), 12)
    return Movement(2, (0.0,), (Voice(HARP, ripples), Voice(FLUTE, transposed(ripples, 12))))


def happy() -> Movement:
    """D major, eight quick bars of four: everything short and bright, the melody doubled an octave up."""
    melody = line(
        """
        D5:.5 E5:.5 A5:1 G5:.5 F#5:.5 A5:1            B5:.5 A5:.5 F#5:1 E5:.5 F#5:.5 D5:1
        E5:.5 F#5:.5 B5:1 A5:.5 G5:.5 B5:1            C#6:.5 B5:.5 A5:.5 G5:.5 F#5:.5 E5:.5 A5:1
        D5:.5 E5:.5 A5:1 G5:.5 F#5:.5 A5:1            B5:.5 C#6:.5 D6:1 B5:.5 A5:.5 F#5:1
        G5:.5 A5:.5 B5:.5 C#6:.5 D6:.5 B5:.5 A5:.5 C#6:.5    D6:1 A5:.5 F#5:.5 D6:1 r:1
        """,
        FORTISSIMO,
        STACCATO,
    )
    tonic, subdominant, dominant = "A4+D5+F#5", "B4+D5+G5", "A4+C#5+G5"
    opening = [tonic, tonic, subdominant, tonic, subdominant, subdominant, dominant, dominant]
    closing = [tonic, tonic, subdominant, tonic, subdominant, dominant, tonic, tonic]
    bass = line(
        """
        D3:1 A3:1 D3:1 F#3:1  G3:1 B3:1 A3:1 F#3:1    G3:1 D4:1 B3:1 G3:1  A3:1 E3:1 A3:1 C#4:1
        D4:1 A3:1 D3:1 F#3:1  G3:1 B3:1 A3:1 F#3:1    G3:1 B3:1 A3:1 C#4:1  D4:1 A3:1 D3:1 r:1
        """,
        FORTE,
        STACCATO,
    )
    return Movement(
        4,
        (0.0, 2.0),
        (
            Voice(BRIGHT_PIANO, melody),
            Voice(CHORD_PIANO, off_beats([*opening, *closing], FORTE)),
            Voice(XYLOPHONE, transposed(melody, 12)),
            Voice(PLUCKED_BASS, bass),
        ),
    )


def tense() -> Movement:
    """No key, four bars of five: a piano hammers the torn motif, and clusters of low brass fall across it.

    It breaks off half a beat before its end, so that the sadness begins in silence.
    """
    motif = line("E2:.5 F2:.5 Bb2:.5 A2:.5 Ab2:.5", FORTISSIMO, DETACHED)
    clusters = line("r:1.5 Ab2+A2+Eb3:.8 r:.7 A2+Bb2+E3:.8 r:1.2", FORTISSIMO, DETACHED)
    return Movement(
        5,
        (0.0, 3.0),
        (
            Voice(HAMMERED_PIANO, cut_off(in_sequence(motif, [0] * 8, beats=2.5), 19.5)),
            Voice(BRASS, cut_off(in_sequence(clusters, [0] * 4, beats=5), 19.5), (110, 127)),
        ),
    )


def sad() -> Movement:
    """F minor, two very slow bars of four: an English horn alone over a few low notes of the piano."""
    melody = line("F3:.5 G3:.5 C4:1.5 Bb3:.5 Ab3:1  G3:1 E3:1 F3:2", PIANO)
    depths = line("F2+C3:2 Db2:2 C2+Bb2:2 F2+Ab2:2", PIANISSIMO)
    return Movement(4, (0.0,), (Voice(ENGLISH_HORN, melody, (112, 92)), Voice(LOW_PIANO, depths)))


COMPOSERS: dict[Quadrant, Callable[[], Movement]] = {
    Quadrant.CALM: calm,
    Quadrant.HAPPY: happy,
    Quadrant.TENSE: tense,
    Quadrant.SAD: sad,
}


# The score ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Event:
    """A MIDI message at a tick of the score. At one tick, notes end before controls change before notes start."""

    tick: int
    rank: int
    message: mido.Message | mido.MetaMessage


def compose() -> mido.MidiFile:
    """The score: a track with tempi, metres and the names of the parts, then a track for each instrument."""
    conductor: list[Event] = []
    tracks: dict[Instrument, list[Event]] = {}
    tick = 0
    for part in PARTS:
        movement, beats = COMPOSERS[part.name](), beats_in(part)
        conductor += headings(part, movement, tick)
        for voice in movement.voices:
            tracks.setdefault(voice.instrument, []).extend(performed(voice, movement, tick, beats))
        tick += round(beats * TICKS_PER_BEAT)
    score = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_BEAT)
    score.tracks.append(track("Four Quadrants", conductor, end=tick))
    score.tracks.extend(track(player.name, events, end=tick) for player, events in tracks.items())
    return score


def beats_in(part: Part) -> float:
    """How many beats ``part`` has at its tempo."""
    return (part.end_s - part.start_s) * TEMPI_BPM[part.name] / 60


def headings(part: Part, movement: Movement, tick: int) -> list[Event]:
    """What stands above the staff where ``part`` begins."""
    return [
        Event(tick, 1, mido.MetaMessage("marker", text=part.name.value)),
        Event(tick, 1, mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(TEMPI_BPM[part.name]))),
        Event(tick, 1, mido.MetaMessage("time_signature", numerator=movement.beats_per_bar, denominator=4)),
    ]


def performed(voice: Voice, movement: Movement, start: int, beats: float) -> list[Event]:
    """The MIDI messages of a voice whose part begins at tick ``start`` and has so many ``beats``."""
    channel = voice.instrument.channel
    events = [
        Event(start, 1, mido.Message("program_change", channel=channel, program=voice.instrument.program)),
        Event(start, 1, mido.Message("control_change", channel=channel, control=7, value=voice.instrument.volume)),
    ]
    for beat in range(int(beats)):
        swell = round(np.interp(beat, (0, beats), voice.swell))
        message = mido.Message("control_change", channel=channel, control=11, value=swell)
        events.append(Event(ticks(beat, start), 1, message))
    for tone in voice.tones:
        end = tone.start + tone.length
        if end > beats:
            raise ValueError(f"{voice.instrument.name} must end within {beats:g} beats, not at {end:g}")
        stressed = tone.start % movement.beats_per_bar in movement.stressed
        velocity = min(tone.velocity + STRESS * stressed, 127)
        on = mido.Message("note_on", channel=channel, note=tone.pitch, velocity=velocity)
        off = mido.Message("note_off", channel=channel, note=tone.pitch, velocity=0)
        events += [Event(ticks(tone.start, start), 2, on), Event(ticks(end, start), 0, off)]
    return events


def ticks(beat: float, start: int) -> int:
    """The tick of a ``beat`` of a part that begins at tick ``start``."""
    return start + round(beat * TICKS_PER_BEAT)


def track(name: str, events: Iterable[Event], end: int) -> mido.MidiTrack:
    """A MIDI track of the ``events`` in order, which lasts until tick ``end``."""
    written, now = mido.MidiTrack([mido.MetaMessage("track_name", name=name)]), 0
    for event in sorted(events, key=lambda event: (event.tick, event.rank)):
        written.append(event.message.copy(time=event.tick - now))
        now = event.tick
    written.append(mido.MetaMessage("end_of_track", time=end - now))
    return written


def midi_bytes(score: mido.MidiFile) -> bytes:
    """The ``score`` as the bytes of a standard MIDI file."""
    buffer = io.BytesIO()
    score.save(file=buffer)
    return buffer.getvalue()
