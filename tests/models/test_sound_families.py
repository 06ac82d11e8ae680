"""Feature sets of sound: what they mean, and what must hold for any sound."""

from __future__ import annotations

from pathlib import Path
from weakref import ref

import numpy as np
import pytest
import soundfile
from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.features import FEATURE_SETS, SoundWindow, Window, feature_set
from models.features.posteriors import PITCH
from models.features.spectra import autocorrelation, quantiles
from models.notes import NOTE_DTYPE
from models.transcription import ACTIVATIONS
from realtime.resampler import MonoResampler
from realtime.sound_memory import SoundMemory
from realtime.transcriber import StreamingTranscriber

RATE = 22050
WITHOUT_GAIN = ("level", "timbre", "mel", "loudness", "modulation", "pulse")
OF_SPECTRA = ("intensity", *WITHOUT_GAIN)
OF_POSTERIORS = ("activity", "harmony", "chords", "activations")
ALL = OF_SPECTRA + OF_POSTERIORS


def window(sound: SoundWindow | None, end_s: float = 10.0) -> Window:
    return Window(np.empty(0, NOTE_DTYPE), end_s, 10.0, sound=sound)


def heard(samples: np.ndarray, length_s: float = 10.0) -> SoundWindow:
    """The spectra of all ``samples``, without posteriors."""
    memory = SoundMemory(length_s)
    memory.hear(samples.astype(np.float32))
    return memory.at(len(samples) / RATE)


def played(notes: np.ndarray, onsets: np.ndarray | None = None) -> SoundWindow:
    """Posteriors alone [shape=(n, 88)]."""
    empty = heard(np.zeros(0))
    notes = notes.astype(np.float32)
    onsets = np.zeros_like(notes) if onsets is None else onsets.astype(np.float32)
    inner = np.zeros((len(notes), ACTIVATIONS), np.float32)
    return SoundWindow(empty.mel_db, empty.level_db, empty.descriptors, notes, onsets, inner)


def values(name: str, sound: SoundWindow | None) -> dict[str, float]:
    known = feature_set(name)
    return dict(zip(known.names, known.compute(window(sound)).tolist(), strict=True))


def seconds(length_s: float) -> np.ndarray:
    return np.arange(round(length_s * RATE)) / RATE


def noise(length_s: float, seed: int = 0) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal(round(length_s * RATE))


@pytest.fixture(scope="module")
def music(shared_data: Path) -> np.ndarray:
    """Fourteen seconds of a song, mono."""
    samples, rate = soundfile.read(shared_data / "deam" / "audio" / "1001.opus", dtype="float32")
    return MonoResampler(rate, RATE).push(samples[: 14 * rate])


@pytest.fixture(scope="module")
def song(music: np.ndarray) -> SoundWindow:
    """Ten seconds of it with everything that a window holds."""
    memory, transcriber = SoundMemory(10.0), StreamingTranscriber()
    memory.hear(transcriber.feed(music))
    while transcriber.next_hop() is not None:
        for made, rows in transcriber.made:
            memory.transcribe(made, rows)
    return memory.at(len(music) / RATE)


@pytest.mark.parametrize("name", ALL)
def test_a_song_has_every_feature_in_its_range(name: str, song: SoundWindow) -> None:
    known = feature_set(name)
    vector = known.compute(window(song))
    assert known.name == name
    assert known.needs_sound
    assert len(set(known.names)) == len(known.names)
    assert (vector.shape, vector.dtype) == ((len(known.features),), np.float32)
    for feature, value in zip(known.features, vector, strict=True):
        assert feature.low - 1e-4 <= value <= feature.high + 1e-4, feature.name
    assert np.count_nonzero(vector) > 0.8 * len(vector)


