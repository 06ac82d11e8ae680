"""A trained model on disk: a folder with two ONNX networks and a card. Data, never code.

``card.json`` says what the networks take and give, how they were trained and measured, and the size and SHA-256 of each
file. Loading checks the files against the card and the networks' inputs and outputs against what the card says, so a
bundle that loads can be stepped.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import platformdirs

from models.affect import OUTPUTS
from models.card_parts import is_number
from models.errors import MoodringError, UsageError
from models.features import FeatureSet, feature_set

if TYPE_CHECKING:
    from models.transcription import Optimization

CARD = "card.json"
STEP_NETWORK = "step.onnx"
SEQUENCE_NETWORK = "sequence.onnx"
CARD_FORMAT = 1

BUNDLED = Path(__file__).parent / "bundled"

#: Which bundle to take for a source when none is named: the first of these that is there.
PREFERRED: Mapping[Literal["sound", "notes"], tuple[str, ...]] = {
    "sound": ("audio", "notes", "seed-rnn"),
    "notes": ("notes", "seed-rnn"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """A verified bundle. ``hop_s`` and ``window_s`` are seconds, ``states`` the shapes that ``step`` carries.

    ``sequence`` takes any number of steps at once; it is there where there are no states, and None where there are.
    """

    name: str
    path: Path
    card: Mapping[str, Any]
    hop_s: float
    window_s: float
    feature_sets: tuple[FeatureSet, ...]
    states: Mapping[str, tuple[int, ...]]
    step: Any = field(repr=False)
    sequence: Any = field(repr=False)

    @property
    def needs_sound(self) -> bool:
        """Whether notes alone cannot feed it: it takes a set from sound that its card does not call optional."""
        entries = zip(self.card["inputs"], self.feature_sets, strict=True)
        return any(known.needs_sound and not entry.get("optional", False) for entry, known in entries)


def installed_folder() -> Path:
    """The user's own bundles."""
    return platformdirs.user_data_path("moodring", appauthor=False) / "bundles"


def shipped() -> dict[str, Path]:
    """The bundles that come with moodring, by name."""
    return _bundles_in(BUNDLED)


def installed() -> dict[str, Path]:
    """The user's own bundles, by name."""
    return _bundles_in(installed_folder())


def available() -> dict[str, Path]:
    """Every bundle by name; the user's own come before those that ship."""
    return shipped() | installed()


def _bundles_in(folder: Path) -> dict[str, Path]:
    cards = folder.glob(f"*/{CARD}") if folder.is_dir() else ()
    return {card.parent.name: card.parent for card in cards if (card.parent / STEP_NETWORK).exists()}


def find(name: str) -> Path:
    """The folder of the bundle called ``name``, or ``name`` itself if it is a folder; ``UsageError`` if neither."""
    bundles = available()
    if name in bundles:
        return bundles[name]
    if (Path(name) / CARD).exists():
        return Path(name)
    raise UsageError(f"no model '{name}'; there are {', '.join(sorted(bundles))}, or give a bundle's folder")


def preferred(kind: Literal["sound", "notes"]) -> str:
    """The name of the best bundle for a source of that kind."""
    bundles = available()
    for name in PREFERRED[kind]:
        if name in bundles:
            return name
    raise MoodringError("no model is installed; reinstall moodring")


def load_for(kind: Literal["sound", "notes"], name: str | None = None) -> Bundle:
    """The bundle called ``name``, or the best for a source of that kind.

    Raises ``UsageError`` where it listens to sound and the source has only notes, else what ``load`` raises.
    """
    bundle = load(name or preferred(kind))
    if kind == "notes" and bundle.needs_sound:
        raise UsageError(f"'{bundle.name}' listens to sound, and MIDI has none; for MIDI take '{preferred(kind)}'")
    return bundle


def read_card(path: Path) -> dict[str, Any]:
    """The card in the folder ``path``; raises ``MoodringError`` where it is missing or no card of this format."""
    try:
        # NaN is not JSON, though Python reads it: what is unknown is null.
        card = json.loads((path / CARD).read_text(encoding="utf-8"), parse_constant=lambda constant: None)
    except (OSError, ValueError) as error:
        raise MoodringError(f"{path / CARD} cannot be read ({error}); get the model again") from None
    if not isinstance(card, dict) or card.get("format") != CARD_FORMAT:
        raise MoodringError(f"{path / CARD} is not a card of format {CARD_FORMAT}; get the model again")
    for field_name, check, wanted in _FIELDS:
        if field_name not in card:
            raise MoodringError(f"{path / CARD} lacks '{field_name}'; get the model again")
        if not check(card[field_name]):
            raise MoodringError(f"{path / CARD}: {field_name} must be {wanted}, not {card[field_name]!r}"[:300])
    return card


def _is_duration(value: Any) -> bool:
    return is_number(value) and 0 < value < math.inf


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _is_entries(value: Any, name: str, values: Callable[[Any], bool]) -> bool:
    return isinstance(value, list) and all(
        isinstance(entry, dict) and isinstance(entry.get("name"), str) and values(entry.get(name)) for entry in value
    )


