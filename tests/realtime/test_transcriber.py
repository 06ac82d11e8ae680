"""Streaming transcription: the notes that are played, whatever the blocks and whatever is wrong with the sound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from models.transcription import SAMPLE_RATE
from realtime.note_events import NoteBegan, NoteEnded, NoteEvent, NoteReleased, NoteWithdrawn
from realtime.note_ledger import match_frames
from realtime.transcriber import HOP_SAMPLES, StreamingTranscriber

C_MAJOR = (60, 62, 64, 65, 67, 69, 71, 72)
BEAT_S = 0.5


@pytest.fixture(scope="module")
def music(shared_data: Path) -> tuple[np.ndarray, int]:
    """Three seconds of a real recording, and its rate."""
    samples, rate = soundfile.read(shared_data / "deam" / "audio" / "1000.opus", dtype="float32")
    return samples[: 3 * rate], rate


def tone(pitch: int, length_s: float = BEAT_S) -> np.ndarray:
    """A struck string: four harmonics that die away."""
    time_s = np.arange(round(length_s * SAMPLE_RATE)) / SAMPLE_RATE
    frequency = 440.0 * 2 ** ((pitch - 69) / 12)
    harmonics = sum(np.sin(2 * np.pi * frequency * h * time_s) / h for h in (1, 2, 3, 4))
    attack_and_release = np.minimum(time_s / 0.005, 1) * np.minimum((length_s - time_s) / 0.01, 1)
    return (0.3 * harmonics * np.exp(-3 * time_s) * attack_and_release).astype(np.float32)


def scale(rest_s: float = 0.0) -> np.ndarray:
    """C major from middle C, two notes a second, after a rest."""
    return np.concatenate([np.zeros(round(rest_s * SAMPLE_RATE), np.float32), *map(tone, C_MAJOR)])


def heard(samples: np.ndarray, rate: int = SAMPLE_RATE, blocks: tuple[int, ...] = (10**9,)) -> list[NoteEvent]:
    """Every event when the samples come in blocks of these lengths, over and over."""
    transcriber = StreamingTranscriber(rate)
    events: list[NoteEvent] = []
    start = number = 0
    while start < len(samples):
        length = blocks[number % len(blocks)]
        events += transcriber.push(samples[start : start + length])
        start, number = start + length, number + 1
    return events + transcriber.flush()


def notes(events: list[NoteEvent]) -> list[NoteEnded]:
    return [event for event in events if isinstance(event, NoteEnded)]


def assert_whole(events: list[NoteEvent], length_s: float) -> None:
    """Every note that begins ends or is withdrawn, once; its numbers are a note's; what is known comes in order."""
    known: dict[int, NoteBegan] = {}
    released: set[int] = set()
    for event in events:
        assert 21 <= event.pitch <= 108
        if isinstance(event, NoteBegan):
            assert event.number not in known
            known[event.number] = event
            assert 0.0 <= event.onset_s <= min(event.certain_s, length_s)
            assert 1 <= event.velocity <= 127
        elif isinstance(event, NoteReleased):
            assert known[event.number].pitch == event.pitch
            assert event.number not in released
            assert event.offset_s <= event.certain_s
            released.add(event.number)
        else:
            assert known.pop(event.number).pitch == event.pitch
            released.discard(event.number)
        if isinstance(event, NoteEnded):
            assert 0.0 <= event.onset_s <= event.offset_s <= event.certain_s
            assert 1 <= event.velocity <= 127
            assert event.onset_s <= length_s
    assert not known
    assert not released
    certain = [event.certain_s for event in events]
    assert certain == sorted(certain)


@pytest.fixture(scope="module")
def scale_notes() -> list[NoteEnded]:
    return notes(heard(scale(rest_s=0.5)))


def test_a_scale_is_found_note_for_note(scale_notes: list[NoteEnded]) -> None:
    for number, pitch in enumerate(C_MAJOR):
        onset_s = 0.5 + number * BEAT_S
        found = [note for note in scale_notes if note.pitch == pitch and abs(note.onset_s - onset_s) < 0.06]
        assert len(found) == 1, f"{pitch} at {onset_s}: {found}"
        assert found[0].offset_s - onset_s == pytest.approx(BEAT_S, abs=0.15)


