"""The network that ships is Basic Pitch's own, laid out for streaming: rebuilt byte for byte, equal in its outputs."""

from __future__ import annotations

import hashlib
import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from models.transcription import (
    ACTIVATIONS_STATE,
    DELAY,
    DIRECTORY,
    FILTERS,
    NETWORK,
    NOTES_NETWORK,
    SAMPLE_RATE,
    STATES,
    open_transcription_network,
)

#: Frames of one window of Basic Pitch, of which those near its edges see the zeros around it.
WINDOW_FRAMES = 172
EDGE = 24
OUTPUTS = ("contours", "notes", "onsets", "activations")

# Looked for, not imported: importing basic_pitch would load TensorFlow.
pytestmark = pytest.mark.skipif(
    find_spec("basic_pitch") is None or find_spec("onnx") is None,
    reason="basic-pitch is not installed (extra 'basic-pitch')",
)


@pytest.fixture(scope="module")
def original(shared_data: Path) -> dict[str, np.ndarray]:
    """The original on two seconds of music: its normalised spectrum and its three outputs [shape=(172, n)]."""
    import onnx
    import onnxruntime

    from offline.recut import source_network

    model = onnx.load(source_network())
    (normal,) = (
        node.output[0]
        for node in model.graph.node
        if node.op_type == "Mul" and "batch_normalization" in node.output[0] and "FusedBatchNormV3" in node.output[0]
    )
    (before,) = (node.input[0] for node in model.graph.node if node.output[0] == normal)
    # The inner layers are those with 32 channels that look at every third bin: five frames wide for the onsets, seven
    # for the notes.
    kernels = {i.name: tuple(i.dims) for i in model.graph.initializer}
    filtered = {
        kernels[node.input[1]]: node.output[0]
        for node in model.graph.node
        if node.op_type == "Conv" and kernels.get(node.input[1], ())[:1] == (32,)
    }
    activated = {node.input[0]: node.output[0] for node in model.graph.node if node.op_type == "Relu"}
    inner = [activated[filtered[shape]] for shape in ((32, 8, 5, 5), (32, 1, 7, 7))]
    for name in (before, *inner):
        model.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    samples, rate = soundfile.read(shared_data / "deam" / "audio" / "1000.opus", dtype="float32")
    window = soxr.resample(samples, rate, SAMPLE_RATE).astype(np.float32)[:43844]
    outputs = session.run(None, {session.get_inputs()[0].name: window[None, :, None]})
    found = dict(zip([output.name for output in session.get_outputs()], outputs, strict=True))
    layers = [found.pop(name)[0] for name in inner]
    by_width = {"constant_q": found.pop(before).reshape(WINDOW_FRAMES, 309)}
    # Basic Pitch names its outputs by number: 0 is the contours, 1 the notes, 2 the onsets.
    for number, name in enumerate(("contours", "notes", "onsets")):
        by_width[name] = found[f"StatefulPartitionedCall:{number}"][0]
    by_width["activations"] = np.concatenate([by_register(layer) for layer in layers], axis=1)
    return by_width


def by_register(layer: np.ndarray) -> np.ndarray:
    """Means of 22 pitches each, the maximum and the mean square of each channel [shape=(32, n, 88) to (n, 192)]."""
    parts = [layer[:, :, low : low + 22].mean(axis=2) for low in (0, 22, 44, 66)]
    each = np.stack([*parts, layer.max(axis=2), (layer**2).mean(axis=2)], axis=2)
    return each.transpose(1, 0, 2).reshape(layer.shape[1], -1)


def streamed(constant_q: np.ndarray, hop: int) -> dict[str, np.ndarray]:
    """What the re-cut network makes of the frames, ``hop`` at a time, moved back by its delay."""
    network = open_transcription_network()
    states = {name: np.zeros(shape, np.float32) for name, shape in STATES.items()}
    rows = []
    for start in range(0, len(constant_q), hop):
        found = network.run(None, {"constant_q": constant_q[None, start : start + hop], **states})
        states = dict(zip(STATES, found[len(OUTPUTS) :], strict=True))
        rows.append(found[: len(OUTPUTS)])
    joined = (np.concatenate(part, axis=1)[0, DELAY:] for part in zip(*rows, strict=True))
    return dict(zip(OUTPUTS, joined, strict=True))


def test_rebuilding_gives_the_file_that_ships_byte_for_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from offline import recut

    monkeypatch.setattr("sys.argv", ["recut", "-o", str(tmp_path / "rebuilt")])
    recut.main()
    for file in (NETWORK, NOTES_NETWORK, FILTERS, "card.json"):
        assert (tmp_path / "rebuilt" / file).read_bytes() == (DIRECTORY / file).read_bytes(), file


def test_the_card_says_where_the_network_comes_from() -> None:
    from offline.recut import source_network

    card = json.loads((DIRECTORY / "card.json").read_text())
    for file in (NETWORK, NOTES_NETWORK, FILTERS):
        shipped = (DIRECTORY / file).read_bytes()
        assert card["files"][file] == {"size": len(shipped), "sha256": hashlib.sha256(shipped).hexdigest()}
    assert card["source_sha256"] == hashlib.sha256(source_network().read_bytes()).hexdigest()
    assert card["delay_frames"] == DELAY
    assert "Apache-2.0" in card["source_licence"]


@pytest.mark.parametrize("hop", [1, 4, 43])
@pytest.mark.parametrize("output", OUTPUTS)
def test_away_from_the_edges_it_says_what_the_original_says(
    original: dict[str, np.ndarray], output: str, hop: int
) -> None:
    expected = original[output]
    found = streamed(original["constant_q"], hop)[output]
    inside = slice(EDGE, WINDOW_FRAMES - EDGE)
    assert expected[inside].max() > 0.3  # there is something to agree on
    np.testing.assert_allclose(found[inside], expected[inside], rtol=0, atol=1e-5)


@pytest.mark.parametrize("hop", [4, 43])
def test_how_many_frames_come_at_once_does_not_matter_bit_for_bit(original: dict[str, np.ndarray], hop: int) -> None:
    singly, together = streamed(original["constant_q"], 1), streamed(original["constant_q"], hop)
    for output in OUTPUTS:
        np.testing.assert_array_equal(together[output], singly[output])


def test_without_activations_the_posteriorgrams_are_the_same_bit_for_bit(original: dict[str, np.ndarray]) -> None:
    both = [open_transcription_network(name) for name in (NETWORK, NOTES_NETWORK)]
    states = {name: np.zeros(shape, np.float32) for name, shape in STATES.items()}
    inputs = {"constant_q": original["constant_q"][None], **states}
    whole = both[0].run(None, inputs)
    del inputs[ACTIVATIONS_STATE]
    for with_activations, without in zip(whole, both[1].run(None, inputs)[:3], strict=False):
        np.testing.assert_array_equal(without, with_activations)
