"""Hours of stream time at full speed: what memory does, and whether notes still come at the time they are played.

Music goes round and round. A phrase whose onsets are known is played after a minute, every ten minutes from then on,
and once more right before the end.
"""

from __future__ import annotations

import ctypes
import mmap
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from realtime.transcriber import NoteBegan, StreamingTranscriber
from tests.benchmarks.music import FloatArray
from tests.benchmarks.note_scores import Notes, as_notes

BLOCK_S = 0.1
SETTLED_S = 60.0
PHRASE_EVERY_S = 600.0
PITCHES = (60, 64, 67, 72, 76)
BEAT_S = 0.5
#: Silence before the first tone and after the last.
REST_S = 2.0
PHRASE_S = 2 * REST_S + len(PITCHES) * BEAT_S
#: An onset further off than this is not the tone's.
FURTHEST_S = 0.25


@dataclass(frozen=True, slots=True)
class Phrase:
    """Where a phrase began, how many of its tones were found, and their onsets' mean error in seconds (NaN: none)."""

    start_s: float
    found: int
    error_s: float


@dataclass(frozen=True, slots=True)
class Soak:
    """Resident bytes after the first minute and at the end, sample count less transcribed time at both, and phrases."""

    stream_s: float
    settled_bytes: int
    end_bytes: int
    settled_behind_s: float
    end_behind_s: float
    phrases: tuple[Phrase, ...]


def tone(pitch: int, rate: int) -> FloatArray:
    """A struck string: four harmonics that die away."""
    time_s = np.arange(round(BEAT_S * rate)) / rate
    frequency = 440.0 * 2 ** ((pitch - 69) / 12)
    harmonics = sum(np.sin(2 * np.pi * frequency * h * time_s) / h for h in (1, 2, 3, 4))
    edges = np.minimum(time_s / 0.005, 1) * np.minimum((BEAT_S - time_s) / 0.01, 1)
    struck: FloatArray = (0.3 * harmonics * np.exp(-3 * time_s) * edges).astype(np.float32)
    return struck


def phrase(rate: int) -> FloatArray:
    """Five tones between rests."""
    rest = np.zeros(round(REST_S * rate), np.float32)
    return np.concatenate([rest, *(tone(pitch, rate) for pitch in PITCHES), rest])


def phrase_starts(stream_s: float) -> list[float]:
    """Where phrases begin in a stream of this length, in seconds."""
    last_s = stream_s - PHRASE_S - BLOCK_S
    starts = [float(start) for start in np.arange(SETTLED_S, last_s - PHRASE_S, PHRASE_EVERY_S)]
    return [*starts, last_s]


def check_phrase(start_s: float, begun: Notes) -> Phrase:
    """How the announced notes around a phrase fit it: of each tone the nearest note of its pitch."""
    errors = []
    for number, pitch in enumerate(PITCHES):
        off = begun[begun[:, 1] == pitch, 0] - (start_s + REST_S + number * BEAT_S)
        off = off[np.abs(off) <= FURTHEST_S]
        if len(off):
            errors.append(float(off[np.argmin(np.abs(off))]))
    return Phrase(start_s, len(errors), float(np.mean(errors)) if errors else float("nan"))


def resident_bytes() -> int:
    """What this process holds now; where the system does not tell, the most it has held."""
    statm = Path("/proc/self/statm")
    if statm.is_file():
        return int(statm.read_text(encoding="ascii").split()[1]) * mmap.PAGESIZE
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _of_c_library(name: str) -> Any:
    """A function of glibc, None where there is none of that name."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None


def give_back_free_pages() -> None:
    """Let the C library give back to the system what is free, where it can be asked to (glibc): it keeps some of it for
    the next who asks, more or less as the last few seconds were.
    """
    trim = _of_c_library("malloc_trim")
    if trim is not None:
        trim(0)


class _Allocated(ctypes.Structure):
    """What glibc's ``mallinfo2`` gives, in its order."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    )


def allocated_bytes() -> int | None:
    """What this process has asked for and not given back, but for Python's small objects; None where it cannot be told.

    Unlike what is resident it does not depend on which pages the C library keeps for the next one who asks.
    """
    # glibc's own from 2.33 on.
    ask = _of_c_library("mallinfo2")
    if ask is None:
        return None
    ask.restype = _Allocated
    found = ask()
    return int(found.uordblks + found.hblkhd)


def soak(music: FloatArray, rate: int, hours: float) -> Soak:
    """Push ``hours`` of stream time in blocks of 100 ms, two minutes at least; run it in a process of its own."""
    block_samples, blocks = round(BLOCK_S * rate), round(max(3600 * hours, 2 * SETTLED_S) / BLOCK_S)
    block_s = block_samples / rate
    # Phrases begin where a block does.
    first_blocks = [round(start_s / BLOCK_S) for start_s in phrase_starts(blocks * BLOCK_S)]
    begun: dict[float, list[tuple[float, ...]]] = {first * block_s: [] for first in first_blocks}
    transcriber = StreamingTranscriber(rate)
    held_bytes, behind_s = [], []
    for number, block in enumerate(_stream(music, phrase(rate), block_samples, blocks, first_blocks), start=1):
        events = transcriber.push(block)
        if number in (round(SETTLED_S / BLOCK_S), blocks):
            held_bytes.append(resident_bytes())
            behind_s.append(number * block_s - transcriber.transcribed_s)
        if number == blocks:
            events += transcriber.flush()
        for event in events:
            if isinstance(event, NoteBegan):
                for start_s, found in begun.items():
                    if start_s <= event.onset_s < start_s + PHRASE_S:
                        found.append((event.onset_s, float(event.pitch)))
    phrases = tuple(check_phrase(start_s, as_notes(found)) for start_s, found in begun.items())
    return Soak(blocks * block_s, held_bytes[0], held_bytes[1], behind_s[0], behind_s[1], phrases)


def _stream(
    music: FloatArray, known: FloatArray, block_samples: int, blocks: int, first_blocks: list[int]
) -> Iterator[FloatArray]:
    """Blocks of music, and of the phrase from each of ``first_blocks`` on."""
    musical, phrased = (
        samples[: len(samples) // block_samples * block_samples].reshape(-1, block_samples)
        for samples in (music, known)
    )
    part_of = {first + part: part for first in first_blocks for part in range(len(phrased))}
    for number in range(blocks):
        part = part_of.get(number)
        yield musical[number % len(musical)] if part is None else phrased[part]