@pytest.mark.parametrize("name", ALL)
def test_without_sound_there_is_the_mask(name: str, song: SoundWindow) -> None:
    def newest(count: int, posteriors: int) -> SoundWindow:
        return SoundWindow(
            song.mel_db[-count:],
            song.level_db[-count:],
            song.descriptors[-count:],
            song.note_posteriors[-posteriors:],
            song.onset_posteriors[-posteriors:],
            song.activations[-posteriors:],
        )

    compute = feature_set(name).compute
    assert not compute(window(None)).any()
    assert not compute(window(played(np.zeros((861, 88))))).any()
    assert not compute(window(heard(np.zeros(10 * RATE)))).any()
    assert not compute(window(newest(17, 42))).any()
    assert compute(window(newest(18, 43))).any()


@pytest.mark.parametrize("name", WITHOUT_GAIN)
@pytest.mark.parametrize("gain", [0.1, 0.01])
def test_turning_the_music_down_changes_nothing(name: str, gain: float, music: np.ndarray) -> None:
    compute = feature_set(name).compute
    loud, soft = compute(window(heard(music))), compute(window(heard(gain * music)))
    assert soft == pytest.approx(loud, rel=2e-3, abs=2e-3)


def test_intensity_falls_by_what_the_music_is_turned_down() -> None:
    tone = 0.5 * np.sin(2 * np.pi * 1000 * seconds(5))
    loud, soft = values("intensity", heard(tone)), values("intensity", heard(0.1 * tone))
    assert loud["level"] == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=0.05)
    assert loud["level_p95"] == pytest.approx(loud["level"], abs=0.05)
    assert soft == pytest.approx({name: value - 20 for name, value in loud.items()}, abs=0.05)


@pytest.mark.parametrize("name", ALL)
def test_the_place_in_the_stream_changes_nothing(name: str, song: SoundWindow, music: np.ndarray) -> None:
    compute = feature_set(name).compute
    assert np.array_equal(compute(window(song, 10.0)), compute(window(song, 3610.0)))
    early, late = heard(music[512 * 40 :], 5.0), heard(music, 5.0)
    assert np.array_equal(compute(window(early)), compute(window(late)))


@pytest.mark.parametrize("name", FEATURE_SETS)
def test_a_window_goes_once_it_is_not_needed_any_more(name: str) -> None:
    notes = np.zeros(4, NOTE_DTYPE)
    notes["onset_s"], notes["offset_s"] = np.arange(4), np.arange(4) + 0.5
    notes["pitch"], notes["velocity"] = 60, 90
    sound = heard(noise(2.0))
    whole = Window(notes, 10.0, 10.0, sound=sound)
    kept, heard_then = ref(whole), ref(sound)
    assert np.any(feature_set(name).compute(whole)) or name in OF_POSTERIORS
    del whole, sound
    # An input that comes and goes begins arrays of several megabytes each time.
    assert kept() is None
    assert heard_then() is None


@pytest.mark.parametrize("name", ALL)
def test_a_window_is_the_same_whatever_windows_it_is_computed_with(name: str, song: SoundWindow) -> None:
    def some(spectra: slice, posteriors: slice) -> Window:
        of_spectra = (rows[spectra] for rows in (song.mel_db, song.level_db, song.descriptors))
        of_posteriors = (rows[posteriors] for rows in (song.note_posteriors, song.onset_posteriors, song.activations))
        return window(SoundWindow(*of_spectra, *of_posteriors))

    windows = [
        some(slice(0, 300), slice(0, 700)),
        some(slice(100, 400), slice(100, 800)),
        window(None),
        window(song),
        some(slice(100, 401), slice(100, 800)),
        some(slice(18), slice(43)),
    ]
    known = feature_set(name)
    together = known.compute_all(windows)
    assert together.tobytes() == np.stack([known.compute(alone) for alone in windows]).tobytes()
    assert together[3].any()
    assert not together[2].any()


