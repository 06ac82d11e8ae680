"""What all of ``moodring live`` costs on sound, dashboard on, beside the share of each stage; Unix only.

python -m tests.benchmarks.live_loop FILE [--mic] [--seconds 30]

The real command runs on a pseudo-terminal of 80 by 24 at its 10 readings a second, in real time, and follows the sound
file; with ``--mic`` it hears it through a microphone of PulseAudio, and PortAudio's threads are part of the cost. Once
the window is full, its processor time is counted, of all threads. That is done twice: the share of one core comes
from a run without stopwatches, the shares of the stages from one with them, in which a stage's time is what it spends
itself, less the stages that it calls.
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
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.dashboard import ROOT, run_in_terminal
from tests.benchmarks.stages import Stopwatch, watched

WIDTH, HEIGHT = 80, 24
#: The longest window of a bundle that hears sound, and a little.
WARM_UP_S = 12.0
SECONDS = 30.0

#: What threads beside the main one do, by their names.
_THREADS = {"queued-output": "output queue", "benchmark": "this benchmark"}
#: Those that Python has not started: PortAudio's, which call back with the sound, and its driver's.
_NATIVE = "audio driver"


@dataclass(frozen=True, slots=True)
class Shares:
    """Of one core, 0…1: all of the process, and each stage by itself; the stages sum up to ``total``."""

    total: float
    stages: Mapping[str, float]


def measure(file: Path, *, mic: bool, watches: bool, warm_up_s: float = WARM_UP_S, seconds: float = SECONDS) -> Shares:
    """Run ``moodring live`` on ``file`` and count for ``seconds`` after ``warm_up_s``, stages if it ``watches``."""
    with ExitStack() as ends:
        environment: Mapping[str, str] = os.environ
        if mic:
            environment = ends.enter_context(_played(file))
        told = Path(ends.enter_context(tempfile.TemporaryDirectory())) / "shares.json"
        source = "--mic" if mic else str(file.absolute())
        module = ["tests.benchmarks.live_loop", "counted", source, str(told), str(warm_up_s), str(seconds)]
        run_in_terminal([*module, *(["watched"] if watches else [])], WIDTH, HEIGHT, environment)
        if not told.exists():
            raise RuntimeError(f"{file} is shorter than {warm_up_s + seconds:g} s")
        return Shares(**json.loads(told.read_text()))


@contextmanager
def _played(file: Path) -> Iterator[Mapping[str, str]]:
    """The environment in which ``file`` is what the microphone hears, over and over."""
    sys.path.insert(0, str(ROOT / "tests"))
    from support import stop
    from support.pulse import pulse_server

    with pulse_server() as pulse:
        play = "while True: subprocess.run(['paplay', sys.argv[1]], check=True)"
        player = subprocess.Popen(
            [sys.executable, "-c", f"import subprocess, sys\n{play}", str(file)],
            env=pulse.env,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield pulse.env
        finally:
            stop(player)


def _count(source: str, told: Path, warm_up_s: float, seconds: float, *, watches: bool) -> None:
    """Be ``moodring live`` on this terminal, end after the time to count, and write what it cost to ``told``."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    import cli

    watch = Stopwatch(time.thread_time)

    def look() -> Counter[str]:
        spent = Counter({"total": time.process_time(), **watch.spent_s})
        for thread in threading.enumerate():
            if thread is not threading.main_thread() and thread.ident is not None:
                stage = _THREADS.get(thread.name, thread.name)
                spent[stage] += time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
        return spent

    def count() -> None:
        time.sleep(warm_up_s)
        before, began_s = look(), time.monotonic()
        time.sleep(seconds)
        after, took_s = look(), time.monotonic() - began_s
        shares = {stage: (spent - before[stage]) / took_s for stage, spent in after.items()}
        total = shares.pop("total")
        if watches:
            shares[_NATIVE] = total - sum(shares.values())
        told.write_text(json.dumps({"total": total, "stages": shares if watches else {}}))
        cli._stop.set()

    sys.argv = ["moodring", "live", *(["--mic"] if source == "--mic" else ["--file", source])]
    threading.Thread(target=count, name="benchmark", daemon=True).start()
    with watched(watch) if watches else ExitStack():
        cli.main()


def main() -> None:
    """Measure and print."""
    if sys.argv[1:2] == ["counted"]:
        source, told, warm_up_s, seconds = sys.argv[2:6]
        _count(source, Path(told), float(warm_up_s), float(seconds), watches="watched" in sys.argv)
        return
    parser = argparse.ArgumentParser(description="What all of 'moodring live' costs on sound, stage by stage.")
    parser.add_argument("file", type=Path, help="a sound file")
    parser.add_argument("--mic", action="store_true", help="hear it through PulseAudio's microphone")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long to count; the file must be longer")
    arguments = parser.parse_args()
    plain, stages = (
        measure(arguments.file, mic=arguments.mic, watches=watches, seconds=arguments.seconds)
        for watches in (False, True)
    )
    print(f"10 readings a second, dashboard on: {plain.total:.1%} of a core ({stages.total:.1%} with stopwatches)")
    for stage, share in sorted(stages.stages.items(), key=lambda stage: -stage[1]):
        print(f"  {stage:20} {share / stages.total:6.1%} {share:8.2%} of a core")


if __name__ == "__main__":
    main()
