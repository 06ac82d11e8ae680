"""The core: events in, readings out. Deterministic, and all that a program needs to embed emotion tracking.

tracker = EmotionTracker()
for reading in tracker.push([Sound(samples, sample_rate)]):
    print(reading.time, reading.valence, reading.arousal)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.affect import OUTPUTS, SCALE_HIGH, SCALE_LOW, Reading
from models.bundle import Bundle, load
from models.errors import UsageError
from models.predictor import Predictor
from realtime.events import Event
from realtime.listener import Listener, Moment
from realtime.note_events import Struck
from realtime.outline import Outline

DEFAULT_MODEL = "seed-rnn"

FloatArray = NDArray[np.float32]


class EmotionTracker:
    """Follows one stream of sound or notes with one bundle.

    ``model`` is a bundle, its name or its folder. ``rate_hz`` is how many readings a second of stream time to give:
    the bundle's own rate (2 Hz for a hop of 0.5 s) times or divided by a whole number. A network steps only at the hop
    it was trained with, so faster readings come from copies of its state that are shifted in phase.

    ``push`` gives the same readings, bit for bit, however the same events are grouped. Raises ``UsageError`` for an
    unknown model or a rate that cannot be had, ``MoodringError`` for a bundle that does not match its card.
    """

    def __init__(self, model: Bundle | str | Path = DEFAULT_MODEL, *, rate_hz: float | None = None) -> None:
        self.bundle = model if isinstance(model, Bundle) else load(model)
        self._copies, self._every = _division(self.bundle, rate_hz)
        step_hz = self._copies / self.bundle.hop_s
        self._listener = Listener(self.bundle.feature_sets, window_s=self.bundle.window_s, rate_hz=step_hz)
        self._outline = Outline()
        self._begin()

    def use(self, model: Bundle | str | Path, *, rate_hz: float | None = None) -> None:
        """Go on with another bundle or rate, from the next reading on: what has been heard stays in the window.

        A network with a state of its own begins it anew, and a bundle that is the first to listen to sound hears it
        from here on. Raises what the constructor raises, and changes nothing then.
        """
        bundle = model if isinstance(model, Bundle) else load(model)
        self._copies, self._every = _division(bundle, rate_hz)
        self.bundle = bundle
        self._listener.use(bundle.feature_sets, window_s=bundle.window_s, rate_hz=self._copies / bundle.hop_s)
        self._begin()

    def forget(self) -> None:
        """Forget the music so far, as at the start of another piece. Stream time goes on."""
        self._listener.forget()
        self._begin()

    def calibrate(self) -> None:
        """Take the next five seconds of sound for the noise of the room; what is louder by a little is music then."""
        self._listener.calibrate()

    @property
    def rate_hz(self) -> float:
        """How many readings a second of stream time there are."""
        return self._copies / self._every / self.bundle.hop_s

    @property
    def is_calibrating(self) -> bool:
        """Whether the noise of the room is being learned."""
        return self._listener.is_calibrating

    @property
    def room_db(self) -> float | None:
        """The noise of the room as it was learned, in dB re full scale; None where it was not."""
        return self._listener.room_db

    @property
    def is_gated(self) -> bool:
        """Whether the sound is below what is listened to; False where there is none."""
        return self._listener.is_gated

    @property
    def tempo_bpm(self) -> float | None:
        """The tempo of the window in beats a minute, None where it has none."""
        return self._outline.of(self._listener.latest).tempo_bpm

    @property
    def key(self) -> str | None:
        """The key that the window's notes fit best, as ``C major``; None where none fits well."""
        return self._outline.of(self._listener.latest).key

    def take_struck(self) -> list[Struck]:
        """The notes that have begun since the last time, the newest 256 of them."""
        return self._listener.take_struck()

    @property
    def sounding(self) -> tuple[int, ...]:
        """The MIDI pitches that sound now, in ascending order."""
        return self._listener.sounding

    @property
    def notes_heard(self) -> int:
        """How many notes have begun since the start of the stream."""
        return self._listener.heard

    @property
    def time_s(self) -> float:
        """The stream time that has been reached."""
        return self._listener.time_s

    @property
    def nonfinite(self) -> int:
        """How many samples were NaN or infinite, and heard as silence."""
        return self._listener.nonfinite

    def push(self, events: Iterable[Event]) -> list[Reading]:
        """Take the next events, in order of time; the readings that have become due with them."""
        return self._read(self._listener.push(events))

    def finish(self) -> list[Reading]:
        """The stream is over: the last readings that were due."""
        return self._read(self._listener.finish())

    def _begin(self) -> None:
        self._predictor = Predictor(self.bundle)
        self._states = [self._predictor.start() for _ in range(self._copies)]
        self._steps = 0

    def _read(self, moments: Sequence[Moment]) -> list[Reading]:
        readings = []
        for moment, affect in zip(moments, self._affects(moments), strict=True):
            self._steps += 1
            if self._steps % self._every == 0:
                valence, valence_std, arousal, arousal_std = (float(value) for value in affect)
                # A network that meets what it was not trained on may leave the scale, which has nothing beyond its end.
                valence, arousal = (min(max(mean, SCALE_LOW), SCALE_HIGH) for mean in (valence, arousal))
                readings.append(
                    Reading(
                        moment.time,
                        moment.state,
                        valence,
                        valence_std,
                        arousal,
                        arousal_std,
                        moment.notes,
                        moment.level_db,
                        moment.latency_ms,
                        self.bundle.name,
                    )
                )
        return readings

    def _affects(self, moments: Sequence[Moment]) -> FloatArray:
        """What the network says of each moment, in ``OUTPUTS``' order [shape=(moments, 4)]."""
        affects = np.empty((len(moments), len(OUTPUTS)), np.float32)
        # Each phase steps through the moments that are its own.
        for first in range(min(self._copies, len(moments))):
            own = slice(first, None, self._copies)
            phase = (self._steps + 1 + first) % self._copies
            features = [moment.features for moment in moments[own]]
            rows = {known.name: np.stack([one[known.name] for one in features]) for known in self.bundle.feature_sets}
            affects[own], self._states[phase] = self._predictor.follow(rows, self._states[phase])
        return affects


def _division(bundle: Bundle, rate_hz: float | None) -> tuple[int, int]:
    """How many phase-shifted copies step, and of how many steps one is read, for ``rate_hz`` readings a second."""
    if rate_hz is None:
        return 1, 1
    own_hz = 1.0 / bundle.hop_s
    if 0.1 <= rate_hz <= 50.0:
        copies, every = round(rate_hz / own_hz), round(own_hz / rate_hz)
        if copies >= 1 and abs(copies * own_hz - rate_hz) < 1e-9:
            return copies, 1
        if every >= 1 and abs(own_hz / every - rate_hz) < 1e-9:
            return 1, every
    raise UsageError(
        f"rate must be {own_hz:g} Hz times or divided by a whole number, 0.1 to 50 "
        f"(for '{bundle.name}': {own_hz / 2:g}, {own_hz:g}, {2 * own_hz:g}, {5 * own_hz:g}, …), not {rate_hz:g}"
    )
