"""A MIDI file gives its notes in seconds, block by block, and says plainly why it cannot."""

from __future__ import annotations

import io
from pathlib import Path

import mido
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mido import Message, MetaMessage

from models.errors import MoodringError, UsageError
from realtime.events import Advance, Event, NoteOff, NoteOn, Pedal
from realtime.sources.midi_file import MidiFile


def save(path: Path, *tracks: list[Message | MetaMessage], division: int = 480, kind: int = 1) -> Path:
    song = mido.MidiFile(type=kind, ticks_per_beat=division)
    song.tracks += [mido.MidiTrack(track) for track in tracks]
    song.save(path)
    return path


def note(pitch: int, wait: int, length: int, channel: int = 0) -> list[Message]:
    return [
        Message("note_on", note=pitch, velocity=80, time=wait, channel=channel),
        Message("note_off", note=pitch, time=length, channel=channel),
    ]


def blocks_of(source: MidiFile) -> list[list[Event]]:
    blocks = []
    for _ in range(5_000):
        blocks.append(list(source.read(0.0)))
        if source.ended:
            return blocks
    raise AssertionError("the file never ended")


def events_of(source: MidiFile) -> list[Event]:
    return [event for block in blocks_of(source) for event in block if not isinstance(event, Advance)]


def test_the_tempo_map_is_followed(tmp_path: Path) -> None:
    """A beat is 0.5 s where nothing is said, then 1 s from beat 2 on, then 0.25 s from beat 4 on."""
    tempo = [
        MetaMessage("set_tempo", tempo=1_000_000, time=960),
        MetaMessage("set_tempo", tempo=250_000, time=960),
    ]
    notes = [message for pitch in range(60, 66) for message in note(pitch, wait=0, length=480)]
    source = MidiFile(save(tmp_path / "song.mid", tempo, notes))
    onsets = [event.time_s for event in events_of(source) if isinstance(event, NoteOn)]
    assert onsets == pytest.approx([0.0, 0.5, 1.0, 2.0, 3.0, 3.25])
    assert source.duration_s == pytest.approx(3.5)


def test_tracks_play_together(tmp_path: Path) -> None:
    right = note(72, wait=240, length=240)
    left = [*note(36, wait=0, length=480, channel=1), Message("control_change", control=64, value=127, channel=1)]
    source = MidiFile(save(tmp_path / "song.mid", right, left))
    assert events_of(source) == [
        NoteOn(0.0, 36, 80, 1),
        NoteOn(0.25, 72, 80),
        NoteOff(0.5, 72),
        NoteOff(0.5, 36, 1),
        Pedal(0.5, True, 1),
    ]


@pytest.mark.parametrize(
    ("frames_per_s", "rate"), [(24, 24.0), (25, 25.0), (29, 30 / 1.001), (30, 30.0)], ids=["24", "25", "29.97", "30"]
)
def test_ticks_can_be_parts_of_film_frames(tmp_path: Path, frames_per_s: int, rate: float) -> None:
    path = save(tmp_path / "song.mid", [MetaMessage("set_tempo", tempo=9_999), *note(60, wait=400, length=40)])
    as_beats = path.read_bytes()
    path.write_bytes(as_beats[:12] + bytes([256 - frames_per_s, 40]) + as_beats[14:])
    assert [event.time_s for event in events_of(MidiFile(path))] == pytest.approx([10 / rate, 11 / rate])


def test_time_comes_in_blocks_and_events_come_in_theirs(tmp_path: Path) -> None:
    path = save(tmp_path / "song.mid", [*note(60, wait=144, length=48), MetaMessage("end_of_track", time=96)])
    blocks = blocks_of(MidiFile(path))  # on at 0.15 s, off at 0.2 s, end at 0.3 s
    assert blocks == [
        [Advance(0.1)],
        [NoteOn(pytest.approx(0.15), 60, 80), Advance(0.2)],
        [NoteOff(pytest.approx(0.2), 60), Advance(pytest.approx(0.3))],
    ]


