"""What sound and MIDI drivers write on standard error, across the dashboard and between the lines of a list."""

from __future__ import annotations

import os
import sys
from functools import cache


@cache
def hush_drivers() -> None:
    """Let ALSA, JACK and PortAudio write nowhere, unless ``--debug`` was asked for; once is enough."""
    if sys.stderr is None or "--debug" in sys.argv:
        return
    sys.stderr.flush()
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, encoding=sys.stderr.encoding, errors="backslashreplace")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
