"""The dashboard's colours: a hue for every direction of the circumplex, and greys for what should stay quiet.

Moods are coloured in OKLCH (Ottosson, "A perceptual color space for image processing", 2020), where equal steps look
equal: one lightness all round, so that no mood shouts, and a chroma that fades towards neutral, so that the colour does
not flicker where the direction means little.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise

from rich.style import Style

#: Angle on the circumplex (degrees, pleasant = 0, excited = 90) and OKLCH hue: amber for happy, red for tense, blue for
#: sad, green for calm. The first comes again a turn later.
_HUES = ((45.0, 80.0), (135.0, 22.0), (225.0, -95.0), (315.0, -200.0), (405.0, -280.0))

#: OKLCH lightness and chroma of a mood in full colour.
_LIGHTNESS, _CHROMA = 0.75, 0.17

#: What fading colours fade to: as visible on a light background as on a dark one, that is, hardly.
_FADED_LIGHTNESS = 0.42

FAINT = "#4c4c52"
MUTED = "#8b8b93"
WARNING = "#e0a030"


@lru_cache(maxsize=512)
def ink(color: str | None = None, *, on: str | None = None, bold: bool = False) -> Style:
    """A rich style, made once for each combination."""
    return Style(color=color, bgcolor=on, bold=bold)


def mood_color(valence_norm: float, arousal_norm: float, strength: float = 1.0) -> str:
    """The colour ``#rrggbb`` of a point of the circumplex (−1…1 each); ``strength`` 0 is all but gone, 1 is full."""
    distance = min(math.hypot(valence_norm, arousal_norm), 1.0)
    angle = math.degrees(math.atan2(arousal_norm, valence_norm))
    # Steps too small to see, so that the cache and the terminal have less to do.
    return _color(round(angle / 3) * 3, round(min(1.0, distance * 2.0), 1), round(strength, 1))


@lru_cache(maxsize=4096)
def _color(angle: float, saturation: float, strength: float) -> str:
    turned = (angle - 45.0) % 360.0 + 45.0
    hue = next(
        low_hue + (turned - low) / (high - low) * (high_hue - low_hue)
        for (low, low_hue), (high, high_hue) in pairwise(_HUES)
        if low <= turned <= high
    )
    lightness = _FADED_LIGHTNESS + (_LIGHTNESS - _FADED_LIGHTNESS) * strength
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
