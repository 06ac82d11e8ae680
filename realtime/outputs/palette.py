"""The colours of dashboard, page and lines: a hue for every direction of the circumplex, and greys for what is quiet.

Moods are coloured in OKLCH (Ottosson, "A perceptual color space for image processing", 2020), where equal steps look
equal. Lightness rises with arousal, and the hues go from yellow (happy) through crimson (tense) and blue (sad) to green
(calm), chosen so that the four corners stay apart for who sees no red, no green or no blue, too: the test simulates
that. Chroma fades towards neutral, so that the colour does not flicker where the direction means little.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from rich.style import Style

from models.errors import UsageError

#: Angle on the circumplex (degrees, pleasant = 0, excited = 90) and OKLCH hue. The first comes again a turn later.
_HUES = ((45.0, 98.0), (135.0, 8.0), (225.0, -88.0), (315.0, -210.0), (405.0, -262.0))

#: OKLCH chroma of a mood in full colour, and what each axis adds to its lightness at its end.
_CHROMA, _LIGHTER_WITH_AROUSAL, _LIGHTER_WITH_VALENCE = 0.19, 0.10, 0.02


@lru_cache(maxsize=4096)
def ink(color: str | None = None, *, on: str | None = None, bold: bool = False, dim: bool = False) -> Style:
    """A rich style, made once for each combination."""
    return Style(color=color, bgcolor=on, bold=bold or None, dim=dim or None)


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours for one kind of terminal, as ``#rrggbb``; None in all of them where there are to be none.

    ``lightness`` is that of a mood of middling arousal, ``faded`` that of one that is all but gone (OKLCH, 0…1).
    """

    name: str
    lightness: float
    faded: float
    paper: str
    bright_color: str | None
    muted_color: str | None
    faint_color: str | None
    warning_color: str | None
    alert_color: str | None
    white_key: str | None
    black_key: str | None

    @property
    def has_colors(self) -> bool:
        """Whether anything is told by colour."""
        return self.bright_color is not None

    @property
    def bright(self) -> Style:
        """For what has to be read first and has no mood."""
        return ink(self.bright_color, bold=True)

    @property
    def muted(self) -> Style:
        """For words and marks around the figures."""
        return ink(self.muted_color)

    @property
    def faint(self) -> Style:
        """For lines that only give the eye a hold."""
        return ink(self.faint_color, dim=not self.has_colors)

    @property
    def warning(self) -> Style:
        """For what went wrong and mends itself."""
        return ink(self.warning_color, bold=not self.has_colors)

    @property
    def alert(self) -> Style:
        """For what must not be overlooked: a recording, a clipped input."""
        return ink(self.alert_color, bold=True)

    def mood(self, valence_norm: float, arousal_norm: float, strength: float = 1.0, *, bold: bool = False) -> Style:
        """The ink of a point of the circumplex, as ``mood_color``, in steps that are too small to see."""
        if not (-2.0 <= valence_norm <= 2.0 and -2.0 <= arousal_norm <= 2.0):
            valence_norm, arousal_norm = _within(valence_norm), _within(arousal_norm)
        return _mood_ink(self.name, round(valence_norm * 20), round(arousal_norm * 20), round(strength * 10), bold)


DARK = Theme("dark", 0.71, 0.40, "#17171b", "#f4f4f8", "#9a9aa4", "#55555e", "#f0b440", "#ff5f5f", "#6a6a72", "#1c1c20")
LIGHT = Theme(
    "light", 0.54, 0.82, "#fbfbf8", "#141418", "#5c5c66", "#b4b4bc", "#915f00", "#c81e1e", "#d2d2d8", "#3c3c44"
)
MONO = Theme("mono", 0.71, 0.40, "#17171b", None, None, None, None, None, None, None)

THEMES = {theme.name: theme for theme in (DARK, LIGHT, MONO)}

#: What can be asked for.
THEME_NAMES = ("auto", *THEMES)


def find_theme(name: str, environ: Mapping[str, str], *, no_color: bool = False) -> Theme:
    """The theme of that ``name``; ``auto`` takes the terminal's word for its ground (``COLORFGBG``), else dark.

    ``no_color`` (what ``NO_COLOR`` asks for) goes before every name. Raises UsageError for an unknown name.
    """
    if name not in THEME_NAMES:
        raise UsageError(f"theme must be one of {', '.join(THEME_NAMES)}, not {name!r}")
    if no_color:
        return MONO
    if name == "auto":
        # Ink and ground as numbers of the terminal's sixteen colours; 7 and 9 to 15 are light ones.
        ground = environ.get("COLORFGBG", "").rpartition(";")[2]
        return LIGHT if ground in {"7", *map(str, range(9, 16))} else DARK
    return THEMES[name]


def mood_color(valence_norm: float, arousal_norm: float, strength: float = 1.0, theme: Theme = DARK) -> str:
    """The colour ``#rrggbb`` of a point of the circumplex (−1…1 each); ``strength`` 0 is all but gone, 1 is full."""
    distance = min(math.hypot(valence_norm, arousal_norm), 1.0)
    angle = math.degrees(math.atan2(arousal_norm, valence_norm))
    lighter = _LIGHTER_WITH_AROUSAL * _within(arousal_norm) + _LIGHTER_WITH_VALENCE * _within(valence_norm)
    # Steps too small to see, so that the cache and the terminal have less to do.
    return _color(
        round(angle / 3) * 3,
        round(min(1.0, distance * 2.0), 1),
        round(theme.lightness + lighter, 2),
        theme.faded,
        round(strength, 1),
    )


@lru_cache(maxsize=32768)
def _mood_ink(theme_name: str, valence: int, arousal: int, strength: int, bold: bool) -> Style:
    """The ink of a mood in twentieths of an axis and tenths of full strength: one look-up for what is drawn often."""
    theme = THEMES[theme_name]
    if not theme.has_colors:
        return ink(bold=bold, dim=strength < 5)
    return ink(mood_color(valence / 20, arousal / 20, strength / 10, theme), bold=bold)


def _within(value: float) -> float:
    return min(1.0, max(-1.0, value))


@lru_cache(maxsize=8192)
def _color(angle: float, saturation: float, lightness: float, faded: float, strength: float) -> str:
    turned = (angle - 45.0) % 360.0 + 45.0
    hue = next(
        low_hue + (turned - low) / (high - low) * (high_hue - low_hue)
        for (low, low_hue), (high, high_hue) in pairwise(_HUES)
        if low <= turned <= high
    )
    lightness = faded + (lightness - faded) * strength
    chroma = _CHROMA * saturation * (0.35 + 0.65 * strength)
    channels = _oklch_to_srgb(lightness, chroma, hue)
    while not all(-0.001 <= channel <= 1.001 for channel in channels):  # outside what a screen can show
        chroma *= 0.95
        channels = _oklch_to_srgb(lightness, chroma, hue)
    return "#" + "".join(f"{round(255 * min(1.0, max(0.0, channel))):02x}" for channel in channels)


def _oklch_to_srgb(lightness: float, chroma: float, hue: float) -> tuple[float, float, float]:
    """OKLCH (hue in degrees) as sRGB, 0…1 each where the screen can show it; constants from Ottosson."""
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        _gamma(4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short),
        _gamma(-1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short),
        _gamma(-0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short),
    )


def _gamma(linear: float) -> float:
    return 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055
