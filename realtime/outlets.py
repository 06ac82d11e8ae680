"""Where a session's readings go and what may be asked of it, as it is said on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from models.errors import UsageError
from realtime.names import LONGEST_NAME, is_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlets:
    """Where a session's readings go and what may be asked of it from outside, as the command line says it.

    ``osc_rate`` is messages a second, or ``change``; ``visual`` and ``osc_in`` are ports, None for none;
    ``visual_page`` is a page in place of ours, which needs no ``visual``. ``rater`` is who rates, empty for one without
    a name; ``label_midi`` the MIDI controller to rate by, empty for the first there is and None for none, and
    ``label_learn`` has its controls learned anew. Raises ``UsageError`` for a rater's name that is too long or cannot
    be shown.
    """

    plain: bool = False
    as_json: bool = False
    theme: str = "auto"
    smoothing: str = "off"
    osc: Sequence[str] = ()
    osc_rate: str = "60"
    osc_prefix: str = "/moodring"
    osc_template: str | None = None
    osc_only: Sequence[str] = ()
    osc_bundles: bool = False
    osc_in: int | None = None
    osc_in_host: str = "127.0.0.1"
    announce: bool = False
    visual: int | None = None
    visual_page: Path | None = None
    rater: str = ""
    label_midi: str | None = None
    label_learn: bool = False
    record: Path | None = None
    record_sound: bool = False

    def __post_init__(self) -> None:
        if self.rater and not is_name(self.rater):
            raise UsageError(f"--rater takes a name of at most {LONGEST_NAME} characters, not {self.rater!r}"[:200])
