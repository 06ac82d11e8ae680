"""A recorded session played again: the same events, the same readings, to the bit; and files that are none."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.recording import comparable, lines, reads_of, record, recorder, replay

from models.affect import Reading
from models.bundle import BUNDLED, Bundle, load
from models.errors import MoodringError, UsageError
from realtime.controls import Calibrate, Control, Freeze, Label, Quit, Record, Reset, SetRate, UseModel
from realtime.events import Advance, AllNotesOff, Event, Lost, NoteOff, NoteOn, Pedal, Sound, Tempo
from realtime.note_events import Struck
from realtime.recording import reproduces
from realtime.sources.midi_file import MidiFile
from realtime.sources.paced import Paced
from realtime.sources.recorded import Recorded


@pytest.fixture(scope="module")
def notes_model() -> Bundle:
    return load(BUNDLED / "notes")


@pytest.fixture(scope="module")
def sound_model() -> Bundle:
    return load(BUNDLED / "audio")


@pytest.fixture(scope="module")
def rnn() -> Bundle:
    return load(BUNDLED / "seed-rnn")


@pytest.fixture(scope="module")
def excerpt(shared_data: Path) -> tuple[np.ndarray, int]:
    """Three seconds and a half of music with two channels, and its rate."""
    samples, rate = soundfile.read(shared_data / "deam" / "audio" / "1000.opus", dtype="float32")
    return np.stack([samples, np.roll(samples, 100)], axis=1)[2 * rate : 11 * rate // 2], rate


@pytest.fixture(scope="module")
def pedalled(shared_data: Path) -> Path:
    """A piano piece of less than a minute in which the pedal is used."""
    for path in sorted((shared_data / "vgmidi" / "midi").glob("*.mid")):
        piece = MidiFile(path, 1e9)
        if piece.duration_s < 60.0 and any(isinstance(event, Pedal) for event in piece.read(0.0)):
            return path
    raise AssertionError("no piece has a pedal")


def blocks(samples: np.ndarray, rate: int, seed: int = 0) -> Iterator[list[Event]]:
    """Reads of one to four blocks of 64 to 4000 frames, as an input might give them."""
    random = np.random.default_rng(seed)
    start = 0
    while start < len(samples):
        read: list[Event] = []
        for length in random.integers(64, 4000, random.integers(1, 5)):
            if len(block := samples[start : start + length]):
                read.append(Sound(block, rate))
            start += length
        yield read


def assert_same(again: Sequence[Reading], readings: Sequence[Reading], path: Path) -> None:
    """That a replay gave the readings of the session, and that these are what its file holds."""
    assert again == readings
    recorded = lines(path, "reading")
    assert len(recorded) == len(readings) > 5
    assert all(map(reproduces, again, recorded))


@pytest.mark.parametrize(("rate_hz", "block_s"), [(None, 0.1), (4.0, 1e9)])
def test_a_midi_session_is_reproduced_to_the_bit(
    notes_model: Bundle, pedalled: Path, tmp_path: Path, rate_hz: float | None, block_s: float
) -> None:
    path = tmp_path / "session.jsonl"
    reads = reads_of(MidiFile(pedalled, 0.013))
    readings = record(path, notes_model, reads, kind="notes", rate_hz=rate_hz, with_sound=False)
    assert len({reading.valence for reading in readings}) > 5
    assert_same(replay(path, notes_model, rate_hz, block_s), readings, path)


def test_a_session_of_sound_is_reproduced_to_the_bit(
    sound_model: Bundle, excerpt: tuple[np.ndarray, int], tmp_path: Path
) -> None:
    path = tmp_path / "session.jsonl"
    readings = record(path, sound_model, blocks(*excerpt))
    assert len({reading.valence for reading in readings}) > 5
    assert_same(replay(path, sound_model), readings, path)


def interrupted(samples: np.ndarray, rate: int) -> Iterator[Sequence[Event]]:
    """A sound interface at 96 kHz that loses some, then goes away, and comes back with another rate and one channel."""
    fast = np.repeat(samples, 96_000 // rate, axis=0)
    yield from blocks(fast[:150_001], 96_000, 1)
    yield [Lost(1.5)]
    yield from blocks(fast[150_001:250_000], 96_000, 2)
    yield [Lost(2.6)]
    for step in range(8):
        yield [Advance(2.8 + 0.1 * step)]
    yield from blocks(samples[:rate, 0], rate, 3)
    yield from blocks(samples[rate : 2 * rate], rate, 4)


def test_losses_and_another_rate_are_reproduced_to_the_bit(
    rnn: Bundle, excerpt: tuple[np.ndarray, int], tmp_path: Path
) -> None:
    path = tmp_path / "session.jsonl"
    readings = record(path, rnn, interrupted(*excerpt), rate_hz=4.0)
    assert {"lost", "live"} <= {reading.state.value for reading in readings}
    assert_same(replay(path, rnn, 4.0), readings, path)
    segments = lines(path, "sound")
    assert [(line["file"], line["rate"], line["channels"], line["start_frame"]) for line in segments] == [
        ("session.flac", 96_000, 2, 0),
        ("session.flac", 96_000, 2, 150_001),
        ("session-2.flac", excerpt[1], 1, 0),
        ("session-3.flac", excerpt[1], 2, 0),
    ]


def test_sound_and_keys_together_are_reproduced_to_the_bit(
    rnn: Bundle, excerpt: tuple[np.ndarray, int], pedalled: Path, tmp_path: Path
) -> None:
    path = tmp_path / "session.jsonl"

    def both() -> Iterator[Sequence[Event]]:
        keys = MidiFile(pedalled)
        for sound in blocks(*excerpt):
            yield [*keys.read(0.0), *sound[:1]]
            yield [*sound[1:], *keys.read(0.0)]

    readings = record(path, rnn, both(), rate_hz=4.0)
    assert_same(replay(path, rnn, 4.0), readings, path)


CONTROLS: list[tuple[int, Control]] = [
    (2, Calibrate()),
    (2, Label(0.25, -0.5, "Ana")),
    (4, Reset()),
    (5, UseModel("notes")),
    (7, SetRate(4.0)),
    (8, Freeze(True)),
]


def test_events_and_controls_come_in_their_order(rnn: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (2_000, 2)).astype(np.float32)
    recording = recorder(path, rnn)
    heard: list[object] = []
    for step in range(10):
        time_s = 0.25 * step
        reads = [NoteOn(time_s + 0.01, 60 + step, 90), Sound(noise[: 1_500 + step], 8_000), NoteOff(time_s, 59 + step)]
        heard += recording.hear(reads)
        for at, control in CONTROLS:
            if at == step:
                recording.control(time_s, control, "done")
                heard.append(control)
        recording.play([Struck(time_s, 60 + step, 90)])
    recording.control(2.5, Record(False), "")
    recording.control(2.5, Quit(), "")
    recording.close()
    played = [item for items in reads_of(Recorded(path)) for item in items]
    assert list(map(comparable, played)) == list(map(comparable, heard))


def test_only_steps_of_time_that_matter_are_written(notes_model: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    reads: list[list[Event]] = [[Advance(0.01 * step)] for step in range(1, 201)]
    record(path, notes_model, [*reads, [NoteOn(2.005, 60, 90)], [Advance(2.2), NoteOn(2.1, 62, 90)]], kind="notes")
    kinds = [(line["type"], line["time"]) for line in lines(path) if line["type"] in ("advance", "note_on")]
    assert kinds[-3:] == [("note_on", 2.005), ("advance", 2.2), ("note_on", 2.1)]
    assert len(kinds) == 7


def test_a_control_is_done_when_time_has_come_as_far_as_it_had(notes_model: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    recording = recorder(path, notes_model, kind="notes")
    recording.hear([Advance(0.2), Advance(0.3)])
    recording.control(0.3, Reset(), "")
    recording.hear([Advance(0.4), NoteOn(0.45, 60, 90)])
    recording.close()
    played = [item for items in reads_of(Recorded(path)) for item in items]
    assert played == [Advance(0.3), Reset(), NoteOn(0.45, 60, 90)]


def test_a_recording_from_the_middle_keeps_its_time(rnn: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    record(path, rnn, [[Sound(np.zeros(8_000, np.float32), 8_000)] for _ in range(3)], began_s=100.0)
    source = Recorded(path)
    assert source.read(0.0) == [Advance(100.0)]
    assert source.began_s == 100.0
    assert [line["time"] for line in lines(path, "sound_to")] == [101.0, 102.0, 103.0]
    readings = replay(path, rnn)
    assert readings[-1].time == pytest.approx(103.0, abs=0.5)


class Clock:
    now_s = 50.0

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


def test_it_plays_at_its_own_pace_with_what_was_asked_in_its_place(rnn: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    recording = recorder(path, rnn, began_s=100.0)
    second = Sound(np.zeros(8_000, np.float32), 8_000)
    recording.hear([second])
    recording.control(101.0, Reset(), "")
    recording.hear([Lost(101.0), Advance(105.0), second])
    recording.control(106.0, Calibrate(), "")
    recording.close()
    clock = Clock()
    paced = Paced(Recorded(path), clock, clock.sleep)  # type: ignore[arg-type]
    came = []
    while not paced.ended and clock.now_s < 100.0:
        came += [(type(item), round(clock.now_s - 50.0, 6)) for item in paced.read(1.0)]
    assert came == [
        (Advance, 0.0),
        (Sound, 1.0),
        (Reset, 1.0),
        (Lost, 1.0),
        (Advance, 5.0),
        (Sound, 6.0),
        (Calibrate, 6.0),
    ]


def test_a_header_says_what_was_recorded(notes_model: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    settings = {"smoothing": "calm", "mute": [10]}
    record(path, notes_model, [], kind="notes", source="Stage Piano", rate_hz=4.0, settings=settings, with_sound=False)
    source = Recorded(path)
    header = source.header
    assert (header.source, header.model, header.rate_hz, header.settings) == ("Stage Piano", "notes", 4.0, settings)
    assert (source.name, source.kind, source.is_live, source.arrived_s) == ("session.jsonl", "notes", False, None)
    assert (source.dropped, source.overflows, source.ended) == (0, 0, False)
    assert source.read(0.0) == []
    assert source.ended


def refusal(path: Path, kind: type[MoodringError] = MoodringError) -> str:
    with pytest.raises(MoodringError) as caught:
        for _ in reads_of(Recorded(path)):
            pass
    assert type(caught.value) is kind
    assert "\n" not in str(caught.value)
    return str(caught.value)


def keys_session(path: Path, model: Bundle) -> Path:
    reads = [[NoteOn(time_s, 60, 90), Tempo(time_s, 120.0), AllNotesOff(time_s)] for time_s in (1.0, 2.0, 3.0)]
    record(path, model, reads, kind="notes", with_sound=False)
    return path


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    assert "is not there" in refusal(tmp_path / "none.jsonl", UsageError)
    assert "is a directory" in refusal(tmp_path, UsageError)
    for content in (
        b"",
        b'{"type": "reading", "time": 1.0}\n',
        b"\xff\xfe\x00",
        b"[1]\n",
        b'{"type":"header","time":0}\n',
    ):
        path = tmp_path / "other.jsonl"
        path.write_bytes(content)
        assert "is no recording of moodring" in refusal(path)


def changed(path: Path, line: int, change: Callable[[str], str]) -> Path:
    whole = path.read_text(encoding="utf-8").splitlines(keepends=True)
    whole[line - 1] = change(whole[line - 1])
    path.write_text("".join(whole), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("line", "old", "new", "complaint"),
    [
        (1, '"format":1', '"format":2', "made by a newer moodring (format 2): update moodring"),
        (1, '"rate_hz":null', '"rate_hz":"2"', "damaged in line 1 (rate_hz must be float | None, not '2')"),
        (1, '"kind":"notes"', '"kind":"smells"', "damaged in line 1 (kind must be"),
        (3, "{", "", "damaged in line 3"),
        (2, '"pitch":60', '"pitch":160', "damaged in line 2 (pitch must be 0 to 127, not 160)"),
        (2, '"pitch":60', '"pitch":true', "damaged in line 2 (pitch must be int, not True)"),
        (2, ',"channel":0', "", "damaged in line 2 (channel is missing)"),
        (3, "120.0", "NaN", "damaged in line 3 (NaN is no JSON)"),
        (3, '"time":1.0', '"time":"noon"', "damaged in line 3 (time must be seconds, not 'noon')"),
        (2, "note_on", "sound_to", "damaged in line 2 (frames must be a whole number"),
    ],
)
def test_a_damaged_line_is_named(
    notes_model: Bundle, tmp_path: Path, line: int, old: str, new: str, complaint: str
) -> None:
    path = changed(keys_session(tmp_path / "session.jsonl", notes_model), line, lambda text: text.replace(old, new, 1))
    assert complaint in refusal(path)


def test_a_torn_last_line_is_left_out(notes_model: Bundle, tmp_path: Path) -> None:
    path = keys_session(tmp_path / "session.jsonl", notes_model)
    content = path.read_bytes()
    everything = [item for items in reads_of(Recorded(path)) for item in items]
    assert Recorded(path).is_whole
    for end in range(content.index(b'"exact"'), len(content), 3):
        path.write_bytes(content[:end])
        source = Recorded(path)
        items = [item for items in reads_of(source) for item in items]
        assert items == everything[: len(items)]
        assert source.is_whole == (end == len(content) - 1)


def test_types_of_line_that_are_not_known_are_left_out(notes_model: Bundle, tmp_path: Path) -> None:
    path = keys_session(tmp_path / "session.jsonl", notes_model)
    everything = [item for items in reads_of(Recorded(path)) for item in items]
    changed(path, 3, lambda text: json.dumps({"type": "weather", "time": 1.0}) + "\n" + text)
    assert [item for items in reads_of(Recorded(path)) for item in items] == everything


@pytest.fixture
def sound_session(rnn: Bundle, tmp_path: Path) -> Path:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 40_000).astype(np.float32)
    record(tmp_path / "session.jsonl", rnn, [[Sound(part, 8_000)] for part in np.split(noise, 10)])
    return tmp_path / "session.jsonl"


def test_sound_that_is_missing_cut_off_or_another_is_said(sound_session: Path) -> None:
    sound = sound_session.with_suffix(".flac")
    content = sound.read_bytes()
    sound.write_bytes(content[: len(content) // 2])
    assert re.search(r"session\.flac is (shorter|no sound)", refusal(sound_session))
    sound.write_bytes(b"x" * 20_000)
    assert "is no sound that can be read" in refusal(sound_session)
    soundfile.write(sound, np.zeros((8_000, 2)), 8_000)
    assert "is not the sound of this recording" in refusal(sound_session)
    sound.unlink()
    assert "session.flac is missing: put it beside session.jsonl" in refusal(sound_session)


def test_a_session_of_sound_without_it_can_not_be_replayed(rnn: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    record(path, rnn, [[Sound(np.zeros(8_000, np.float32), 8_000)]], with_sound=False)
    assert "was recorded without its sound: it can be plotted, not replayed" in refusal(path)
    assert not path.with_suffix(".flac").exists()


def test_closing_twice_is_fine(sound_session: Path) -> None:
    source = Recorded(sound_session)
    source.read(0.0)
    source.close()
    source.close()
    assert source.ended
    assert source.read(0.0) == []
    with pytest.raises(ValueError, match="block_s must be above 0"):
        Recorded(sound_session, 0.0)
