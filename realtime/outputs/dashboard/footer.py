"""The lines below the picture: the state and its circumstances, what has happened, and what the keys do."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rich.cells import cell_len
from rich.style import Style

from models.affect import State
from realtime.outputs.dashboard.canvas import Canvas
from realtime.outputs.dashboard.view import View
from realtime.outputs.wording import count, stream_time

STATE_WORDS = {
    State.WARMING: "listening…",
    State.LIVE: "live",
    State.SILENCE: "silence",
    State.LOST: "input lost",
}

#: What each key does.
KEYS = (
    ("q", "quit"),
    ("space", "freeze"),
    ("r", "record"),
    ("c", "calibrate"),
    ("s", "smoothing"),
    ("m", "next model"),
    ("+ -", "rate"),
    ("←↑↓→", "label (shift: further)"),
    ("l", "learn controller"),
    ("?", "help"),
)


def draw_status(canvas: Canvas, y: int, view: View, *, with_message: bool) -> None:
    """State, recording, losses, source, model, latency and what is set, as many as fit, and the time at the right end.

    ``with_message`` where the message has no line of its own.
    """
    theme = view.theme
    clock = "" if view.now is None else stream_time(view.now.time)[:-2]
    right = canvas.width - 1
    style = theme.warning if view.state is State.LOST else view.mood
    x = canvas.put(1, y, f"● {STATE_WORDS[view.state]}", style, right=right)
    if x + 2 + len(clock) <= right:
        right -= len(clock)
        canvas.put(right, y, clock, theme.muted)
        right -= 2
    message = [((view.status.message,), theme.warning)] if with_message else []
    for texts, look in (*_marks(view), *message, *_facts(view)):
        text = next((text for text in texts if x + 3 + cell_len(text) <= right), "")
        if text:
            canvas.put(x, y, " ·", theme.faint)
            x = canvas.put(x + 3, y, text, look)


def _marks(view: View) -> Iterator[tuple[tuple[str, ...], Style]]:
    """What must not be overlooked, each in the longest words that fit."""
    status, theme = view.status, view.theme
    if status.recording is not None:
        yield (f"● REC {status.recording}", "● REC", "REC"), theme.alert
    if status.is_frozen:
        yield ("frozen",), theme.bright
    if status.is_blind:
        yield ("hidden",), theme.bright


def _facts(view: View) -> Iterator[tuple[tuple[str, ...], Style]]:
    """What else the status line tells, the most important first."""
    now, status, theme = view.now, view.status, view.theme
    losses = [f"{status.dropped} dropped"] if status.dropped else []
    losses += [count(status.overflows, "overflow")] if status.overflows else []
    losses += [f"{status.skipped} skipped"] if status.skipped else []
    yield (
        (", ".join(losses), f"{status.dropped + status.overflows + status.skipped} lost" * bool(losses)),
        theme.warning,
    )
    yield (status.source,), theme.muted
    if now is not None and now.latency_ms is not None and math.isfinite(now.latency_ms):
        yield (f"{now.latency_ms:.0f} ms",), theme.muted
    if now is not None:
        yield (now.model,), theme.muted
    if status.smoothing != "off":
        yield (f"smoothing {status.smoothing}",), theme.muted
    if status.rate_hz is not None and math.isfinite(status.rate_hz):
        yield (f"{status.rate_hz:g} Hz",), theme.muted
    if now is not None:
        yield (count(now.notes, "note"),), theme.muted
    if not view.shows_help:
        yield ("? help",), theme.muted


def draw_events(canvas: Canvas, y: int, rows: int, view: View) -> None:
    """The message of now; above it, where there are ``rows``, the latest that came before it, with their times."""
    message, theme = view.status.message, view.theme
    canvas.put(1, y + rows - 1, message, theme.warning, right=canvas.width - 1)
    past = view.events[:-1] if message and view.events and view.events[-1][1] == message else view.events
    last = rows - 1
    for row, (time_s, text) in enumerate(reversed(past[-last:] if last else ()), start=2):
        x = canvas.put(1, y + rows - row, f"{stream_time(time_s)[:-2]}  ", theme.faint, right=canvas.width - 1)
        canvas.put(x, y + rows - row, text, theme.muted, right=canvas.width - 1)


def draw_help(canvas: Canvas, bottom: int, view: View) -> None:
    """What the keys do, over the rows that end before row ``bottom``; what has no row is left out."""
    width = canvas.width - 2
    lines: list[list[tuple[str, str]]] = [[]]
    used = 0
    for key, deed in KEYS:
        needed = cell_len(key) + 1 + cell_len(deed)
        if lines[-1] and used + 3 + needed > width:
            lines.append([])
            used = 0
        used += needed + (3 if lines[-1] else 0)
        lines[-1].append((key, deed))
    lines = lines[: max(0, bottom)]
    for row, line in enumerate(lines, start=bottom - len(lines)):
        canvas.clear(row)
        x = 1
        for key, deed in line:
            x = canvas.put(x, row, key, view.theme.bright, right=canvas.width - 1)
            x = canvas.put(x + 1, row, deed, view.theme.muted, right=canvas.width - 1) + 3


def tempo_words(view: View) -> str:
    """The tempo in beats a minute, nothing while it is not known."""
    tempo = view.status.tempo_bpm
    return "" if tempo is None or not math.isfinite(tempo) else f"{tempo:.0f} bpm"
