"""Re-cut Basic Pitch's network for streaming: ``python -m offline.recut [-o DIR]``.

The network that ships inside the basic-pitch package takes a window of 172 frames and pads it with zeros in time at
every convolution. Here its trained convolutions are laid out anew over a stream: each keeps the last frames of its
input as a state that goes in and comes out, so a run computes the new frames and nothing twice, and all three outputs
are delayed to the frame that the slowest of them, the onsets, is certain of (``DELAY`` frames behind the newest). A
fourth output sums up what its two inner layers of 32 channels make of the frame, in four registers: what a network has
learned in order to find notes tells more of the sound than the notes.

The constant-Q front end is not taken from the graph; ``realtime.constant_q`` is its streaming counterpart, and a test
holds the two against each other. Source: Bittner et al., "A lightweight instrument-agnostic model for polyphonic note
transcription and multipitch estimation", ICASSP 2022; basic-pitch 0.4.0, Apache-2.0.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from models.atomic import write_atomically
from models.errors import MoodringError
from models.transcription import ACTIVATIONS, DELAY, DIRECTORY, LAYERS, NETWORK, PITCHES, REGISTERS, STATES
from offline import tiled_convolution
from offline.tiled_convolution import BINS, CONTOUR_BINS, EDGE, HARMONIC_SHIFTS, TILE, TILES

FloatArray = NDArray[np.float32]
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


def recut(weights: Weights) -> onnx.ModelProto:
    """The streaming network: frames and states in, three posteriorgrams, activations and the next states out."""
    nodes: list[onnx.NodeProto] = []
    constants: dict[str, NDArray[Any]] = dict(weights)
    end = np.iinfo(np.int64).max
    below, above = tiled_convolution.PADDING

    def node(operation: str, inputs: list[str], output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(operation, inputs, [output], name=output, **attributes))
        return output

    def cut(value: str, output: str, start: tuple[int, ...], stop: tuple[int, ...], axes: tuple[int, ...]) -> str:
        names = []
        for role, numbers in (("start", start), ("stop", stop), ("axis", axes)):
            names.append(f"{output}_{role}")
            constants[names[-1]] = np.array(numbers, np.int64)
        return node("Slice", [value, *names], output)

    def part(value: str, output: str, start: int, stop: int, axis: int) -> str:
        return cut(value, output, (start,), (stop,), (axis,))

    def remember(state: str, value: str, frames: int, axis: int = 2) -> str:
        """``value`` behind the frames carried in; the last ``frames`` of both are carried out."""
        joined = node("Concat", [state, value], f"{state}_joined", axis=axis)
        part(joined, f"next_{state}", -frames, end, axis)
        return joined

    def convolve(value: str, role: str, output: str, bins_padding: tuple[int, int], stride: int = 1) -> str:
        padding = [0, bins_padding[0], 0, bins_padding[1]]
        inputs = [value, f"{role}_kernel", f"{role}_bias"]
        return node("Conv", inputs, output, pads=padding, strides=[1, stride])

    def convolve_to_one(value: str, role: str, output: str, bins_padding: int) -> str:
        """``convolve`` to a single channel, the other way round: what each input adds to the outputs, then their sums.

        The first step is one product of matrices; taken output by output, one channel leaves most of a vector idle.
        """
        kernel = constants.pop(f"{role}_kernel")
        constants[f"{role}_kernel"] = kernel[:, :, ::-1, ::-1].swapaxes(0, 1)
        frames = kernel.shape[2] - 1
        padding = [frames, bins_padding, frames, bins_padding]
        inputs = [value, f"{role}_kernel"] + ([f"{role}_bias"] if f"{role}_bias" in constants else [])
        return node("ConvTranspose", inputs, output, pads=padding)

    def convolve_in_tiles(value: str, first_frame: int, role: str, output: str) -> str:
        """The layer over all harmonics of the padded frames in ``value``, and its Relu."""
        kernel, bias = constants.pop(f"{role}_kernel"), constants.pop(f"{role}_bias")
        channels = len(kernel)
        parts = [end_of_layer(value, first_frame, kernel, bias, f"{output}_low", 0, tiled_convolution.LOW_BINS)]

        # Bins before frames: a filter for each frequency then runs along frames, which are many, not along few tiles.
        low, high = (below + bin_ for bin_ in tiled_convolution.SEEN_BINS)
        seen = cut(value, f"{output}_seen", (first_frame, low), (end, high), (2, 3))
        by_bin = node("Transpose", [seen], f"{output}_by_bin", perm=[0, 1, 3, 2])
        constants[f"{output}_forward"] = tiled_convolution.forward_transform()
        spectrum = node("Conv", [by_bin, f"{output}_forward"], f"{output}_spectrum", strides=[TILE, 1])
        constants[f"{role}_kernel"] = tiled_convolution.spectral_kernel(kernel)
        constants[f"{role}_bias"] = tiled_convolution.spectral_bias(bias)
        inputs = [spectrum, f"{role}_kernel", f"{role}_bias"]
        filtered = node("Conv", inputs, f"{output}_products", group=TILE)
        # By frequency; then channel, tile and frame.
        constants[f"{output}_frequencies"] = np.array([2 * TILE, -1], np.int64)
        by_frequency = node("Reshape", [filtered, f"{output}_frequencies"], f"{output}_by_frequency")
        constants[f"{output}_backward"] = tiled_convolution.backward_transform()
        back = node("Gemm", [by_frequency, f"{output}_backward"], f"{output}_tiles", transA=1)
        constants[f"{output}_apart"] = np.array([channels, TILES, -1, TILE], np.int64)
        tiles = node(
            "Reshape", [node("Relu", [back], f"{output}_positive"), f"{output}_apart"], f"{output}_tiles_apart"
        )
        by_frame = node("Transpose", [tiles], f"{output}_by_frame", perm=[0, 2, 1, 3])
        constants[f"{output}_joined"] = np.array([1, channels, -1, TILES * TILE], np.int64)
        inner = node("Reshape", [by_frame, f"{output}_joined"], f"{output}_inner")
        parts.append(inner)

        first = CONTOUR_BINS - EDGE
        parts.append(
            end_of_layer(value, first_frame, kernel, bias, f"{output}_high", first, tiled_convolution.HIGH_BINS)
        )
        return node("Concat", parts, output, axis=3)

    def end_of_layer(
        value: str,
        first_frame: int,
        kernel: FloatArray,
        bias: FloatArray,
        output: str,
        first_bin: int,
        known: tuple[int, int],
    ) -> str:
        """``EDGE`` bins of that layer's output from ``first_bin`` on, and their Relu."""
        channels, frames = kernel.shape[0], kernel.shape[2]
        low, high = (below + bin_ for bin_ in known)
        seen = [
            cut(value, f"{output}_{frame}", (first_frame + frame, low), (frame + 1 - frames or end, high), (2, 3))
            for frame in range(frames)
        ]
        constants[f"{output}_rows"] = np.array([-1, frames * (known[1] - known[0])], np.int64)
        rows = node("Reshape", [node("Concat", seen, f"{output}_seen", axis=3), f"{output}_rows"], f"{output}_flat")
        constants[f"{output}_matrix"] = tiled_convolution.edge_matrix(kernel, first_bin, known)
        constants[f"{output}_bias"] = np.repeat(bias, EDGE)
        product = node("Gemm", [rows, f"{output}_matrix", f"{output}_bias"], f"{output}_product")
        constants[f"{output}_channels"] = np.array([1, -1, channels, EDGE], np.int64)
        positive = node("Relu", [product], f"{output}_positive")
        by_frame = node("Reshape", [positive, f"{output}_channels"], f"{output}_by_frame")
        return node("Transpose", [by_frame], output, perm=[0, 2, 1, 3])

    def pooled(value: str, output: str) -> str:
        """Of each channel the mean in each register, the maximum and the mean square over pitches, frame by frame."""
        register = [1, PITCHES // REGISTERS]
        squared = node("Mul", [value, value], f"{output}_squared")
        parts = [
            node("AveragePool", [value], f"{output}_means", kernel_shape=register, strides=register),
            node("MaxPool", [value], f"{output}_most", kernel_shape=[1, PITCHES]),
            node("AveragePool", [squared], f"{output}_power", kernel_shape=[1, PITCHES]),
        ]
        by_channel = node("Concat", parts, f"{output}_by_channel", axis=3)
        by_frame = node("Transpose", [by_channel], f"{output}_by_frame", perm=[0, 2, 1, 3])
        constants[f"{output}_shape"] = np.array([0, 0, ACTIVATIONS], np.int64)
        return node("Reshape", [by_frame, f"{output}_shape"], output)

    # The normalisation's scale goes into the kernels behind it; its shift stays, as what is padded is so behind it.
    scale = constants.pop("scale")
    constants["shift"] = constants["shift"] / scale
    for role in ("contour_input", "onset_input"):
        constants[f"{role}_kernel"] = constants[f"{role}_kernel"] * scale

    constants["channel_axis"] = np.array([1], np.int64)
    frames = node("Unsqueeze", ["constant_q", "channel_axis"], "frames")
    known = remember("frames_state", frames, 4)
    constants["padding"] = np.array([0, 0, 0, below, 0, 0, 0, above], np.int64)
    padded = node("Pad", [node("Add", [known, "shift"], "normal"), "padding"], "padded")

    # The contours: three frames of context, then five; now three frames behind the newest.
    contour_input = convolve_in_tiles(padded, 2, "contour_input", "contour_layer")
    contour_known = remember("contour_state", contour_input, 4)
    contour_now = node("Sigmoid", [convolve_to_one(contour_known, "contour", "contour_raw", 2)], "contour_now")

    # The notes: seven frames of context twice; now nine behind.
    note_known = remember("note_input_state", contour_now, 7)
    note_filtered = convolve(part(note_known, "note_known", 1, end, 2), "note_input", "note_filtered", (2, 2), 3)
    note_input = node("Relu", [note_filtered], "note_input")
    filtered_known = remember("note_state", note_input, 6)
    note_now = node("Sigmoid", [convolve_to_one(filtered_known, "note", "note_raw", 1)], "note_now")

    # The onsets look at the harmonics and at the notes, one frame further: ten behind. The kernel that looks at both is
    # taken apart, so that what waits for the notes is one channel and not 32.
    copies = [
        part(padded, f"harmonic_{number}", below + shift, below + shift + CONTOUR_BINS, 3)
        for number, shift in enumerate(HARMONIC_SHIFTS)
    ]
    stacked = node("Concat", copies, "stacked", axis=1)
    onset_input = node("Relu", [convolve(stacked, "onset_input", "onset_filtered", (1, 1), 3)], "onset_input")
    kernel = constants.pop("onset_kernel")
    constants["onset_note_kernel"], constants["onset_layer_kernel"] = np.split(kernel, [1], axis=1)
    constants["onset_note_bias"] = constants.pop("onset_bias")
    of_layer = convolve_to_one(remember("onset_input_state", onset_input, 2), "onset_layer", "onset_of_layer", 1)
    aligned = part(remember("onset_layer_state", of_layer, 7), "onset_aligned", 0, -7, 2)
    notes_known = remember("onset_state", note_now, 2)
    of_notes = convolve_to_one(notes_known, "onset_note", "onset_of_notes", 1)
    onset_now = node("Sigmoid", [node("Add", [of_notes, aligned], "onset_raw")], "onset_now")

    # Everything as of the same frame.
    node("Squeeze", [part(note_known, "contour_aligned", 0, -7, 2), "channel_axis"], "contours")
    node("Squeeze", [part(notes_known, "note_aligned", 1, -1, 2), "channel_axis"], "notes")
    node("Squeeze", [onset_now, "channel_axis"], "onsets")
    inner = pooled(node("Concat", [onset_input, note_input], "inner_layers", axis=1), "pooled")
    pooled_known = remember("pooled_state", inner, 8, axis=1)
    ahead = {"onset": 8, "note": 4}
    width = ACTIVATIONS // len(LAYERS)
    of_layers = [
        cut(
            pooled_known,
            f"{layer}_pooled",
            (8 - ahead[layer], place * width),
            (-ahead[layer], (place + 1) * width),
            (1, 2),
        )
        for place, layer in enumerate(LAYERS)
    ]
    node("Concat", of_layers, "activations", axis=2)

    def value(name: str, shape: tuple[int | str, ...]) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    graph = helper.make_graph(
        nodes,
        "basic-pitch-streaming",
        [value("constant_q", (1, "frames", BINS))] + [value(name, shape) for name, shape in STATES.items()],
        [
            value("contours", (1, "frames", CONTOUR_BINS)),
            value("notes", (1, "frames", 88)),
            value("onsets", (1, "frames", 88)),
            value("activations", (1, "frames", ACTIVATIONS)),
            *(value(f"next_{name}", shape) for name, shape in STATES.items()),
        ],
        [numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in sorted(constants.items())],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], producer_name="moodring")
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    return model


