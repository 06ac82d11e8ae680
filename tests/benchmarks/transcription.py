"""What streaming transcription costs: ``python -m tests.benchmarks.transcription [FOLDER] [--soak-hours H]``.

Everything in one run on one core, each figure beside Basic Pitch's on the same sound: processor time of each 100 ms hop
(beside its own network, run anew over the last 2 s), of ``moodring analyze`` (beside the command ``basic-pitch``, both
with their start, though not their first, at which Python compiles them), the memory of both; and a soak, hours of
stream time at full speed. The ratios say more than the seconds, which depend on the machine and on what else it does.
The command ``basic-pitch`` imports TensorFlow where that is installed, and its onnxruntime spins on a thread for every
core; its network alone, beside the hops, does neither.
Needs the extra ``basic-pitch``.
"""

from __future__ import annotations

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import shutil
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import numpy as np
import soundfile

from models.errors import MoodringError, UsageError
from models.transcription import SAMPLE_RATE
from offline.recut import source_network
from realtime.transcriber import HOP_SAMPLES
from tests.benchmarks.hop_cost import HopCosts, measure
from tests.benchmarks.music import joined, shared_data, spread
from tests.benchmarks.processes import Cost, cost
from tests.benchmarks.soak import PITCHES, SETTLED_S, Soak, soak

ROOT = Path(__file__).resolve().parents[2]
MIB = 2**20
OUR_HOP_S = HOP_SAMPLES / SAMPLE_RATE
COMMANDS = ("moodring analyze", "basic-pitch")
#: The long file, and how many clips it is joined of at most.
LONG_S, LONG_CLIPS = 300.0, 30
#: The music that goes round and round in the soak.
SOAK_MUSIC_S = 200.0

T = TypeVar("T")


def basic_pitch() -> str:
    """The command; raises ``UsageError`` where it is not installed."""
    beside = Path(sys.executable).parent / "basic-pitch"
    found = str(beside) if beside.is_file() else shutil.which("basic-pitch")
    if found is None:
        raise UsageError("the command basic-pitch is not installed; install moodring with its extra 'basic-pitch'")
    return found


