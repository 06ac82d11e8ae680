"""Writes a bundle with a correction behind its networks: what they put out goes into a few more nodes of ONNX.

Nothing is asked of the base's networks but that they take the feature sets by name and put out ``affect``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from models.agreement import AGREEMENT, Agreement, Examples, read_examples, verify_agreement
from models.bundle import SEQUENCE_NETWORK, STEP_NETWORK, Bundle, file_entry, load
from models.transcription import open_network
from offline.adaptation.correction import FEATURE_CLIP, LEAST_SPREAD, Correction
from offline.placing import place_bundle

_AFFECT = "affect"


def write_adapted(bundle: Bundle, correction: Correction, output: Path, *, about: Mapping[str, Any]) -> Agreement:
    """Write ``bundle`` with the ``correction`` at the end of its networks as the bundle ``output``; ``about`` is what
    its card says otherwise than the base's.

    Raises ``MoodringError`` where the networks do not say what base and correction say, or nothing can be written.
    """
    carried = _examples(bundle, correction)
    files = {
        SEQUENCE_NETWORK: _network(bundle, SEQUENCE_NETWORK, correction),
        STEP_NETWORK: _network(bundle, STEP_NETWORK, correction),
        AGREEMENT: carried.as_file(),
    }
    card = {**bundle.card, **about, "files": {name: file_entry(content) for name, content in files.items()}}

    def check(folder: Path) -> Agreement:
        written = load(folder)
        return verify_agreement(written, read_examples(written))

    return place_bundle(output, files, card, check)


def _examples(bundle: Bundle, correction: Correction) -> Examples:
    """The base's examples, with what the base's network says of them, corrected here and not in ONNX."""
    examples = read_examples(bundle)
    verify_agreement(bundle, examples)
    said = np.asarray(open_network(bundle.path / SEQUENCE_NETWORK).run([_AFFECT], dict(examples.features))[0])
    features = np.concatenate([examples.features[known.name] for known in bundle.feature_sets], axis=-1)
    return Examples(examples.features, correction.apply(said, features).astype(np.float32))


def _network(bundle: Bundle, file: str, correction: Correction) -> bytes:
    """The base's network with the correction behind it; inputs and outputs keep their names."""
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.load(str(bundle.path / file))
    graph = model.graph
    taken = {name for node in graph.node for name in (*node.input, *node.output)}
    number = next(number for number in range(1, len(taken) + 2) if f"base_{number}/{_AFFECT}" not in taken)
    under = f"base_{number}/"
    for node in graph.node:
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                if name == _AFFECT:
                    names[place] = under + _AFFECT

    def constant(name: str, values: Any) -> str:
        graph.initializer.append(numpy_helper.from_array(np.asarray(values, np.float32), under + name))
        return under + name

    def add(kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        graph.node.append(helper.make_node(kind, inputs, [output], name=under + kind + output, **attributes))
        return output

    factors, shift = _beside(correction.stretch, correction.widths), _beside(correction.shift, np.zeros(2))
    said = add("Mul", [under + _AFFECT, constant("factors", factors)], under + "stretched")
    said = add("Add", [said, constant("shift", shift)], under + "shifted")
    if correction.weights is not None and correction.centre is not None and correction.scale is not None:
        features = add("Concat", [known.name for known in bundle.feature_sets], under + "features", axis=-1)
        middle = add("Sub", [features, constant("centre", correction.centre)], under + "centred")
        middle = add("Div", [middle, constant("scale", correction.scale)], under + "standardized")
        bounds = [constant("least", -FEATURE_CLIP), constant("most", FEATURE_CLIP)]
        middle = add("Clip", [middle, *bounds], under + "clipped")
        weights = np.zeros((len(correction.centre), 4))
        weights[:, [0, 2]] = correction.weights
        turn = add("MatMul", [middle, constant("weights", weights)], under + "turn")
        size = add("Abs", [features], under + "size")
        size = add("ReduceMax", [size], under + "largest", axes=[-1], keepdims=1)
        heard = add("Greater", [size, constant("nothing", 0.0)], under + "heard")
        heard = add("Cast", [heard], under + "heard_number", to=onnx.TensorProto.FLOAT)
        said = add("Add", [said, add("Mul", [turn, heard], under + "turn_heard")], under + "turned")
    said = add("Max", [said, constant("floor", [1.0, LEAST_SPREAD, 1.0, LEAST_SPREAD])], under + "floored")
    add("Min", [said, constant("ceiling", 9.0)], _AFFECT)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _beside(means: Any, spreads: Any) -> list[float]:
    """Two numbers of means and two of spreads in the order of the outputs."""
    return [float(means[0]), float(spreads[0]), float(means[1]), float(spreads[1])]