def _is_shape(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(length, int) for length in value)


#: The fields that every card has, what they must hold, and how that is said.
_FIELDS: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    ("name", lambda value: isinstance(value, str) and value != "", "a name"),
    ("hop_s", _is_duration, "seconds above 0"),
    ("window_s", _is_duration, "seconds above 0"),
    (
        "inputs",
        lambda value: bool(value) and _is_entries(value, "features", _is_names),
        "a list of feature sets with their names and features",
    ),
    ("outputs", _is_names, "a list of names"),
    ("states", lambda value: _is_entries(value, "shape", _is_shape), "a list of names and shapes"),
    (
        "files",
        lambda value: isinstance(value, dict) and all(isinstance(entry, dict) for entry in value.values()),
        "sizes and hashes by file name",
    ),
)


def load(name: str | Path) -> Bundle:
    """Load and verify a bundle by name or folder.

    Raises ``UsageError`` for a name that is not there, and ``MoodringError`` where a file does not match the card.
    """
    path = name if isinstance(name, Path) else find(name)
    card = read_card(path)
    for file, expected in card["files"].items():
        verify_file(path / Path(file).name, expected)
    try:
        sets = tuple(feature_set(entry["name"]) for entry in card["inputs"])
    except UsageError as error:
        raise MoodringError(f"{path / CARD}: {error}") from None
    states = {entry["name"]: tuple(entry["shape"]) for entry in card["states"]}
    # Without a state it is the other network that runs; this one shows what it takes and gives.
    step = _open(path, card, STEP_NETWORK, "all" if states else "none")
    _verify_signature(path, card, sets, states, step)
    # Products of matrices, of which more optimization makes nothing.
    sequence = None if states else _open(path, card, SEQUENCE_NETWORK, "basic")
    if sequence is not None:
        _verify_sequences(path, sets, sequence)
    return Bundle(card["name"], path, card, card["hop_s"], card["window_s"], sets, states, step, sequence)


def _open(path: Path, card: Mapping[str, Any], file: str, optimization: Optimization) -> Any:
    from models.transcription import open_network

    if file not in card["files"]:
        raise MoodringError(f"{path / CARD} names no {file}; get the model again")
    try:
        return open_network(path / file, sha256=card["files"][file]["sha256"], optimization=optimization)
    except Exception as error:
        # onnxruntime's errors share no base class of their own.
        raise MoodringError(f"{path / file} is not a network ({type(error).__name__}); get the model again") from None


def file_entry(content: bytes) -> dict[str, Any]:
    """What a card says of a file: its size in bytes and its SHA-256."""
    return {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def verify_file(path: Path, expected: Mapping[str, Any]) -> None:
    """Raise ``MoodringError`` unless the file at ``path`` is the one that the card describes."""
    try:
        content = path.read_bytes()
    except OSError:
        raise MoodringError(f"{path} is missing; get the model again") from None
    if file_entry(content) != dict(expected):
        raise MoodringError(f"{path} does not match its card (another size or SHA-256); get the model again")


def _verify_signature(
    path: Path,
    card: Mapping[str, Any],
    sets: tuple[FeatureSet, ...],
    states: Mapping[str, tuple[int, ...]],
    step: Any,
) -> None:
    for entry, known in zip(card["inputs"], sets, strict=True):
        if tuple(entry["features"]) != known.names:
            raise MoodringError(f"{path / CARD}: its features '{known.name}' are not those of this version; retrain it")
    if tuple(card["outputs"]) != OUTPUTS:
        raise MoodringError(f"{path / CARD}: outputs must be {', '.join(OUTPUTS)}, not {', '.join(card['outputs'])}")
    wanted = {known.name: (1, len(known.features)) for known in sets} | dict(states)
    given = {i.name: tuple(i.shape) for i in step.get_inputs()}
    if wanted != given:
        raise MoodringError(f"{path / STEP_NETWORK} does not match its card: it takes {given}, the card says {wanted}")
    promised = [("affect", (1, len(OUTPUTS))), *((f"next_{name}", shape) for name, shape in states.items())]
    outputs = [(o.name, tuple(o.shape)) for o in step.get_outputs()]
    if outputs != promised:
        raise MoodringError(f"{path / STEP_NETWORK} does not match its card: it gives {outputs}, not {promised}")


def _verify_sequences(path: Path, sets: tuple[FeatureSet, ...], sequence: Any) -> None:
    def shapes(values: Any) -> dict[str, tuple[int | None, ...]]:
        return {v.name: tuple(length if isinstance(length, int) else None for length in v.shape) for v in values}

    wanted = {known.name: (None, None, len(known.features)) for known in sets}
    promised = {"affect": (None, None, len(OUTPUTS))}
    if (shapes(sequence.get_inputs()), shapes(sequence.get_outputs())) != (wanted, promised):
        raise MoodringError(f"{path / SEQUENCE_NETWORK} does not run on sequences; get the model again")
