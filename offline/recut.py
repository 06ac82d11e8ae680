"""Re-cut Basic Pitch's network for streaming: ``python -m offline.recut [-o DIR]``.

The network that ships inside the basic-pitch package takes a window of 172 frames and pads it with zeros in time at
every convolution. Here its trained convolutions are laid out anew over a stream: each keeps the last frames of its
input as a state that goes in and comes out, so a run computes the new frames and nothing twice, and all three outputs
are delayed to the frame that the slowest of them, the onsets, is certain of (``DELAY`` frames behind the newest). A
fourth output sums up what its two inner layers of 32 channels make of the frame, in four registers: what a network has
learned in order to find notes tells more of the sound than the notes. Where nobody asks for it, the same network
without it costs an eighth less, and ships, too.

How each layer is laid out so that it is quick is in ``offline.streaming_layers``; the sums are the original's, up to
rounding. The constant-Q front end is not taken from the graph; ``realtime.constant_q`` is its streaming counterpart,
and a test holds the two against each other. Source: Bittner et al., "A lightweight instrument-agnostic model for
polyphonic note transcription and multipitch estimation", ICASSP 2022; basic-pitch 0.4.0, Apache-2.0.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from models.atomic import write_atomically
from models.bundle import file_entry
from models.errors import MoodringError
from models.transcription import (
    ACTIVATIONS,
    ACTIVATIONS_STATE,
    DELAY,
    DIRECTORY,
    FILTERS,
    LAYERS,
    NETWORK,
    NOTES_NETWORK,
    STATES,
)
from offline.filter_network import filter_network
from offline.streaming_layers import END, Layers
from offline.tiled_convolution import BINS, CONTOUR_BINS, HARMONIC_SHIFTS, PADDING, FloatArray

Weights = dict[str, FloatArray]


def source_network() -> Path:
    """The ONNX file inside the installed basic-pitch package; raises ``MoodringError`` where there is none."""
    spec = find_spec("basic_pitch")
    if spec is None or spec.origin is None:
        raise MoodringError("basic-pitch is not installed; install moodring with its extra 'basic-pitch'")
    return Path(spec.origin).parent / "saved_models" / "icassp_2022" / "nmp.onnx"


def trained_weights(model: onnx.ModelProto) -> Weights:
    """The kernels and biases of the six convolutions and the input's batch normalisation, by their role here."""
    initializers = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    roles = {
        (32, 8, 5, 5): "onset_input",
        (8, 8, 3, 39): "contour_input",
        (1, 8, 5, 5): "contour",
        (32, 1, 7, 7): "note_input",
        (1, 32, 7, 3): "note",
        (1, 33, 3, 3): "onset",
    }
    weights: Weights = {}
    for node in model.graph.node:
        if node.op_type == "Conv" and initializers[node.input[1]].shape in roles:
            role = roles[initializers[node.input[1]].shape]
            weights[f"{role}_kernel"] = initializers[node.input[1]]
            weights[f"{role}_bias"] = initializers[node.input[2]]
        elif node.op_type in ("Mul", "Add") and "FusedBatchNormV3" in node.output[0]:
            weights["scale" if node.op_type == "Mul" else "shift"] = initializers[node.input[1]].reshape(())
    return weights


