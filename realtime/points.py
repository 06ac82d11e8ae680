"""What each listener says they feel: a point on the plane, moved by keys, a controller, OSC or the page."""

from __future__ import annotations

import math

from models.errors import MoodringError
from realtime.controls import Label, MoveLabel, Rating


class Points:
    """The points of everybody who has rated, by name; ``rater`` is who listens here, empty for nobody named."""

    def __init__(self, rater: str) -> None:
        self._rater = rater
        # Who said something last comes last.
        self._points: dict[str, tuple[float, float]] = {}

    @property
    def own(self) -> tuple[float, float] | None:
        """Valence and arousal on −1…1 of who listens here; None before they have said anything."""
        return self._points.get(self._rater)

    @property
    def newest(self) -> tuple[float, float] | None:
        """The point of whoever said something last."""
        return next(reversed(self._points.values()), None)

    def meant(self, control: Rating, rater: str | None = None) -> Label:
        """Where ``control`` puts a point, within the plane: that of ``rater``, else of who is named in it or listens.

        Raises ``MoodringError`` for what is no number.
        """
        if rater is None:
            rater = (control.rater if isinstance(control, Label) else "") or self._rater
        from_valence, from_arousal = self._points.get(rater, (0.0, 0.0))
        valence = from_valence if control.valence is None else control.valence
        arousal = from_arousal if control.arousal is None else control.arousal
        if isinstance(control, MoveLabel):
            valence, arousal = from_valence + valence, from_arousal + arousal
        if not (math.isfinite(valence) and math.isfinite(arousal)):
            raise MoodringError("a label's valence and arousal must be numbers in −1…1")
        return Label(min(max(valence, -1.0), 1.0), min(max(arousal, -1.0), 1.0), rater)

    def take(self, label: Label) -> str:
        """Take ``label`` for what its rater feels now, and say so."""
        self._points.pop(label.rater, None)
        self._points[label.rater] = label.valence, label.arousal
        return self.told(label)

    def told(self, label: Label) -> str:
        """``label`` in words."""
        whose = "your" if label.rater == self._rater else f"{label.rater or 'the listener'}'s"
        point = f"valence {label.valence:+.2f}, arousal {label.arousal:+.2f}"
        return f"{whose} point: {point}".replace("-", "−")
