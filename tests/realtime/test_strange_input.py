"""What is no music, or hardly any: readings stay sane, near the middle, and say that they are unsure.

And what is music for an hour: readings do not drift.
"""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile
from support import require

from models.affect import Reading, State
from offline.synthesizer import synthesize
from realtime.demo import SCORE
from realtime.events import Advance, Event, NoteOff, NoteOn, Sound
from realtime.sources.files import open_file
from realtime.tracker import EmotionTracker

RATE = 22050


def follow(samples: np.ndarray, sample_rate: int = RATE) -> list[Reading]:
    tracker = EmotionTracker("audio")
    return [*tracker.push([Sound(samples.astype(np.float32), sample_rate)]), *tracker.finish()]


def press(events: list[Event]) -> list[Reading]:
    tracker = EmotionTracker("notes")
    return [*tracker.push(events), *tracker.finish()]


def usual_spread(model: str, paths: list[Path]) -> float:
    """The median over pieces of the median spread of a model, valence and arousal together."""
    found = []
    for path in paths:
        source, tracker, readings = open_file(path), EmotionTracker(model), []
        while not source.ended:
            readings += tracker.push(source.read(0.0))
        source.close()
        found.append(np.median([(r.valence_std + r.arousal_std) / 2 for r in readings]))
    return float(np.median(found))


@pytest.fixture(scope="module")
def usual(shared_data: Path) -> dict[str, float]:
    """How unsure each model is of what is music: of rated recordings, and of the demo's score."""
    songs = sorted((shared_data / "deam" / "audio").iterdir())[::180]
    return {"audio": usual_spread("audio", songs), "notes": usual_spread("notes", [SCORE])}


def speech(folder: Path) -> tuple[np.ndarray, int]:
    require({"espeak-ng": "espeak-ng"})
    text = "The readings must be right, or nothing else matters. " * 8
    subprocess.run(["espeak-ng", "-w", folder / "speech.wav", text], check=True, capture_output=True)
    samples, rate = soundfile.read(folder / "speech.wav", dtype="float32")
    return samples, rate


def drums(folder: Path) -> tuple[np.ndarray, int]:
    require({"fluidsynth": "fluidsynth"})
    beat = mido.MidiFile()
    track = beat.add_track()
    for number in range(80):
        struck = [42, *([36] if number % 4 == 0 else []), *([38] if number % 4 == 2 else [])]
        for pitch in struck:
            track.append(mido.Message("note_on", channel=9, note=pitch, velocity=100))
        track.append(mido.Message("note_off", channel=9, note=struck[0], time=240))
    content = io.BytesIO()
    beat.save(file=content)
    return synthesize(content.getvalue(), RATE), RATE


def held_note(folder: Path) -> tuple[np.ndarray, int]:
    time_s = np.arange(20 * RATE) / RATE
    tone = sum(np.sin(2 * np.pi * 220 * k * time_s) / k**2 for k in range(1, 8))
    return 0.2 * np.asarray(tone), RATE


def white_noise(folder: Path) -> tuple[np.ndarray, int]:
    return 0.1 * np.random.default_rng(1).standard_normal(20 * RATE), RATE


