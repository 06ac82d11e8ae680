"""From a trained Keras network to a bundle: ONNX for whole sequences and for one step, checked against Keras."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.affect import OUTPUTS
from models.agreement import AGREEMENT, Agreement, Examples, read_examples, verify_agreement
from models.bundle import CARD_FORMAT, SEQUENCE_NETWORK, STEP_NETWORK, file_entry, load
from models.errors import MoodringError
from models.features import feature_set
from offline.networks import StepModel, architecture, run, without_dropout
from offline.placing import place_bundle, verify_output

#: What a bundle carries of the examples: so many steps of each at most, so many numbers in all, 4 bytes each.
_CARRIED_STEPS = 60
_CARRIED_NUMBERS = 13_000
#: Constants with fewer numbers are not worth a second look.
_LARGE = 1024


def export(
    trained: Any,
    output: Path,
    *,
    arch: str,
    inputs: Sequence[str],
    hop_s: float,
    window_s: float,
    examples: NDArray[np.float32],
    about: Mapping[str, Any],
    optional: Collection[str] = (),
) -> Agreement:
    """Write the bundle folder ``output``; ``about`` is what its card says of training and evaluation.

    ``inputs`` are feature sets in the order in which the network takes them side by side, those that are ``optional``
    it can do without. ``examples`` are real sequences of them [shape=(pieces, steps, features)], masked steps among
    them, on which the networks must agree; the bundle carries some of them, for ``models install`` to do the check
    again. Raises ``MoodringError`` where they do not agree or nothing can be written, ``UsageError`` as
    ``verify_output`` does; writes nothing then.
    """
    verify_output(output)
    trained = without_dropout(trained)
    step = architecture(arch).step(trained)
    carried = _with_outputs(trained, inputs, _few(examples))
    files = {
        SEQUENCE_NETWORK: _sequence_network(trained, inputs),
        STEP_NETWORK: _step_network(step, inputs),
        AGREEMENT: carried.as_file(),
    }
    card = {
        "format": CARD_FORMAT,
        "name": output.name,
        "arch": arch,
        "hop_s": hop_s,
        "window_s": window_s,
        "inputs": [
            {"name": name, "features": list(feature_set(name).names)} | ({"optional": True} if name in optional else {})
            for name in inputs
        ],
        "outputs": list(OUTPUTS),
        "scale": [1, 9],
        "states": [{"name": name, "shape": list(shape)} for name, shape in step.states.items()],
        "files": {name: file_entry(content) for name, content in files.items()},
        **about,
    }
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MoodringError(f"{output} cannot be written ({error.strerror or error}); choose another place") from None
    return place_bundle(output, files, card, lambda folder: check_agreement(trained, folder, examples))


def check_agreement(trained: Any, folder: Path, examples: NDArray[np.float32]) -> Agreement:
    """Run Keras and both networks of the bundle in ``folder`` over ``examples``, then over those that it carries.

    Raises ``MoodringError`` beyond ``TOLERANCE``.
    """
    bundle = load(folder)
    agreement = verify_agreement(
        bundle, _with_outputs(trained, [known.name for known in bundle.feature_sets], examples)
    )
    verify_agreement(bundle, read_examples(bundle))
    return agreement


def _with_outputs(trained: Any, inputs: Sequence[str], examples: NDArray[np.float32]) -> Examples:
    bounds = np.cumsum([len(feature_set(name).features) for name in inputs])[:-1]
    parts = (np.ascontiguousarray(part) for part in np.split(examples, bounds, axis=-1))
    return Examples(dict(zip(inputs, parts, strict=True)), run(trained, examples))


def _few(examples: NDArray[np.float32]) -> NDArray[np.float32]:
    """The beginning of as many of the examples as a bundle can carry without growing heavy."""
    numbers = examples.shape[2] + len(OUTPUTS)
    steps = min(examples.shape[1], _CARRIED_STEPS, max(1, _CARRIED_NUMBERS // numbers))
    return np.ascontiguousarray(examples[: max(1, _CARRIED_NUMBERS // (numbers * steps)), :steps])


def _sequence_network(trained: Any, inputs: Sequence[str]) -> bytes:
    import tensorflow as tf

    signature = [tf.TensorSpec((None, None, len(feature_set(name).features)), tf.float32, name=name) for name in inputs]

    def whole(*parts: Any) -> Any:
        return tf.identity(trained(tf.concat(parts, axis=-1), training=False), name="affect")

    return _convert(whole, signature, ["affect"])


def _step_network(step: StepModel, inputs: Sequence[str]) -> bytes:
    import tensorflow as tf

    signature = [tf.TensorSpec((1, len(feature_set(name).features)), tf.float32, name=name) for name in inputs]
    signature += [tf.TensorSpec(shape, tf.float32, name=name) for name, shape in step.states.items()]
    names = ["affect", *(f"next_{name}" for name in step.states)]

    def one(*given: Any) -> Any:
        features = tf.concat(given[: len(inputs)], axis=-1)
        outputs = step.model([features, *given[len(inputs) :]], training=False)
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
    _halve(model)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _halve(model: Any) -> None:
    """Keep large constants in half precision where that loses nothing, for a bundle half as large."""
    from onnx import TensorProto, helper, numpy_helper

    for number, constant in enumerate(model.graph.initializer):
        if constant.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(constant)
        with np.errstate(over="ignore"):
            half = values.astype(np.float16)
        if values.size < _LARGE or not np.array_equal(half.astype(np.float32), values):
            continue
        kept = f"{constant.name}_half"
        cast = helper.make_node("Cast", [kept], [constant.name], name=f"{constant.name}_cast", to=TensorProto.FLOAT)
        model.graph.initializer[number].CopyFrom(numpy_helper.from_array(half, kept))
        model.graph.node.insert(0, cast)


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
