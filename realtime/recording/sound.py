"""The sound of a recording, before it goes to the disk: which file it is in, its levels, and its rounding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime.events import Event, Sound
from realtime.level import power_to_db
from realtime.recording.schema import FULL_SCALE

LEVELS_HZ = 10


@dataclass(frozen=True, slots=True)
class Track:
    """Which sound file is written, and how many frames are in it. ``is_open`` while the next block follows the last."""

    recording: Path
    number: int = 0
    rate: int = 0
    channels: int = 0
    frames: int = 0
    is_open: bool = False

    @property
    def path(self) -> Path:
        """The sound file: the recording's name, numbered from the second on."""
        suffix = "" if self.number == 1 else f"-{self.number}"
        return self.recording.with_name(f"{self.recording.stem}{suffix}.flac")

    def takes(self, rate: int, channels: int) -> bool:
        """Whether the next block, of that form, follows what is in the file."""
        return self.is_open and (rate, channels) == (self.rate, self.channels)

    def segment(self, rate: int, channels: int) -> Track:
        """The same file, or the next where this one has another form."""
        if (rate, channels) == (self.rate, self.channels):
            return replace(self, is_open=True)
        return Track(self.recording, self.number + 1, rate, channels, 0, True)

    def record(self, time_s: float) -> dict[str, Any]:
        """What the recording says of a segment that begins here."""
        form = {"rate": self.rate, "channels": self.channels, "start_frame": self.frames}
        return {"type": "sound", "time": time_s, "file": self.path.name, **form}


class Levels:
    """Levels of the sound from ``origin_s`` on, each with the time of its end, ten a second."""

    def __init__(self, rate: int, origin_s: float) -> None:
        self._rate = rate
        self._origin_s = origin_s
        self._length = max(1, round(rate / LEVELS_HZ))
        self._given = 0
        self._rest = np.empty(0, np.float32)

    def push(self, samples: NDArray[np.float32]) -> list[tuple[float, float]]:
        """Take the next samples [shape=(n,) or (n, channels)]; times in seconds and levels in dB."""
        # NumPy would warn of channels that are infinite against each other, on the terminal that the dashboard has.
        with np.errstate(over="ignore", invalid="ignore"):
            mono = samples if samples.ndim == 1 else samples.mean(axis=1, dtype=np.float32)
        self._rest = np.concatenate([self._rest, np.nan_to_num(mono, posinf=0.0, neginf=0.0)])
        frames = len(self._rest) // self._length
        whole, self._rest = np.split(self._rest, [frames * self._length])
        powers = np.square(whole.reshape(frames, self._length), dtype=np.float64).mean(axis=1)
        first, self._given = self._given + 1, self._given + frames
        ends = range(first, first + frames)
        return [
            (self._origin_s + end * self._length / self._rate, power_to_db(float(power)))
            for end, power in zip(ends, powers, strict=True)
        ]


def joined(events: Sequence[Event]) -> Iterator[Event]:
    """The events, with blocks of sound that follow each other made one."""
    blocks: list[Sound] = []
    for event in events:
        if isinstance(event, Sound) and (not blocks or _form(event) == _form(blocks[0])):
            blocks.append(event)
            continue
        if blocks:
            yield _one(blocks)
        blocks = [event] if isinstance(event, Sound) else []
        if not blocks:
            yield event
    if blocks:
        yield _one(blocks)


def _form(sound: Sound) -> tuple[int, tuple[int, ...]]:
    return sound.sample_rate, sound.samples.shape[1:]


def _one(blocks: Sequence[Sound]) -> Sound:
    return Sound(np.concatenate([block.samples for block in blocks]), blocks[0].sample_rate)


def rounded(samples: NDArray[np.float32]) -> NDArray[np.int32]:
    """Samples as whole numbers of 24 bits; what is no number is silence, as for the tracker."""
    finite = np.where(np.isfinite(samples), samples, np.float32(0))
    # Clipped first: what is far beyond full scale would overflow.
    scaled = np.rint(np.clip(finite, -1.0, 1.0) * np.float32(FULL_SCALE))
    return np.minimum(scaled, FULL_SCALE - 1).astype(np.int32)
