"""Learning curves: live in a terminal while a network trains, and as a picture of all folds afterwards."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.console import Console
from rich.live import Live
from rich.table import Table

from offline.crossvalidation import Task
from offline.training import Curves, Fitted

_BLOCKS = "▁▂▃▄▅▆▇█"
#: How many of the last epochs the curve in the terminal shows.
_WIDTH = 48


class LiveCurves:
    """A line in the terminal for the training that runs: its fold, epoch, errors and the course of the error."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, refresh_per_second=8, transient=True)
        self._running: Task | None = None
        self._curves = Curves()

    def __enter__(self) -> LiveCurves:
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.stop()

    def epoch(self, task: Task, number: int, trained: float, held_out: float | None) -> None:
        """Draw one epoch more."""
        if task != self._running:
            self._running, self._curves = task, Curves()
        self._curves.trained.append(trained)
        if held_out is not None:
            self._curves.held_out.append(held_out)
        title = "everything" if task.fold < 0 else f"fold {task.fold + 1}"
        self._live.update(line(title, self._curves))


def line(title: str, curves: Curves) -> Table:
    """What ``LiveCurves`` shows of one training."""
    shown = curves.held_out or curves.trained
    table = Table.grid(padding=(0, 1))
    text = f"{title}: epoch {len(shown)}, error {curves.trained[-1]:.3f}"
    if curves.held_out:
        text += f", held out {curves.held_out[-1]:.3f} (best {min(curves.held_out):.3f})"
    table.add_row(text, sparkline(shown[-_WIDTH:]))
    return table


def sparkline(values: Sequence[float]) -> str:
    """Values as blocks of eight heights between their lowest and highest."""
    low, high = min(values), max(values)
    step = (high - low) / (len(_BLOCKS) - 1) or 1.0
    return "".join(_BLOCKS[round((value - low) / step)] for value in values)


def picture(folds: Sequence[Fitted], title: str) -> bytes:
    """The learning curves of all folds as a PNG, with the epoch marked at which each stopped."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for number, fitted in enumerate(folds):
        colour = f"C{number % 10}"
        epochs = range(1, len(fitted.curves.trained) + 1)
        axes.plot(epochs, fitted.curves.trained, color=colour, alpha=0.35, linewidth=1)
        if fitted.curves.held_out:
            axes.plot(epochs, fitted.curves.held_out, color=colour, linewidth=1.6, label=f"fold {number + 1}")
            axes.plot(fitted.epochs, fitted.held_out_error, "o", color=colour)
    axes.set_title(f"{title}: trained on (pale) and held out (strong), stopped at the dots")
    axes.set_xlabel("epoch")
    axes.set_ylabel("mean squared error, four outputs on 1–9")
    # The first epochs would flatten everything that comes after them.
    late = [value for fitted in folds for value in (fitted.curves.held_out or fitted.curves.trained)[2:]]
    lowest = [value for fitted in folds for value in fitted.curves.trained]
    if late:
        axes.set_ylim(min(lowest) * 0.95, max(late) * 1.05)
    axes.grid(alpha=0.25)
    if any(fitted.curves.held_out for fitted in folds):
        axes.legend()
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=120, metadata={"Software": None})
    return content.getvalue()
