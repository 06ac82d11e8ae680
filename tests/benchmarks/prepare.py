"""What it costs to prepare a piece: ``python -m tests.benchmarks.prepare [FOLDER] [--pieces N]``.

Seconds of one core for each piece of sound in FOLDER, from the file to its features, beside a yardstick taken in the
same run on the same piece: Basic Pitch's own network, unmodified, once for each of its windows of two seconds, without
decoding, note creation or features. The ratio of the two says more than the seconds, which depend on the machine and
on what else it does. Needs the extra ``basic-pitch``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from models.transcription import FRAME_SAMPLES, SAMPLE_RATE, open_network
from offline.corpora import Labels, Piece
from offline.prepare import Heard, hear
from offline.recut import source_network
from tests.benchmarks.hop_cost import WINDOW_SAMPLES
from tests.benchmarks.music import shared_data

#: Basic Pitch's windows overlap by 30 frames.
WINDOW_HOP = WINDOW_SAMPLES - 30 * FRAME_SAMPLES
UNRATED = Labels(np.zeros(1), np.ones((1, 4), np.float32))


def windows(path: Path) -> list[NDArray[np.float32]]:
    """The sound as Basic Pitch cuts it [shape=(1, 43844, 1)]."""
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = soxr.resample(samples.mean(axis=1), rate, SAMPLE_RATE).astype(np.float32)
    starts = range(0, len(mono), WINDOW_HOP)
    padded = np.concatenate([mono, np.zeros(WINDOW_SAMPLES, np.float32)])
    return [padded[start : start + WINDOW_SAMPLES][None, :, None] for start in starts]


def seconds(work: Callable[[Any], None], on: Any) -> float:
    """Processor time of all threads."""
    start_s = time.process_time()
    work(on)
    return time.process_time() - start_s


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Seconds of one core to prepare a piece, beside a yardstick.")
    parser.add_argument(
        "folder", nargs="?", type=Path, default=shared_data() / "deam" / "audio", help="a folder of sound"
    )
    parser.add_argument("--pieces", type=int, default=24, help="how many, spread through the folder")
    arguments = parser.parse_args()
    files = sorted(file for file in arguments.folder.iterdir() if file.is_file())
    chosen = files[:: max(len(files) // arguments.pieces, 1)][: arguments.pieces]

    network = open_network(source_network())
    (name,) = (wanted.name for wanted in network.get_inputs())

    def prepare(path: Path) -> None:
        assert isinstance(hear(Piece(path.stem, path, path.stem, UNRATED)), Heard), path

    def transcribe(cut: list[NDArray[np.float32]]) -> None:
        for window in cut:
            network.run(None, {name: window})

    prepare(chosen[0])
    transcribe(windows(chosen[0]))
    ours, yardstick = [], []
    for path in chosen:
        yardstick.append(seconds(transcribe, windows(path)))
        ours.append(seconds(prepare, path))
    ratios = [own / other for own, other in zip(ours, yardstick, strict=True)]
    for what, values, unit in (
        ("prepare", ours, " s a piece"),
        ("Basic Pitch's network alone, window by window", yardstick, " s a piece"),
        ("ratio", ratios, ""),
    ):
        print(f"{what}: {median(values):.3f}{unit} (median of {len(values)}; {min(values):.3f} to {max(values):.3f})")
    print(f"all {len(files)} of {arguments.folder}: {len(files) * sum(ours) / len(ours) / 60:.1f} min of one core")


if __name__ == "__main__":
    main()