def recut(weights: Weights, *, with_activations: bool) -> onnx.ModelProto:
    """The streaming network: frames and states in, three posteriorgrams, activations and the next states out."""
    layers = Layers(weights)
    below, above = PADDING

    # The normalisation's scale goes into the kernels behind it; its shift stays, as what is padded is so behind it.
    scale = layers.constants.pop("scale")
    layers.constants["shift"] = layers.constants["shift"] / scale
    for role in ("contour_input", "onset_input"):
        layers.constants[f"{role}_kernel"] = layers.constants[f"{role}_kernel"] * scale

    layers.constants["channel_axis"] = np.array([1], np.int64)
    frames = layers.node("Unsqueeze", ["constant_q", "channel_axis"], "frames")
    known = layers.remember("frames_state", frames, 4)
    layers.constants["padding"] = np.array([0, 0, 0, below, 0, 0, 0, above], np.int64)
    padded = layers.node("Pad", [layers.node("Add", [known, "shift"], "normal"), "padding"], "padded")

    # The contours: three frames of context, then five; now three frames behind the newest.
    contour_input = layers.convolve_in_tiles(padded, 2, "contour_input", "contour_layer")
    contour_known = layers.remember("contour_state", contour_input, 4)
    contour_raw = layers.convolve_to_one(contour_known, "contour", "contour_raw", 2)
    contour_now = layers.node("Sigmoid", [contour_raw], "contour_now")

    # The notes: seven frames of context twice; now nine behind.
    note_known = layers.remember("note_input_state", contour_now, 7)
    note_seen = layers.part(note_known, "note_known", 1, END, 2)
    note_filtered = layers.convolve(note_seen, "note_input", "note_filtered", (2, 2), 3)
    note_input = layers.node("Relu", [note_filtered], "note_input")
    filtered_known = layers.remember("note_state", note_input, 6)
    note_now = layers.node("Sigmoid", [layers.convolve_to_one(filtered_known, "note", "note_raw", 1)], "note_now")

    # The onsets look at the harmonics and at the notes, one frame further: ten behind. The kernel that looks at both is
    # taken apart, so that what waits for the notes is one channel and not 32.
    copies = [
        layers.part(padded, f"harmonic_{number}", below + shift, below + shift + CONTOUR_BINS, 3)
        for number, shift in enumerate(HARMONIC_SHIFTS)
    ]
    stacked = layers.node("Concat", copies, "stacked", axis=1)
    onset_filtered = layers.convolve(stacked, "onset_input", "onset_filtered", (1, 1), 3)
    onset_input = layers.node("Relu", [onset_filtered], "onset_input")
    kernel = layers.constants.pop("onset_kernel")
    layers.constants["onset_note_kernel"], layers.constants["onset_layer_kernel"] = np.split(kernel, [1], axis=1)
    layers.constants["onset_note_bias"] = layers.constants.pop("onset_bias")
    onset_known = layers.remember("onset_input_state", onset_input, 2)
    of_layer = layers.convolve_to_one(onset_known, "onset_layer", "onset_of_layer", 1)
    aligned = layers.part(layers.remember("onset_layer_state", of_layer, 7), "onset_aligned", 0, -7, 2)
    notes_known = layers.remember("onset_state", note_now, 2)
    of_notes = layers.convolve_to_one(notes_known, "onset_note", "onset_of_notes", 1)
    onset_now = layers.node("Sigmoid", [layers.node("Add", [of_notes, aligned], "onset_raw")], "onset_now")

    # Everything as of the same frame.
    layers.node("Squeeze", [layers.part(note_known, "contour_aligned", 0, -7, 2), "channel_axis"], "contours")
    layers.node("Squeeze", [layers.part(notes_known, "note_aligned", 1, -1, 2), "channel_axis"], "notes")
    layers.node("Squeeze", [onset_now, "channel_axis"], "onsets")
    if with_activations:
        _sum_up(layers, onset_input, note_input)

    def value(name: str, shape: tuple[int | str, ...]) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    states = {name: shape for name, shape in STATES.items() if with_activations or name != ACTIVATIONS_STATE}
    activations = [value("activations", (1, "frames", ACTIVATIONS))] if with_activations else []
    graph = helper.make_graph(
        layers.nodes,
        "basic-pitch-streaming",
        [value("constant_q", (1, "frames", BINS))] + [value(name, shape) for name, shape in states.items()],
        [
            value("contours", (1, "frames", CONTOUR_BINS)),
            value("notes", (1, "frames", 88)),
            value("onsets", (1, "frames", 88)),
            *activations,
            *(value(f"next_{name}", shape) for name, shape in states.items()),
        ],
        [
            numpy_helper.from_array(np.ascontiguousarray(array), name)
            for name, array in sorted(layers.constants.items())
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], producer_name="moodring")
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    return model


def _sum_up(layers: Layers, onset_input: str, note_input: str) -> None:
    """The fourth output, of the same frame as the others."""
    # Each by itself: what comes of pooling is a fifteenth of what goes in, and the cheaper to join.
    pooled = [layers.pooled(onset_input, "onset_layer_pooled"), layers.pooled(note_input, "note_layer_pooled")]
    by_channel = layers.node("Concat", pooled, "pooled_by_channel", axis=1)
    by_frame = layers.node("Transpose", [by_channel], "pooled_by_frame", perm=[0, 2, 1, 3])
    layers.constants["pooled_shape"] = np.array([0, 0, ACTIVATIONS], np.int64)
    inner = layers.node("Reshape", [by_frame, "pooled_shape"], "pooled")
    pooled_known = layers.remember(ACTIVATIONS_STATE, inner, 8, axis=1)
    # The onsets' layer is eight frames ahead of the outputs, the notes' four.
    width = ACTIVATIONS // len(LAYERS)
    of_layers = [
        layers.cut(pooled_known, "onset_pooled", (0, 0), (-8, width), (1, 2)),
        layers.cut(pooled_known, "note_pooled", (4, width), (-4, 2 * width), (1, 2)),
    ]
    layers.node("Concat", of_layers, "activations", axis=2)


def main() -> None:
    """Write the re-cut network and its provenance."""
    parser = argparse.ArgumentParser(description="Re-cut Basic Pitch's network for streaming.")
    parser.add_argument("-o", "--output", type=Path, default=DIRECTORY, help="folder to write to")
    output: Path = parser.parse_args().output
    source = source_network()
    weights = trained_weights(onnx.load(source))
    networks = {
        name: recut(weights, with_activations=name == NETWORK).SerializeToString(deterministic=True)
        for name in (NETWORK, NOTES_NETWORK)
    }
    networks[FILTERS] = filter_network().SerializeToString(deterministic=True)
    card = {
        "what": "Basic Pitch's note network, laid out for streaming",
        "source": f"basic-pitch {metadata.version('basic-pitch')}, saved_models/icassp_2022/nmp.onnx",
        "source_sha256": hashlib.sha256(source.read_bytes()).hexdigest(),
        "source_licence": "Apache-2.0, Copyright 2022 Spotify AB; see NOTICE",
        "made_by": "python -m offline.recut",
        "delay_frames": DELAY,
        "files": {name: file_entry(network) for name, network in networks.items()},
    }
    output.mkdir(parents=True, exist_ok=True)
    for name, network in networks.items():
        write_atomically(output / name, network)
        print(f"{output / name}: {len(network)} bytes, sha256 {hashlib.sha256(network).hexdigest()}")
    write_atomically(output / "card.json", (json.dumps(card, indent=2) + "\n").encode())


if __name__ == "__main__":
    main()
