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
from models.transcription import ACTIVATIONS, DELAY, DIRECTORY, NETWORK, PITCHES, REGISTERS, STATES

#: How far each harmonic's bins lie from the fundamental's, in thirds of a semitone: 0.5, 1, 2, … 7 times.
HARMONIC_SHIFTS = (-36, 0, 36, 57, 72, 84, 93, 101)
BINS = 309
CONTOUR_BINS = 264

Weights = dict[str, NDArray[np.float32]]


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

    def node(operation: str, inputs: list[str], output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(operation, inputs, [output], name=output, **attributes))
        return output

    def part(value: str, output: str, start: int, stop: int, axis: int) -> str:
        names = []
        for role, number in (("start", start), ("stop", stop), ("axis", axis)):
            names.append(f"{output}_{role}")
            constants[names[-1]] = np.array([number], np.int64)
        return node("Slice", [value, *names], output)

    def remember(state: str, value: str, frames: int) -> str:
        """``value`` behind the frames carried in; the last ``frames`` of both are carried out."""
        joined = node("Concat", [state, value], f"{state}_joined", axis=2)
        part(joined, f"next_{state}", -frames, np.iinfo(np.int64).max, 2)
        return joined

    def convolve(value: str, role: str, output: str, bins_padding: tuple[int, int], stride: int = 1) -> str:
        padding = [0, bins_padding[0], 0, bins_padding[1]]
        inputs = [value, f"{role}_kernel", f"{role}_bias"]
        return node("Conv", inputs, output, pads=padding, strides=[1, stride])

    def convolve_together(value: str, role: str, output: str, bins_padding: tuple[int, int], together: int) -> str:
        """``convolve``, with so many neighbouring bins as channels of one kernel, which is as much wider.

        onnxruntime fills vectors with up to 16 channels of output, so one or eight leave most of its work idle. The
        taps that are added are zeros: every sum keeps its terms, their order and its bits.
        """
        kernel, bias = constants.pop(f"{role}_kernel"), constants.pop(f"{role}_bias")
        channels, *shape, taps = kernel.shape
        wider = np.zeros((channels, together, *shape, taps + together - 1), np.float32)
        for bin_ in range(together):
            wider[:, bin_, ..., bin_ : bin_ + taps] = kernel
        constants[f"{role}_kernel"] = wider.reshape(channels * together, *wider.shape[2:])
        constants[f"{role}_bias"] = np.repeat(bias, together)
        bins = {"contour_input": CONTOUR_BINS, "contour": CONTOUR_BINS, "note": PITCHES}[role]
        constants[f"{output}_split"] = np.array([0, channels, together, -1, bins // together], np.int64)
        constants[f"{output}_shape"] = np.array([0, channels, -1, bins], np.int64)
        channelled = convolve(value, role, f"{output}_channelled", bins_padding, together)
        split = node("Reshape", [channelled, f"{output}_split"], f"{output}_apart")
        in_order = node("Transpose", [split], f"{output}_in_order", perm=[0, 1, 3, 4, 2])
        return node("Reshape", [in_order, f"{output}_shape"], output)

    def pooled(value: str, output: str) -> str:
        """Of each channel the mean in each register, the maximum and the mean square over pitches, frame by frame."""
        constants[f"{output}_registers"] = np.array([0, 0, -1, REGISTERS, PITCHES // REGISTERS], np.int64)
        apart = node("Reshape", [value, f"{output}_registers"], f"{output}_apart")
        parts = [node("ReduceMean", [apart], f"{output}_means", axes=[4], keepdims=0)]
        parts.append(node("ReduceMax", [value], f"{output}_most", axes=[3], keepdims=1))
        squared = node("Mul", [value, value], f"{output}_squared")
        parts.append(node("ReduceMean", [squared], f"{output}_power", axes=[3], keepdims=1))
        return node("Concat", parts, output, axis=3)

    end = np.iinfo(np.int64).max
    constants["channel_axis"] = np.array([1], np.int64)
    frames = node("Unsqueeze", ["constant_q", "channel_axis"], "frames")
    known = remember("frames_state", frames, 4)
    normal = node("Add", [node("Mul", [known, "scale"], "scaled"), "shift"], "normal")
    harmonics = []
    for number, shift in enumerate(HARMONIC_SHIFTS):
        low, high = max(shift, 0), min(shift, 0)
        taken = part(normal, f"harmonic_{number}_taken", low, BINS + high, 3)
        constants[f"harmonic_{number}_pads"] = np.array([0, 0, 0, -high, 0, 0, 0, low], np.int64)
        harmonics.append(node("Pad", [taken, f"harmonic_{number}_pads"], f"harmonic_{number}"))
    stacked = part(node("Concat", harmonics, "all_harmonics", axis=1), "stacked", 0, CONTOUR_BINS, 3)

    # The contours: three frames of context, then five; now three frames behind the newest.
    newest = part(stacked, "stacked_newest", 2, end, 2)
    contour_input = node(
        "Relu", [convolve_together(newest, "contour_input", "contour_filtered", (19, 19), 2)], "contour_input"
    )
    contour_known = remember("contour_state", contour_input, 4)
    contour_now = node(
        "Sigmoid", [convolve_together(contour_known, "contour", "contour_raw", (2, 2), 8)], "contour_now"
    )

    # The notes: seven frames of context twice; now nine behind.
    note_known = remember("note_input_state", contour_now, 7)
    note_filtered = convolve(part(note_known, "note_known", 1, end, 2), "note_input", "note_filtered", (2, 2), 3)
    filtered_known = remember("note_state", node("Relu", [note_filtered], "note_input"), 6)
    note_now = node("Sigmoid", [convolve_together(filtered_known, "note", "note_raw", (1, 1), 8)], "note_now")

    # The onsets look at the harmonics and at the notes, one frame further: ten behind.
    onset_filtered = convolve(stacked, "onset_input", "onset_filtered", (1, 1), 3)
    onset_known = remember("onset_input_state", node("Relu", [onset_filtered], "onset_input"), 9)
    aligned = part(onset_known, "onset_aligned", 0, -7, 2)
    notes_known = remember("onset_state", note_now, 2)
    both = node("Concat", [notes_known, aligned], "notes_and_onset_input", axis=1)
    onset_now = node("Sigmoid", [convolve(both, "onset", "onset_raw", (1, 1))], "onset_now")

    # Everything as of the same frame.
    node("Squeeze", [part(note_known, "contour_aligned", 0, -7, 2), "channel_axis"], "contours")
    node("Squeeze", [part(notes_known, "note_aligned", 1, -1, 2), "channel_axis"], "notes")
    node("Squeeze", [onset_now, "channel_axis"], "onsets")
    inner = [
        pooled(part(onset_known, "onset_input_aligned", 1, -8, 2), "onset_layer"),
        pooled(part(filtered_known, "note_input_aligned", 2, -4, 2), "note_layer"),
    ]
    constants["activations_shape"] = np.array([0, 0, ACTIVATIONS], np.int64)
    by_channel = node("Concat", inner, "inner_layers", axis=1)
    by_frame = node("Transpose", [by_channel], "inner_layers_by_frame", perm=[0, 2, 1, 3])
    node("Reshape", [by_frame, "activations_shape"], "activations")

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