def alone(work: Callable[..., T], *arguments: object) -> T:
    """What ``work`` gives in a process of its own, where nothing else has taken memory."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def print_hops(costs: HopCosts) -> None:
    """Milliseconds a hop."""
    print(f"\nprocessor time of each 100 ms hop, {len(costs.ours)} hops:")
    figures = []
    for name, values in (("ours", costs.ours), ("Basic Pitch's network over the last 2 s", costs.reference)):
        ms = 1000 * np.array(values)
        figures.append(np.array([np.median(ms), np.quantile(ms, 0.95), ms.max()]))
        print("{}: median {:.2f} ms, 95 % {:.2f} ms, most {:.2f} ms".format(name, *figures[-1]))
    print("ratio: median {:.3f}, 95 % {:.3f}, most {:.3f}".format(*(figures[0] / figures[1])))


def both_costs(files: list[Path]) -> tuple[Cost, Cost]:
    """What the two commands cost over the same files, each in one run: ours, then ``basic-pitch``."""
    names = [str(path.resolve()) for path in files]
    ours = cost([sys.executable, "-m", "cli", "analyze", "--jobs", "1", *names, "--json"], ROOT)
    with TemporaryDirectory() as output:
        reference = cost([basic_pitch(), output, *names, "--model-path", str(source_network())], ROOT)
    return ours, reference


def print_files(what: str, files: list[Path], start: tuple[Cost, Cost]) -> None:
    """Both commands over the same files, with their start and without."""
    sound_s = sum(soundfile.info(path).duration for path in files)
    costs = both_costs(files)
    print(f"\n{what}, {sound_s:.0f} s of sound, start included:")
    for name, spent in zip(COMMANDS, costs, strict=True):
        _print_cost(name, spent, sound_s)
    ours, reference = costs
    time, memory = ours.processor_s / reference.processor_s, ours.peak_bytes / reference.peak_bytes
    running = [spent.processor_s - alone.processor_s for spent, alone in zip(costs, start, strict=True)]
    print(f"ratio: processor time {time:.3f} (start taken away: {running[0] / running[1]:.3f}), memory {memory:.3f}")


def _print_cost(name: str, spent: Cost, sound_s: float) -> None:
    factor = spent.processor_s / sound_s
    print(f"{name}: {spent.processor_s:.2f} s of processor time, real-time factor {factor:.4f}", end=" ")
    print(f"({1 / factor:.1f} times as fast as the music), at most {spent.peak_bytes / MIB:.0f} MiB", flush=True)


def print_soak(found: Soak) -> None:
    """Memory, drift and onsets."""
    print(f"\nsoak, {found.stream_s / 3600:.2f} h of stream time in blocks of 100 ms:")
    settled, end = found.settled_bytes / MIB, found.end_bytes / MIB
    print(
        f"memory: {settled:.1f} MiB after {SETTLED_S:.0f} s, {end:.1f} MiB at the end; growth {end - settled:+.1f} MiB"
    )
    settled_ms, end_ms = 1000 * found.settled_behind_s, 1000 * found.end_behind_s
    print(f"sample count less transcribed time: {settled_ms:.1f} ms after {SETTLED_S:.0f} s,", end=" ")
    print(f"{end_ms:.1f} ms at the end; drift {end_ms - settled_ms:+.1f} ms (a hop is {1000 * OUR_HOP_S:.1f} ms)")
    for phrase in found.phrases:
        error = f"onsets off by {1000 * phrase.error_s:+.1f} ms (mean)"
        print(f"known phrase at {phrase.start_s:.1f} s: {phrase.found} of {len(PITCHES)} tones, {error}")
    drift = 1000 * (found.phrases[-1].error_s - found.phrases[0].error_s)
    print(f"drift of onsets, last phrase less first: {drift:+.1f} ms")


def main() -> int:
    """Measure and print; 1 where something that is needed is missing."""
    parser = argparse.ArgumentParser(description="What streaming transcription costs, beside Basic Pitch.")
    folder = shared_data() / "deam" / "audio"
    parser.add_argument("folder", nargs="?", type=Path, default=folder, help="a folder of sound")
    parser.add_argument("--clips", type=int, default=20, help="how many files, spread through the folder")
    parser.add_argument("--hop-seconds", type=float, default=60.0, help="sound to measure hops on")
    parser.add_argument("--soak-hours", type=float, default=0.1, help="stream time of the soak")
    arguments = parser.parse_args()
    try:
        source_network()
        basic_pitch()
        clips = spread(arguments.folder, arguments.clips)
    except MoodringError as error:
        print(f"transcription: {error}", file=sys.stderr)
        return 1
    if hasattr(os, "sched_setaffinity"):
        core = max(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {core})
        print(f"on core {core} alone, one thread a library; sound from {arguments.folder}")
    print_hops(alone(measure, *joined(clips, arguments.hop_seconds)))
    with TemporaryDirectory() as made:
        short, long = Path(made) / "short.wav", Path(made) / "long.wav"
        soundfile.write(short, *joined(clips, 1.0))
        soundfile.write(long, *joined(spread(arguments.folder, LONG_CLIPS), LONG_S))
        # What Python compiles is kept, as wherever it is not told otherwise, but apart from what is installed.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = str(Path(made) / "compiled")
        both_costs([short])
        start = both_costs([short])
        each = ", ".join(f"{name} {spent.processor_s:.2f} s" for name, spent in zip(COMMANDS, start, strict=True))
        print(f"\nprocessor time of the start (a file of 1 s): {each}")
        print_files(f"{len(clips)} clips in one run", clips, start)
        print_files("one long file", [long], start)
    print_soak(alone(soak, *joined(clips, SOAK_MUSIC_S), arguments.soak_hours))
    return 0


if __name__ == "__main__":
    sys.exit(main())
