"""Record the piece that ``moodring demo`` plays: the score of ``offline.demo_score``, as a synthesizer performs it.

``python -m offline.demo_piece`` writes the score as MIDI and records it with FluidSynth and the Fluid (R3) General MIDI
soundfont (Frank Wen, MIT licence), both of which must be installed: on Debian, ``apt-get install fluidsynth
fluid-soundfont-gm``. Every run composes the same score, and the same versions of these programs record it to the same
bytes.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from models.errors import MoodringError
from offline import synthesizer
from offline.demo_score import compose, midi_bytes
from realtime.demo import PARTS, RECORDING, SCORE

SYNTHESIS_RATE_HZ = 44_100
RECORDING_RATE_HZ = 22_050
RECORDING_PEAK_DBFS = -1.0
FADE_OUT_S = 1.0
#: A small hall; no chorus, which would beat against itself in mono.
ROOM = {"room-size": 0.45, "damp": 0.35, "width": 0.5, "level": 0.35}
#: The serial number of the Ogg stream, which libsndfile would draw at random.
OGG_SERIAL = 0x4D4F4F44


# The recording ------------------------------------------------------------------------------------------------------


def synthesize(midi: bytes) -> NDArray[np.float64]:
    """The score as FluidSynth plays it [shape=(n,), mono, at ``SYNTHESIS_RATE_HZ``], at a level of its own."""
    room = [word for setting, value in ROOM.items() for word in ("-o", f"synth.reverb.{setting}={value}")]
    samples = synthesizer.synthesize(midi, SYNTHESIS_RATE_HZ, ["-g", "0.3", "-R", "1", "-C", "0", *room])
    return np.asarray(samples.mean(axis=1, dtype=np.float64))


def mastered(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Synthesized ``samples`` as they are published: at the recording's rate, length and peak, faded out at the end."""
    recording: NDArray[np.float64] = np.zeros(round(PARTS[-1].end_s * RECORDING_RATE_HZ))
    heard = soxr.resample(samples, SYNTHESIS_RATE_HZ, RECORDING_RATE_HZ, quality="VHQ")[: len(recording)]
    recording[: len(heard)] = heard
    fade = round(FADE_OUT_S * RECORDING_RATE_HZ)
    recording[-fade:] *= np.cos(np.linspace(0, np.pi / 2, fade)) ** 2
    recording *= 10 ** (RECORDING_PEAK_DBFS / 20) / np.abs(recording).max()
    return recording


def ogg_bytes(recording: NDArray[np.float64]) -> bytes:
    """The ``recording`` as an Ogg Vorbis file, the same bytes every time."""
    buffer = io.BytesIO()
    soundfile.write(buffer, recording, RECORDING_RATE_HZ, format="OGG", subtype="VORBIS", compression_level=0.5)
    return with_serial(buffer.getvalue(), OGG_SERIAL)


def with_serial(ogg: bytes, serial: int) -> bytes:
    """The ``ogg`` file with another stream serial number on every page (RFC 3533, section 6)."""
    pages, start = bytearray(ogg), 0
    while start < len(pages):
        segments = pages[start + 26]
        end = start + 27 + segments + sum(pages[start + 27 : start + 27 + segments])
        pages[start + 14 : start + 18] = serial.to_bytes(4, "little")
        pages[start + 22 : start + 26] = bytes(4)
        pages[start + 22 : start + 26] = ogg_checksum(pages[start:end]).to_bytes(4, "little")
        start = end
    return bytes(pages)


def ogg_checksum(page: Iterable[int]) -> int:
    """The checksum of an Ogg page: CRC-32 with the polynomial 0x04c11db7, not reflected, from 0."""
    checksum = 0
    for byte in page:
        checksum ^= byte << 24
        for _ in range(8):
            checksum = checksum << 1 ^ (0x104C11DB7 if checksum & 0x80000000 else 0)
    return checksum


# The command --------------------------------------------------------------------------------------------------------


def put(path: Path, content: bytes) -> None:
    """Write ``content`` beside ``path`` and move it into place, so that no half-written file is ever seen there."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.write_bytes(content)
    unfinished.replace(path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Compose and record the piece into a folder; the exit status is 1 where that fails."""
    parser = argparse.ArgumentParser(prog="python -m offline.demo_piece", description="Compose and record the demo.")
    parser.add_argument("-o", dest="folder", metavar="DIR", type=Path, default=SCORE.parent, help="where to write")
    folder: Path = parser.parse_args(arguments).folder
    midi = midi_bytes(compose())
    try:
        recording = ogg_bytes(mastered(synthesize(midi)))
        folder.mkdir(parents=True, exist_ok=True)
        put(folder / SCORE.name, midi)
        put(folder / RECORDING.name, recording)
    except (MoodringError, OSError) as error:
        print(f"demo_piece: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
