"""Frames of the spectrum: a fixed grid, the same bits however the samples came, and levels and shapes as they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from models.features import SoundWindow
from models.features.posterior_columns import COLUMNS, posterior_columns
from models.features.spectra import DESCRIPTORS, MEL_BANDS, SILENCE_DB
from models.transcription import ACTIVATIONS
from realtime.descriptors import describe, wave_shapes
from realtime.posteriorgrams import Posteriorgrams
from realtime.resampler import MonoResampler
from realtime.sound_memory import SoundMemory
from realtime.spectra import Spectra, SpectrumStream
from realtime.transcriber import StreamingTranscriber

RATE = 22050
INDEX = {feature.name: number for number, feature in enumerate(DESCRIPTORS)}


def rows(blocks: list[Spectra]) -> np.ndarray:
    """All frames with all that is known of them [shape=(n, 64 + 1 + descriptors)]."""
    return np.concatenate(
        [np.zeros((0, MEL_BANDS + 1 + len(DESCRIPTORS)), np.float32)]
        + [np.column_stack([block.mel_db, block.level_db, block.descriptors]) for block in blocks]
    )


def frames(samples: np.ndarray) -> Spectra:
    stream = SpectrumStream()
    stream.feed(samples.astype(np.float32))
    found = rows(stream.take(len(samples)))
    return Spectra(found[:, :MEL_BANDS], found[:, MEL_BANDS], found[:, MEL_BANDS + 1 :])


def tones(*hz: float, length_s: float = 1.0) -> np.ndarray:
    time_s = np.arange(round(length_s * RATE)) / RATE
    return np.sum([np.sin(2 * np.pi * f * time_s) for f in hz], axis=0)


@pytest.fixture(scope="module")
def music(shared_data: Path) -> np.ndarray:
    """Three seconds of a song, mono, with a rest in them."""
    samples, rate = soundfile.read(shared_data / "deam" / "audio" / "1001.opus", dtype="float32")
    mono = MonoResampler(rate, RATE).push(samples[: 3 * rate])
    mono[RATE : RATE + RATE // 3] = 0
    return mono


@settings(max_examples=25, deadline=None)
@given(sizes=st.lists(st.integers(1, 9000), min_size=1, max_size=6), wait=st.integers(1, 5))
def test_the_same_bits_however_samples_come_and_frames_are_taken(
    music: np.ndarray, sizes: list[int], wait: int
) -> None:
    whole = SpectrumStream()
    whole.feed(music)
    cut, found, start, number = SpectrumStream(), [], 0, 0
    while start < len(music):
        size = sizes[number % len(sizes)]
        cut.feed(music[start : start + size])
        start, number = start + size, number + 1
        if number % wait == 0:
            found += cut.take(min(start, len(music)))
    found += cut.take(len(music))
    assert rows(found).tobytes() == rows(whole.take(len(music))).tobytes()


def test_frames_lie_on_a_grid_and_are_whole() -> None:
    stream = SpectrumStream()
    stream.feed(tones(440).astype(np.float32))
    assert rows(stream.take(2047)).shape[0] == 0
    assert rows(stream.take(2048)).shape[0] == 1
    assert rows(stream.take(2559)).shape[0] == 0
    assert rows(stream.take(2560 + 512)).shape[0] == 2
    assert stream.frames == 3


def test_a_frame_is_of_its_own_samples(music: np.ndarray) -> None:
    alone = frames(music[512 * 7 : 512 * 7 + 2048])
    among = frames(music)
    assert np.array_equal(alone.mel_db[0], among.mel_db[7])
    assert alone.level_db[0] == among.level_db[7]


@pytest.mark.parametrize("hz", [100.0, 440.0, 3000.0])
def test_a_full_scale_sine_has_its_level_and_its_band(hz: float) -> None:
    found = frames(tones(hz))
    assert found.level_db == pytest.approx(-3.01, abs=0.3)
    assert found.mel_db.max(axis=1) == pytest.approx(0, abs=3)
    centroid = found.descriptors[:, INDEX["centroid"]]
    assert centroid == pytest.approx(np.log2(hz / 20), abs=0.02)
    assert found.descriptors[:, INDEX["rolloff_50"]] == pytest.approx(np.log2(hz / 20), abs=0.1)
    assert (found.descriptors[:, INDEX["partials"]] == 1).all()
    assert found.descriptors[:, INDEX["zero_crossings"]] == pytest.approx(2 * hz / RATE, abs=1e-3)


def test_close_partials_are_rougher_than_an_octave_and_harmonics_are_harmonic() -> None:
    def mean(name: str, *hz: float) -> float:
        return float(frames(tones(*hz)).descriptors[:, INDEX[name]].mean())

    assert mean("roughness", 1000, 1050) > 0.05 > 5 * mean("roughness", 500, 1000)
    assert mean("inharmonicity", 220, 440, 660) < 0.01 < 0.1 < mean("inharmonicity", 220, 310, 555)


def test_of_more_than_16_peaks_alike_the_highest_count_and_of_fewer_all() -> None:
    amplitude = np.full((3, 1025), 1e-6, np.float32)
    amplitude[0, 10:110:5] = 1
    amplitude[1, 30:110:5] = 1
    amplitude[2, 30:70:5] = 1
    power = amplitude**2
    ones = np.ones(3, np.float32)
    found = describe(power, amplitude, power[:, :64], power.sum(axis=1, keepdims=True), ones, ones, ones)
    assert found[:, INDEX["partials"]].tolist() == [16, 16, 8]
    roughness = found[:, INDEX["roughness"]]
    assert roughness[0] == roughness[1] > 0


def test_the_shape_of_a_wave_is_that_of_each_frame(music: np.ndarray) -> None:
    mean_square, peak_square, sign_changes = wave_shapes(music[: 2048 + 512 * 9])
    for number in range(10):
        frame = music[512 * number : 512 * number + 2048]
        assert mean_square[number] == pytest.approx(np.mean(frame.astype(float) ** 2))
        assert peak_square[number] == np.abs(frame).max() ** 2
        assert sign_changes[number] == np.count_nonzero(np.diff(np.signbit(frame)))


def test_flux_is_of_what_begins() -> None:
    found = frames(np.concatenate([np.zeros(RATE), tones(440)])).descriptors[:, INDEX["flux"]]
    onset = (RATE - 2048) // 512 + 1
    assert not found[:onset].any()
    assert found[onset : onset + 3].max() > 0.5
    assert found[-10:].max() < 0.01
    assert frames(tones(440)).descriptors[0, INDEX["flux"]] == 0


def test_silence_is_silent_and_has_no_shape() -> None:
    found = frames(np.zeros(RATE))
    assert (found.mel_db == SILENCE_DB).all()
    assert (found.level_db == SILENCE_DB).all()
    assert not found.descriptors.any()


def test_shapes_do_not_change_with_level(music: np.ndarray) -> None:
    loud, soft = frames(music), frames(np.float32(0.1) * music)
    assert soft.level_db[loud.level_db > -90] == pytest.approx(loud.level_db[loud.level_db > -90] - 20, abs=1e-3)
    differ = np.abs(soft.descriptors - loud.descriptors) > 1e-2
    assert differ.mean() < 1e-3


def test_the_memory_holds_one_window_and_never_more(music: np.ndarray) -> None:
    memory, transcriber = SoundMemory(1.0), StreamingTranscriber()
    counts = set()
    for number in range(1, 7):
        memory.hear(transcriber.feed(music[(number - 1) * RATE // 2 : number * RATE // 2]))
        while transcriber.next_hop() is not None:
            for made, rows in transcriber.made:
                memory.transcribe(made, rows)
        found = memory.at(number / 2)
        counts.add((len(found.mel_db), len(found.level_db), len(found.descriptors)))
        assert len(found.note_posteriors) == len(found.onset_posteriors) <= 86
    assert counts == {(18, 18, 18), (40, 40, 40)}
    assert len(found.note_posteriors) == 86


def test_posteriors_from_before_the_sound_are_left_out_and_below_the_gate_are_none() -> None:
    memory = SoundMemory(1.0)
    ones = np.ones((4, 88), np.float32)
    contours, inner = np.ones((4, 264), np.float32), np.ones((4, ACTIVATIONS), np.float32)
    memory.transcribe(Posteriorgrams(-2, contours, ones, ones, inner, np.array([1, 1, 1, 0], np.float32)))
    memory.transcribe(Posteriorgrams(-9, contours, ones, ones, inner, np.ones(4, np.float32)))
    found = memory.at(0.0)
    assert found.note_posteriors[:, 0].tolist() == found.onset_posteriors[:, 0].tolist() == [1, 0]
    assert found.activations[:, 0].tolist() == [1, 0]


def columns(sound: SoundWindow) -> dict[str, np.ndarray]:
    return {name: getattr(posterior_columns(sound), name) for name in COLUMNS}


@pytest.mark.parametrize("frames_a_block", [4, 3])
@pytest.mark.parametrize("length_s", [0.5, 10.0])
def test_what_is_kept_of_posteriors_is_what_a_window_alone_gives(frames_a_block: int, length_s: float) -> None:
    random, memory = np.random.default_rng(5), SoundMemory(length_s)
    first = -2
    for number in range(1, 60):
        notes, onsets = random.uniform(0, 1, (2, frames_a_block, 88)).astype(np.float32) ** 4
        inner = random.uniform(0, 1, (frames_a_block, ACTIVATIONS)).astype(np.float32)
        contours, audible = np.empty((frames_a_block, 264), np.float32), np.ones(frames_a_block, np.float32)
        memory.transcribe(Posteriorgrams(first, contours, notes, onsets, inner, audible))
        first += frames_a_block
        if number % 7 == 0:
            found = memory.at(0.0)
            assert found.columns is not None
            kept, alone = columns(found), columns(replace(found, columns=None))
            # Whether an onset peaked at a window's ends depends on what is not in it.
            np.testing.assert_array_equal(kept.pop("peaks")[2:], alone.pop("peaks")[2:])
            for name, expected in alone.items():
                assert kept[name] == pytest.approx(expected, rel=1e-5, abs=1e-5), name


def test_what_is_kept_does_not_depend_on_when_windows_are_asked_for() -> None:
    random = np.random.default_rng(6)
    often, once = SoundMemory(1.0), SoundMemory(1.0)
    for number in range(40):
        notes, onsets = random.uniform(0, 1, (2, 4, 88)).astype(np.float32)
        inner, ones = random.uniform(0, 1, (4, ACTIVATIONS)).astype(np.float32), np.ones(4, np.float32)
        made = Posteriorgrams(4 * number - 3, np.empty((4, 264), np.float32), notes, onsets, inner, ones)
        often.transcribe(made)
        once.transcribe(made)
        if number % 3 == 0:
            often.at(0.0)
    one, other = often.at(0.0), once.at(0.0)
    assert one.note_posteriors.tobytes() == other.note_posteriors.tobytes()
    for name, kept in columns(one).items():
        # Of the frames before the oldest that one of them has ever seen, nothing is known.
        since = 2 if name == "peaks" else 0
        assert kept[since:].tobytes() == columns(other)[name][since:].tobytes(), name


@pytest.mark.parametrize("silence_after", [None, 11])
def test_what_is_transcribed_together_is_kept_as_if_it_had_come_hop_by_hop(silence_after: int | None) -> None:
    random = np.random.default_rng(8)
    notes, onsets = random.uniform(0, 1, (2, 80, 88)).astype(np.float32)
    inner, audible = random.uniform(0, 1, (80, ACTIVATIONS)).astype(np.float32), np.ones(80, np.float32)
    audible[30:35] = 0
    together, apart = SoundMemory(0.4), SoundMemory(0.4)
    whole = Posteriorgrams(-3, np.empty((80, 264), np.float32), notes, onsets, inner, audible)
    for hop in range(20):
        rows = slice(4 * hop, 4 * hop + 4)
        together.transcribe(whole, rows)
        apart.transcribe(whole.part(rows))
        if hop == silence_after:
            together.begin_at(0.0)
            apart.begin_at(0.0)
        if hop % 3 == 0 or hop == 19:
            one, other = together.at(0.0), apart.at(0.0)
            assert one.note_posteriors.tobytes() == other.note_posteriors.tobytes()
            assert one.activations.tobytes() == other.activations.tobytes()
            for name, kept in columns(one).items():
                since = 2 if name == "peaks" else 0
                assert kept[since:].tobytes() == columns(other)[name][since:].tobytes(), name


def test_a_window_stays_as_it_was_when_more_comes() -> None:
    random, memory = np.random.default_rng(7), SoundMemory(0.2)
    windows = []
    for number in range(40):
        notes = random.uniform(0, 1, (4, 88)).astype(np.float32)
        inner, ones = np.ones((4, ACTIVATIONS), np.float32), np.ones(4, np.float32)
        memory.transcribe(Posteriorgrams(4 * number, np.ones((4, 264), np.float32), notes, notes, inner, ones))
        found = memory.at(0.0)
        windows.append((found, found.note_posteriors.copy(), columns(found)["series"].copy()))
    for found, notes, series in windows:
        assert np.array_equal(found.note_posteriors, notes)
        assert np.array_equal(columns(found)["series"], series)


def test_music_after_a_silence_is_as_if_nothing_had_been_before() -> None:
    music = (0.1 * np.random.default_rng(3).standard_normal(22050)).astype(np.float32)
    silence = np.zeros(100 * 512, np.float32)
    ones, inner = np.ones((4, 88), np.float32), np.ones((4, ACTIVATIONS), np.float32)
    fresh, later = SoundMemory(10.0), SoundMemory(10.0)
    fresh.hear(music)
    later.hear(np.concatenate([silence, music]))
    later.transcribe(Posteriorgrams(0, np.ones((4, 264), np.float32), ones, ones, inner, np.ones(4, np.float32)))
    assert len(later.at(len(silence) / 22050).level_db) > 90
    later.begin_at(len(silence) / 22050)
    found, expected = later.at((len(silence) + len(music)) / 22050), fresh.at(len(music) / 22050)
    np.testing.assert_array_equal(found.mel_db, expected.mel_db)
    np.testing.assert_array_equal(found.level_db, expected.level_db)
    assert len(found.note_posteriors) == len(found.activations) == 0
