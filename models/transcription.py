"""The re-cut Basic Pitch network that ships: where it lies, what goes in and out, and how it is loaded.

Frames are hops of 256 samples at 22,050 Hz; frame ``k`` is centred on sample ``256 k``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from models.errors import MoodringError

SAMPLE_RATE = 22050
FRAME_SAMPLES = 256
FRAME_S = FRAME_SAMPLES / SAMPLE_RATE
LOWEST_PITCH = 21
PITCHES = 88

DIRECTORY = Path(__file__).parent / "bundled" / "basic-pitch"
#: With and without what its inner layers make of the sound, which only those who ask for it should pay for.
NETWORK = "streaming.onnx"
NOTES_NETWORK = "notes.onnx"
#: The filters of the constant-Q spectrum, which are given when it is opened.
FILTERS = "filters.onnx"

#: How much onnxruntime makes of a network before it runs: only what holds on any machine, or nothing, is done sooner.
Optimization = Literal["all", "basic", "none"]
_LEVELS: Mapping[Optimization, str] = {
    "all": "ORT_ENABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "none": "ORT_DISABLE_ALL",
}

#: Frames by which the outputs lag behind the newest frame that went in: the context of the convolutions.
DELAY = 10

#: The inner layers that are summed up beside the outputs, the channels of each, and registers of 22 pitches from A0.
LAYERS = ("onset", "note")
CHANNELS = 32
REGISTERS = 4
#: What a frame has of each channel: the mean in each register, then the maximum and the mean square over all pitches.
ACTIVATIONS = len(LAYERS) * CHANNELS * (REGISTERS + 2)

#: The states that are carried from one run to the next; zeros at the start of a stream. ``NOTES_NETWORK`` has no
#: ``ACTIVATIONS_STATE``.
ACTIVATIONS_STATE = "pooled_state"
STATES: dict[str, tuple[int, ...]] = {
    "frames_state": (1, 1, 4, 309),
    "contour_state": (1, 8, 4, 264),
    "note_input_state": (1, 1, 7, 264),
    "note_state": (1, 32, 6, 88),
    "onset_input_state": (1, 32, 2, 88),
    "onset_layer_state": (1, 1, 7, 88),
    "onset_state": (1, 1, 2, 88),
    ACTIVATIONS_STATE: (1, 8, ACTIVATIONS),
}


def open_network(
    path: Path,
    given: Mapping[str, NDArray[np.float32]] | None = None,
    *,
    sha256: str | None = None,
    keeps_memory: bool = False,
    optimization: Optimization = "all",
) -> Any:
    """An onnxruntime session over the network at ``path``, on one thread: a hop is too small to share out.

    ``given`` are the weights that are not in the file, by name. Without them the same network is opened once and
    shared, which sessions allow from any thread: a stage where inputs come and go takes the same few models up again
    and again, and each opening would cost a tenth of a second and some memory. ``sha256`` is that of the file, where it
    is known already. ``keeps_memory``: what layers have between them stays with the network from run to run. Less
    ``optimization`` opens it sooner.
    """
    if given:
        return _open(path, given, keeps_memory, optimization)
    return _opened(path, sha256 or hashlib.sha256(path.read_bytes()).hexdigest(), keeps_memory, optimization)


@lru_cache(maxsize=8)
def _opened(path: Path, sha256: str, keeps_memory: bool, optimization: Optimization) -> Any:
    return _open(path, {}, keeps_memory, optimization)


def _open(path: Path, given: Mapping[str, NDArray[np.float32]], keeps_memory: bool, optimization: Optimization) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, _LEVELS[optimization])
    # A plan for every length of sound that ever went in would take more and more, and saves no time here.
    options.enable_mem_pattern = False
    options.enable_cpu_mem_arena = keeps_memory
    if given:
        values = [onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in given.values()]
        options.add_external_initializers(list(given), values)
    return onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])


def open_transcription_network(name: str = NETWORK, given: Mapping[str, NDArray[np.float32]] | None = None) -> Any:
    """A network that ships, checked against the card; raises ``MoodringError`` where it is damaged or missing.

    ``given`` is that of ``open_network``.
    """
    path = DIRECTORY / name
    try:
        card = json.loads((DIRECTORY / "card.json").read_text(encoding="utf-8"))
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        matches = sha256 == card["files"][name]["sha256"]
    except (OSError, ValueError, KeyError) as error:
        raise MoodringError(f"{DIRECTORY} is damaged ({error}); reinstall moodring") from None
    if not matches:
        raise MoodringError(f"{path} does not match its card; reinstall moodring")
    # Whose layers are wide: 64 frames at once take a few MB, which cost a tenth of the time when they are fetched anew.
    return open_network(path, given, sha256=sha256, keeps_memory=not given)
