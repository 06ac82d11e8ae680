"""What there is: inputs and models, as lines for people or as JSON Lines."""

from __future__ import annotations

import json
import math
import sys
import textwrap
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from models.bundle import find, installed, read_card, shipped
from models.card_parts import is_number, section
from models.errors import MoodringError
from realtime.loopback import advice
from realtime.outputs.pen import BOLD, Pen
from realtime.taught import beside_base, is_taught


def list_devices(*, as_json: bool) -> Iterator[str]:
    """A line for each sound input and each MIDI port; where a system is missing, a line that says so."""
    pen = Pen(sys.stdout)
    for kind, inputs in (("sound", _sound_inputs), ("midi", _midi_inputs)):
        try:
            found = inputs()
        except MoodringError as error:
            yield (
                json.dumps({"type": "problem", "kind": kind, "message": str(error)})
                if as_json
                else f"{kind}: {pen(str(error), pen.theme.warning)}"
            )
            continue
        if not found and not as_json:
            yield f"{pen(f'{kind}:', pen.theme.muted)} no input"
        for device in found:
            yield json.dumps({"type": "device", "kind": kind, **device}) if as_json else _device_line(kind, device, pen)
        if kind == "sound" and not as_json:
            yield from advice([device["name"] for device in found])


def show_levels(*, as_json: bool, seconds: float = 2.0) -> None:
    """How loud each input is: bars that move until Ctrl-C on a terminal, else the peak of so many ``seconds``."""
    from realtime.levels import watch

    if as_json or not sys.stdout.isatty():
        inputs = deque(watch(seconds), maxlen=1).pop()
        if not inputs and not as_json:
            print("no input")
        for found in inputs:
            print(json.dumps(found.as_json()) if as_json else found.line())
        return
    from rich.live import Live
    from rich.text import Text

    with Live(auto_refresh=False, transient=False) as shown:
        for inputs in watch(math.inf):
            lines = [found.line() for found in inputs] or ["no input"]
            shown.update(Text("\n".join([*lines, "Ctrl-C ends"]), no_wrap=True, overflow="ellipsis"), refresh=True)


def _sound_inputs() -> list[dict[str, Any]]:
    from realtime.sources.sound_inputs import input_devices

    return [
        {
            "index": device.index,
            "name": device.name,
            "channels": device.channels,
            "sample_rate": device.sample_rate,
            "host_api": device.host_api,
            "default": device.is_default,
        }
        for device in input_devices()
    ]


def _midi_inputs() -> list[dict[str, Any]]:
    from realtime.sources.midi_port import input_ports

    return [{"name": name} for name in input_ports()]


def _device_line(kind: str, device: dict[str, Any], pen: Pen) -> str:
    name = pen(device["name"], BOLD)
    if kind == "midi":
        return f"{pen('midi:', pen.theme.muted)} {name}"
    mark = ", default" if device["default"] else ""
    channels = "1 channel" if device["channels"] == 1 else f"{device['channels']} channels"
    rate = f"{device['sample_rate']} Hz"
    kind_and_number = pen(f"sound {device['index']}:", pen.theme.muted)
    return f"{kind_and_number} {name} ({channels}, {rate}, {device['host_api']}{mark})"


def list_models(*, as_json: bool) -> Iterator[str]:
    """A line for each model; one whose card cannot be read is named with the reason."""
    own, from_moodring = installed(), shipped()
    pen = Pen(sys.stdout)
    for name, path in sorted((from_moodring | own).items()):
        try:
            card = read_card(path)
        except MoodringError as error:
            yield (
                json.dumps({"type": "problem", "name": name, "message": str(error)})
                if as_json
                else f"{name}: {pen(str(error), pen.theme.warning)}"
            )
            continue
        inputs = [entry["name"] for entry in card["inputs"]]
        overrides = name in own and name in from_moodring
        origin = "user" if name in own else "bundled"
        if as_json:
            yield json.dumps(
                {
                    "type": "model",
                    "name": name,
                    "path": str(path),
                    "arch": card.get("arch"),
                    "inputs": inputs,
                    "origin": origin,
                    "overrides": overrides,
                }
            )
            continue
        mark = pen(f"({origin}, used instead of the bundled one)" if overrides else f"({origin})", pen.theme.muted)
        yield f"{pen(name, BOLD)} {mark}: {card.get('arch', '?')} on {', '.join(inputs)}{_worth(card)}"


def _worth(card: Mapping[str, Any]) -> str:
    scores = section(section(card, "evaluation"), "model")
    found = [
        f"{scores[key]:.2f} {axis}"
        for key, axis in (("r2_valence_mean", "valence"), ("r2_arousal_mean", "arousal"))
        if is_number(scores.get(key))
    ]
    return f", R² {', '.join(found)} on {section(card, 'training').get('corpus', '?')}" if found else ""


