"""What is set in a running session, and how a control changes it: model, rate, smoothing, freezing, labels, recording.

The desk belongs to the session's thread. What would hold that up, loading a model, happens on a thread of its own and
takes effect once it is there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal, Protocol

from models.affect import Reading
from models.bundle import Bundle, available, load_for
from models.errors import MoodringError
from realtime.controls import (
    Answer,
    Calibrate,
    Control,
    Freeze,
    Label,
    Learn,
    Quit,
    Rating,
    Record,
    Reset,
    SetRate,
    Smooth,
    UseModel,
)
from realtime.events import Event
from realtime.model_loading import ModelLoader, fitting, following
from realtime.note_events import Struck
from realtime.outputs import Status
from realtime.points import Points
from realtime.smoothing import SETTINGS, Smoother
from realtime.tracker import EmotionTracker

#: The rates that a step goes through, in readings a second for a bundle that steps at 2 Hz.
RATES_HZ = (1.0, 2.0, 4.0, 6.0, 10.0, 20.0, 30.0, 50.0)

#: How long what has been done stays on the screen, in seconds of stream time.
NEWS_S = 6.0

Kind = Literal["sound", "notes"]


class Recording(Protocol):
    """A recording, as the desk sees it; see ``realtime.recorder``."""

    path: Path

    @property
    def problem(self) -> str:
        """Why nothing is recorded any more, empty while all is well."""

    def hear(self, events: Sequence[Event]) -> Sequence[Event]:
        """Keep the events; what the tracker must be given so that a replay comes out the same."""

    def control(self, time_s: float, control: Control, said: str) -> None:
        """Keep that ``control`` was done."""

    def play(self, notes: Sequence[Struck]) -> None:
        """Keep the notes that have begun."""

    def write(self, reading: Reading) -> None:
        """Keep a reading, as the tracker gave it."""

    def close(self) -> None:
        """The recording is over."""


class Ratings(Protocol):
    """What is rated while a session is replayed, kept beside it; see ``realtime.recording.ratings``."""

    def keep(self, time_s: float, label: Label, said: str) -> None:
        """Keep ``label``, given at ``time_s``; raises ``MoodringError`` where it cannot be kept."""


#: What a replay does again where the recorded session did it; the rest concerns what was shown.
_DONE_AGAIN = (Calibrate, Reset, SetRate, UseModel, Label)


class Desk:
    """The settings of a session that runs ``tracker`` on a source of ``kind``.

    ``model`` is the one asked for, None for the best for the source; ``record`` begins a recording, ``end`` ends the
    session. A replay has ``loads_at_once``, since the place where another model was taken up matters there, and names
    in ``overruled`` the controls of the recording that do not count. ``is_blind`` hides what is predicted, and what
    others said, from whoever rates. ``rater`` names that listener; ``ratings`` keeps what is rated while nothing is
    recorded; ``learn`` has a MIDI controller learned anew. Raises ``UsageError`` for an unknown smoothing.
    """

    def __init__(
        self,
        tracker: EmotionTracker,
        kind: Kind,
        *,
        model: str | None = None,
        smoothing: str = "off",
        record: Callable[[], Recording] | None = None,
        end: Callable[[], None] = lambda: None,
        loads_at_once: bool = False,
        overruled: tuple[type[Control], ...] = (),
        is_blind: bool = False,
        rater: str = "",
        ratings: Ratings | None = None,
        learn: Callable[[], str] | None = None,
    ) -> None:
        self.recording: Recording | None = None
        self._overruled = overruled
        self.is_blind = is_blind
        self._points = Points(rater)
        self._ratings = ratings
        self._learn = learn
        self._tracker = tracker
        self._kind = kind
        self._model = model
        self._smoothing = smoothing
        self._smoother = Smoother(smoothing)
        self._frozen: Reading | None = None
        self._is_frozen = False
        self._record = record
        self._end = end
        self._loads_at_once = loads_at_once
        self._loader: ModelLoader[tuple[Answer | None, UseModel | None]] = ModelLoader(at_once=loads_at_once)
        self._was_calibrating = False
        self._news, self._news_until_s = "", -math.inf

    @property
    def label(self) -> tuple[float, float] | None:
        """The listener's own point; where that has said nothing and is not to be kept from it, the newest of others."""
        return self._points.own or (None if self.is_blind else self._points.newest)

    def do(self, control: Control, answer: Answer | None = None) -> None:
        """Do what was asked, say so in the news, and tell ``answer`` whether it was done."""
        if isinstance(control, UseModel):
            self._load(control, answer)
            return
        try:
            if isinstance(control, Rating):
                control = self._points.meant(control)
                if self.recording is None and self._ratings is not None:
                    self._ratings.keep(self._tracker.time_s, control, self._points.told(control))
            said = self._change(control)
        except MoodringError as error:
            self._say(str(error), answer, done=False)
            return
        self._say(said, answer, done=True)
        self._note(control, said)

    def do_again(self, control: Control) -> None:
        """Do what was done at this place of the session that is replayed, if it bears on what is replayed."""
        if not isinstance(control, _DONE_AGAIN) or isinstance(control, self._overruled):
            return
        if isinstance(control, Label):
            # Whoever rated then need not be who listens now.
            control = self._points.meant(control, control.rater)
            self._note(control, self._points.take(control))
        else:
            self.do(control)

    def _note(self, control: Control, said: str) -> None:
        """Record what was done as it came out, so that it can be done again."""
        if isinstance(control, SetRate):
            control = SetRate(self._tracker.rate_hz)
        elif isinstance(control, Smooth):
            control = Smooth(self._smoothing)
        if self.recording is not None and not isinstance(control, Learn | Record | Quit):
            self.recording.control(self._tracker.time_s, control, said)

    def hear(self, events: Sequence[Event]) -> Sequence[Event]:
        """The events, recorded if anything is; what the tracker must be given."""
        return events if self.recording is None else self.recording.hear(events)

    def play(self, notes: Sequence[Struck]) -> None:
        """Notes have begun."""
        if self.recording is not None:
            self.recording.play(notes)

    def record(self, reading: Reading) -> None:
        """The tracker gave ``reading``."""
        if self.recording is None:
            return
        self.recording.write(reading)
        if self.recording.problem:
            self.say(self.recording.problem)
            self._end_recording()

    def close(self) -> None:
        """The session is over, and with it what is recorded."""
        self._end_recording()

    def follow(self, kind: Kind) -> None:
        """Take up what has been loaded, and another model where the source has come to give another ``kind``."""
        self._take_up_loaded()
        if kind != self._kind:
            self._kind = kind
            self._load(None, None)
        is_calibrating = self._tracker.is_calibrating
        if self._was_calibrating and not is_calibrating and (room_db := self._tracker.room_db) is not None:
            self._say(f"calibrated: the noise of the room is {room_db:.0f} dB".replace("-", "−"), None, done=True)
        self._was_calibrating = is_calibrating

    def shown(self, reading: Reading) -> Reading:
        """``reading`` as it is shown and sent: smoothed, or held where everything is frozen."""
        smooth = self._smoother.smooth(reading)
        if not self._is_frozen:
            self._frozen = smooth
            return smooth
        held = self._frozen or smooth
        return replace(
            smooth,
            valence=held.valence,
            valence_std=held.valence_std,
            arousal=held.arousal,
            arousal_std=held.arousal_std,
        )

    def status(self, status: Status, reading: Reading) -> Status:
        """``status`` with what is set here and the news; ``reading`` is as it was before ``shown``."""
        is_changed = self._is_frozen or self._smoothing != "off"
        news = self._news if self._tracker.time_s < self._news_until_s else ""
        if self._tracker.is_calibrating:
            news = "calibrating: let the room be quiet for five seconds"
        return replace(
            status,
            message=status.message or news,
            raw=reading if is_changed else None,
            tempo_bpm=self._tracker.tempo_bpm,
            key=self._tracker.key,
            is_gated=self._tracker.is_gated,
            smoothing=self._smoothing,
            rate_hz=self._tracker.rate_hz,
            is_frozen=self._is_frozen,
            is_blind=self.is_blind,
            recording=None if self.recording is None else self.recording.path.name,
            label=self.label,
        )

    def say(self, news: str) -> None:
        """Show a line for a while."""
        self._news, self._news_until_s = news, self._tracker.time_s + NEWS_S

    def _say(self, said: str, answer: Answer | None, *, done: bool) -> None:
        self.say(said)
        if answer is not None:
            answer(said, done)

    def _change(self, control: Control) -> str:
        if isinstance(control, Calibrate):
            return self._calibrate()
        if isinstance(control, Reset):
            self._tracker.forget()
            return "begun anew"
        if isinstance(control, Freeze):
            self._is_frozen = not self._is_frozen if control.on is None else control.on
            return "frozen" if self._is_frozen else "going on"
        if isinstance(control, Smooth):
            return self._smooth(control.setting)
        if isinstance(control, SetRate):
            rate_hz = control.hz if control.hz is not None else self._next_rate(control.step)
            self._tracker.use(self._tracker.bundle, rate_hz=rate_hz)
            return f"{self._tracker.rate_hz:g} readings a second"
        if isinstance(control, Label):
            return self._points.take(control)
        if isinstance(control, Learn):
            if self._learn is None:
                raise MoodringError("there is no controller to learn: start with --label-midi PORT")
            return self._learn()
        if isinstance(control, Record):
            return self._switch_recording(control.on)
        if isinstance(control, Quit):
            self._end()
        return "ending"

    def _calibrate(self) -> str:
        if self._kind != "sound":
            raise MoodringError("there is no sound to calibrate by")
        self._tracker.calibrate()
        return "calibrating"

    def _smooth(self, setting: str | None) -> str:
        setting = setting or SETTINGS[(SETTINGS.index(self._smoothing) + 1) % len(SETTINGS)]
        self._smoother = Smoother(setting)
        self._smoothing = setting
        return f"smoothing {setting}"

    def _switch_recording(self, on: bool | None) -> str:
        if on is None:
            on = self.recording is None
        if self.recording is not None:
            name = self.recording.path.name
            if on:
                return f"recording to {name}"
            self._end_recording()
            return f"recorded {name}"
        if not on:
            return "not recording"
        if self._record is None:
            raise MoodringError("nothing can be recorded here")
        self.recording = self._record()
        return f"recording to {self.recording.path.name}"

    def _end_recording(self) -> None:
        recording, self.recording = self.recording, None
        if recording is not None:
            recording.close()

    def _next_rate(self, step: int) -> float:
        now_hz = self._tracker.rate_hz
        own_hz = 1.0 / self._tracker.bundle.hop_s
        rates = [rate * own_hz / 2.0 for rate in RATES_HZ]
        if step > 0:
            return min((rate for rate in rates if rate > now_hz + 1e-9), default=now_hz)
        return max((rate for rate in rates if rate < now_hz - 1e-9), default=now_hz)

    def _load(self, control: UseModel | None, answer: Answer | None) -> None:
        """Load the model that ``control`` asks for, or the best for the source, and take it up once it is there."""
        if control is not None and self._loader.is_busy:
            self._say("another model is being loaded", answer, done=False)
            return
        find = partial(fitting, self._kind, self._model)
        if control is not None:
            now = self._tracker.bundle
            find = partial(load_for, self._kind, control.name) if control.name else partial(following, self._kind, now)
        self._loader.load(find, (answer, control))
        if self._loads_at_once:
            self._take_up_loaded()

    def _take_up_loaded(self) -> None:
        for found, (answer, control) in self._loader.take():
            self._take_up(found, answer, control)

    def _take_up(self, found: Bundle | MoodringError, answer: Answer | None, control: UseModel | None) -> None:
        try:
            if isinstance(found, MoodringError):
                raise found
            self._tracker.use(found, rate_hz=self._tracker.rate_hz)
        except MoodringError as error:
            self._say(str(error), answer, done=False)
            return
        said = f"model {found.name}"
        self._say(said, answer, done=True)
        name = found.name if found.name in available() else str(found.path)
        if control is not None:
            self._model = name
        if self.recording is not None:
            self.recording.control(self._tracker.time_s, UseModel(name), said)