@pytest.mark.parametrize("block_s", [0.01, 0.1, 0.7, 100.0])
def test_the_size_of_a_block_changes_no_event(tmp_path: Path, block_s: float) -> None:
    notes = [message for pitch in range(40, 90) for message in note(pitch, wait=7 * pitch % 31, length=53)]
    source = MidiFile(save(tmp_path / "song.mid", notes), block_s)
    blocks = blocks_of(source)
    assert [event for block in blocks for event in block[:-1]] == events_of(MidiFile(tmp_path / "song.mid"))
    said_s = 0.0
    for block in blocks:
        times = [event.time_s for event in block]
        assert times == sorted(times)
        assert times[0] >= said_s  # nothing earlier follows an Advance
        said_s = times[-1]
        assert isinstance(block[-1], Advance)
    assert said_s == source.duration_s


def test_a_source_says_what_it_is(tmp_path: Path) -> None:
    source = MidiFile(save(tmp_path / "song.mid", note(60, 0, 480)))
    assert (source.name, source.kind, source.is_live) == ("song.mid", "notes", False)
    assert (source.ended, source.dropped, source.overflows, source.duration_s) == (False, 0, 0, 0.5)


def test_closing_twice_is_fine_and_ends_the_stream(tmp_path: Path) -> None:
    source = MidiFile(save(tmp_path / "song.mid", note(60, 0, 480)))
    source.close()
    source.close()
    assert source.ended
    assert source.read(0.0) == []


def test_bytes_out_of_range_do_not_stop_a_file(tmp_path: Path) -> None:
    path = save(tmp_path / "song.mid", note(60, wait=0, length=480))
    path.write_bytes(path.read_bytes().replace(bytes([0x90, 60, 80]), bytes([0x90, 60, 200])))
    assert events_of(MidiFile(path))[0] == NoteOn(0.0, 60, 127)


def test_every_file_of_vgmidi_loads(shared_data: Path) -> None:
    paths = sorted((shared_data / "vgmidi" / "midi").glob("*.mid"))
    assert len(paths) == 204
    for path in paths:
        source = MidiFile(path, block_s=30.0)
        assert all(0.0 <= event.time_s <= source.duration_s for event in events_of(source)), path.name


def test_files_of_vgmidi_play_at_the_times_that_mido_plays_them_at(shared_data: Path) -> None:
    paths = sorted((shared_data / "vgmidi" / "midi").glob("*.mid"))[::12]
    for path in paths:
        source = MidiFile(path, block_s=30.0)
        onsets, time_s = [], 0.0
        for message in mido.MidiFile(path, clip=True):
            time_s += message.time
            if message.type == "note_on" and message.velocity:
                onsets.append((time_s, message.note))
        got = [(event.time_s, event.pitch) for event in events_of(source) if isinstance(event, NoteOn)]
        assert [pitch for _, pitch in got] == [pitch for _, pitch in onsets], path.name
        assert [onset_s for onset_s, _ in got] == pytest.approx([onset_s for onset_s, _ in onsets], abs=1e-6), path.name
        assert source.duration_s == pytest.approx(time_s, abs=1e-6), path.name


def refusal(path: Path, kind: type[MoodringError] = MoodringError) -> str:
    with pytest.raises(MoodringError) as caught:
        MidiFile(path)
    assert type(caught.value) is kind
    return str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "song.mid"
    assert refusal(path, UsageError) == f"{path} is not there: check the path"


def test_a_directory(tmp_path: Path) -> None:
    assert refusal(tmp_path, UsageError) == f"{tmp_path} is a directory: give the path of a file in it"


def test_a_file_that_the_system_does_not_give(tmp_path: Path) -> None:
    path = tmp_path / "song.mid"
    path.symlink_to(path)
    assert refusal(path) == f"{path} cannot be read: Too many levels of symbolic links"


