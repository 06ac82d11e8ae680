"""How the pictures look: type, colours, the circumplex, and how they become files."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib import font_manager, rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image
from rich.cells import cell_len, set_cell_size

from models.affect import HALF_RANGE, NEUTRAL, SCALE_HIGH, SCALE_LOW, Quadrant, State
from realtime.outputs.palette import mood_color

#: A slide: 16 by 9, 2000 by 1125 dots.
SIZE_IN = (2000 / 150, 1125 / 150)
DOTS_PER_INCH = 150

INK, QUIET, LINE, UNKNOWN = "#1c1c20", "#5e5e66", "#d0d0d6", "#e9e9ec"
#: Okabe and Ito's blue and vermilion, told apart by colour-blind people; the second is dashed besides.
VALENCE, AROUSAL = "#0072b2", "#d55e00"
#: Parts of the scale that are worth a number.
TICKS = (1, 3, 5, 7, 9)

#: Each quadrant's direction, and how light its colour is: red and green, which many cannot tell apart, differ in that.
CORNERS = {
    Quadrant.HAPPY: (1, 1, 1.0),
    Quadrant.TENSE: (-1, 1, 0.55),
    Quadrant.SAD: (-1, -1, 0.55),
    Quadrant.CALM: (1, -1, 1.0),
}

#: Fonts for scripts that matplotlib's own lacks, where the machine has them.
_WIDER_FONTS = (
    *("Noto Sans", "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans JP", "Noto Sans SC", "Source Han Sans"),
    *(
        "Yu Gothic",
        "Microsoft YaHei",
        "Malgun Gothic",
        "Segoe UI",
        "Hiragino Sans",
        "PingFang SC",
        "Apple SD Gothic Neo",
    ),
    *("Arial Unicode MS", "Noto Sans Arabic", "Noto Sans Hebrew", "Noto Sans Devanagari", "WenQuanYi Zen Hei"),
)
_STYLE: dict[str, Any] = {
    "font.family": ["sans-serif"],
    "font.size": 13.0,
    "axes.labelsize": 14.0,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "hatch.linewidth": 0.6,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    # Text stays text: it can be edited on a slide and found by a search.
    "svg.fonttype": "none",
    "svg.hashsalt": "moodring",
    # A piece may be called "$".
    "text.parse_math": False,
    "axes.formatter.use_mathtext": False,
}


def colour_of(kind: Quadrant | State) -> str:
    """A quadrant's colour, from the dashboard's circle of moods; grey for a state in which nothing is known."""
    if isinstance(kind, State):
        return UNKNOWN
    across, up, strength = CORNERS[kind]
    return mood_color(across, up, strength)


def drawn(draw: Callable[[Figure], None]) -> Figure:
    """An empty figure the size of a slide, drawn on in the style of the pictures."""
    with _styled():
        figure = Figure(figsize=SIZE_IN, dpi=DOTS_PER_INCH, layout="constrained")
        FigureCanvasAgg(figure)
        draw(figure)
        # Laid out once: doing it again for each file would shift things by a hair.
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
    return figure


def png(figure: Figure) -> bytes:
    """The picture in dots, in 256 colours: they hold it without a visible loss, in a third of the size."""
    with _styled():
        canvas: Any = FigureCanvasAgg(figure)
        canvas.draw()
    few = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    content = io.BytesIO()
    few.save(content, "PNG", optimize=True, dpi=(DOTS_PER_INCH, DOTS_PER_INCH))
    return content.getvalue()


def svg(figure: Figure) -> bytes:
    """The picture in lines and letters; the same readings give the same bytes."""
    content = io.BytesIO()
    with _styled():
        figure.savefig(content, format="svg", metadata={"Date": None, "Creator": None})
    return content.getvalue()


@contextmanager
def _styled() -> Iterator[None]:
    style: Any = {**_STYLE, "font.sans-serif": list(_fonts())}
    with rc_context(style), warnings.catch_warnings():
        # A sign that no font has becomes a box, which is all there is to say of it.
        warnings.filterwarnings("ignore", "Glyph .* missing")
        yield


@cache
def _fonts() -> tuple[str, ...]:
    known = set(font_manager.get_font_names())
    return ("DejaVu Sans", *(font for font in _WIDER_FONTS if font in known))


def legible(name: str, width: int) -> str:
    """A name of any kind as one line of at most ``width`` letters (wide ones count twice), cut in its middle."""
    name = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name).strip() or "–"
    if cell_len(name) <= width:
        return name
    # The end tells takes of one song apart; the start says which song it is.
    end = set_cell_size(name[::-1], width // 3).strip()[::-1]
    return f"{set_cell_size(name, width - width // 3 - 1).rstrip()}…{end}"


def clock(time_s: float) -> str:
    """A time as people read it, without parts of a second."""
    minutes, seconds = divmod(round(time_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def time_axis(axes: Axes, start_s: float, end_s: float, most: int = 9) -> None:
    """Ticks at whole seconds, minutes or hours, at most ``most`` of them."""
    steps = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
    length_s = max(end_s - start_s, 1.0)
    step = next((step for step in steps if length_s / step <= most - 1), math.ceil(length_s / most))
    ticks = [step * number for number in range(math.ceil(start_s / step), math.floor(end_s / step) + 1)]
    axes.set_xlim(start_s, start_s + length_s)
    axes.set_xticks(ticks, [clock(tick) for tick in ticks])


def circumplex(axes: Axes) -> None:
    """The plane of valence and arousal: tinted quarters with their names, the ring in the colours of the moods."""
    for kind, (across, up, _) in CORNERS.items():
        corner = (NEUTRAL if across > 0 else SCALE_LOW, NEUTRAL if up > 0 else SCALE_LOW)
        axes.add_patch(Rectangle(corner, HALF_RANGE, HALF_RANGE, facecolor=colour_of(kind), alpha=0.16, linewidth=0))
        axes.text(
            NEUTRAL + across * (HALF_RANGE - 0.2),
            NEUTRAL + up * (HALF_RANGE - 0.2),
            kind.value,
            ha="right" if across > 0 else "left",
            va="top" if up > 0 else "bottom",
            fontweight="bold",
            # The key to the sections' colours.
            bbox={"facecolor": colour_of(kind), "linewidth": 0, "pad": 4.0},
        )
    angles = [math.radians(degrees) for degrees in range(0, 361, 3)]
    ring = [(NEUTRAL + HALF_RANGE * math.cos(angle), NEUTRAL + HALF_RANGE * math.sin(angle)) for angle in angles]
    colours = [mood_color(math.cos(angle), math.sin(angle)) for angle in angles]
    axes.add_collection(LineCollection([*pairwise(ring)], colors=colours, linewidths=4.0))
    axes.axhline(NEUTRAL, color=QUIET, linewidth=0.8, linestyle=(0, (2, 3)))
    axes.axvline(NEUTRAL, color=QUIET, linewidth=0.8, linestyle=(0, (2, 3)))
    axes.set(xlim=(SCALE_LOW - 0.1, SCALE_HIGH + 0.1), ylim=(SCALE_LOW - 0.1, SCALE_HIGH + 0.1), aspect="equal")
    axes.set(xticks=TICKS, yticks=TICKS)
    axes.set_xlabel("valence:  unpleasant (1) to pleasant (9)")
    axes.set_ylabel("arousal:  calm (1) to excited (9)")


def headline(figure: Figure, title: str, beneath: str) -> None:
    """The title at the left, and under it a line in small type."""
    # Constrained layout keeps room for a title; its second, empty line is the room for what stands beneath.
    figure.suptitle(f"{title}\n", x=0.012, ha="left", fontsize=21, fontweight="bold", linespacing=1.35)
    figure.text(0.012, 0.918, beneath, ha="left", va="center", fontsize=13, color=QUIET)
