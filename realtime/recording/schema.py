"""The lines of a recording: what each holds, how events and controls are written into one and read from it.

A recording is JSON Lines, UTF-8, one object a line. Each has a ``type`` and a ``time``, in seconds of stream time. What
is unknown is ``null``. A reader skips types that it does not know, and a torn last line. Numbers are written in full,
so that what is read is what was heard, to the bit.

======================  ================================================================================================
``header``              the first line: ``format`` (1), ``moodring`` (version), ``began`` (ISO 8601 with zone),
                        ``source``, ``kind`` (``sound`` or ``notes``), ``model``, ``fingerprint`` (see below),
                        ``rate_hz`` (null: the model's own), ``began_s`` (stream time at which recording began),
                        ``sound`` (name of the sound file, null where the sound is not recorded), ``settings``, among
                        them the ``rater`` where one was named
``note_on``             a key went down: ``pitch``, ``velocity``, ``channel`` (0–15)
``note_off``            it came up: ``pitch``, ``channel``
``pedal``               sustain: ``down``, ``channel``; ``sostenuto`` likewise
``all_notes_off``       ``channel``, null for all of them at once; ``all_sound_off`` likewise, never null
``tempo``               ``bpm``, null where it is not known any more
``lost``                the input went away; ``sound_lost``: its sound did, and other inputs went on
``advance``             time went on up to here without an event; not every step is written
``sound``               from here on sound is in ``file`` (beside the recording), from its frame ``start_frame`` on, at
                        ``rate`` Hz with ``channels``. Comes at the start, after a loss, and with another rate or
                        number of channels, which begins another file
``sound_to``            a block of sound was heard, up to frame ``frames`` of the present file; ``time`` is its end
``calibrate`` …         what a person asked for, named and filled as in ``realtime.controls``, and what was ``said`` to
                        it: ``calibrate``, ``reset``, ``freeze``, ``smooth``, ``set_rate``, ``use_model``, ``label``,
                        ``record``, ``quit``. The point of a label is ``valence_norm`` and ``arousal_norm``, −1…1, with
                        the ``rater`` (empty: one who has given no name), however it was moved there
``reading``             what the tracker gave, neither smoothed nor held, with the keys that ``--json`` prints, and
                        ``exact``: valence, its spread, arousal, its spread, unrounded
``note``                a note as it began, played or transcribed: ``pitch``, ``velocity``, ``channel``
``level``               the level of the last 0.1 s of sound: ``level_db``, RMS in dB re full scale, −120 for silence
``gap``                 the disk was too slow: ``lost`` lines or blocks of sound between ``time`` and ``to`` are missing
``end``                 the last line: how many ``readings`` were given and how many lines or blocks ``lost``. Without
                        it the recording was cut short: the program was killed, or the disk was full
======================  ================================================================================================

Where a session is rated as it is played again, that goes into a file beside it, which begins with another line and has
only labels after it, then an ``end`` with the number of ``labels``:

======================  ================================================================================================
``ratings``             ``format`` (1), ``moodring`` (version), ``began`` (ISO 8601 with zone), ``session`` (name of the
                        recording), ``session_began`` (``began`` in the recording's header), ``rater`` (empty: one who
                        has given no name), ``is_blind`` (predictions were hidden); ``time`` is 0
======================  ================================================================================================

Lines of input, from ``note_on`` to the controls, stand in the order in which the tracker was given them.

Sound is FLAC with 24 bits, written as it is heard. While it is being written, or if the program is killed, its length
is left open in its head, which FLAC allows; at most its last 4096 frames are not in it yet. The tracker hears the sound
as it is rounded to 24 bits, so that it hears the same again. A recording that began in mid-session plays what was heard
from there on: what the model still remembered of before is not in it, so its first readings differ.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from models.affect import Reading
from models.bundle import Bundle
from realtime.controls import Control, Label, MoveLabel
from realtime.events import Event, KeyEvent

FORMAT = 1

#: Sound is rounded to whole multiples of 1 / FULL_SCALE.
FULL_SCALE = 2**23


def _type_name(kind: type) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


_EVENTS: Mapping[str, type] = {_type_name(kind): kind for kind in get_args(KeyEvent)}
_CONTROLS: Mapping[str, type] = {_type_name(kind): kind for kind in get_args(Control)}
_POINT_KEYS = {"valence": "valence_norm", "arousal": "arousal_norm"}


@dataclass(frozen=True, slots=True)
class Header:
    """The first line of a recording; the module says what its fields hold."""

    format: int
    moodring: str
    began: str
    source: str
    kind: Literal["sound", "notes"]
    model: str
    fingerprint: str
    rate_hz: float | None
    began_s: float
    sound: str | None
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RatingsHeader:
    """The first line of a file of ratings; the module says what its fields hold."""

    format: int
    moodring: str
    began: str
    session: str
    session_began: str
    rater: str
    is_blind: bool


def fingerprint(bundle: Bundle) -> str:
    """A hash of all that decides the bundle's readings: its networks, its hop, its window and its features."""
    decisive = {name: bundle.card[name] for name in ("hop_s", "window_s", "inputs", "states", "files")}
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def as_line(record: Mapping[str, Any]) -> bytes:
    """The record as a line of the file; numbers that are not finite become null."""
    known = {key: _finite(value) for key, value in record.items()}
    text = json.dumps(known, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    # Half a character, as in a file name of another encoding, becomes the escape that JSON has for it.
    return text.encode(errors="backslashreplace") + b"\n"


def from_line(line: bytes) -> dict[str, Any]:
    """The record in a line; ``ValueError`` where it is none."""
    try:
        record = json.loads(line, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(record, dict) or not isinstance(record.get("type"), str):
        raise ValueError("it is no object with a type")
    seconds(record, "time")
    return record


def header_record(header: Header) -> dict[str, Any]:
    """The record of a header."""
    values = {field.name: getattr(header, field.name) for field in fields(header)}
    return {"type": "header", "time": header.began_s, **values, "settings": dict(header.settings)}


def header_of(record: Mapping[str, Any]) -> Header:
    """The header in a record; ``ValueError`` where a field is missing or holds something else."""
    if record["type"] != "header":
        raise ValueError("it is no header")
    header: Header = _filled(Header, record, {})
    return header


def ratings_record(header: RatingsHeader) -> dict[str, Any]:
    """The record of the first line of a file of ratings."""
    return {"type": "ratings", "time": 0.0, **{field.name: getattr(header, field.name) for field in fields(header)}}


def ratings_of(record: Mapping[str, Any]) -> RatingsHeader:
    """What such a record holds; ``ValueError`` where a field is missing or holds something else."""
    header: RatingsHeader = _filled(RatingsHeader, record, {})
    return header


def event_record(event: KeyEvent) -> dict[str, Any]:
    """The record of any event but sound, which is not in the lines."""
    return {"type": _type_name(type(event)), **_values(event, {"time_s": "time"})}


def control_record(time_s: float, control: Control, said: str) -> dict[str, Any]:
    """The record of a control, done at ``time_s``, and what was said to it."""
    return {
        "type": _type_name(type(control)),
        "time": time_s,
        **_values(control, _control_keys(type(control))),
        "said": said,
    }


def input_of(record: Mapping[str, Any]) -> Event | Control | None:
    """The event or control in a record, None where it holds neither; ``ValueError`` where a field is wrong."""
    name = record["type"]
    if name in _EVENTS:
        event: KeyEvent = _filled(_EVENTS[name], record, {"time_s": "time"})
        _check_midi(event)
        return event
    if name in _CONTROLS:
        control: Control = _filled(_CONTROLS[name], record, _control_keys(_CONTROLS[name]))
        return control
    return None


def reading_record(reading: Reading) -> dict[str, Any]:
    """The record of a reading."""
    exact = [_finite(value) for value in (reading.valence, reading.valence_std, reading.arousal, reading.arousal_std)]
    return {name: _finite(value) for name, value in reading.as_json().items()} | {"exact": exact}


def reproduces(reading: Reading, record: Mapping[str, Any]) -> bool:
    """Whether ``reading`` is the recorded one, bit for bit. Its latency is not compared: that is the machine's."""
    given, recorded = reading_record(reading), dict(record)
    given.pop("latency_ms")
    recorded.pop("latency_ms", None)
    return given == recorded


def whole(record: Mapping[str, Any], key: str, least: int = 0) -> int:
    """The whole number under ``key``; ``ValueError`` where there is none or it is below ``least``."""
    value = record.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{key} must be a whole number from {least} on, not {value!r}"[:200])
    return value


def seconds(record: Mapping[str, Any], key: str) -> float:
    """The number under ``key``; ``ValueError`` where there is none."""
    value: Any = record.get(key)
    if not _fits(value, "float"):
        raise ValueError(f"{key} must be seconds, not {value!r}"[:200])
    return float(value)


def _control_keys(kind: type) -> Mapping[str, str]:
    return _POINT_KEYS if kind in (Label, MoveLabel) else {}


def _values(source: Any, keys: Mapping[str, str]) -> dict[str, Any]:
    return {keys.get(field.name, field.name): getattr(source, field.name) for field in fields(source)}


def _filled(kind: type, record: Mapping[str, Any], keys: Mapping[str, str]) -> Any:
    values = {}
    for field in fields(kind):
        key, wanted = keys.get(field.name, field.name), str(field.type)
        if key not in record:
            raise ValueError(f"{key} is missing")
        value = record[key]
        if not _fits(value, wanted):
            raise ValueError(f"{key} must be {wanted}, not {value!r}"[:200])
        values[field.name] = float(value) if wanted.startswith("float") and value is not None else value
    return kind(**values)


#: By the annotation of a field, what it may hold.
_FITS = {
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "float": lambda value: isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300,
    "bool": lambda value: isinstance(value, bool),
    "str": lambda value: isinstance(value, str),
    "None": lambda value: value is None,
    "Literal['sound', 'notes']": lambda value: value in ("sound", "notes"),
    "Mapping[str, Any]": lambda value: isinstance(value, dict),
}


def _fits(value: Any, annotation: str) -> bool:
    return any(_FITS[part.replace('"', "'")](value) for part in annotation.split(" | "))


def _check_midi(event: KeyEvent) -> None:
    for name, low, high in (("pitch", 0, 127), ("velocity", 1, 127), ("channel", 0, 15)):
        value = getattr(event, name, None)
        if value is not None and not low <= value <= high:
            raise ValueError(f"{name} must be {low} to {high}, not {value}")


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
