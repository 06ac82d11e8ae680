"""An audio file gives all of its sound, block by block, and says plainly why it cannot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from models.errors import MoodringError, UsageError
from realtime.events import Sound
from realtime.sources import Source
from realtime.sources.audio_file import AudioFile

FORMATS = ["wav", "flac", "ogg", "opus", "mp3", "aiff"]


@pytest.fixture
def tune(tmp_path: Path) -> Callable[..., Path]:
    """Writes a file of that suffix: noise over a falling tone, which no codec can shorten to nothing."""

    def write(suffix: str, rate: int = 48_000, seconds: float = 1.234, channels: int = 2) -> Path:
        time_s = np.arange(round(rate * seconds)) / rate
        tone = 0.4 * np.sin(2 * np.pi * (600 - 150 * time_s) * time_s)
        noise = np.random.default_rng(3).normal(0, 0.05, (len(time_s), channels))
        path = tmp_path / f"tune.{suffix}"
        kind = {"format": "OGG", "subtype": "OPUS"} if suffix == "opus" else {}
        soundfile.write(path, tone[:, None] + noise, rate, **kind)
        return path

    return write


def read_all(source: Source) -> list[Sound]:
    blocks: list[Sound] = []
    for _ in range(5_000):
        for event in source.read(0.0):
            assert isinstance(event, Sound)
            blocks.append(event)
        if source.ended:
            return blocks
    raise AssertionError("the file never ended")


def samples_of(path: Path, block_s: float = 0.1) -> np.ndarray:
    return np.concatenate([block.samples for block in read_all(AudioFile(path, block_s))])


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("block_s", [0.1, 0.0371, 60.0])
def test_blocks_put_together_are_the_whole_file(tune: Callable[..., Path], suffix: str, block_s: float) -> None:
    path = tune(suffix)
    whole, rate = soundfile.read(path, dtype="float32", always_2d=True)
    blocks = read_all(AudioFile(path, block_s))
    assert {(block.sample_rate, block.samples.dtype, block.samples.shape[1]) for block in blocks} == {
        (rate, np.dtype(np.float32), 2)
    }
    assert {len(block.samples) for block in blocks[:-1]} <= {round(block_s * rate)}
    np.testing.assert_array_equal(np.concatenate([block.samples for block in blocks]), whole)


def test_a_file_of_whole_blocks_loses_nothing_and_ends(tune: Callable[..., Path]) -> None:
    path = tune("wav", rate=8_000, seconds=1.0, channels=1)
    blocks = read_all(AudioFile(path, block_s=0.25))
    assert [block.samples.shape for block in blocks] == [(2_000, 1)] * 4


def test_a_source_says_what_it_is(tune: Callable[..., Path]) -> None:
    source = AudioFile(tune("flac", rate=22_050, seconds=2.0))
    assert (source.name, source.kind, source.is_live) == ("tune.flac", "sound", False)
    assert (source.sample_rate, source.channels, source.duration_s) == (22_050, 2, 2.0)
    assert (source.ended, source.dropped, source.overflows) == (False, 0, 0)


def test_real_music_comes_whole(shared_data: Path) -> None:
    path = min((shared_data / "deam" / "audio").glob("*.opus"))
    whole, rate = soundfile.read(path, dtype="float32", always_2d=True)
    source = AudioFile(path)
    assert source.duration_s == len(whole) / rate
    np.testing.assert_array_equal(np.concatenate([block.samples for block in read_all(source)]), whole)


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_file_cut_off_in_the_middle_gives_its_first_half_and_ends(tune: Callable[..., Path], suffix: str) -> None:
    path = tune(suffix, seconds=3.0)
    whole = samples_of(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    got = samples_of(path)
    assert 0.25 * len(whole) < len(got) < 0.75 * len(whole)
    np.testing.assert_allclose(got[: len(got) // 2], whole[: len(got) // 2], atol=1e-6)


def test_all_that_a_broken_flac_holds_is_kept_whatever_the_blocks(tune: Callable[..., Path]) -> None:
    path = tune("flac", seconds=3.0)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    lengths = {len(samples_of(path, block_s)) for block_s in (0.1, 0.013, 60.0)}
    assert len(lengths) == 1
    assert lengths.pop() > 0


def test_a_flac_of_unknown_length_plays_and_has_no_duration(tune: Callable[..., Path]) -> None:
    path = tune("flac", seconds=1.25)
    whole = samples_of(path)
    streamed = bytearray(path.read_bytes())
    streamed[21] &= 0xF0  # the 36 bits of STREAMINFO that count the samples; 0 is "unknown", as an encoder
    streamed[22:26] = bytes(4)  # that writes into a pipe leaves it
    path.write_bytes(streamed)
    source = AudioFile(path)
    assert source.duration_s is None
    got = np.concatenate([block.samples for block in read_all(source)])
    assert len(whole) - source.sample_rate // 10 <= len(got) <= len(whole)
    np.testing.assert_array_equal(got, whole[: len(got)])


def test_closing_twice_is_fine_and_ends_the_stream(tune: Callable[..., Path]) -> None:
    source = AudioFile(tune("wav"))
    source.read(0.0)
    source.close()
    source.close()
    assert source.ended
    assert source.read(0.0) == []


def refusal(path: Path, kind: type[MoodringError]) -> str:
    with pytest.raises(MoodringError) as caught:
        AudioFile(path)
    assert type(caught.value) is kind
    return str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "tune.wav"
    assert refusal(path, UsageError) == f"{path} is not there: check the path"


def test_a_directory(tmp_path: Path) -> None:
    assert refusal(tmp_path, UsageError) == f"{tmp_path} is a directory: give the path of a file in it"


def test_a_file_that_the_system_does_not_give(tmp_path: Path) -> None:
    path = tmp_path / "tune.wav"
    path.symlink_to(path)
    assert refusal(path, MoodringError) == f"{path} cannot be read: Too many levels of symbolic links"


def test_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "tune.wav"
    path.touch()
    assert refusal(path, MoodringError) == f"{path} is empty: save or download it again"


def test_a_file_without_a_sample(tmp_path: Path) -> None:
    path = tmp_path / "tune.wav"
    soundfile.write(path, np.zeros((0, 1)), 44_100)
    assert refusal(path, MoodringError) == f"{path} is empty, it holds no sound at all: save or download it again"


@pytest.mark.parametrize(
    ("name", "converted"), [("tune.wav", "tune.flac"), ("tune.m4a", "tune.wav"), ("tune.raw", "tune.wav")]
)
def test_a_file_that_is_no_sound(tmp_path: Path, name: str, converted: str) -> None:
    path = tmp_path / name
    path.write_text("not a sound\n" * 100)
    assert refusal(path, MoodringError) == (
        f"{path} is not sound that can be read here: convert it to WAV, FLAC, Ogg or MP3 "
        f"(for example: ffmpeg -i {name} {converted})"
    )


def test_a_file_that_breaks_off_before_the_first_sample(tune: Callable[..., Path]) -> None:
    path = tune("flac")
    path.write_bytes(path.read_bytes()[:8_400])  # its header, and a little of the first frame
    source = AudioFile(path)
    with pytest.raises(MoodringError) as caught:
        source.read(0.0)
    assert str(caught.value) == f"{path} is damaged, no sound in it can be read: save or download it again"
    assert source.ended


@pytest.mark.parametrize("block_s", [0.0, -1.0, float("nan")])
def test_a_block_must_have_a_length(tune: Callable[..., Path], block_s: float) -> None:
    with pytest.raises(ValueError, match=f"^block_s must be above 0, not {block_s}$"):
        AudioFile(tune("wav"), block_s)
