"""The layers of Basic Pitch's network over a stream, each laid out so that onnxruntime is quick at it.

A network is put together node by node: each method adds some and gives the name of what comes out, by which the next
refers to it. Values have the shape (1, channels, frames, bins).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from models.transcription import PITCHES, REGISTERS
from offline import tiled_convolution
from offline.tiled_convolution import CONTOUR_BINS, EDGE, TILE, TILES, FloatArray

#: The end of an axis, however long.
END = int(np.iinfo(np.int64).max)


class Layers:
    """The nodes and the constants of a network in the making; ``constants`` holds the weights by their role."""

    def __init__(self, constants: dict[str, NDArray[Any]]) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants = dict(constants)

    def node(self, operation: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """One operation on ``inputs``, by name; ``output`` is the name of what comes out, as for every method."""
        self.nodes.append(helper.make_node(operation, inputs, [output], name=output, **attributes))
        return output

    def cut(self, value: str, output: str, start: tuple[int, ...], stop: tuple[int, ...], axes: tuple[int, ...]) -> str:
        """From ``start`` to ``stop`` along each of ``axes``."""
        names = []
        for role, numbers in (("start", start), ("stop", stop), ("axis", axes)):
            names.append(f"{output}_{role}")
            self.constants[names[-1]] = np.array(numbers, np.int64)
        return self.node("Slice", [value, *names], output)

    def part(self, value: str, output: str, start: int, stop: int, axis: int) -> str:
        """From ``start`` to ``stop`` along ``axis``."""
        return self.cut(value, output, (start,), (stop,), (axis,))

    def remember(self, state: str, value: str, frames: int, axis: int = 2) -> str:
        """``value`` behind the frames carried in; the last ``frames`` of both are carried out."""
        joined = self.node("Concat", [state, value], f"{state}_joined", axis=axis)
        self.part(joined, f"next_{state}", -frames, END, axis)
        return joined

    def convolve(self, value: str, role: str, output: str, bins_padding: tuple[int, int], stride: int = 1) -> str:
        """With the kernel and bias of that role; no padding in time."""
        padding = [0, bins_padding[0], 0, bins_padding[1]]
        inputs = [value, f"{role}_kernel", f"{role}_bias"]
        return self.node("Conv", inputs, output, pads=padding, strides=[1, stride])

    def convolve_to_one(self, value: str, role: str, output: str, bins_padding: int) -> str:
        """``convolve`` to a single channel, the other way round: what each input adds to the outputs, then their sums.

        The first step is one product of matrices; taken output by output, one channel leaves most of a vector idle.
        """
        kernel = self.constants.pop(f"{role}_kernel")
        self.constants[f"{role}_kernel"] = kernel[:, :, ::-1, ::-1].swapaxes(0, 1)
        frames = kernel.shape[2] - 1
        padding = [frames, bins_padding, frames, bins_padding]
        inputs = [value, f"{role}_kernel"] + ([f"{role}_bias"] if f"{role}_bias" in self.constants else [])
        return self.node("ConvTranspose", inputs, output, pads=padding)

    def convolve_in_tiles(self, value: str, first_frame: int, role: str, output: str) -> str:
        """The layer over all harmonics of the frames in ``value`` from ``first_frame`` on, and its Relu.

        What it is made of is in ``offline.tiled_convolution``, whose ``PADDING`` the frames must have.
        """
        kernel, bias = self.constants.pop(f"{role}_kernel"), self.constants.pop(f"{role}_bias")
        channels = len(kernel)
        parts = [self._end_of_layer(value, first_frame, kernel, bias, f"{output}_low", 0, tiled_convolution.LOW_BINS)]

        # Bins before frames: a filter for each frequency then runs along frames, which are many, not along few tiles.
        low, high = (tiled_convolution.PADDING[0] + bin_ for bin_ in tiled_convolution.SEEN_BINS)
        seen = self.cut(value, f"{output}_seen", (first_frame, low), (END, high), (2, 3))
        by_bin = self.node("Transpose", [seen], f"{output}_by_bin", perm=[0, 1, 3, 2])
        self.constants[f"{output}_forward"] = tiled_convolution.forward_transform()
        spectrum = self.node("Conv", [by_bin, f"{output}_forward"], f"{output}_spectrum", strides=[TILE, 1])
        self.constants[f"{role}_kernel"] = tiled_convolution.spectral_kernel(kernel)
        self.constants[f"{role}_bias"] = tiled_convolution.spectral_bias(bias)
        inputs = [spectrum, f"{role}_kernel", f"{role}_bias"]
        filtered = self.node("Conv", inputs, f"{output}_products", group=TILE)
        # By frequency; then channel, tile and frame.
        self.constants[f"{output}_frequencies"] = np.array([2 * TILE, -1], np.int64)
        by_frequency = self.node("Reshape", [filtered, f"{output}_frequencies"], f"{output}_by_frequency")
        self.constants[f"{output}_backward"] = tiled_convolution.backward_transform()
        back = self.node("Gemm", [by_frequency, f"{output}_backward"], f"{output}_tiles", transA=1)
        self.constants[f"{output}_apart"] = np.array([channels, TILES, -1, TILE], np.int64)
        positive = self.node("Relu", [back], f"{output}_positive")
        tiles = self.node("Reshape", [positive, f"{output}_apart"], f"{output}_tiles_apart")
        by_frame = self.node("Transpose", [tiles], f"{output}_by_frame", perm=[0, 2, 1, 3])
        self.constants[f"{output}_joined"] = np.array([1, channels, -1, TILES * TILE], np.int64)
        parts.append(self.node("Reshape", [by_frame, f"{output}_joined"], f"{output}_inner"))

        first = CONTOUR_BINS - EDGE
        parts.append(
            self._end_of_layer(value, first_frame, kernel, bias, f"{output}_high", first, tiled_convolution.HIGH_BINS)
        )
        return self.node("Concat", parts, output, axis=3)

    def _end_of_layer(
        self,
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
        low, high = (tiled_convolution.PADDING[0] + bin_ for bin_ in known)
        seen = [
            self.cut(value, f"{output}_{frame}", (first_frame + frame, low), (frame + 1 - frames or END, high), (2, 3))
            for frame in range(frames)
        ]
        self.constants[f"{output}_rows"] = np.array([-1, frames * (known[1] - known[0])], np.int64)
        together = self.node("Concat", seen, f"{output}_seen", axis=3)
        rows = self.node("Reshape", [together, f"{output}_rows"], f"{output}_flat")
        self.constants[f"{output}_matrix"] = tiled_convolution.edge_matrix(kernel, first_bin, known)
        self.constants[f"{output}_bias"] = np.repeat(bias, EDGE)
        product = self.node("Gemm", [rows, f"{output}_matrix", f"{output}_bias"], f"{output}_product")
        self.constants[f"{output}_channels"] = np.array([1, -1, channels, EDGE], np.int64)
        positive = self.node("Relu", [product], f"{output}_positive")
        by_frame = self.node("Reshape", [positive, f"{output}_channels"], f"{output}_by_frame")
        return self.node("Transpose", [by_frame], output, perm=[0, 2, 1, 3])

    def pooled(self, value: str, output: str) -> str:
        """Of each channel the mean in each register, the maximum and the mean square over pitches, frame by frame
        [shape=(1, channels, frames, registers + 2)]."""
        register = [1, PITCHES // REGISTERS]
        squared = self.node("Mul", [value, value], f"{output}_squared")
        parts = [
            self.node("AveragePool", [value], f"{output}_means", kernel_shape=register, strides=register),
            self.node("MaxPool", [value], f"{output}_most", kernel_shape=[1, PITCHES]),
            self.node("AveragePool", [squared], f"{output}_power", kernel_shape=[1, PITCHES]),
        ]
        return self.node("Concat", parts, output, axis=3)
