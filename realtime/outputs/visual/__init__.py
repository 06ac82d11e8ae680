"""A page for a projector: the circumplex full-screen in any browser, and a plane to rate on with mouse or finger.

One port serves the page and its WebSocket; the page is one file, shipped here, and asks no other address for anything.
Sent, each as one JSON text: a ``hello`` on connecting (version, the field of colours, whether ratings are taken), then
every reading as ``Reading.as_json()`` with ``sounding``, ``message``, ``label``, ``color``, ``is_blind`` and
``is_frozen``, notes as they begin, and an ``answer`` to a rating. Taken: ``label`` alone, valence and arousal on −1…1.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from models.affect import Reading
from realtime.controls import Controls
from realtime.note_events import Struck
from realtime.outputs import Status
from realtime.outputs.palette import mood_color
from realtime.outputs.wording import is_known

if TYPE_CHECKING:
    from realtime.outputs.visual.server import Server

#: Where the page is unless told otherwise.
PORT = 8765

#: Steps of each axis in the field of colours that the page paints with, from −1 to 1.
_FIELD_STEPS = 41


class Visual:
    """Serves the page on ``host`` and ``port`` (0 for any that is free), and shows it every reading and note.

    ``write`` and ``play`` hand over and return: a browser that is slow is shown the newest reading and not those
    before it. A rating on the page is asked of ``controls``; without them the page only shows. At most ``MOST_CLIENTS``
    pages are served at a time. Pages of other origins are refused, and so are names that are not this machine's.
    ``page`` is a page of one's own in place of ours, which may have scripts, styles and pictures in its folder.

    Raises MoodringError where the port cannot be had, UsageError for one outside 0..65535 or a ``page`` that is none.
    """

    never_waits: Literal[True] = True

    def __init__(
        self,
        port: int = PORT,
        host: str = "127.0.0.1",
        controls: Controls | None = None,
        page: Path | None = None,
    ) -> None:
        # Loading websockets takes a tenth of a second, which only those who ask for the page should pay.
        from realtime.outputs.visual.pages import Pages
        from realtime.outputs.visual.server import Server

        self._server: Server = Server(host, port, json.dumps(_hello(controls is not None)), controls, Pages(page))

    @property
    def url(self) -> str:
        """Where the page is, for a browser on this machine, or on the network where ``host`` names an address of it."""
        return self._server.url

    @property
    def clients(self) -> int:
        """How many pages are connected."""
        return self._server.clients

    @property
    def skipped(self) -> int:
        """How many readings a slow page was not shown, all pages together."""
        return self._server.skipped

    @property
    def malformed(self) -> int:
        """How many messages of pages were none that is taken, and were dropped."""
        return self._server.malformed

    def write(self, reading: Reading, status: Status) -> None:
        """Show one reading. Neither waits nor raises; after ``close`` it goes nowhere."""
        self._server.show(_text(_reading_fields(reading, status)))

    def play(self, notes: Sequence[Struck]) -> None:
        """Show notes as they begin, at most ``MOST_NOTES`` at a time."""
        self._server.strike([_text(_note_fields(note)) for note in notes])

    def close(self) -> None:
        """Say goodbye to every page and end the server's thread. May be called twice."""
        self._server.close()


def _hello(takes_labels: bool) -> dict[str, Any]:
    try:
        number = version("moodring")
    except PackageNotFoundError:  # run from a checkout
        number = "unknown"
    axis = [2.0 * step / (_FIELD_STEPS - 1) - 1.0 for step in range(_FIELD_STEPS)]
    return {
        "type": "hello",
        "version": number,
        "field": [[mood_color(valence, arousal) for valence in axis] for arousal in axis],
        "neutral": mood_color(0.0, 0.0),
        "takes_labels": takes_labels,
    }


def _reading_fields(reading: Reading, status: Status) -> dict[str, Any]:
    known = is_known(reading)
    return reading.as_json() | {
        "sounding": list(status.sounding),
        "message": status.message,
        "label": None if status.label is None else list(status.label),
        "color": mood_color(reading.valence_norm, reading.arousal_norm) if known else None,
        "is_blind": status.is_blind,
        "is_frozen": status.is_frozen,
    }


def _note_fields(note: Struck) -> dict[str, Any]:
    return {
        "type": "note",
        "time": round(note.time_s, 3),
        "pitch": note.pitch,
        "velocity": note.velocity,
        "channel": note.channel,
    }


def _text(fields: dict[str, Any]) -> str:
    """One JSON text; what is not a finite number becomes ``null``, for which JSON has no other word."""
    return json.dumps({name: _speakable(value) for name, value in fields.items()}, allow_nan=False)


def _speakable(value: Any) -> Any:
    if isinstance(value, list):
        return [_speakable(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
