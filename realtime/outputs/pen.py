"""Colours for what is printed: on terminals, elsewhere where ``FORCE_COLOR`` asks for them, never with ``NO_COLOR``."""

from __future__ import annotations

import os
from typing import TextIO

from rich.color import ColorSystem
from rich.console import Console
from rich.style import Style

from realtime.outputs.palette import find_theme

_COLOR_SYSTEMS = {
    "standard": ColorSystem.STANDARD,
    "256": ColorSystem.EIGHT_BIT,
    "truecolor": ColorSystem.TRUECOLOR,
    "windows": ColorSystem.WINDOWS,
}

#: For what is read first, on any ground.
BOLD = Style(bold=True)


class Pen:
    """Writes text for ``stream`` in the inks of ``theme`` (a name of ``THEME_NAMES``), or as it is without colours.

    Colours are there on a terminal that has them, and on anything where ``FORCE_COLOR`` is set; ``NO_COLOR`` and the
    theme ``mono`` take them away. Raises UsageError for another theme.
    """

    def __init__(self, stream: TextIO, theme: str = "auto") -> None:
        console = Console(file=stream)
        self.theme = find_theme(theme, os.environ, no_color=console.no_color)
        self._color_system = color_system_of(console) if self.theme.has_colors else None

    def __call__(self, text: str, ink: Style) -> str:
        """``text`` in ``ink``, with the escape sequences that this takes."""
        return inked(text, ink, self._color_system)


def inked(text: str, ink: Style, color_system: ColorSystem | None) -> str:
    """``text`` in ``ink`` for a terminal of ``color_system``, as it is for None (links are left out)."""
    # a new one each time: a Style keeps the sequences of whichever terminal it was rendered for first
    fresh = Style(color=ink.color, bgcolor=ink.bgcolor, bold=ink.bold, dim=ink.dim)
    return fresh.render(text, color_system=color_system)


def color_system_of(console: Console) -> ColorSystem | None:
    """How many colours ``console`` takes by escape sequences, None for none."""
    return None if console.legacy_windows else _COLOR_SYSTEMS.get(console.color_system or "")