@pytest.mark.parametrize("strange", [speech, drums, held_note, white_noise])
def test_what_is_hardly_music_gets_bounded_readings_with_a_wide_spread(
    strange, tmp_path: Path, usual: dict[str, float]
):
    readings = follow(*strange(tmp_path))
    late = readings[len(readings) // 2 :]
    assert len(late) > 10
    for reading in readings:
        assert 1.0 <= reading.valence <= 9.0
        assert 1.0 <= reading.arousal <= 9.0
        assert min(reading.valence_std, reading.arousal_std) >= 0.37
        assert max(reading.valence_std, reading.arousal_std) < 4.0
    # Nobody rated any of this: nothing is certain enough to be extreme.
    for values in ([r.valence for r in late], [r.arousal for r in late]):
        assert 2.0 < np.mean(values) < 8.0
    assert np.mean([(r.valence_std + r.arousal_std) / 2 for r in late]) > usual["audio"]


def test_silence_is_the_middle_of_music_with_its_spread(usual: dict[str, float]):
    readings = follow(np.zeros(12 * RATE))
    assert {reading.state for reading in readings[6:]} == {State.SILENCE}
    assert len({(reading.valence, reading.arousal) for reading in readings}) == 1
    assert 4.0 < readings[-1].valence < 6.0
    assert 4.0 < readings[-1].arousal < 6.0
    assert (readings[-1].valence_std + readings[-1].arousal_std) / 2 > 0.9 * usual["audio"]


def test_one_key_held_and_drums_alone_are_sane_on_a_keyboard(usual: dict[str, float]):
    held: list[Event] = [NoteOn(0.0, 57, 80), Advance(30.0), NoteOff(30.0, 57), Advance(31.0)]
    beat: list[Event] = [NoteOn(number / 4, 36 + 2 * (number % 2), 100, 9) for number in range(120)]
    for readings in (press(held), press([*beat, Advance(30.0)])):
        assert len(readings) > 50
        for reading in readings:
            assert 3.0 < reading.valence < 7.0
            assert 2.5 < reading.arousal < 7.5
        assert np.mean([(r.valence_std + r.arousal_std) / 2 for r in readings[-10:]]) > 0.9 * usual["notes"]


def minutes_apart(readings: list[Reading], first: int, last: int, window_s: float) -> np.ndarray:
    """The differences between two minutes of the stream, once their windows hold nothing from before them."""

    def values(minute: int) -> np.ndarray:
        start_s = 60 * minute + window_s + 1.75
        # The reading at a minute's very end may belong to the next one.
        own = [r for r in readings if start_s < r.time < 60 * minute + 59.75]
        return np.array([(r.valence, r.valence_std, r.arousal, r.arousal_std) for r in own])

    early, late = values(first), values(last)
    assert len(early) == len(late) > 60
    return np.abs(early - late)


def test_the_same_minute_of_sound_reads_alike_at_minute_1_and_minute_59(shared_data: Path):
    songs = sorted((shared_data / "deam" / "audio").iterdir())[100:106]
    # 24 kHz after Opus, cut to whole samples of a minute: every minute meets the hops at another place.
    both = [soundfile.read(song, dtype="float32") for song in songs]
    rate = both[0][1]
    minute = np.concatenate([samples[: 10 * rate] for samples, _ in both])[: 60 * rate]
    assert len(minute) == 60 * rate
    tracker = EmotionTracker("audio")
    readings: list[Reading] = []
    for _ in range(60):
        readings += tracker.push([Sound(minute, rate)])
    # A minute is no whole number of frames, so each falls on them elsewhere: that alone moves a reading now and then by
    # 0.15 from one minute to the next. What must not be there is more of it after an hour.
    assert np.quantile(minutes_apart(readings, 1, 59, tracker.bundle.window_s), 0.95) < 0.1


def test_the_same_minute_of_notes_reads_alike_at_minute_1_and_minute_59(shared_data: Path):
    piece = sorted((shared_data / "vgmidi" / "midi").iterdir())[40]
    source, events = open_file(piece), []
    while not source.ended:
        events += [e for e in source.read(0.0) if isinstance(e, NoteOn | NoteOff) and e.time_s < 60.0]
    source.close()
    tracker = EmotionTracker("notes")
    readings: list[Reading] = []
    for minute in range(60):
        moved: list[Event] = [
            NoteOn(60 * minute + e.time_s, e.pitch, e.velocity, e.channel)
            if isinstance(e, NoteOn)
            else NoteOff(60 * minute + e.time_s, e.pitch, e.channel)
            for e in events
        ]
        readings += tracker.push([*moved, Advance(60.0 * (minute + 1))])
    assert minutes_apart(readings, 1, 59, tracker.bundle.window_s).max() < 0.1