def _sounds() -> st.SearchStrategy[np.ndarray]:
    def made(kind: str, length: int, seed: int) -> np.ndarray:
        random = np.random.default_rng(seed)
        clicks = np.zeros(length)
        clicks[random.integers(0, length, 5)] = 1.0
        return {
            "noise": random.uniform(-1, 1, length),
            "faint": random.uniform(-1e-20, 1e-20, length),
            "dc": np.full(length, random.uniform(-1, 1)),
            "clicks": clicks,
            "square": np.where(np.arange(length) // random.integers(1, 200) % 2, 1.0, -1.0),
            "too loud": random.uniform(-1e6, 1e6, length),
            "silence": np.zeros(length),
            "sine": np.sin(np.arange(length) * random.uniform(0, np.pi)),
        }[kind]

    kinds = ("noise", "faint", "dc", "clicks", "square", "too loud", "silence", "sine")
    return st.builds(made, st.sampled_from(kinds), st.integers(1, 5 * RATE), st.integers(0, 99))


@settings(max_examples=40, deadline=None)
@example([np.full(78690, 0.97686859)])  # a single line of the spectrum
@given(st.lists(_sounds(), min_size=1, max_size=3))
def test_any_sound_gives_numbers_in_their_ranges(sounds: list[np.ndarray]) -> None:
    sound = heard(np.concatenate(sounds))
    assert np.isfinite(sound.descriptors).all()
    for name in OF_SPECTRA:
        known = feature_set(name)
        for feature, value in zip(known.features, known.compute(window(sound)), strict=True):
            assert np.isfinite(value), feature.name
            assert value == 0 or feature.low - 1e-3 <= value <= feature.high + 1e-3, (feature.name, value)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 200), st.integers(0, 99), st.sampled_from([0.0, 1e-6, 0.5, 1.0]), st.booleans())
def test_any_posteriors_give_numbers_in_their_ranges(frames: int, seed: int, most: float, constant: bool) -> None:
    random = np.random.default_rng(seed)
    notes, onsets = (np.full((frames, 88), most) if constant else random.uniform(0, most, (frames, 88)) for _ in "no")
    for name in OF_POSTERIORS:
        known = feature_set(name)
        for feature, value in zip(known.features, known.compute(window(played(notes, onsets))), strict=True):
            assert feature.low - 1e-3 <= value <= feature.high + 1e-3, (feature.name, value)


def test_a_crescendo_rises_and_a_steady_tone_does_not() -> None:
    tone = np.sin(2 * np.pi * 440 * seconds(10))
    rising = values("level", heard(tone * 10 ** ((seconds(10) * 3 - 30) / 20)))
    assert rising["level_slope"] == pytest.approx(3 * 22 * 512 / RATE, rel=0.02)
    assert values("level", heard(tone))["level_std"] < 0.01


def test_brighter_noise_has_the_higher_centroid() -> None:
    white = noise(5)
    dull = np.convolve(white, np.ones(16) / 16, "same")
    bright, dark = values("timbre", heard(white)), values("timbre", heard(dull))
    assert bright["centroid_mean"] > dark["centroid_mean"] + 1
    assert bright["flatness_mean"] > dark["flatness_mean"]


def test_a_tremolo_is_seen_at_its_rate() -> None:
    found = values("modulation", heard(noise(10) * (1.2 + np.sin(2 * np.pi * 5.3 * seconds(10)))))
    rates = [name for name in found if name.endswith("_hz_8")]
    assert max(rates, key=found.__getitem__) == "modulation_4.5_hz_8"


@pytest.mark.parametrize("bpm", [90, 120, 150])
def test_a_pulse_is_found_at_its_tempo(bpm: int) -> None:
    time_s = seconds(10)
    beats = noise(10) * np.exp(-20 * (time_s % (60 / bpm)))
    found = values("pulse", heard(beats))
    # Half the tempo and a third fit as well.
    ratio = bpm / 2 ** found["pulse_all_log_tempo"]
    assert ratio == pytest.approx(round(ratio), abs=0.06)
    assert found["onsets_all_rate"] == pytest.approx(bpm / 60, rel=0.1)
    assert found["pulse_all_max"] > values("pulse", heard(noise(10)))["pulse_all_max"] + 0.3


