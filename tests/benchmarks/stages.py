"""Where the processor time of following a sound file goes: ``python -m tests.benchmarks.stages FILE [--model NAME]``.

At 2 readings a second, as ``analyze`` follows a file, in blocks of five seconds; and at 10, as ``live`` follows a
source, in blocks of a tenth. A stage's time is what it spends itself, less the stages that it calls. The speed comes
from runs of their own, without stopwatches, the least of some.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

# As the command line does, before NumPy is loaded: threads of linear algebra wait for one another by spinning.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import models.bundle
import realtime.posteriorgrams
from models.bundle import Bundle, load_for
from models.features import FeatureSet
from models.predictor import Predictor
from models.transcription import NETWORK, NOTES_NETWORK
from realtime.constant_q import ConstantQ, LaterConstantQ
from realtime.note_scribe import NoteScribe
from realtime.note_tracker import NoteTracker
from realtime.resampler import MonoResampler
from realtime.sound_memory import SoundMemory
from realtime.sources.files import LONG_BLOCK_S, open_file
from realtime.spectra import SpectrumStream
from realtime.tracker import EmotionTracker
from realtime.window import NoteWindow

#: What each stage is made of.
_STAGES: dict[str, list[tuple[Any, str]]] = {
    "resampling": [(MonoResampler, "push"), (MonoResampler, "finish")],
    "constant-Q": [(ConstantQ, "push"), (LaterConstantQ, "push")],
    "notes": [(NoteTracker, "push"), (NoteScribe, "push"), (NoteWindow, "at")],
    "spectra": [(SpectrumStream, "take")],
    "memory": [(SoundMemory, "hear"), (SoundMemory, "transcribe"), (SoundMemory, "at")],
    "prediction": [(Predictor, "follow")],
}
_ELSE = "all else"


class Stopwatch:
    """Adds up the time of a clock that each named function takes by itself."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._open = [_ELSE]
        self._since_s = clock()
        self.spent_s: dict[str, float] = defaultdict(float)

    def lap(self) -> None:
        """What has passed belongs to the stage that is open."""
        now_s = self._clock()
        self.spent_s[self._open[-1]] += now_s - self._since_s
        self._since_s = now_s

    def timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The ``function``, its time taken for ``stage``."""

        def taken(*arguments: Any, **named: Any) -> Any:
            self.lap()
            self._open.append(stage)
            try:
                return function(*arguments, **named)
            finally:
                self.lap()
                self._open.pop()

        return taken


@dataclass(frozen=True, slots=True)
class _Run:
    """Stands for the network: the only thing that is asked of one."""

    run: Callable[..., Any]


def follow(file: Path, bundle: Bundle, rate_hz: float, block_s: float) -> float:
    """Follow ``file`` to its end; how many seconds of it there were."""
    source = open_file(file, block_s)
    tracker = EmotionTracker(bundle, rate_hz=rate_hz)
    try:
        while not source.ended:
            tracker.push(source.read(0.0))
        tracker.finish()
    finally:
        source.close()
    return tracker.time_s


@contextmanager
def watched(watch: Stopwatch) -> Iterator[None]:
    """Whatever is followed meanwhile is timed by ``watch``, stage by stage, where its bundle is loaded meanwhile, too.

    All of it has to run on one thread.
    """
    network = realtime.posteriorgrams._network
    known = models.bundle.feature_set

    def timed_set(name: str) -> FeatureSet:
        found = known(name)
        return replace(found, compute_all=watch.timed(f"set {name}", found.compute_all))

    with ExitStack() as patches:
        for stage, parts in _STAGES.items():
            for owner, name in parts:
                timed = watch.timed(stage, getattr(owner, name))
                patches.enter_context(patch.object(owner, name, lambda *given, timed=timed: timed(*given)))
        stand_ins = {name: _Run(watch.timed("network", network(name).run)) for name in (NETWORK, NOTES_NETWORK)}
        patches.enter_context(patch.object(realtime.posteriorgrams, "_network", stand_ins.__getitem__))
        patches.enter_context(patch.object(models.bundle, "feature_set", timed_set))
        yield


def stages(file: Path, model: str | None, rate_hz: float, block_s: float) -> dict[str, float]:
    """Seconds of processor time of each stage of following ``file``, the most first."""
    watch = Stopwatch(time.process_time)
    with watched(watch):
        follow(file, load_for("sound", model), rate_hz, block_s)
    watch.lap()
    return dict(sorted(watch.spent_s.items(), key=lambda stage: -stage[1]))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Where the processor time of following a sound file goes.")
    parser.add_argument("file", type=Path, help="a sound file")
    parser.add_argument("--model", help="the bundle; without it the best for sound")
    parser.add_argument("--runs", type=int, default=3, help="how often to measure the speed; the best is told")
    arguments = parser.parse_args()
    bundle = load_for("sound", arguments.model)
    for rate_hz, block_s in ((2.0, LONG_BLOCK_S), (10.0, 0.1)):
        took_s = []
        for _ in range(arguments.runs):
            start_s = time.process_time()
            length_s = follow(arguments.file, bundle, rate_hz, block_s)
            took_s.append(time.process_time() - start_s)
        best_s = min(took_s)
        speed, share = length_s / best_s, best_s / length_s
        print(f"{rate_hz:g} Hz in blocks of {block_s:g} s: {speed:.1f} times real time, {share:.1%} of a core")
        found = stages(arguments.file, arguments.model, rate_hz, block_s)
        whole_s = sum(found.values())
        for stage, spent_s in found.items():
            print(f"  {stage:18} {spent_s / whole_s:6.1%} {1000 * spent_s / length_s:8.2f} ms a second of sound")


if __name__ == "__main__":
    main()