def main() -> None:
    """Write the re-cut network and its provenance."""
    parser = argparse.ArgumentParser(description="Re-cut Basic Pitch's network for streaming.")
    parser.add_argument("-o", "--output", type=Path, default=DIRECTORY, help="folder to write to")
    output: Path = parser.parse_args().output
    source = source_network()
    network = recut(trained_weights(onnx.load(source))).SerializeToString(deterministic=True)
    card = {
        "what": "Basic Pitch's note network, laid out for streaming",
        "source": f"basic-pitch {metadata.version('basic-pitch')}, saved_models/icassp_2022/nmp.onnx",
        "source_sha256": hashlib.sha256(source.read_bytes()).hexdigest(),
        "source_licence": "Apache-2.0, Copyright 2022 Spotify AB; see NOTICE",
        "made_by": "python -m offline.recut",
        "delay_frames": DELAY,
        "size": len(network),
        "sha256": hashlib.sha256(network).hexdigest(),
    }
    output.mkdir(parents=True, exist_ok=True)
    write_atomically(output / NETWORK, network)
    write_atomically(output / "card.json", (json.dumps(card, indent=2) + "\n").encode())
    print(f"{output / NETWORK}: {len(network)} bytes, sha256 {card['sha256']}")


if __name__ == "__main__":
    main()
