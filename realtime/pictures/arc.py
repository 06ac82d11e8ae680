"""The emotional arc of one piece: valence and arousal over time with their spread, and the way on the circumplex."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from models.affect import NEUTRAL, SCALE_HIGH, SCALE_LOW, Reading, State
from realtime.pictures.curve import Curve, Section, Values, curve
from realtime.pictures.style import (
    AROUSAL,
    INK,
    LINE,
    QUIET,
    TICKS,
    VALENCE,
    circumplex,
    clock,
    colour_of,
    drawn,
    headline,
    legible,
    time_axis,
)

Indices = NDArray[np.intp]

#: Points that the width of a curve has room for, and those of a way that does not become a scribble.
_POINTS_IN_TIME, _POINTS_ON_PLANE = 1500, 60

#: From this length on it is said that points of the way are means.
_WORTH_SAYING_S = 3.0

#: Columns of ``OUTPUTS``, and the ends of the scales in words.
_AXES = (("valence", 0, VALENCE, ("unpleasant", "pleasant")), ("arousal", 2, AROUSAL, ("calm", "excited")))

#: The share of the width from which a section has room for its name.
_ROOM_FOR_A_NAME = 0.075

#: Behind text that stands on lines.
_BOX: dict[str, Any] = {"facecolor": "white", "alpha": 0.8, "linewidth": 0, "pad": 1.5}

NOTHING_KNOWN = "no reading was live: nothing that could be rated was heard"


def arc_figure(readings: Sequence[Reading], title: str, affect: Sequence[float] | None = None) -> Figure:
    """The arc of ``readings`` under ``title``, the size of a slide.

    ``affect`` is the summary in ``OUTPUTS``' order on the 1–9 scale, which is written under the title. Only live
    readings are drawn; the others are gaps, named for what they are.
    """
    in_time, on_plane = curve(readings, _POINTS_IN_TIME), curve(readings, _POINTS_ON_PLANE)

    def draw(figure: Figure) -> None:
        headline(figure, legible(title, 58), _beneath(on_plane, readings, affect))
        grid = figure.add_gridspec(3, 2, width_ratios=(1.42, 1), height_ratios=(0.1, 1, 1), hspace=0.01, wspace=0.04)
        sections = list(in_time.sections())
        ribbon = figure.add_subplot(grid[0, 0])
        _ribbon(ribbon, in_time, sections)
        panels = [figure.add_subplot(grid[row, 0], sharex=ribbon) for row in (1, 2)]
        for axes, (name, column, colour, ends) in zip(panels, _AXES, strict=True):
            _shade(axes, in_time, sections)
            _line(axes, in_time, column, colour)
            axes.set(ylim=(SCALE_LOW, SCALE_HIGH), yticks=TICKS)
            axes.set_ylabel(f"{name}\n{ends[0]} (1) to {ends[1]} (9)", fontsize=13, linespacing=1.4)
        time_axis(panels[1], in_time.start_s, in_time.end_s)
        panels[0].tick_params(labelbottom=False)
        panels[1].set_xlabel("time (minutes:seconds)" if in_time.end_s < 3600 else "time (hours:minutes:seconds)")
        plane = figure.add_subplot(grid[1:, 1])
        circumplex(plane)
        _way(plane, on_plane)
        if not in_time.is_live.any():
            panels[0].text(0.5, 0.5, NOTHING_KNOWN, transform=panels[0].transAxes, ha="center", va="center", bbox=_BOX)

    return drawn(draw)


def _beneath(on_plane: Curve, readings: Sequence[Reading], affect: Sequence[float] | None) -> str:
    parts = [clock(on_plane.end_s)]
    if affect is not None:
        valence, valence_std, arousal, arousal_std = affect
        parts.append(f"valence {valence:.1f} ± {valence_std:.1f}, arousal {arousal:.1f} ± {arousal_std:.1f} over all")
    models = sorted({reading.model for reading in readings if reading.model})
    if models:
        parts.append(f"model {legible(', '.join(models), 30)}")
    parts.append("bands: ± one spread over listeners")
    return "   ·   ".join(parts)


def _edges(in_time: Curve, section: Section) -> tuple[float, float]:
    """From the point before it, as a reading speaks of what was heard up to it."""
    start_s = in_time.start_s if section.first == 0 else float(in_time.times_s[section.first - 1])
    return start_s, float(in_time.times_s[section.last])


def _ribbon(axes: Axes, in_time: Curve, sections: Sequence[Section]) -> None:
    """A strip in the sections' colours with their names, where there is room for them."""
    length_s = max(in_time.end_s - in_time.start_s, 1e-9)
    for section in sections:
        start_s, end_s = _edges(in_time, section)
        known = not isinstance(section.kind, State)
        axes.axvspan(start_s, end_s, color=colour_of(section.kind), linewidth=0)
        if (end_s - start_s) / length_s >= _ROOM_FOR_A_NAME:
            look: dict[str, Any] = (
                {"color": INK, "fontweight": "bold"} if known else {"color": QUIET, "fontstyle": "italic"}
            )
            axes.text(
                (start_s + end_s) / 2, 0.46, section.kind.value, ha="center", va="center", fontsize=12, clip_on=True,
                **look,
            )  # fmt: skip
    axes.set(ylim=(0, 1), yticks=[])
    axes.tick_params(bottom=False, labelbottom=False)
    axes.spines[:].set_visible(False)


