"""Files at full speed: readings and one summary each."""

from __future__ import annotations

import csv
import io
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import Any, Literal

from models.affect import OUTPUTS, Reading
from models.atomic import write_atomically
from models.bundle import Bundle, load_for
from models.errors import MoodringError
from realtime.sources import Source
from realtime.sources.files import LONG_BLOCK_S, open_file
from realtime.summary import summarize
from realtime.tracker import EmotionTracker

#: A process takes as long to start as it does to follow a few short files.
_FILES_WORTH_A_PROCESS = 3


@dataclass(frozen=True, slots=True)
class Summary:
    """What a whole file comes to; ``affect`` in ``OUTPUTS``' order on the 1–9 scale, None where nothing was heard."""

    file: Path
    duration_s: float
    notes: int
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
    files: Sequence[Path], *, model: str | None = None, output: Path | None = None, jobs: int = 1
) -> Iterator[Summary | MoodringError]:
    """Each file's summary in turn, or the error that says why there is none; ``output`` gets a CSV of readings each.

    ``model`` is a bundle for all; without it each file gets the best for what it holds. At most ``jobs`` processes
    share the work, fewer where the files are too few to be worth their start.
    """
    if model is not None:
        load_for("sound", model)  # an unknown model is the request's fault, not the files'
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
    work = partial(_analyze_file, model=model, output=output)
    processes = min(jobs, len(files) // _FILES_WORTH_A_PROCESS)
    if processes < 2:
        yield from map(work, files)
        return
    others = set(active_children())
    # Spawned, since onnxruntime does not survive a fork; an interrupt is for the parent to answer.
    with ProcessPoolExecutor(
        processes, get_context("spawn"), initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN)
    ) as pool:
        try:
            for summary in [pool.submit(work, file) for file in files]:
                yield summary.result()
        except BaseException:
            # Nobody waits for what is under way; files are moved into place, so none is left half written.
            for process in set(active_children()) - others:
                process.terminate()
            raise


@cache
def _bundle(kind: Literal["sound", "notes"], model: str | None) -> Bundle:
    return load_for(kind, model)


def _analyze_file(file: Path, *, model: str | None, output: Path | None) -> Summary | MoodringError:
    try:
        source = open_file(file, LONG_BLOCK_S)
        summary = analyze(file, source, _bundle(source.kind, model))
    except MoodringError as error:
        return error
    if output is not None:
        write_atomically(output / f"{file.stem}.csv", _csv(summary.readings).encode())
    return summary


def analyze(file: Path, source: Source, bundle: Bundle) -> Summary:
    """Follow ``source`` to its end at the bundle's own rate."""
    tracker = EmotionTracker(bundle)
    readings: list[Reading] = []
    try:
        while not source.ended:
            readings += tracker.push(source.read(0.0))
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


def summary_table(summaries: Sequence[Summary]) -> None:
    """Print the summaries as a table for people."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("file", overflow="fold")
    for column in ("length", "notes", "valence", "arousal"):
        table.add_column(column, justify="right")
    table.add_column("model")
    for summary in summaries:
        minutes, seconds = divmod(round(summary.duration_s), 60)
        valence, valence_std, arousal, arousal_std = summary.affect or (None,) * 4
        table.add_row(
            summary.file.name,
            f"{minutes}:{seconds:02d}",
            str(summary.notes),
            "–" if valence is None else f"{valence:.2f} ± {valence_std:.2f}",
            "–" if arousal is None else f"{arousal:.2f} ± {arousal_std:.2f}",
            summary.model,
        )
    Console().print(table)


def _csv(readings: Sequence[Reading]) -> str:
    text = io.StringIO()
    rows = [reading.as_json() for reading in readings]
    if rows:
        writer = csv.DictWriter(text, [name for name in rows[0] if name != "type"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return text.getvalue()