def show_model(name: str, *, as_json: bool) -> Iterator[str]:
    """The card of one model as a page, all that it says of training and evaluation; as JSON, the card itself."""
    path = find(name)
    card = read_card(path)
    if as_json:
        yield json.dumps(card)
        return
    pen = Pen(sys.stdout)
    yield f"{pen(card['name'], BOLD)}  ({path})"
    yield f"{card.get('arch', '?')}, a step every {card['hop_s']:g} s over {card['window_s']:g} s"
    inputs = (f"{entry['name']} ({len(entry['features'])} features)" for entry in card["inputs"])
    yield from textwrap.wrap(f"from {', '.join(inputs)}", 80, subsequent_indent="  ")
    training, evaluation = section(card, "training"), section(card, "evaluation")
    if is_taught(card):
        yield from beside_base(card)
        evaluation = {}
    if _is_texts(card.get("limits")):
        yield from ("", pen("where it fails, and what it does not say", BOLD))
        for sentence in card["limits"]:
            yield from textwrap.wrap(sentence, 80, initial_indent="  - ", subsequent_indent="    ")
    if training:
        title = f"training of '{card['base']['name']}'" if is_taught(card) else "training"
        yield from ("", pen(title, BOLD))
        groups = card.get("groups")
        counted = {"groups": len(groups)} if isinstance(groups, list) else {}
        yield from _settings({**training, **counted})
    if evaluation:
        corpora, conditions = section(evaluation, "by_corpus"), section(evaluation, "by_condition")
        tables = {key: value for key, value in evaluation.items() if _is_table(value)}
        genres = section(evaluation, "by_genre")
        apart = (*tables, "by_corpus", "by_condition", "by_genre")
        rest = {key: value for key, value in evaluation.items() if key not in apart}
        yield from ("", pen("evaluation", BOLD))
        yield from _settings(rest)
        yield from _table(tables)
        for corpus in corpora:
            parts = {key: value for key, value in section(corpora, corpus).items() if _is_table(value)}
            yield from ("", pen(f"evaluation on {corpus}", BOLD))
            yield from _table(parts)
        if genres:
            yield from ("", pen("evaluation by genre, of those cross-validated pieces", BOLD))
            yield from _table(_turned(genres))
        for condition in conditions:
            yield from ("", pen(f"evaluation heard under '{condition}'", BOLD))
            yield from _table(section(conditions, condition))


def _turned(rows: Mapping[str, Any]) -> dict[str, dict[str, float | None]]:
    """Columns out of rows, for those that are tables."""
    known = {name: row for name, row in rows.items() if _is_table(row)}
    keys = list(dict.fromkeys(key for row in known.values() for key in row))
    return {key: {name: row.get(key) for name, row in known.items()} for key in keys}


def _settings(settings: Mapping[str, Any]) -> Iterator[str]:
    """A line for each setting, those within others too; one for each text of a list."""
    lines = list(_flat(settings))
    width = max((len(key) for key, _ in lines), default=0)
    for key, text in lines:
        yield f"  {key:{width}}  {text}".rstrip()


def _flat(settings: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for name, value in settings.items():
        key = f"{above}{name}"
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{key} ")
        elif isinstance(value, list) and any(isinstance(part, str) for part in value):
            yield from zip((key, *[""] * (len(value) - 1)), map(_worded, value), strict=True)
        elif isinstance(value, list):
            yield key, ", ".join(map(_worded, value)) or "none"
        else:
            yield key, _worded(value)


def _worded(value: Any) -> str:
    if value is None or value == {}:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping) and bool(value) and all(is_number(v) or v is None for v in value.values())


def _table(columns: Mapping[str, Mapping[str, float | None]]) -> Iterator[str]:
    """Figures side by side: a column for each mapping, a row for each key that any of them has."""
    if not columns:
        return
    rows = list(dict.fromkeys(key for column in columns.values() for key in column))
    heads = [name.replace("_", " ") for name in columns]
    title = max(map(len, rows))
    yield f"  {'':{title}}" + "".join(f"{head:>{len(head) + 4}}" for head in heads)
    for key in rows:
        figures = (column.get(key) for column in columns.values())
        yield f"  {key.replace('_', ' '):{title}}" + "".join(
            f"{_figure(figure):>{len(head) + 4}}" for head, figure in zip(heads, figures, strict=True)
        )


def _figure(figure: float | None) -> str:
    return f"{figure:.3f}" if isinstance(figure, float) else "–" if figure is None else str(figure)
