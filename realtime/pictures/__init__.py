"""Pictures of an analysis or a recording: a piece's way over time and on the circumplex, and pieces side by side.

Drawn with matplotlib, which the base install does without: everything but this file and ``curve`` imports it.
"""

from __future__ import annotations

from importlib.util import find_spec

#: What is said where there is no matplotlib.
MISSING = "pictures need matplotlib, readings and summaries are written without them: install 'moodring[offline]'"


def can_draw() -> bool:
    """Whether matplotlib is there; it is not loaded to find out."""
    return find_spec("matplotlib") is not None
