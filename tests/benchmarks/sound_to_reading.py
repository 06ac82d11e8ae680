"""How long after it is played a sound is in a printed reading, end to end through PulseAudio; Linux only.

python -m tests.benchmarks.sound_to_reading [--times 40]

A chord is played into a sink again and again, after silence each time; the real ``moodring live --mic --json`` hears
the sink's monitor and prints 10 readings a second. A recorder beside it on the same monitor tells when the sound went
by, to the sample but for the few milliseconds that its own blocks take. From there to the arrival of the line count:
the first reading that has the sound in its level, the first of which all that has become of sound is younger by the
latency that it reports, and the first that counts a note of it, which is later by what a note needs to be told.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import soundfile

ROOT = Path(__file__).resolve().parents[2]
RATE = 44100
CHORD_S = 0.5
#: From one chord to the next: the state is silence by then, and no chord leaves the window of 10 s as another comes.
EVERY_S = 4.0
#: How long a start may take, and how long a chord is waited for.
_PATIENCE_S = 60.0
_AUDIBLE = 0.02
_AUDIBLE_DB = -50.0


@dataclass(frozen=True, slots=True)
class Printed:
    """A reading, and when its line came, in seconds of the clock."""

    at_s: float
    reading: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Delays:
    """Milliseconds from a sound to three readings (see above), a value a sound, NaN where none came; and the latency
    that the second of them reports."""

    level: Sequence[float]
    held: Sequence[float]
    note: Sequence[float]
    reported: Sequence[float]


def delays(played_s: Sequence[float], printed: Sequence[Printed]) -> Delays:
    """What the readings say of sounds that were played at ``played_s`` of the clock, each after silence."""
    found: dict[str, list[float]] = {"level": [], "held": [], "note": [], "reported": []}
    for start_s in played_s:
        # What was printed just before it is what it is compared with.
        before = [each for each in printed if each.at_s <= start_s]
        after = [each for each in printed if start_s < each.at_s <= start_s + EVERY_S / 2]
        known = int(before[-1].reading["notes"]) if before else 0
        loud = [each for each in after if _level_db(each) > _AUDIBLE_DB]
        held = [each for each in after if each.at_s - _latency_s(each) >= start_s]
        notes = [each for each in after if each.reading["notes"] > known]
        for name, first in (("level", loud), ("held", held), ("note", notes)):
            found[name].append(1000 * (first[0].at_s - start_s) if first else np.nan)
        found["reported"].append(1000 * _latency_s(held[0]) if held else np.nan)
    return Delays(**found)


def _level_db(printed: Printed) -> float:
    level_db = printed.reading["level_db"]
    return -np.inf if level_db is None else float(level_db)


def _latency_s(printed: Printed) -> float:
    latency_ms = printed.reading["latency_ms"]
    return np.inf if latency_ms is None else float(latency_ms) / 1000


def measure(times: int) -> Delays:
    """Play a chord ``times`` times to a real session, and see when it is read."""
    sys.path.insert(0, str(ROOT / "tests"))
    from support.pulse import pulse_server

    printed: list[Printed] = []
    heard_s: list[float] = []
    with tempfile.TemporaryDirectory() as folder, pulse_server() as pulse:
        chord = Path(folder) / "chord.wav"
        soundfile.write(chord, _chord(), RATE)
        live = [sys.executable, "-m", "cli", "live", "--mic", "--json"]
        record = ["parec", "--format=float32le", f"--rate={RATE}", "--channels=1", "--latency-msec=5"]
        with (
            _followed(live, pulse.env, lambda stream: _read(stream, printed)),
            _followed(record, pulse.env, lambda stream: _listen(stream, heard_s)),
        ):
            _wait(lambda: len(printed) > 20)
            # Readings come at a steady pace: sounds must not, to fall anywhere between two of them.
            rests_s = np.random.default_rng(1).uniform(EVERY_S - 0.3, EVERY_S + 0.3, times)
            for number, rest_s in enumerate(rests_s):
                began_s = time.monotonic()
                pulse.play(chord)
                _wait(lambda wanted=number + 1: len(heard_s) >= wanted)
                time.sleep(max(0.0, began_s + rest_s - time.monotonic()))
    return delays(heard_s, printed)


def _chord() -> np.ndarray[Any, np.dtype[np.float64]]:
    """A major triad, struck: full at its first milliseconds and dying away."""
    seconds = np.arange(round(CHORD_S * RATE)) / RATE
    chord = sum(
        np.sin(2 * np.pi * hz * partial * seconds) / partial for hz in (261.6, 329.6, 392.0) for partial in (1, 2, 3)
    )
    shape = np.exp(-4 * seconds) * np.minimum(1.0, (CHORD_S - seconds) / 0.02)
    return np.asarray(0.15 * chord * shape)


@contextmanager
def _followed(command: list[str], env: Mapping[str, str], take: Any) -> Iterator[None]:
    """Run ``command``, its output taken by ``take`` on a thread of its own."""
    from support import stop

    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT)
    reader = threading.Thread(target=take, args=(process.stdout,), daemon=True)
    reader.start()
    try:
        yield
    finally:
        stop(process)
        reader.join(timeout=10)


def _read(stream: IO[bytes], printed: list[Printed]) -> None:
    for line in iter(stream.readline, b""):
        at_s = time.monotonic()
        reading = json.loads(line)
        if reading["type"] == "reading":
            printed.append(Printed(at_s, reading))


def _listen(stream: IO[bytes], heard_s: list[float]) -> None:
    """Notes when each sound began that follows half a second without any."""
    quiet_s = 1.0
    while block := os.read(stream.fileno(), 4096):
        at_s = time.monotonic()
        loud = np.flatnonzero(np.abs(np.frombuffer(block[: len(block) // 4 * 4], np.float32)) > _AUDIBLE)
        if len(loud) and quiet_s >= 0.5:
            heard_s.append(at_s - (len(block) // 4 - loud[0]) / RATE)
        quiet_s = 0.0 if len(loud) else quiet_s + len(block) / 4 / RATE


def _wait(is_so: Any) -> None:
    deadline_s = time.monotonic() + _PATIENCE_S
    while not is_so():
        if time.monotonic() > deadline_s:
            raise RuntimeError("no reading, or nothing was heard of what was played; is PulseAudio complete?")
        time.sleep(0.01)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="How long after it is played a sound is in a printed reading.")
    parser.add_argument("--times", type=int, default=40, help="how often a chord is played")
    found = measure(parser.parse_args().times)
    for name, times in (
        ("to the reading that has it in its level", found.level),
        ("to the reading that holds it, by the latency it reports", found.held),
        ("to the reading that counts a note of it", found.note),
        ("latency reported by the reading that holds it", found.reported),
    ):
        median, p99 = np.nanpercentile(times, [50, 99])
        missing = int(np.isnan(times).sum())
        print(f"{name}: median {median:.0f} ms, 99th percentile {p99:.0f} ms, of {len(times)}, {missing} not found")


if __name__ == "__main__":
    main()
