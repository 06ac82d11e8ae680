"""Files at full speed: readings and one summary each."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from models.affect import OUTPUTS, Reading
from models.bundle import Bundle, load_for
from models.errors import MoodringError
from realtime.allocation import keep_large_blocks
from realtime.sources import Source
from realtime.sources.files import LONG_BLOCK_S, open_file
from realtime.summary import summarize
from realtime.tracker import EmotionTracker

if TYPE_CHECKING:
    from concurrent.futures import Future

#: A process takes as long to start as it does to follow a few short files.
_FILES_WORTH_A_PROCESS = 3


@dataclass(frozen=True, slots=True)
class Summary:
    """What a whole file comes to; ``affect`` in ``OUTPUTS``' order on the 1–9 scale, None where nothing was heard.

    ``notes`` is None for a recording of readings, which does not say how many there were in all.
    """

    file: Path
    duration_s: float
    notes: int | None
    affect: tuple[float, ...] | None
    model: str
    readings: tuple[Reading, ...]

    def as_json(self) -> dict[str, Any]:
        """The line that ``analyze --json`` prints."""
        affect = [None] * len(OUTPUTS) if self.affect is None else [round(value, 4) for value in self.affect]
        valence, valence_std, arousal, arousal_std = affect
        return {
            "type": "summary",
            "file": str(self.file),
            "duration": round(self.duration_s, 3),
            "notes": self.notes,
            "valence": valence,
            "valence_std": valence_std,
            "arousal": arousal,
            "arousal_std": arousal_std,
            "model": self.model,
        }


def analyze_files(
    files: Sequence[Path],
    *,
    model: str | None = None,
    keep: Callable[[Summary], None] | None = None,
    jobs: int = 1,
    progress: Callable[[float], None] | None = None,
) -> Iterator[Summary | MoodringError]:
    """Each file's summary in turn, or the error that says why there is none.

    ``model`` is a bundle for all; without it each file gets the best for what it holds. At most ``jobs`` processes
    share the work, fewer where the files are too few to be worth their start. ``keep`` is called with each summary in
    the process that made it, so it must be picklable; ``progress`` is called here with the number of files that are
    done, from any thread and with parts of files where one is followed after the other.

    Raises ``UsageError`` for an unknown model, and ``MoodringError`` where a process is killed.
    """
    if model is not None:
        load_for("sound", model)  # an unknown model is the request's fault, not the files'
    work = partial(_analyze_file, model=model, keep=keep)
    processes = min(jobs, len(files) // _FILES_WORTH_A_PROCESS)
    if processes < 2:
        for number, file in enumerate(files):
            result = work(file, progress=None if progress is None else partial(_add, progress, number))
            if progress is not None:
                progress(number + 1)
            yield result
        return
    yield from _in_processes(processes, work, files, progress)


def _in_processes(
    processes: int,
    work: Callable[[Path], Summary | MoodringError],
    files: Sequence[Path],
    progress: Callable[[float], None] | None,
) -> Iterator[Summary | MoodringError]:
    # What one file does not need takes long to load.
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import active_children, get_context

    others = set(active_children())
    # Spawned, since onnxruntime does not survive a fork.
    with ProcessPoolExecutor(processes, get_context("spawn"), initializer=_begin_process) as pool:
        try:
            summaries = [pool.submit(work, file) for file in files]
            if progress is not None:
                _watch(summaries, progress)
            for summary in summaries:
                yield summary.result()
        except BrokenProcessPool:
            raise MoodringError(
                "a process was killed, most likely for want of memory; try again with fewer --jobs"
            ) from None
        except BaseException:
            # Nobody waits for what is under way; files are moved into place, so none is left half written.
            for process in set(active_children()) - others:
                process.terminate()
            raise


def _begin_process() -> None:
    keep_large_blocks()
    # An interrupt is for the parent to answer.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _add(progress: Callable[[float], None], before: int, share: float) -> None:
    progress(before + share)


def _watch(futures: Sequence[Future[Any]], progress: Callable[[float], None]) -> None:
    finished = count(1)  # the pool's one thread calls, or this one before the pool has begun
    for future in futures:
        future.add_done_callback(lambda _: progress(next(finished)))


@cache
def _bundle(kind: Literal["sound", "notes"], model: str | None) -> Bundle:
    return load_for(kind, model)


def _analyze_file(
    file: Path,
    *,
    model: str | None,
    keep: Callable[[Summary], None] | None,
    progress: Callable[[float], None] | None = None,
) -> Summary | MoodringError:
    try:
        source = open_file(file, LONG_BLOCK_S)
        summary = analyze(file, source, _bundle(source.kind, model), progress=progress)
    except MoodringError as error:
        return error
    if keep is not None:
        keep(summary)
    return summary


def analyze(file: Path, source: Source, bundle: Bundle, *, progress: Callable[[float], None] | None = None) -> Summary:
    """Follow ``source`` to its end at the bundle's own rate; ``progress`` is called with the share done, 0 to 1."""
    tracker = EmotionTracker(bundle)
    readings: list[Reading] = []
    duration_s = getattr(source, "duration_s", None)
    try:
        while not source.ended:
            readings += tracker.push(source.read(0.0))
            if progress is not None and duration_s:
                progress(min(1.0, tracker.time_s / duration_s))
        readings += tracker.finish()
    finally:
        source.close()
    affect = summarize(readings, bundle.window_s)
    return Summary(
        file,
        tracker.time_s,
        tracker.notes_heard,
        None if affect is None else tuple(float(value) for value in affect),
        bundle.name,
        tuple(readings),
    )
