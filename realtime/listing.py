"""What there is: inputs and models, as lines for people or as JSON Lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from models.bundle import available, find, read_card
from models.errors import MoodringError


def list_devices(*, as_json: bool) -> Iterator[str]:
    """A line for each sound input and each MIDI port; where a system is missing, a line that says so."""
    for kind, inputs in (("sound", _sound_inputs), ("midi", _midi_inputs)):
        try:
            found = inputs()
        except MoodringError as error:
            yield (
                json.dumps({"type": "problem", "kind": kind, "message": str(error)}) if as_json else f"{kind}: {error}"
            )
            continue
        if not found and not as_json:
            yield f"{kind}: no input"
        for device in found:
            yield json.dumps({"type": "device", "kind": kind, **device}) if as_json else _device_line(kind, device)


def _sound_inputs() -> list[dict[str, Any]]:
    from realtime.sources.microphone import input_devices

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


def _device_line(kind: str, device: dict[str, Any]) -> str:
    if kind == "midi":
        return f"midi: {device['name']}"
    mark = ", default" if device["default"] else ""
    channels = "1 channel" if device["channels"] == 1 else f"{device['channels']} channels"
    rate = f"{device['sample_rate']} Hz"
    return f"sound {device['index']}: {device['name']} ({channels}, {rate}, {device['host_api']}{mark})"


def list_models(*, as_json: bool) -> Iterator[str]:
    """A line for each model; one whose card cannot be read is named with the reason."""
    for name, path in sorted(available().items()):
        try:
            card = read_card(path)
        except MoodringError as error:
            yield (
                json.dumps({"type": "problem", "name": name, "message": str(error)}) if as_json else f"{name}: {error}"
            )
            continue
        inputs = [entry["name"] for entry in card["inputs"]]
        scores = card.get("evaluation", {}).get("model", {})
        if as_json:
            yield json.dumps(
                {"type": "model", "name": name, "path": str(path), "arch": card.get("arch"), "inputs": inputs}
            )
        else:
            line = f"{name}: {card.get('arch', '?')} on {', '.join(inputs)}"
            if scores:
                corpus = card.get("training", {}).get("corpus", "?")
                valence, arousal = scores["r2_valence_mean"], scores["r2_arousal_mean"]
                line += f", R² {valence:.2f} valence, {arousal:.2f} arousal on {corpus}"
            yield line


def show_model(name: str, *, as_json: bool) -> Iterator[str]:
    """The card of one model, without the long list of groups that it was trained on."""
    path = find(name)
    card = read_card(path)
    if as_json:
        yield json.dumps(card)
        return
    groups = card.pop("groups", [])
    yield f"{card['name']}  ({path})"
    yield f"architecture  {card.get('arch', '?')}, a step every {card['hop_s']:g} s over {card['window_s']:g} s"
    yield f"inputs        {', '.join(entry['name'] for entry in card['inputs'])}"
    training = card.get("training", {})
    yield f"trained on    {training.get('corpus', '?')}, {len(groups)} groups, {training.get('epochs', '?')} epochs"
    for correction in training.get("corrections", []):
        yield f"              {correction}"
    evaluation = card.get("evaluation", {})
    if evaluation:
        yield f"measured      {evaluation['what']}: {evaluation['pieces']} pieces, {evaluation['folds']} folds"
        yield f"              {'':22}{'model':>8}{'mean predictor':>18}"
        for key, title in _SCORES.items():
            yield f"              {title:22}{evaluation['model'][key]:8.3f}{evaluation['mean_predictor'][key]:18.3f}"
        yield f"              {evaluation['command']}"
    if "terms" in training:
        yield f"terms         {training['terms']}"


_SCORES = {
    "mse": "squared error, 4 columns",
    "r2_valence_mean": "R² valence",
    "r2_arousal_mean": "R² arousal",
    "r_valence_std": "r valence spread",
    "r_arousal_std": "r arousal spread",
}
