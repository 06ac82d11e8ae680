"""The pictures of an evaluation: SVG to stand inside a page, in the page's own colours and legible on a phone."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from models.affect import OUTPUTS, SCALE_HIGH, SCALE_LOW
from offline.evaluation import AXES, Judgement, rated_in_time
from offline.metrics import INTERVALS, Values

#: Drawn in colours that occur nowhere else, which then give way to the page's, light or dark.
INK, LINE, VALENCE, AROUSAL, QUIET = "#010101", "#010102", "#010103", "#010104", "#010105"
_OF_PAGE = {INK: "--ink", LINE: "--line", VALENCE: "--valence", AROUSAL: "--arousal", QUIET: "--quiet"}
#: Clouds of points are pixels and keep their colour; this one shows on both grounds.
_POINTS = "#3987e5"
_COLOURS = {"valence": (VALENCE, "o"), "arousal": (AROUSAL, "s")}
_TICKS = (1, 3, 5, 7, 9)
_WIDTH_IN = 3.5
#: Letters of a genre's name.
_LONGEST = 20
_STYLE: Any = {
    "font.size": 9.0,
    "axes.edgecolor": LINE,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "svg.fonttype": "none",
    # A piece may be called "$".
    "text.parse_math": False,
}


def scatter(judgement: Judgement, column: int) -> str | None:
    """What was said of each piece against what was rated; None where nothing was."""
    said, rated = judgement.estimates[:, column], judgement.truth[:, column]
    known = np.isfinite(rated)
    if not known.any():
        return None

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        if OUTPUTS[column].endswith("_mean"):
            low, high = SCALE_LOW, SCALE_HIGH
            axes.set(xticks=_TICKS, yticks=_TICKS)
        else:
            axes.locator_params(nbins=5)
            low, high = 0.0, float(max(said.max(), rated[known].max())) * 1.05
        axes.plot([low, high], [low, high], color=QUIET, linewidth=1, linestyle="--")
        axes.plot(rated[known], said[known], "o", color=_POINTS, alpha=0.4, markersize=3.5, mew=0, rasterized=True)
        axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
        axes.set(xlabel="listeners (scale 1–9)", ylabel="predicted (scale 1–9)")

    return _svg(draw, f"scatter {column}", height_in=3.3)


def calibration(report: Mapping[str, Any]) -> str | None:
    """How many ratings the intervals of some nominal width cover; None where no spreads are known."""
    figures, intervals = report["per_piece"], report["per_piece_interval"]
    if all(figures[f"coverage_50_{axis}"] is None for axis, _ in AXES):
        return None

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot([0, 100], [0, 100], color=QUIET, linewidth=1, linestyle="--", label="as it should be")
        for axis, _ in AXES:
            colour, marker = _COLOURS[axis]
            names = [f"coverage_{nominal * 100:.0f}_{axis}" for nominal in INTERVALS]
            # A little apart, so that one does not hide the other.
            places = [nominal * 100 + (-0.6 if axis == "valence" else 0.6) for nominal in INTERVALS]
            _bars(axes, places, names, figures, intervals, factor=100.0, color=colour, marker=marker, label=axis)
        axes.set(xlim=(40, 100), ylim=(0, 100), xticks=[nominal * 100 for nominal in INTERVALS])
        axes.set(xlabel="width of the interval (nominal %)", ylabel="ratings inside (%)")
        axes.legend(loc="lower right")

    return _svg(draw, "calibration", height_in=2.9)


def seconds_heard(report: Mapping[str, Any], axis: str) -> str:
    """R² and r of one axis as more of a piece is heard, beside ridge regression."""
    seconds = [s for s, found in report["seconds_heard"].items() if found is not None]

    def draw(figure: Figure) -> None:
        for axes, kind, label in zip(figure.subplots(2, sharex=True), ("r2", "r"), ("R²", "r"), strict=True):
            name = f"{kind}_{axis}_mean"
            ridge = report["ridge"]["seconds_heard"]
            beside = [np.nan if ridge[s][name] is None else ridge[s][name] for s in seconds]
            axes.plot(range(len(seconds)), beside, color=QUIET, linestyle="--", marker=".", label="ridge")
            figures = {s: report["seconds_heard"][s][name] for s in seconds}
            intervals = {s: report["seconds_heard_interval"][s][name] for s in seconds}
            colour, marker = _COLOURS[axis]
            _bars(axes, range(len(seconds)), seconds, figures, intervals, color=colour, marker=marker, label="model")
            axes.set(ylabel=label, xticks=range(len(seconds)), xticklabels=seconds)
        figure.axes[0].legend(ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0), borderaxespad=0.2)
        figure.axes[1].set_xlabel("seconds heard")

    return _svg(draw, f"heard {axis}", height_in=3.6)


def curve(judgement: Judgement, number: int) -> str:
    """One piece in time: what was said, with its spread, and what was rated."""
    piece, said = judgement.dataset.pieces[number], judgement.steps[number]
    rated = rated_in_time(piece)

    def draw(figure: Figure) -> None:
        for axes, (axis, column) in zip(figure.subplots(2, sharex=True), AXES, strict=True):
            mean, spread = said[:, column], said[:, column + 1]
            colour, _ = _COLOURS[axis]
            axes.fill_between(piece.times_s, mean - spread, mean + spread, color=colour, alpha=0.2, linewidth=0)
            axes.plot(piece.times_s, mean, color=colour, linewidth=1.6, label="predicted, ± its spread")
            axes.plot(piece.times_s, rated[:, column], color=INK, linewidth=1.2, linestyle="--", label="rated")
            axes.set(ylim=(SCALE_LOW, SCALE_HIGH), yticks=_TICKS, ylabel=f"{axis} (1–9)")
        figure.axes[0].legend(ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0), borderaxespad=0.2)
        figure.axes[1].set_xlabel("time (s)")

    return _svg(draw, f"curve {number}", height_in=3.2)


def genres(report: Mapping[str, Any]) -> str:
    """The error of each genre."""
    kinds = list(report["by_genre"])

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for axis, _ in AXES:
            colour, marker = _COLOURS[axis]
            name = f"rmse_{axis}_mean"
            figures = {kind: report["by_genre"][kind]["figures"][name] for kind in kinds}
            intervals = {kind: report["by_genre"][kind]["figures_interval"][name] for kind in kinds}
            places = [place + (-0.14 if axis == "valence" else 0.14) for place in range(len(kinds))]
            look: Any = {"color": colour, "marker": marker, "label": axis, "linestyle": "none"}
            _bars(axes, places, kinds, figures, intervals, upright=False, **look)
        # A long name would leave no room for the plot.
        named = [kind if len(kind) <= _LONGEST else kind[: _LONGEST - 1] + "…" for kind in kinds]
        shown = [f"{name} ({report['by_genre'][kind]['pieces']})" for name, kind in zip(named, kinds, strict=True)]
        axes.set(yticks=range(len(kinds)), yticklabels=shown, xlabel="error (RMSE, scale 1–9)")
        axes.set_xlim(left=0)
        axes.invert_yaxis()
        axes.legend(ncols=2, loc="lower center", bbox_to_anchor=(0.3, 1.0), borderaxespad=0.2)

    return _svg(draw, "genres", height_in=0.9 + 0.3 * len(kinds))


def _bars(
    axes: Any,
    places: Sequence[float],
    names: Sequence[str],
    figures: Mapping[str, float | None],
    intervals: Mapping[str, Sequence[float] | None],
    *,
    factor: float = 1.0,
    upright: bool = True,
    **look: Any,
) -> None:
    """Points with their intervals; what is not known is left out."""
    known = [number for number, name in enumerate(names) if figures[name] is not None]
    values = np.array([figures[names[number]] for number in known], np.float64)
    ends = np.array([intervals[names[number]] or (np.nan, np.nan) for number in known]).reshape(-1, 2)
    # Intervals of percentiles need not hold the figure itself.
    reach: Values = factor * np.maximum([values - ends[:, 0], ends[:, 1] - values], 0.0)
    along = [places[number] for number in known]
    sides = {"x": along, "y": factor * values, "yerr": reach}
    if not upright:
        sides = {"x": factor * values, "y": along, "xerr": reach}
    axes.errorbar(**sides, **{"markersize": 4.5, "linewidth": 1.4, "elinewidth": 1.2, **look})


def _svg(draw: Callable[[Figure], None], name: str, *, height_in: float) -> str:
    """What is drawn as an SVG element, without what only a file of its own needs; the ``name`` keeps apart what
    several pictures in one page refer to."""
    with rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(_WIDTH_IN, height_in), layout="constrained", dpi=220)
        FigureCanvasSVG(figure)
        draw(figure)
        content = io.BytesIO()
        figure.savefig(content, format="svg", transparent=True, metadata={"Date": None})
    svg = content.getvalue().decode("utf-8")
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    # Many pictures in one page: names that nothing refers to would stand there twice.
    svg = re.sub(r'<g id="[^"]*">', "<g>", svg)
    svg = re.sub(r'(<svg [^>]*?) width="[^"]*"', r"\1", re.sub(r'(<svg [^>]*?) height="[^"]*"', r"\1", svg))
    for drawn, of_page in _OF_PAGE.items():
        svg = svg.replace(drawn, f"var({of_page})")
    return svg
