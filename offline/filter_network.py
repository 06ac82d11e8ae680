"""The constant-Q filters over a stream of samples, as a network of convolutions: onnxruntime is quickest at these.

The filters themselves are not in it. ``realtime.constant_q_filters`` designs them for a look-ahead, and gives them to
the network when it is opened.
"""

from __future__ import annotations

import math

import onnx
from onnx import TensorProto, helper

from models.transcription import FRAME_SAMPLES
from realtime.constant_q_filters import FILTER_SHAPES, MOST_LOOKAHEAD, filter_banks


def filter_network() -> onnx.ModelProto:
    """For each bank from samples at its rate [shape=(streams, 1, 1, samples)] to its bins' parts, frame by frame and
    phase by phase [shape=(streams, 2n, 1, frames * phases)].
    """
    nodes, inputs, outputs, filters = [], [], [], []
    for k, (bank, (_, length, columns)) in enumerate(zip(filter_banks(MOST_LOOKAHEAD, 0), FILTER_SHAPES, strict=True)):
        samples, taps, parts = f"samples_{k}", f"taps_{k}", f"parts_{k}"
        strides = [1, FRAME_SAMPLES // bank.decimation // bank.phases]
        nodes.append(helper.make_node("Conv", [samples, taps], [parts], name=parts, strides=strides))
        inputs.append(helper.make_tensor_value_info(samples, TensorProto.FLOAT, (f"streams_{k}", 1, 1, f"length_{k}")))
        shape = (f"streams_{k}", columns, 1, f"moments_{k}")
        outputs.append(helper.make_tensor_value_info(parts, TensorProto.FLOAT, shape))
        filters.append(_given(taps, (columns, 1, 1, length)))
    graph = helper.make_graph(nodes, "constant-q-filters", inputs, outputs, filters)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], producer_name="moodring")
    model.ir_version = 8
    return model


def _given(name: str, shape: tuple[int, ...]) -> TensorProto:
    """A constant that is not in the file: who opens it has it."""
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape, data_location=TensorProto.EXTERNAL)
    for key, value in (("location", name), ("offset", "0"), ("length", str(4 * math.prod(shape)))):
        tensor.external_data.add(key=key, value=value)
    return tensor
