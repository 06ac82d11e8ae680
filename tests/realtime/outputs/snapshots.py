"""Pictures of the dashboard that are committed and compared: ``python -m tests.realtime.outputs.snapshots`` draws them.

Four sizes by four states. Look at what changed before committing it.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests"))

from support.dashboard_app import reading_at, status_at

from models.affect import Reading, State
from realtime.outputs.dashboard import View, export_svg

FOLDER = Path(__file__).with_name("snapshots")
SIZES = ((40, 12), (80, 24), (120, 40), (200, 60))
NOW_S = 200.0


def _past(seconds: float) -> tuple[Reading, ...]:
    """A performance up to ``NOW_S``, half a second a reading."""
    count = round(seconds * 2)
    return tuple(reading_at(NOW_S - (count - number) / 2) for number in range(count))


def view_of(state: State) -> View:
    """What the dashboard shows in ``state``, with everything there that can be there in it."""
    status = status_at(NOW_S)
    now = reading_at(NOW_S, state)
    if state is State.WARMING:
        early = replace(now, time=1.5, notes=1)
        return View(
            (early,), replace(status, sounding=(60,), tempo_bpm=None, key=None, smoothing="off"), shows_help=True
        )
    if state is State.LIVE:
        status = replace(
            status, recording="take 3.session", label=(0.35, -0.4), is_clipped=True, dropped=3, overflows=1
        )
        return View((*_past(180), replace(now, level_db=-0.3)), status, ((12.0, "calibrated: noise at -71 dB"),))
    if state is State.SILENCE:
        status = replace(status, sounding=(), is_gated=True, is_frozen=True)
        return View((*_past(120), replace(now, level_db=-64.0, notes=0)), status, ((12.0, "calibrated"),))
    message = "Scarlett 2i2 is gone: waiting for it to come back"
    events = ((12.0, "calibrated"), (171.0, "Scarlett 2i2 is back"), (NOW_S, message))
    status = replace(status, sounding=(), message=message, tempo_bpm=None)
    return View((*_past(90), replace(now, level_db=-120.0, latency_ms=None)), status, events)


def path_of(state: State, width: int, height: int) -> Path:
    """Where the picture of that state and size is kept."""
    return FOLDER / f"{state.value}-{width}x{height}.svg"


def draw(state: State, width: int, height: int) -> str:
    """The picture of that state and size, as SVG."""
    return export_svg(view_of(state), width, height)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for state in State:
        for width, height in SIZES:
            path_of(state, width, height).write_text(draw(state, width, height), encoding="utf-8")
            print(path_of(state, width, height))
