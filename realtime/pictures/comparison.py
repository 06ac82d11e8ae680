"""Several pieces side by side: where each lies on the circumplex, and each one's curves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Ellipse

from models.affect import NEUTRAL, SCALE_HIGH, SCALE_LOW, Reading, normalized
from realtime.outputs.palette import mood_color
from realtime.pictures.curve import Curve, Values, curve
from realtime.pictures.style import (
    AROUSAL,
    INK,
    LINE,
    QUIET,
    VALENCE,
    circumplex,
    drawn,
    headline,
    legible,
    time_axis,
)

#: Curves that a slide has room for; the plane takes all pieces, and this many numbers and ellipses.
MOST_CURVES = 24
_MOST_NUMBERS = 40
_MOST_ELLIPSES = 8
#: Pieces whose lengths differ by more than this are laid over one another by their share of the way.
_MUCH_LONGER = 3.0
#: How far apart numbers on the plane stand at least, on the 1–9 scale.
_APART = 0.46
_LOOKS: tuple[tuple[str, int, str, Any], ...] = (("valence", 0, VALENCE, "-"), ("arousal", 2, AROUSAL, (0, (4, 1.5))))


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece to compare: its title, its readings, and its summary in ``OUTPUTS``' order (1–9), None where unknown."""

    title: str
    readings: Sequence[Reading]
    affect: Sequence[float] | None


