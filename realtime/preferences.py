"""What 'live' shall take when it is not told: a small TOML file in the user's configuration folder.

``moodring live --mic Scarlett --remember`` writes it; it may be edited by hand. What the command line says comes first.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

import platformdirs

from models.atomic import write_atomically
from models.errors import MoodringError
from realtime.midi_controls import Axes, parse_control

#: What each entry must be, and how that is said.
_LISTS = ("mic", "midi", "osc")


@dataclass(frozen=True, slots=True)
class Preferences:
    """The options of 'live' by their names; None where nothing was remembered."""

    mic: tuple[str, ...] | None = None
    midi: tuple[str, ...] | None = None
    channels: str | None = None
    mute: str | None = None
    model: str | None = None
    rate: float | None = None
    smoothing: str | None = None
    theme: str | None = None
    osc: tuple[str, ...] | None = None
    label_midi: str | None = None
    rater: str | None = None

    @property
    def given(self) -> Mapping[str, Any]:
        """The entries that there are."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return MappingProxyType({name: value for name, value in values.items() if value is not None})


def preferences_file() -> Path:
    """Where preferences are kept."""
    return platformdirs.user_config_path("moodring", appauthor=False) / "live.toml"


def read_preferences() -> Preferences:
    """What was remembered; nothing where there is no file.

    Raises ``MoodringError`` for a file that cannot be read, is not TOML, or has an entry that is none of ours.
    """
    path = preferences_file()
    found = _read(path)
    known = [field.name for field in fields(Preferences)]
    values: dict[str, Any] = {}
    for name, value in found.items():
        if name not in known:
            raise MoodringError(f"{path}: '{name}' is no setting: take it out, or choose one of {', '.join(known)}")
        wanted = _wanted(name)
        if not _fits(name, value):
            raise MoodringError(f"{path}: {name} must be {wanted}, not {value!r}")
        values[name] = tuple(value) if name in _LISTS else float(value) if name == "rate" else value
    return Preferences(**values)


def write_preferences(preferences: Preferences) -> Path:
    """Write ``preferences`` in place of what was remembered; where. Raises ``MoodringError`` where that fails."""
    entries = {name: list(value) if name in _LISTS else value for name, value in preferences.given.items()}
    return _write(preferences_file(), "What 'moodring live' takes when it is not told.", entries)


def controllers_file() -> Path:
    """Where it is kept which controls of a MIDI controller rate; apart from what a person has chosen."""
    return preferences_file().with_name("controllers.toml")


def read_controllers() -> dict[str, Axes]:
    """The controls that were learned for valence and arousal, by the instrument's name; nothing where there is no file.

    Raises ``MoodringError`` for a file that cannot be read, is not TOML, or has an entry that is none of ours.
    """
    path = controllers_file()
    learned = {}
    for name, entry in _read(path).items():
        try:
            if not isinstance(entry, dict) or entry.keys() != {"valence", "arousal"}:
                raise ValueError("must have valence and arousal, and nothing else")
            valence, arousal = (parse_control(str(entry[axis])) for axis in ("valence", "arousal"))
        except ValueError as error:
            raise MoodringError(f"{path}: the entry of {name!r} {error}: mend it or remove it") from None
        learned[name] = (valence, arousal)
    return learned


def remember_controller(name: str, axes: Axes) -> Path:
    """Remember ``axes`` for the instrument ``name``, in place of what was; where. Raises ``MoodringError`` where that
    fails."""
    learned = {**read_controllers(), name: axes}
    entries = {each: {"valence": str(pair[0]), "arousal": str(pair[1])} for each, pair in learned.items()}
    return _write(controllers_file(), "What moves your point, as 'moodring live --label-midi' learned it.", entries)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise MoodringError(f"{path} cannot be read ({error}): mend it or remove it") from None


def _write(path: Path, about: str, entries: Mapping[str, Any]) -> Path:
    import tomli_w

    text = f"# {about} Remove the file to forget it.\n" + tomli_w.dumps(entries)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.encode())
    except OSError as error:
        raise MoodringError(f"{path} cannot be written ({error.strerror}): nothing was remembered") from error
    return path


def _wanted(name: str) -> str:
    if name in _LISTS:
        return "a list of texts"
    return "a number" if name == "rate" else "a text"


def _fits(name: str, value: Any) -> bool:
    if name in _LISTS:
        return isinstance(value, list) and all(isinstance(text, str) for text in value)
    if name == "rate":
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, str)