def test_what_else_is_heard_in_a_scale_is_overtones_at_most(scale_notes: list[NoteEnded]) -> None:
    played = {(pitch, number) for number, pitch in enumerate(C_MAJOR)}
    for note in scale_notes:
        number = round((note.onset_s - 0.5) / BEAT_S)
        assert any((note.pitch - overtone, number) in played for overtone in (0, 12, 19, 24)), note
    assert len(scale_notes) <= 2 * len(C_MAJOR)


def test_a_note_is_announced_while_it_is_new() -> None:
    """Look-ahead, network and confirmation come to a third of a second after the onset from middle C up."""
    ended = {event.number for event in heard(scale()) if isinstance(event, NoteEnded) and event.pitch in C_MAJOR}
    began = [event for event in heard(scale()) if isinstance(event, NoteBegan) and event.number in ended]
    assert len(began) == len(C_MAJOR)
    assert max(event.certain_s - event.onset_s for event in began) < 0.34


def test_a_note_that_seems_over_is_so_said_before_it_is_certain() -> None:
    events = heard(np.concatenate([scale(), np.zeros(3 * SAMPLE_RATE, np.float32)]))
    for note in (event for event in notes(events) if event.pitch in C_MAJOR):
        released = next(e for e in events if isinstance(e, NoteReleased) and e.number == note.number)
        assert released.offset_s == pytest.approx(note.offset_s, abs=0.15)
        assert released.certain_s < note.certain_s - 1.0


def test_an_announced_onset_is_close_to_the_certain_one(music: tuple[np.ndarray, int]) -> None:
    events = heard(*music)
    announced = {event.number: event.onset_s for event in events if isinstance(event, NoteBegan)}
    for note in notes(events):
        assert abs(note.onset_s - announced[note.number]) <= (match_frames(note.pitch) + 0.1) * 256 / SAMPLE_RATE


def test_what_is_announced_is_certain_or_withdrawn_three_seconds_later(music: tuple[np.ndarray, int]) -> None:
    """However long a note sounds, it is not withdrawn later than that."""
    events = heard(*music)
    announced = {event.number: event.certain_s for event in events if isinstance(event, NoteBegan)}
    for event in events:
        if isinstance(event, NoteWithdrawn):
            assert event.certain_s - announced[event.number] < 3.0


def test_a_rest_before_the_music_delays_the_notes_and_changes_nothing_else() -> None:
    """By whole hops, so that the frames fall alike."""
    rest = 20 * HOP_SAMPLES
    prompt = notes(heard(scale()))
    late = notes(heard(np.concatenate([np.zeros(rest, np.float32), scale()])))
    prompt, late = ([n for n in found if n.pitch in C_MAJOR] for found in (prompt, late))
    assert [n.pitch for n in late] == [n.pitch for n in prompt]
    for early, later in zip(prompt, late, strict=True):
        assert later.onset_s - early.onset_s == pytest.approx(rest / SAMPLE_RATE, abs=0.03)


def test_another_sample_rate_gives_the_same_notes(scale_notes: list[NoteEnded]) -> None:
    played = soxr.resample(scale(rest_s=0.5), SAMPLE_RATE, 48_000).astype(np.float32)
    found = notes(heard(np.stack([played, played], axis=1), 48_000))
    main = [[n for n in some if n.pitch in C_MAJOR] for some in (found, scale_notes)]
    assert [n.pitch for n in main[0]] == [n.pitch for n in main[1]]
    for resampled, own in zip(*main, strict=True):
        assert resampled.onset_s == pytest.approx(own.onset_s, abs=0.03)


def test_real_music_has_notes_and_each_begins_and_ends(music: tuple[np.ndarray, int]) -> None:
    events = heard(*music)
    assert len(notes(events)) > 10
    assert_whole(events, length_s=3.0)


@pytest.mark.parametrize("block", [64, 441, 1024, 22050])
def test_blocks_do_not_matter(music: tuple[np.ndarray, int], block: int) -> None:
    assert heard(*music, blocks=(block,)) == heard(*music)


