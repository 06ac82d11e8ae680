"""From a trained Keras network to a bundle: ONNX for whole sequences and for one step, checked against Keras."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.affect import OUTPUTS
from models.bundle import CARD, CARD_FORMAT, SEQUENCE_NETWORK, STEP_NETWORK, file_entry, load
from models.errors import MoodringError
from models.features import feature_set
from models.predictor import Predictor
from models.transcription import open_network
from offline.networks import StepModel, architecture, without_dropout

#: Keras and ONNX may differ by this much on the 1–9 scale.
TOLERANCE = 1e-5


@dataclass(frozen=True, slots=True)
class Agreement:
    """The largest differences between Keras and ONNX, over whole sequences and stepped."""

    sequence: float
    step: float


def export(
    trained: Any,
    output: Path,
    *,
    arch: str,
    feature_set_name: str,
    hop_s: float,
    window_s: float,
    examples: NDArray[np.float32],
    about: Mapping[str, Any],
) -> Agreement:
    """Write the bundle folder ``output``; ``about`` is what its card says of training and evaluation.

    ``examples`` are real sequences [shape=(pieces, steps, features)], masked steps among them, on which the networks
    must agree; raises ``MoodringError`` where they do not, and writes nothing then.
    """
    trained = without_dropout(trained)
    step = architecture(arch).step(trained)
    networks = {
        SEQUENCE_NETWORK: _sequence_network(trained, feature_set_name),
        STEP_NETWORK: _step_network(step, feature_set_name),
    }
    card = {
        "format": CARD_FORMAT,
        "name": output.name,
        "arch": arch,
        "hop_s": hop_s,
        "window_s": window_s,
        "inputs": [{"name": feature_set_name, "features": list(feature_set(feature_set_name).names)}],
        "outputs": list(OUTPUTS),
        "scale": [1, 9],
        "states": [{"name": name, "shape": list(shape)} for name, shape in step.states.items()],
        "files": {name: file_entry(content) for name, content in networks.items()},
        **about,
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}.") as beside:
        folder = Path(beside) / output.name
        folder.mkdir()
        for name, content in networks.items():
            (folder / name).write_bytes(content)
        (folder / CARD).write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
        agreement = check_agreement(trained, folder, examples)
        _replace(output, folder)
    return agreement


def check_agreement(trained: Any, bundle: Path, examples: NDArray[np.float32]) -> Agreement:
    """Run Keras and both networks of ``bundle`` over ``examples``; raises ``MoodringError`` beyond ``TOLERANCE``."""
    expected = np.asarray(trained(examples, training=False))
    loaded = load(bundle)
    name = loaded.feature_sets[0].name
    whole = open_network(bundle / SEQUENCE_NETWORK).run(None, {name: examples})[0]
    predictor = Predictor(loaded)
    stepped = np.empty_like(expected)
    for piece, sequence in enumerate(examples):
        state = predictor.start()
        for number, features in enumerate(sequence):
            stepped[piece, number], state = predictor.step({name: features}, state)
    agreement = Agreement(float(np.abs(whole - expected).max()), float(np.abs(stepped - expected).max()))
    if max(agreement.sequence, agreement.step) > TOLERANCE:
        raise MoodringError(
            f"{bundle.name}: ONNX differs from Keras by {agreement.sequence:.1e} over sequences and "
            f"{agreement.step:.1e} stepped, more than {TOLERANCE:.0e}; nothing was written"
        )
    return agreement


def _sequence_network(trained: Any, feature_set_name: str) -> bytes:
    import tensorflow as tf

    width = len(feature_set(feature_set_name).features)
    signature = [tf.TensorSpec((None, None, width), tf.float32, name=feature_set_name)]

    def whole(features: Any) -> Any:
        return tf.identity(trained(features, training=False), name="affect")

    return _convert(whole, signature, ["affect"])


def _step_network(step: StepModel, feature_set_name: str) -> bytes:
    import tensorflow as tf

    width = len(feature_set(feature_set_name).features)
    signature = [tf.TensorSpec((1, width), tf.float32, name=feature_set_name)]
    signature += [tf.TensorSpec(shape, tf.float32, name=name) for name, shape in step.states.items()]
    names = ["affect", *(f"next_{name}" for name in step.states)]

    def one(*inputs: Any) -> Any:
        outputs = step.model(list(inputs), training=False)
        outputs = outputs if isinstance(outputs, list) else [outputs]
        return [tf.identity(output, name=name) for output, name in zip(outputs, names, strict=True)]

    return _convert(one, signature, names)


def _convert(function: Any, signature: list[Any], outputs: list[str]) -> bytes:
    import tensorflow as tf
    import tf2onnx

    model, _ = tf2onnx.convert.from_function(
        tf.function(function, input_signature=signature), input_signature=signature, opset=17
    )
    _rename(model, [spec.name for spec in signature], outputs)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _rename(model: Any, inputs: list[str], outputs: list[str]) -> None:
    """Give the graph's inputs and outputs the names that a bundle promises; tf2onnx numbers them."""
    new = dict(zip([i.name for i in model.graph.input], inputs, strict=True))
    new |= dict(zip([o.name for o in model.graph.output], outputs, strict=True))
    for value in (*model.graph.input, *model.graph.output):
        value.name = new[value.name]
    for node in model.graph.node:
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                names[place] = new.get(name, name)


def _replace(output: Path, folder: Path) -> None:
    """Move the finished ``folder`` to ``output``; what was there goes only once its successor is whole."""
    if output.exists():
        old = folder.parent / "old"
        output.rename(old)
        folder.rename(output)
        shutil.rmtree(old)
    else:
        folder.rename(output)
