"""``moodring analyze`` and ``moodring plot``: which files are meant, what is shown meanwhile, told and written."""

from __future__ import annotations

import glob
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np

from models.affect import State, normalized
from models.errors import MoodringError
from realtime.allocation import keep_large_blocks
from realtime.analysis import Summary, analyze_files
from realtime.pictures import MISSING, can_draw
from realtime.pictures.folder import make_folder, piece_names, titles_of, write_piece, write_together
from realtime.readings_file import read_readings
from realtime.sources.files import MIDI_SUFFIXES

#: Endings that libsndfile's names for its formats do not tell.
_MORE_SUFFIXES = {
    "AIFF": (".aif", ".aifc"),
    "AU": (".snd",),
    "NIST": (".sph",),
    "OGG": (".oga", ".opus"),
    "SVX": (".iff", ".8svx"),
    "WAV": (".wave", ".bwf"),
}
#: Names of formats that are no endings of music: without a header, of numbers, of samples for an instrument.
_NO_MUSIC = ("RAW", "MAT4", "MAT5", "HTK", "XI", "WVE", "MPC2K")
#: Sound that libsndfile cannot read: someone who gives a folder wants to know that it was left out, and why.
_FOREIGN = (".m4a", ".aac", ".wma", ".ape", ".wv", ".mka")


def analyze_and_tell(
    inputs: Sequence[Path],
    *,
    model: str | None,
    output: Path | None,
    jobs: int,
    as_json: bool,
    with_readings: bool,
) -> list[MoodringError]:
    """Analyze what ``inputs`` stand for, print it on stdout, write it to ``output``; returns what failed, in order.

    Raises ``MoodringError`` where nothing at all can be done.
    """
    keep_large_blocks()
    found = list(music_files(inputs))
    files = [file for file in found if isinstance(file, Path)]
    keep = None if output is None else _keeper(output, files)
    summaries: list[Summary] = []
    results: list[Summary | MoodringError] = []
    with _bar(len(files), hidden=as_json or with_readings) as progress:
        for result in analyze_files(files, model=model, keep=keep, jobs=jobs, progress=progress):
            results.append(result)
            if isinstance(result, MoodringError):
                continue
            summaries.append(result)
            if with_readings:
                _print_readings(result, as_json=as_json)
            if as_json:
                print(json.dumps(result.as_json()), flush=True)
    if not as_json and summaries:
        summary_table(summaries)
    if output is not None:
        _finish(output, summaries)
    following = iter(results)
    outcomes = [entry if isinstance(entry, MoodringError) else next(following) for entry in found]
    return [outcome for outcome in outcomes if isinstance(outcome, MoodringError)]


def _print_readings(summary: Summary, *, as_json: bool) -> None:
    # What draws on terminals takes long to load.
    from realtime.outputs import Status
    from realtime.outputs.json_lines import JsonLines
    from realtime.outputs.plain import Plain

    printer = JsonLines(sys.stdout) if as_json else Plain(sys.stdout)
    for reading in summary.readings:
        printer.write(reading, Status(summary.file.name))


def plot_and_tell(sessions: Sequence[Path], *, output: Path) -> list[MoodringError]:
    """Write of each recording what ``analyze`` writes of a file, and print the table; returns what failed, in order."""
    keep = _keeper(output, sessions)
    summaries: list[Summary] = []
    failures: list[MoodringError] = []
    with _bar(len(sessions), hidden=False) as progress:
        for number, session in enumerate(sessions, 1):
            try:
                summary = recorded(session)
            except MoodringError as error:
                failures.append(error)
            else:
                keep(summary)
                summaries.append(summary)
            if progress is not None:
                progress(number)
    if summaries:
        summary_table(summaries)
    _finish(output, summaries)
    return failures


def recorded(session: Path) -> Summary:
    """What a recording comes to: the plain mean of its live readings. Raises what ``read_readings`` raises."""
    readings = read_readings(session)
    live = [(r.valence, r.valence_std, r.arousal, r.arousal_std) for r in readings if r.state is State.LIVE]
    known = np.array([values for values in live if np.isfinite(values).all()])
    affect = tuple(float(value) for value in known.mean(axis=0)) if len(known) else None
    models = ", ".join(dict.fromkeys(reading.model for reading in readings))
    return Summary(session, readings[-1].time, None, affect, models, tuple(readings))


