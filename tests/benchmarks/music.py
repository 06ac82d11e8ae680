"""The recordings that benchmarks run on: where they lie, some of them spread over a folder, several joined to one."""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import cycle
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from models.errors import UsageError

FloatArray = NDArray[np.float32]


def shared_data() -> Path:
    """The folder of labelled music: MOODRING_DATA, or ``../shared/data`` beside the repository."""
    return Path(os.environ.get("MOODRING_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))


def spread(folder: Path, count: int, pattern: str = "*") -> list[Path]:
    """``count`` files spread over the sorted folder, fewer where it has fewer.

    Raises ``UsageError`` where there are none.
    """
    files = sorted(file for file in folder.glob(pattern) if file.is_file())
    if not files:
        raise UsageError(f"{folder} holds no files; name the folder, or set MOODRING_DATA to where the music is")
    return files[:: max(len(files) // count, 1)][:count]


def read_mono(path: Path) -> tuple[FloatArray, int]:
    """The mean of a file's channels [shape=(n,)] and its rate in Hz."""
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return samples.mean(axis=1), rate


def joined(files: Iterable[Path], length_s: float) -> tuple[FloatArray, int]:
    """Files one after another, from the first again where they are too short, at the first one's rate."""
    parts: list[FloatArray] = []
    rate = missing = 0
    for path in cycle(files):
        samples, own_rate = read_mono(path)
        if not parts:
            rate, missing = own_rate, round(length_s * own_rate)
        if own_rate != rate:
            samples = soxr.resample(samples, own_rate, rate)
        parts.append(samples[:missing])
        missing -= len(parts[-1])
        if missing <= 0:
            break
    return np.concatenate(parts), rate
