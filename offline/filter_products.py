"""The constant-Q filters' products of matrices, as a network: onnxruntime lays the filters out once for all.

The filters themselves are not in it. ``realtime.constant_q_filters`` designs them for a look-ahead, and gives them to
the network when it is opened.
"""

from __future__ import annotations

import onnx
from onnx import TensorProto, helper

from realtime.constant_q_filters import FILTER_SHAPES


def filter_products() -> onnx.ModelProto:
    """For each octave from stretches of samples [shape=(rows, samples)] to the parts of its bins [shape=(rows, 2n)]."""
    nodes, inputs, outputs, filters = [], [], [], []
    for k, (samples, columns) in enumerate(FILTER_SHAPES):
        stretches, taps, parts = (f"{role}_{2**k}" for role in ("stretches", "taps", "parts"))
        nodes.append(helper.make_node("MatMul", [stretches, taps], [parts], name=parts))
        rows = f"rows_{2**k}"
        inputs.append(helper.make_tensor_value_info(stretches, TensorProto.FLOAT, (rows, samples)))
        outputs.append(helper.make_tensor_value_info(parts, TensorProto.FLOAT, (rows, columns)))
        filters.append(_given(taps, (samples, columns)))
    graph = helper.make_graph(nodes, "constant-q-filters", inputs, outputs, filters)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], producer_name="moodring")
    model.ir_version = 8
    return model


def _given(name: str, shape: tuple[int, int]) -> TensorProto:
    """A constant that is not in the file: who opens it has it."""
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape, data_location=TensorProto.EXTERNAL)
    length = 4 * shape[0] * shape[1]
    for key, value in (("location", name), ("offset", "0"), ("length", str(length))):
        tensor.external_data.add(key=key, value=value)
    return tensor