@pytest.mark.parametrize("content", [b"", b"MTh", b"not a song\n" * 9])
def test_a_file_that_is_no_midi(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "song.mid"
    path.write_bytes(content)
    assert refusal(path) == f"{path} is not a MIDI file: give a Standard MIDI File (.mid)"


@pytest.mark.parametrize("length", [4, 10, 14, 20, 27, -1])
def test_a_file_that_breaks_off(tmp_path: Path, length: int) -> None:
    path = save(tmp_path / "song.mid", note(60, wait=0, length=480))
    path.write_bytes(path.read_bytes()[:length])
    assert refusal(path) == f"{path} breaks off before its end: save or download it again"


@pytest.mark.parametrize(
    ("good", "bad", "reason"),
    [
        (b"MTrk", b"MTxx", "no MTrk header at start of track"),
        (b"\x90\x3c\x50", b"\xf4\x3c\x50", "undefined status byte 0xf4"),
        (b"\x51\x03\x07\xa1\x20", b"\x51\x00\x07\xa1\x20", "a message is too short or unknown"),
        (b"\x51\x03\x07\xa1\x20", b"\x59\x02\x09\x00\x00", "Could not decode key with 9 sharps and mode 0"),
    ],
    ids=["chunk", "status", "meta length", "key"],
)
def test_a_file_that_is_damaged(tmp_path: Path, good: bytes, bad: bytes, reason: str) -> None:
    path = save(tmp_path / "song.mid", [MetaMessage("set_tempo", tempo=500_000), *note(60, wait=0, length=480)])
    assert good in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(good, bad))
    assert refusal(path) == f"{path} is damaged ({reason}): save it again from the program that made it"


@pytest.mark.parametrize("division", [b"\x00\x00", b"\xe7\x00"])
def test_a_file_without_ticks(tmp_path: Path, division: bytes) -> None:
    path = save(tmp_path / "song.mid", note(60, wait=0, length=480))
    content = path.read_bytes()
    path.write_bytes(content[:12] + division + content[14:])
    assert refusal(path) == f"{path} is damaged (no ticks in a beat): save it again from the program that made it"


def test_a_file_of_type_2(tmp_path: Path) -> None:
    path = save(tmp_path / "song.mid", note(60, 0, 480), note(60, 0, 480), kind=2)
    assert refusal(path) == f"{path} is a MIDI file of type 2, whose tracks are no one piece: save it as type 0 or 1"


@pytest.mark.parametrize("track", [[], [Message("note_on", note=60, velocity=0)]], ids=["empty", "offs only"])
def test_a_file_without_notes(tmp_path: Path, track: list[Message]) -> None:
    path = save(tmp_path / "song.mid", track)
    assert refusal(path) == f"{path} holds no notes: choose another file"


def _song_with_everything() -> bytes:
    names = ["key_signature", "smpte_offset", "time_signature", "set_tempo", "sequence_number", "channel_prefix"]
    track = [MetaMessage(name) for name in [*names, "midi_port", "text"]]
    track += [Message("sysex", data=[1, 2]), *note(60, 0, 480), Message("pitchwheel")]
    song = mido.MidiFile(tracks=[mido.MidiTrack(track)])
    content = io.BytesIO()
    song.save(file=content)
    return content.getvalue()


SONG = _song_with_everything()


@settings(deadline=None, max_examples=300)
@given(
    changes=st.dictionaries(st.integers(0, len(SONG) - 1), st.integers(0, 255), max_size=4),
    length=st.integers(4, len(SONG)) | st.just(len(SONG)),
)
def test_whatever_is_wrong_with_a_file_it_is_said_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, changes: dict[int, int], length: int
) -> None:
    content = bytearray(SONG)
    for place, byte in changes.items():
        content[place] = byte
    path = tmp_path_factory.getbasetemp() / "changed.mid"
    path.write_bytes(content[:length])
    said = ""
    try:
        assert MidiFile(path).duration_s >= 0.0
    except MoodringError as error:
        said = str(error)
    assert "\n" not in said


@pytest.mark.parametrize("block_s", [0.0, -1.0, float("nan")])
def test_a_block_must_have_a_length(tmp_path: Path, block_s: float) -> None:
    with pytest.raises(ValueError, match=f"^block_s must be above 0, not {block_s}$"):
        MidiFile(save(tmp_path / "song.mid", note(60, 0, 480)), block_s)