def comparison_figure(pieces: Sequence[Piece]) -> Figure:
    """The size of a slide: at the left each piece's mean with its spread, at the right each one's curves in time.

    Numbers join the two. Of more than ``MOST_CURVES`` pieces the first ones' curves are shown.
    """
    shown = pieces[:MOST_CURVES]
    columns = _columns(len(shown))
    rows = max(1, -(-len(shown) // columns))

    def draw(figure: Figure) -> None:
        spread = "ellipses" if len(pieces) <= _MOST_ELLIPSES else "thin lines"
        beneath = f"left: each one's mean, {spread}: ± one spread over listeners"
        if len(pieces) > len(shown):
            beneath += f"   ·   right: the first {len(shown)}; all are in summary.csv"
        headline(figure, f"{len(pieces)} pieces compared", beneath)
        halves: Any = figure.subfigures(1, 2, width_ratios=(1, 1.3))
        left, right = halves
        plane = left.subplots()
        circumplex(plane)
        _means(plane, [piece.affect for piece in pieces])
        panels = right.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        _curves(panels, shown, [curve(piece.readings, 400) for piece in shown])
        handles = [Line2D([], [], color=colour, linestyle=style, linewidth=2.2) for _, _, colour, style in _LOOKS]
        right.legend(handles, [name for name, *_ in _LOOKS], loc="outside upper right", ncols=2)

    return drawn(draw)


def _columns(pieces: int) -> int:
    return 1 if pieces <= 3 else 2 if pieces <= 8 else 3 if pieces <= 15 else 4


def _curves(panels: Any, shown: Sequence[Piece], curves: Sequence[Curve]) -> None:
    columns = panels.shape[1]
    lengths_s = [each.end_s for each in curves if each.end_s > 0]
    by_share = bool(lengths_s) and max(lengths_s) > _MUCH_LONGER * min(lengths_s)
    letters = {1: 60, 2: 32, 3: 20, 4: 15}[columns]
    for number, axes in enumerate(panels.flat):
        if number >= len(shown):
            axes.set_axis_off()
            # The last panel of each column carries the times.
            panels[-2, number % columns].tick_params(labelbottom=True)
            continue
        _panel(axes, curves[number], by_share=by_share)
        title = f"{number + 1}  {legible(shown[number].title, letters)}"
        axes.set_title(title, loc="left", fontsize=12 if columns < 4 else 10.5, pad=3)
        axes.set(ylim=(SCALE_LOW, SCALE_HIGH), yticks=(1, 5, 9))
    if by_share:
        panels[0, 0].set(xlim=(0, 100), xticks=(0, 50, 100) if columns > 2 else (0, 25, 50, 75, 100))
    else:
        time_axis(panels[0, 0], 0.0, max(lengths_s, default=1.0), most=10 // columns)
    figure = panels[0, 0].figure
    figure.supxlabel("share of the piece (%)" if by_share else "time (minutes:seconds)", fontsize=14)
    figure.supylabel("scale 1–9", fontsize=14)


def _panel(axes: Axes, of_piece: Curve, *, by_share: bool) -> None:
    axes.axhline(NEUTRAL, color=LINE, linewidth=1.0, zorder=1)
    times = of_piece.times_s * (100.0 / of_piece.end_s if by_share and of_piece.end_s else 1.0)
    for _, column, colour, style in _LOOKS:
        for run in of_piece.runs():
            mean, spread = of_piece.values[run, column], of_piece.values[run, column + 1]
            low, high = np.maximum(mean - spread, SCALE_LOW), np.minimum(mean + spread, SCALE_HIGH)
            axes.fill_between(times[run], low, high, color=colour, alpha=0.13, linewidth=0)
            marker = "o" if len(mean) == 1 else None
            axes.plot(times[run], mean, color=colour, linestyle=style, linewidth=2.0, marker=marker, markersize=4)
    if not of_piece.is_live.any():
        axes.text(0.5, 0.5, "no live reading", transform=axes.transAxes, ha="center", va="center", color=QUIET)


def _means(axes: Axes, affects: Sequence[Sequence[float] | None]) -> None:
    known = [(number, affect) for number, affect in enumerate(affects) if affect is not None]
    if not known:
        axes.text(NEUTRAL, NEUTRAL, "no live reading", ha="center", va="center", color=QUIET, fontstyle="italic")
        return
    means = np.array([(affect[0], affect[2]) for _, affect in known])
    labels = _apart(means) if len(affects) <= _MOST_NUMBERS else means
    for (number, (valence, valence_std, arousal, arousal_std)), label in zip(known, labels, strict=True):
        colour = mood_color(normalized(valence), normalized(arousal), 0.7)
        if len(known) <= _MOST_ELLIPSES:
            size = (2 * valence_std, 2 * arousal_std)
            axes.add_patch(Ellipse((valence, arousal), *size, facecolor=colour, alpha=0.06, linewidth=0))
            axes.add_patch(Ellipse((valence, arousal), *size, facecolor="none", edgecolor=colour, linewidth=1.3))
        else:
            look: dict[str, Any] = {"color": colour, "linewidth": 0.9, "alpha": 0.55, "zorder": 2}
            axes.plot([valence - valence_std, valence + valence_std], [arousal, arousal], **look)
            axes.plot([valence, valence], [arousal - arousal_std, arousal + arousal_std], **look)
        axes.plot(valence, arousal, "o", markersize=7, color=colour, markeredgecolor=INK, markeredgewidth=1.0, zorder=4)
        if len(affects) > _MOST_NUMBERS:
            continue
        axes.plot([valence, label[0]], [arousal, label[1]], color=INK, linewidth=0.9, zorder=5)
        disc: dict[str, Any] = {"boxstyle": "circle,pad=0.22", "facecolor": "white", "edgecolor": INK, "linewidth": 1.0}
        axes.text(
            label[0],
            label[1],
            str(number + 1),
            ha="center",
            va="center",
            fontsize=10,
            fontweight="bold",
            bbox=disc,
            zorder=6,
        )


def _apart(points: Values) -> Values:
    """A place beside each of the points [shape=(n, 2)] for its number: off all points, the numbers apart."""
    turn = math.pi * (3 - math.sqrt(5))
    angles = turn * np.arange(len(points))
    outwards = points - points.mean(axis=0)
    far = np.hypot(outwards[:, 0], outwards[:, 1])[:, None]
    spiral = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    places: Values = points + _APART * np.where(far > 0.05, outwards / np.maximum(far, 1e-9), spiral)
    places += 0.02 * spiral  # pieces in one place would push one another nowhere
    for _ in range(300):
        push = np.zeros_like(places)
        for others, apart in ((places, _APART), (points, 0.75 * _APART)):
            offsets = places[:, None] - others[None]
            distances = np.hypot(offsets[..., 0], offsets[..., 1])
            if others is places:
                np.fill_diagonal(distances, np.inf)
            close = distances < apart
            directions = np.where(distances[..., None] > 1e-6, offsets / np.maximum(distances, 1e-6)[..., None], 0.0)
            push += (np.where(close, apart - distances, 0.0)[..., None] * directions).sum(axis=1)
        if not push.any():
            break
        places = np.clip(places + 0.5 * push, SCALE_LOW + 0.2, SCALE_HIGH - 0.2)
    return places
