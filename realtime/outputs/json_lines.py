"""Readings as JSON Lines: one object a line, for ``jq``, a log file or a program at the other end of a pipe."""

from __future__ import annotations

import json
import math
from typing import TextIO

from models.affect import Reading
from realtime.outputs import Status


class JsonLines:
    """Writes each reading's ``as_json()`` as one line to ``stream`` and flushes, so that a pipe sees it at once.

    A value that is not a finite number (the level of digital silence is −∞ dB) becomes ``null``: JSON has no other
    word for it. ``close`` leaves the stream open, since it belongs to the caller. ``write`` raises what the stream
    raises; BrokenPipeError means that the reader has gone.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, reading: Reading, status: Status) -> None:
        """Write one line; smoothed values have those before smoothing beside them.

        Nothing else of ``status`` is part of it: a line says what was read, not how the machine does.
        """
        fields = reading.as_json()
        if status.raw is not None:
            raw = status.raw.as_json()
            fields |= {"valence_raw": raw["valence"], "arousal_raw": raw["arousal"]}
        fields = {name: None if _unspeakable(value) else value for name, value in fields.items()}
        self._stream.write(json.dumps(fields, allow_nan=False) + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Nothing is held: every line was flushed as it was written."""


def _unspeakable(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
