"""The demo's score and recording: they fill their times, belong together, and differ part by part as they should."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import pairwise, product
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile

from models.notes import Note
from offline import demo_piece, demo_score, synthesizer
from realtime.demo import PARTS, RECORDING, SCORE

# Krumhansl and Kessler, "Tracing the dynamic changes in perceived tonal organization" (1982): how well each pitch
# class fits a key, from the tonic up.
MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
PITCH_CLASSES = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"]


def notes_of(score: mido.MidiFile) -> Iterator[Note]:
    """Every note of ``score``; a note begun while the same key is still down on its channel is an error."""
    now, sounding = 0.0, {}
    for message in score:
        now += message.time
        if message.type == "note_on":
            assert (message.channel, message.note) not in sounding, f"struck twice at {now:.3f} s: {message}"
            sounding[message.channel, message.note] = (now, message.velocity)
        elif message.type == "note_off":
            onset_s, velocity = sounding.pop((message.channel, message.note))
            yield Note(onset_s, now, message.note, velocity, message.channel)
    assert not sounding, f"never ended: {sounding}"


@pytest.fixture(scope="module")
def notes() -> dict[str, list[Note]]:
    """The notes of the committed score, by the part that they begin in."""
    found = sorted(notes_of(mido.MidiFile(SCORE)), key=lambda note: note.onset_s)
    slack_s = 1e-6
    return {
        part.name: [note for note in found if part.start_s - slack_s <= note.onset_s < part.end_s - slack_s]
        for part in PARTS
    }


@pytest.fixture(scope="module")
def recording() -> np.ndarray:
    """The samples of the committed recording."""
    samples, rate_hz = soundfile.read(RECORDING)
    assert (rate_hz, samples.ndim) == (22_050, 1)
    return np.asarray(samples)


@pytest.fixture(scope="module")
def levels_db(recording: np.ndarray) -> dict[str, float]:
    """The root mean square of each part in dB re full scale."""
    spans = {part.name: recording[round(part.start_s * 22_050) : round(part.end_s * 22_050)] for part in PARTS}
    return {name: 10 * np.log10(np.mean(span**2)) for name, span in spans.items()}


def onsets_per_s(part: list[Note]) -> float:
    """Moments a second at which something begins, over 12 seconds."""
    return len({round(note.onset_s, 3) for note in part}) / 12


def best_key(part: list[Note]) -> tuple[str, float]:
    """The key whose profile correlates best with how long each pitch class sounds, and that correlation."""
    histogram = np.zeros(12)
    for note in part:
        histogram[note.pitch % 12] += note.offset_s - note.onset_s
    fits = {
        f"{PITCH_CLASSES[tonic]} {mode}": float(np.corrcoef(histogram, np.roll(profile, tonic))[0, 1])
        for tonic, (mode, profile) in product(range(12), (("major", MAJOR), ("minor", MINOR)))
    }
    key = max(fits, key=lambda key: fits[key])
    return key, fits[key]


def clashing(part: list[Note]) -> float:
    """The share of chords (ten looks a second) with notes a semitone, major seventh or minor ninth apart."""
    moments = np.arange(part[0].onset_s + 0.05, part[-1].onset_s, 0.1)
    sounding = [{note.pitch for note in part if note.onset_s <= moment < note.offset_s} for moment in moments]
    chords = [pitches for pitches in sounding if len(pitches) > 1]
    return float(np.mean([any(abs(a - b) in (1, 11, 13) for a, b in product(chord, chord)) for chord in chords]))


def mean_of(part: list[Note], field: str) -> float:
    return float(np.mean([getattr(note, field) for note in part]))


def mean_duration_s(part: list[Note]) -> float:
    return float(np.mean([note.offset_s - note.onset_s for note in part]))


def loudest_at(pitch: int, spectrum: np.ndarray) -> float:
    """The largest magnitude within a third of a semitone of ``pitch`` in a ``spectrum`` from 0 Hz to half the rate."""
    edges_hz = 440 * 2 ** ((pitch - 69 + np.array((-1 / 3, 1 / 3))) / 12)
    first, last = np.round(edges_hz / 11_025 * (len(spectrum) - 1)).astype(int)
    return float(spectrum[first : last + 1].max())


def test_the_four_parts_follow_each_other_without_a_gap() -> None:
    assert [part.name for part in PARTS] == ["calm", "happy", "tense", "sad"]
    assert PARTS[0].start_s == 0
    assert all(before.end_s == after.start_s for before, after in pairwise(PARTS))


def test_composing_twice_gives_the_same_bytes() -> None:
    assert demo_score.midi_bytes(demo_score.compose()) == demo_score.midi_bytes(demo_score.compose())


def test_the_committed_score_is_what_the_code_composes() -> None:
    assert SCORE.read_bytes() == demo_score.midi_bytes(demo_score.compose()), "run python -m offline.demo_piece"


def test_the_score_marks_each_part_where_it_starts() -> None:
    now, markers = 0.0, []
    for message in mido.MidiFile(SCORE):
        now += message.time
        if message.type == "marker":
            markers.append((message.text, round(now, 6)))
    assert markers == [(part.name.value, part.start_s) for part in PARTS]


def test_every_part_is_filled_with_notes(notes: dict[str, list[Note]]) -> None:
    for part in PARTS:
        begins = notes[part.name][0].onset_s
        ends = max(note.offset_s for note in notes[part.name])
        assert begins == pytest.approx(part.start_s, abs=1e-6)
        assert part.end_s - 0.5 < ends <= part.end_s + 1e-6
        for moment in np.arange(part.start_s, part.end_s - 3, 0.25):
            heard = [n for n in notes[part.name] if n.onset_s < moment + 3 and n.offset_s > moment]
            assert len(heard) >= 2, f"{part.name} at {moment} s"


def test_calm_ripples_happy_is_short_and_dense_tense_strikes_and_sad_is_slow(notes: dict[str, list[Note]]) -> None:
    rate = {name: onsets_per_s(part) for name, part in notes.items()}
    duration_s = {name: mean_duration_s(part) for name, part in notes.items()}
    assert rate["calm"] == pytest.approx(6, abs=0.1)
    assert min(rate["happy"], rate["tense"]) > 4 * rate["sad"]
    assert len(notes["happy"]) > 3 * len(notes["tense"]) > 9 * len(notes["sad"])
    assert duration_s["happy"] < 0.2 < duration_s["tense"] < 0.4 < 1.5 < duration_s["sad"]
    # Each tone of the calm part rings on into the next.
    assert duration_s["calm"] > 1.5 / rate["calm"]


def test_calm_and_happy_are_major_sad_is_minor_and_tense_fits_no_key_well(notes: dict[str, list[Note]]) -> None:
    keys = {name: best_key(part) for name, part in notes.items()}
    assert keys["calm"][0] == "F major"
    assert keys["happy"][0] == "D major"
    assert keys["sad"][0] == "F minor"
    assert keys["tense"][1] < min(keys[name][1] for name in ("calm", "happy", "sad")) - 0.1


def test_only_the_tense_part_clashes(notes: dict[str, list[Note]]) -> None:
    assert clashing(notes["tense"]) > 0.25
    assert all(clashing(notes[name]) < 0.35 for name in ("calm", "happy", "sad"))


def test_calm_and_happy_lie_high_tense_and_sad_low(notes: dict[str, list[Note]]) -> None:
    mean_pitch = {name: mean_of(part, "pitch") for name, part in notes.items()}
    assert min(mean_pitch["calm"], mean_pitch["happy"]) > max(mean_pitch["tense"], mean_pitch["sad"]) + 12


def test_happy_and_tense_are_struck_harder_than_calm_and_sad(notes: dict[str, list[Note]]) -> None:
    velocity = {name: mean_of(part, "velocity") for name, part in notes.items()}
    assert min(velocity["happy"], velocity["tense"]) > max(velocity["calm"], velocity["sad"]) + 30


def test_the_recording_lasts_as_long_as_the_score_and_the_parts(recording: np.ndarray) -> None:
    assert len(recording) / 22_050 == pytest.approx(PARTS[-1].end_s, abs=1e-3)
    assert mido.MidiFile(SCORE).length == pytest.approx(PARTS[-1].end_s, abs=1e-6)


def test_the_recording_is_small_enough_to_ship() -> None:
    assert RECORDING.stat().st_size < 500_000


def test_the_recording_is_heard_at_once_and_ends_in_silence(recording: np.ndarray) -> None:
    first = recording[: round(0.3 * 22_050)]
    last = recording[-round(0.05 * 22_050) :]
    assert 10 * np.log10(np.mean(first**2)) > -40
    assert np.abs(last).max() < 10 ** (-50 / 20)


def test_the_recording_nears_full_scale_without_clipping(recording: np.ndarray) -> None:
    assert -2 < 20 * np.log10(np.abs(recording).max()) < -0.5


def test_calm_and_sad_are_12_to_18_db_below_the_tense_part_and_happy_near_it(levels_db: dict[str, float]) -> None:
    assert levels_db["tense"] == max(levels_db.values())
    assert levels_db["tense"] - levels_db["happy"] < 5
    assert 12 < levels_db["tense"] - levels_db["calm"] < 18
    assert 12 < levels_db["tense"] - levels_db["sad"] < 18


def test_the_recording_is_of_this_score(notes: dict[str, list[Note]], recording: np.ndarray) -> None:
    """The melody's pitch stands out of the sound when the English horn plays it."""
    for note in notes["sad"]:
        if note.channel != demo_score.ENGLISH_HORN.channel:
            continue
        heard = recording[round((note.onset_s + 0.1) * 22_050) : round((note.offset_s - 0.05) * 22_050)]
        spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
        below, written, above = (loudest_at(note.pitch + step, spectrum) for step in (-1, 0, 1))
        assert written > 5 * max(below, above), f"pitch {note.pitch} at {note.onset_s:.2f} s"