def music_files(inputs: Sequence[Path]) -> Iterator[Path | MoodringError]:
    """The files that ``inputs`` stand for, in order: a folder for the sound and MIDI files in it and below, sorted,
    hidden ones left out, and a pattern as ``*.mid`` for what it matches; an error for one that stands for none.
    """
    for path in inputs:
        if path.is_dir():
            yield from _in_folder(path)
        elif not path.exists() and glob.has_magic(str(path)):
            # Shells on Windows leave patterns to the program.
            matches = sorted(Path(match) for match in glob.glob(str(path), recursive=True))  # noqa: PTH207 (absolute ones, and **)
            if not matches:
                yield MoodringError(f"nothing matches {path}: check the pattern")
            for match in matches:
                yield from _in_folder(match) if match.is_dir() else [match]
        else:
            yield path


def _in_folder(folder: Path) -> Iterator[Path | MoodringError]:
    suffixes = known_suffixes()
    found: list[Path] = []
    unreadable: list[OSError] = []
    for place, folders, names in os.walk(folder, onerror=unreadable.append):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(place, name) for name in names if not name.startswith(".") and _suffix(name) in suffixes]
    yield from sorted(found)
    for error in unreadable:
        yield MoodringError(f"{error.filename} cannot be read: {error.strerror}")
    if not found and not unreadable:
        yield MoodringError(f"{folder} holds no sound or MIDI file: give a folder with some, as .wav, .mp3 or .mid")


def _suffix(name: str) -> str:
    return Path(name).suffix.lower()


def known_suffixes() -> frozenset[str]:
    """Endings of sound and MIDI files, small and with their dot."""
    import soundfile

    formats = [name for name in soundfile.available_formats() if name not in _NO_MUSIC]
    more = [suffix for name in formats for suffix in _MORE_SUFFIXES.get(name, ())]
    return frozenset([*(f".{name.lower()}" for name in formats), *more, ".mp3", ".opus", *_FOREIGN, *MIDI_SUFFIXES])


def summary_table(summaries: Sequence[Summary]) -> None:
    """Print the summaries as a table for people."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from realtime.outputs.palette import find_theme

    console = Console()
    theme = find_theme("auto", os.environ, no_color=console.no_color)
    table = Table(box=None, pad_edge=False)
    table.add_column("file", overflow="fold")
    for column in ("length", "notes", "valence", "arousal"):
        table.add_column(column, justify="right")
    table.add_column("model")
    for title, summary in zip(titles_of([summary.file for summary in summaries]), summaries, strict=True):
        minutes, seconds = divmod(round(summary.duration_s), 60)
        valence, valence_std, arousal, arousal_std = summary.affect or (None,) * 4
        mood = "" if valence is None or arousal is None else theme.mood(normalized(valence), normalized(arousal))
        table.add_row(
            Text(title),  # a name may hold brackets
            f"{minutes}:{seconds:02d}",
            "–" if summary.notes is None else str(summary.notes),
            Text("–") if valence is None else Text(f"{valence:.2f} ± {valence_std:.2f}", mood),
            Text("–") if arousal is None else Text(f"{arousal:.2f} ± {arousal_std:.2f}", mood),
            Text(summary.model),
        )
    console.print(table)


def _keeper(output: Path, files: Sequence[Path]) -> Callable[[Summary], None]:
    make_folder(output)
    return partial(write_piece, folder=output, names=piece_names(files), pictures=can_draw())


def _finish(output: Path, summaries: Sequence[Summary]) -> None:
    if len(summaries) > 1:
        write_together(summaries, folder=output, pictures=can_draw())
    if summaries and not can_draw():
        print(f"moodring: {MISSING}", file=sys.stderr)


@contextmanager
def _bar(files: int, *, hidden: bool) -> Iterator[Callable[[float], None] | None]:
    """A bar on a terminal's stderr while files are followed, gone afterwards; gives what moves it, None without one."""
    if hidden or not files or sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.fields[done]}"), BarColumn(), TextColumn("{task.percentage:3.0f} %"))
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as progress:

        def done(number: float) -> str:
            return f"{int(number)} of {files} file{'s' if files != 1 else ''}"

        task = progress.add_task("", total=files, done=done(0))
        yield lambda number: progress.update(task, completed=number, done=done(number))
