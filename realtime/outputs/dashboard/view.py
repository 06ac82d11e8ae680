"""What the dashboard shows: everything that a picture of it is made of, but its size."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich.style import Style

from models.affect import Reading, State
from realtime.outputs import Status
from realtime.outputs.palette import DARK, Theme
from realtime.outputs.wording import is_known


@dataclass(frozen=True, slots=True)
class View:
    """The ``readings`` of the last minutes, oldest first, and the newest ``status``.

    ``events`` are the latest messages, oldest first, with the stream time in seconds at which each came;
    ``shows_help`` whether the keys are told.
    """

    readings: tuple[Reading, ...] = ()
    status: Status = field(default_factory=lambda: Status(source=""))
    events: tuple[tuple[float, str], ...] = ()
    shows_help: bool = False
    theme: Theme = DARK

    @property
    def now(self) -> Reading | None:
        """The newest reading, None before the first."""
        return self.readings[-1] if self.readings else None

    @property
    def state(self) -> State:
        """The state of the newest reading."""
        return State.WARMING if self.now is None else self.now.state

    @property
    def shown(self) -> tuple[Reading, ...]:
        """The readings whose predictions may be seen: none while whoever rates must not know them."""
        return () if self.status.is_blind else self.readings

    @property
    def mood(self) -> Style:
        """The ink of the present mood, a quiet one when there is none or it is hidden."""
        now = self.now
        if now is None or now.state is not State.LIVE or not is_known(now) or self.status.is_blind:
            return self.theme.muted
        return self.theme.mood(now.valence_norm, now.arousal_norm, bold=True)