def _shade(axes: Axes, in_time: Curve, sections: Sequence[Section]) -> None:
    for section in sections:
        start_s, end_s = _edges(in_time, section)
        if isinstance(section.kind, State):
            axes.axvspan(start_s, end_s, facecolor="none", edgecolor=LINE, hatch="///", linewidth=0, zorder=0)
        else:
            axes.axvspan(start_s, end_s, color=colour_of(section.kind), alpha=0.22, linewidth=0, zorder=0)


def _line(axes: Axes, in_time: Curve, column: int, colour: str) -> None:
    axes.axhline(NEUTRAL, color=QUIET, linewidth=0.9, linestyle=(0, (2, 3)), zorder=1)
    width = 2.8 if len(in_time.times_s) <= 400 else 1.8
    for run in in_time.runs():
        times, mean, spread = in_time.times_s[run], in_time.values[run, column], in_time.values[run, column + 1]
        low, high = np.maximum(mean - spread, SCALE_LOW), np.minimum(mean + spread, SCALE_HIGH)
        if len(times) == 1:
            axes.errorbar(times, mean, [mean - low, high - mean], fmt="o", color=colour, markersize=5)
            continue
        axes.fill_between(times, low, high, color=INK, alpha=0.13, linewidth=0, zorder=2)
        axes.plot(times, mean, color="white", linewidth=width + 2.2, alpha=0.8, zorder=3)
        axes.plot(times, mean, color=colour, linewidth=width, zorder=4, solid_joinstyle="round")


def _way(axes: Axes, on_plane: Curve) -> None:
    """The path, darker the later; open where it starts, full where it ends, and times along it."""
    live = np.flatnonzero(on_plane.is_live)
    if not len(live):
        axes.text(NEUTRAL, NEUTRAL, "no live reading", ha="center", va="center", bbox=_BOX)
        return
    length_s = max(on_plane.end_s - on_plane.start_s, 1e-9)
    points = on_plane.values[:, [0, 2]]
    for run in on_plane.runs():
        segments = [*zip(points[run][:-1], points[run][1:], strict=True)]
        ages = 1.0 - (on_plane.times_s[run][1:] - on_plane.start_s) / length_s
        greys = [str(0.08 + 0.58 * float(age)) for age in ages]
        axes.add_collection(LineCollection(segments, colors="white", linewidths=5.5, alpha=0.7, capstyle="round"))
        axes.add_collection(LineCollection(segments, colors=greys, linewidths=2.6, capstyle="round"))
    first, last = points[live[0]], points[live[-1]]
    axes.plot(*first, "o", markersize=12, markerfacecolor="white", markeredgecolor=INK, markeredgewidth=2.2, zorder=6)
    axes.plot(*last, "o", markersize=12, markerfacecolor=INK, markeredgecolor="white", markeredgewidth=1.2, zorder=6)
    _times(axes, on_plane, live)
    if on_plane.step_s >= _WORTH_SAYING_S:
        axes.set_title(f"path: means of {on_plane.step_s:.0f} s each", loc="right", fontsize=12, color=QUIET)


def _times(axes: Axes, on_plane: Curve, live: Indices) -> None:
    """When the path was where: at its start, its end and four places between, each where it hides least."""
    places = list(dict.fromkeys(live[np.linspace(0, len(live) - 1, 6).round().astype(int)]))
    path = on_plane.values[live][:, [0, 2]]
    taken: list[Values] = []
    for index in sorted(places, key=lambda index: index not in (places[0], places[-1])):
        point = on_plane.values[index, [0, 2]]
        word = "" if len(places) == 1 else {places[0]: "start ", places[-1]: "end "}.get(index, "")
        spot = _free_spot(point, path, taken, across=1.1 if word else 0.85)
        if spot is None:
            continue
        taken.append(spot)
        began_s = on_plane.times_s[index - 1] if index else on_plane.start_s
        text = word + clock(float(began_s if word == "start " else on_plane.times_s[index]))
        axes.text(spot[0], spot[1], text, ha="center", va="center", fontsize=12, bbox=_BOX, zorder=7)
        if not word and len(places) > 1:
            axes.plot(*point, "o", markersize=6, color=INK, zorder=6)


def _free_spot(point: Values, path: Values, taken: Sequence[Values], *, across: float) -> Values | None:
    """Where beside ``point`` a time covers least of the path and of no other time, outside the path's curve if it can;
    None where there is no room."""
    outwards = point - path.mean(axis=0)
    angles = np.arange(0, 2 * np.pi, np.pi / 8)
    spots = point + np.stack([across * np.cos(angles), 0.44 * np.sin(angles)], axis=1)
    hidden = [int((np.abs(path - spot) < (0.6, 0.24)).all(axis=1).sum()) for spot in spots]
    order = np.lexsort((-((spots - point) @ outwards).round(6), hidden))
    inside = (spots > SCALE_LOW + 0.4).all(axis=1) & (spots < SCALE_HIGH - 0.4).all(axis=1)
    free = (spots[i] for i in order if inside[i] and not any(_touch(spots[i], other) for other in taken))
    return next(free, None)


def _touch(one: Values, other: Values) -> bool:
    return bool(abs(one[0] - other[0]) < 1.3 and abs(one[1] - other[1]) < 0.4)