def test_single_samples_are_blocks_too(music: tuple[np.ndarray, int]) -> None:
    samples, rate = music
    clip = samples[: rate // 2]
    assert heard(clip, rate, blocks=(1,)) == heard(clip, rate)


@pytest.mark.parametrize("block", [HOP_SAMPLES, 3 * HOP_SAMPLES, 10**9])
def test_hops_that_go_through_together_come_out_the_same_to_the_last_bit(block: int) -> None:
    """Music, then a rest that the gate closes in, then music; a hop at a time and as many as will go."""
    samples = np.concatenate([scale()[: 2 * SAMPLE_RATE], np.zeros(SAMPLE_RATE, np.float32), scale()])

    def hops(block: int) -> list[tuple[object, ...]]:
        transcriber = StreamingTranscriber()
        found: list[tuple[object, ...]] = []
        for start in range(0, len(samples), block):
            transcriber.feed(samples[start : start + block])
            while (events := transcriber.next_hop()) is not None:
                (made,) = transcriber.posteriorgrams
                numbers = [values.tobytes() for values in (made.contours, made.notes, made.onsets)]
                found.append((events, made.frame, *numbers, transcriber.level_db, transcriber.is_audible))
                found.append((transcriber.transcribed_s, transcriber.next_hop_s))
        return found

    alone = hops(100)
    assert {hop[-1] for hop in alone[::2]} == {True, False}
    assert hops(block) == alone


def test_samples_that_wait_have_been_received() -> None:
    transcriber = StreamingTranscriber()
    transcriber.feed(scale())
    while transcriber.next_hop() is not None:
        assert transcriber.received_s == len(scale()) / SAMPLE_RATE


@settings(max_examples=8, deadline=None)
@given(blocks=st.lists(st.integers(1, 9_000), min_size=1, max_size=8).map(tuple))
def test_no_blocks_matter(music: tuple[np.ndarray, int], blocks: tuple[int, ...]) -> None:
    samples, rate = music
    clip = samples[:rate]
    assert heard(clip, rate, blocks=blocks) == heard(clip, rate)


def test_empty_blocks_are_fine() -> None:
    transcriber = StreamingTranscriber(44_100)
    assert transcriber.push(np.empty(0, np.float32)) == []
    assert transcriber.push(np.empty((0, 2), np.float32)) == []
    assert transcriber.flush() == []


@pytest.mark.parametrize("rate", [SAMPLE_RATE, 48_000])
def test_silence_has_no_notes(rate: int) -> None:
    assert heard(np.zeros(2 * rate, np.float32), rate) == []


@pytest.mark.parametrize("level_db", [-100.0, -70.0])
def test_noise_below_the_gate_has_no_notes(level_db: float) -> None:
    """Without the gate the normaliser would make a chord of it."""
    noise = np.random.default_rng(0).normal(0, 10 ** (level_db / 20), 2 * SAMPLE_RATE).astype(np.float32)
    assert heard(noise) == []


def test_mains_hum_is_learned_and_has_no_notes_from_then_on() -> None:
    """Fifty hertz and its overtones at -52 dB, over a hiss; music above it is heard, and the hum after it is not."""
    time_s = np.arange(12 * SAMPLE_RATE) / SAMPLE_RATE
    hum = sum(np.sin(2 * np.pi * 50 * k * time_s) / k for k in (1, 2, 3)) * 0.003
    hum = (hum + np.random.default_rng(0).normal(0, 2e-4, len(hum))).astype(np.float32)
    hum[5 * SAMPLE_RATE :][: len(scale())] += scale()
    began = [event for event in heard(hum) if isinstance(event, NoteBegan)]
    assert not [note for note in began if 3.5 < note.onset_s < 4.9 or note.onset_s > 9.7]
    assert set(C_MAJOR) <= {note.pitch for note in began if 4.9 < note.onset_s < 9.1}


def test_music_far_below_the_gate_has_no_notes(music: tuple[np.ndarray, int]) -> None:
    samples, rate = music
    assert heard(samples * np.float32(1e-4), rate) == []


def test_after_the_music_stops_nothing_begins() -> None:
    played = scale()
    events = heard(np.concatenate([played, np.zeros(2 * SAMPLE_RATE, np.float32)]))
    assert all(event.onset_s < len(played) / SAMPLE_RATE for event in events if isinstance(event, NoteBegan))


@pytest.mark.parametrize("offset", [0.5, -1.0, 0.01])
def test_a_constant_offset_is_not_music(offset: float) -> None:
    """Its sudden beginning is a click, which may be taken for a note; nothing follows."""
    events = heard(np.full(3 * SAMPLE_RATE, offset, np.float32))
    assert_whole(events, length_s=3.0)
    assert len(notes(events)) <= 1
    assert all(event.onset_s < 0.5 for event in events if isinstance(event, NoteBegan))


def test_an_offset_under_music_leaves_the_scale_there() -> None:
    found = notes(heard(scale(rest_s=0.5) + np.float32(0.1)))
    assert set(C_MAJOR) <= {note.pitch for note in found}


@pytest.mark.parametrize("gain_db", [-40, -20, 20, 40])
def test_the_scale_is_found_whatever_the_gain(gain_db: float) -> None:
    found = notes(heard(scale(rest_s=0.5) * np.float32(10 ** (gain_db / 20))))
    for number, pitch in enumerate(C_MAJOR):
        onset_s = 0.5 + number * BEAT_S
        assert any(note.pitch == pitch and abs(note.onset_s - onset_s) < 0.06 for note in found), pitch


def test_clipped_music_is_still_music(music: tuple[np.ndarray, int]) -> None:
    samples, rate = music
    events = heard(np.clip(20 * samples, -1, 1), rate)
    assert_whole(events, length_s=3.0)
    assert events


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_heard_as_silence_and_counted(music: tuple[np.ndarray, int], bad: float) -> None:
    samples, rate = music
    broken, mended = samples.copy(), samples.copy()
    places = [0, 1, rate, rate + 5_000, 2 * rate]
    broken[places], mended[places] = bad, 0.0
    transcriber = StreamingTranscriber(rate)
    assert transcriber.push(broken) + transcriber.flush() == heard(mended, rate)
    assert transcriber.nonfinite == len(places)


def test_nothing_but_nan_is_silence() -> None:
    transcriber = StreamingTranscriber()
    assert transcriber.push(np.full(SAMPLE_RATE, np.nan, np.float32)) + transcriber.flush() == []
    assert transcriber.level_db == -120.0


@pytest.mark.parametrize(
    "spike",
    [
        1e10,
        1e30,
        -3e38,
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_one_absurd_sample_ends_nothing(music: tuple[np.ndarray, int], spike: float) -> None:
    samples, rate = music
    broken = samples.copy()
    broken[rate] = spike
    assert_whole(heard(broken, rate), length_s=3.0)


def test_times_are_those_of_the_samples_given(music: tuple[np.ndarray, int]) -> None:
    transcriber = StreamingTranscriber(SAMPLE_RATE)
    transcriber.push(music[0][:5_000])
    assert transcriber.received_s == pytest.approx(5_000 / SAMPLE_RATE)
    assert transcriber.transcribed_s == pytest.approx(4 * HOP_SAMPLES / SAMPLE_RATE)
    assert transcriber.next_hop_s == pytest.approx(5 * HOP_SAMPLES / SAMPLE_RATE)
    assert transcriber.delay_s == pytest.approx(15 * 256 / SAMPLE_RATE)


def test_posteriorgrams_follow_one_another(music: tuple[np.ndarray, int]) -> None:
    samples, rate = music
    transcriber = StreamingTranscriber(rate)
    transcriber.push(samples[:rate])
    first = [block.frame for block in transcriber.posteriorgrams]
    assert first == list(range(-transcriber.delay_frames, first[-1] + 1, 4))
    for block in transcriber.posteriorgrams:
        assert (block.contours.shape, block.notes.shape, block.onsets.shape) == ((4, 264), (4, 88), (4, 88))
        for values in (block.contours, block.notes, block.onsets):
            assert values.min() >= 0
            assert values.max() <= 1


def test_reset_is_as_good_as_new(music: tuple[np.ndarray, int]) -> None:
    samples, rate = music
    clip = samples[:rate]
    transcriber = StreamingTranscriber(rate)
    new = transcriber.push(clip) + transcriber.flush()
    transcriber.reset()
    assert transcriber.push(clip) + transcriber.flush() == new
