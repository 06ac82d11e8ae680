"""How far long work has got: a bar in a terminal, elsewhere a plain line now and then."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

#: Seconds from one plain line to the next, at least.
LINE_EVERY_S = 10.0

#: To be told how many pieces are done, and of how many: before the first and after each.
Tell = Callable[[int, int], None]


@contextmanager
def shown(title: str, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> Iterator[Tell]:
    """Shows progress on ``stream`` under ``title``, with the rate and the time left; ``clock`` gives seconds."""
    console = Console(file=stream)
    if not console.is_interactive:
        yield _lines(title, stream, clock)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("{task.fields[pace]}"),
    )
    bar, pace = Progress(*columns, console=console), _Pace(clock)

    def tell(done: int, total: int) -> None:
        if not bar.tasks:
            bar.add_task(title, pace="")
            bar.start()
        bar.update(bar.tasks[0].id, completed=done, total=total, pace=pace.after(done, total))

    try:
        yield tell
    finally:
        bar.stop()


def _lines(title: str, stream: TextIO, clock: Callable[[], float]) -> Tell:
    pace = _Pace(clock)
    told_s = clock()

    def tell(done: int, total: int) -> None:
        nonlocal told_s
        words = pace.after(done, total)
        if words and (done == total or clock() - told_s >= LINE_EVERY_S):
            told_s = clock()
            print(f"{title}: {done} of {total}, {words}", file=stream, flush=True)

    return tell


class _Pace:
    """Pieces a second since the first was told of; what was done before then took no time."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._start: tuple[int, float] | None = None

    def after(self, done: int, total: int) -> str:
        """The rate and the time left in words, empty as long as nothing is known of them."""
        if self._start is None:
            self._start = done, self._clock()
        first, start_s = self._start
        elapsed_s = self._clock() - start_s
        if done <= first or elapsed_s <= 0.0:
            return ""
        rate = (done - first) / elapsed_s
        pace = f"{rate:.1f} pieces a second" if rate >= 1 else f"{60 * rate:.1f} pieces a minute"
        return pace + (f", {_duration((total - done) / rate)} left" if done < total else "")


def _duration(seconds: float) -> str:
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