def test_a_line_is_read_as_written() -> None:
    tones = demo_score.line("F#5:1 r:.5 Bb3+C4:2", 60, 0.5)
    assert [(tone.start, tone.length, tone.pitch) for tone in tones] == [(0, 0.5, 78), (1.5, 1, 58), (1.5, 1, 60)]


def test_a_pitch_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="not 'H4'"):
        demo_score.line("C4:1 H4:1", 60)


def test_a_voice_that_outlasts_its_part_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(demo_score.TEMPI_BPM, PARTS[0].name, 50)
    with pytest.raises(ValueError, match=r"harp must end within 10 beats, not at 10\.1667"):
        demo_score.compose()


def test_a_recording_is_the_same_bytes_every_time_and_sounds_as_without_that() -> None:
    noise = np.random.default_rng(7).normal(0, 0.1, 3 * 22_050)
    buffer = io.BytesIO()
    soundfile.write(buffer, noise, 22_050, format="OGG", subtype="VORBIS", compression_level=0.5)
    untouched, _ = soundfile.read(io.BytesIO(buffer.getvalue()))
    ogg = demo_piece.ogg_bytes(noise)
    assert ogg == demo_piece.ogg_bytes(noise)
    # The decoder drops pages whose checksum is wrong.
    np.testing.assert_array_equal(soundfile.read(io.BytesIO(ogg))[0], untouched)


def test_without_the_synthesizer_the_command_says_what_to_install_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(synthesizer, "SOUNDFONTS", (tmp_path / "none.sf2",))
    assert demo_piece.main(["-o", str(tmp_path / "demo")]) == 1
    assert "apt-get install fluidsynth fluid-soundfont-gm" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
