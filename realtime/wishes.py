"""What 'live' was asked to listen to: checked, completed from what was remembered, opened."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from models.errors import UsageError
from realtime.outlets import Outlets
from realtime.preferences import Preferences, read_preferences, write_preferences
from realtime.sources import Source

_MOST_CHANNELS = 256
_MIDI_CHANNELS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """The inputs and settings of 'live', None where nothing was said; an empty name is the first there is."""

    outlets: Outlets
    mic: Sequence[str] | None = None
    midi: Sequence[str] | None = None
    file: Path | None = None
    mute: str | None = None
    channels: str | None = None
    model: str | None = None
    rate_hz: float | None = None

    def check(self) -> None:
        """Raise ``UsageError`` for wishes that exclude each other, or channels that are none."""
        if self.file and (self.mic or self.midi):
            raise UsageError("one source at a time: --file, or inputs with --mic and --midi")
        if self.mute and not self.midi:
            raise UsageError("--mute is for MIDI ports: give --midi too")
        if self.channels and (self.file or (self.midi and not self.mic)):
            raise UsageError("--channels is for sound inputs: give --mic too")
        numbers("--channels", self.channels, _MOST_CHANNELS)
        numbers("--mute", self.mute, _MIDI_CHANNELS)

    def open_file(self) -> Source:
        """The source that plays the file."""
        from realtime.sources.files import open_file

        assert self.file is not None
        return open_file(self.file)

    def open_inputs(self, hush: Callable[[], None]) -> Source:
        """The source of the live inputs; ``hush`` is called before their drivers start."""
        from realtime.inputs import open_inputs

        hush()
        return open_inputs(
            self.mic or (),
            self.midi or (),
            channels=numbers("--channels", self.channels, _MOST_CHANNELS),
            muted=numbers("--mute", self.mute, _MIDI_CHANNELS),
        )


def numbers(option: str, text: str | None, most: int) -> list[int]:
    """Channels as people count them, from 1; raises ``UsageError``, naming ``option``, for what is none."""
    listed = [number.strip() for number in (text or "").split(",") if number.strip()]
    for number in listed:
        if number not in map(str, range(1, most + 1)):
            raise UsageError(f"{option} takes channels, 1 to {most} with commas between, not '{number}'")
    return [int(number) for number in listed]


def remembered(wishes: Wishes, *, given: Sequence[str], remember: bool) -> Wishes:
    """``wishes`` completed from what was remembered; with ``remember`` they are what is remembered from now on.

    ``given`` is the command line: what it names comes before what was remembered.
    """
    if remember:
        return _remember(wishes, given)
    if wishes.file is not None:
        return wishes
    kept = read_preferences()
    inputs_named = wishes.mic is not None or wishes.midi is not None
    outlets = wishes.outlets
    for name in ("smoothing", "theme", "osc", "label_midi", "rater"):
        value = getattr(kept, name)
        if value is not None and not _named(name, given):
            outlets = replace(outlets, **{name: value})
    return replace(
        wishes,
        outlets=outlets,
        mic=wishes.mic if inputs_named else kept.mic,
        midi=wishes.midi if inputs_named else kept.midi,
        channels=wishes.channels if inputs_named or wishes.channels else kept.channels,
        mute=wishes.mute if inputs_named or wishes.mute else kept.mute,
        model=wishes.model or kept.model,
        rate_hz=wishes.rate_hz or kept.rate,
    )


def _remember(wishes: Wishes, given: Sequence[str]) -> Wishes:
    if wishes.file is not None:
        raise UsageError("--remember is for inputs and settings: a file is not remembered")
    outlets = wishes.outlets
    path = write_preferences(
        Preferences(
            mic=tuple(wishes.mic) if wishes.mic is not None else None,
            midi=tuple(wishes.midi) if wishes.midi is not None else None,
            channels=wishes.channels,
            mute=wishes.mute,
            model=wishes.model,
            rate=wishes.rate_hz,
            smoothing=outlets.smoothing if _named("smoothing", given) else None,
            theme=outlets.theme if _named("theme", given) else None,
            osc=tuple(outlets.osc) or None,
            label_midi=outlets.label_midi,
            rater=outlets.rater or None,
        )
    )
    print(f"moodring: remembered in {path}", file=sys.stderr)
    return wishes


def _named(option: str, given: Sequence[str]) -> bool:
    flag = f"--{option.replace('_', '-')}"
    return any(word == flag or word.startswith(f"{flag}=") for word in given)