def test_loudness_doubles_with_ten_decibels() -> None:
    """A tone whose second half is 10 dB softer: its band is at 1 and 0.5 of what it was, in equal parts."""
    half = np.sin(2 * np.pi * 1000 * seconds(5))
    found = values("loudness", heard(np.concatenate([half, half / np.sqrt(10)])))
    band = int(np.argmax([found[f"sones_{band}_mean"] for band in range(64)]))
    assert found[f"sones_{band}_std"] / found[f"sones_{band}_mean"] == pytest.approx(1 / 3, rel=0.03)


def test_activity_counts_what_sounds() -> None:
    notes = np.zeros((861, 88))
    notes[:, [40, 44, 47]] = 0.9
    onsets = np.zeros((861, 88))
    onsets[10::86, 40] = 0.4
    found = values("activity", played(notes, onsets))
    assert found["polyphony_mean"] == 3
    assert found["note_activity_mean"] == pytest.approx(2.7, rel=1e-3)
    assert found["pitch_centre_p50"] == pytest.approx(21 + (40 + 44 + 47) / 3, abs=0.01)
    assert found["pitch_entropy_mean"] == pytest.approx(np.log(3), abs=0.01)
    assert found["onset_rate_0.3"] == pytest.approx(10 / 10, rel=0.02)
    assert found["onset_rate_0.5"] == 0
    assert found["onset_pulse_log_tempo"] == pytest.approx(np.log2(60), abs=0.02)


def chord(*pitches: int) -> np.ndarray:
    return np.isin(PITCH, pitches) * np.full((861, 1), 0.8)


def test_chords_tell_major_from_minor() -> None:
    major, minor = values("chords", played(chord(60, 64, 67))), values("chords", played(chord(60, 63, 67)))
    assert major["major_mean_second"] == pytest.approx(1, abs=1e-4)
    assert (major["clear_major_second"], major["clear_minor_second"]) == (1, 0)
    assert (minor["clear_major_second"], minor["clear_minor_second"]) == (0, 1)
    assert values("harmony", played(chord(60, 64, 67)))["notes_kk_major_lead"] > 0


def test_a_semitone_is_rougher_than_a_fifth_and_change_is_seen() -> None:
    fifth, semitone = (values("chords", played(chord(60, top))) for top in (67, 61))
    assert semitone["note_roughness_mean"] > 3 * fifth["note_roughness_mean"]
    assert fifth["change_mean_second"] == pytest.approx(0, abs=1e-5)
    moving = np.concatenate([chord(60, 64, 67)[:430], chord(66, 70, 73)[430:]])
    assert values("chords", played(moving))["change_max_second"] > 0.5


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 99), st.integers(1, 11))
def test_transposition_does_not_change_the_key_of_all_notes(seed: int, semitones: int) -> None:
    notes = np.zeros((100, 88))
    notes[:, 30:60] = np.random.default_rng(seed).uniform(0, 1, (100, 30)) ** 4
    here, there = (values("harmony", played(n, n)) for n in (notes, np.roll(notes, semitones, axis=1)))
    for name in here:
        if name.startswith(("notes", "sure_notes", "onsets")):
            assert there[name] == pytest.approx(here[name], abs=1e-4), name


def test_quantiles_and_autocorrelation_are_the_textbooks() -> None:
    columns = np.random.default_rng(1).standard_normal((57, 3)).astype(np.float32)
    shares = (0.05, 0.1, 0.5, 0.9)
    assert quantiles(columns, shares) == pytest.approx(np.quantile(columns, shares, axis=0), abs=1e-5)
    centred = columns[:, 0] - columns[:, 0].mean()
    by_lag = [(centred[: 57 - lag] @ centred[lag:]) / (centred @ centred) / (1 - lag / 57) for lag in range(20)]
    rows = np.stack([centred, 2 * centred])
    assert autocorrelation(rows, 20) == pytest.approx(np.array([by_lag, by_lag]), abs=1e-4)
    assert not autocorrelation(np.zeros(50, np.float32), 20).any()
