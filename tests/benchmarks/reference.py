"""What basic-pitch itself finds in a whole recording, with its own thresholds and its own network, on one thread."""

from __future__ import annotations

import io
import logging
import os
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import soundfile

from models.transcription import open_network
from offline.recut import source_network
from tests.benchmarks.music import FloatArray
from tests.benchmarks.note_scores import Notes, as_notes


@cache
def _model() -> Any:
    """Basic Pitch's model, loaded once a process; its own loading would take a thread for every core."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # It warns of every runtime that is not installed.
    logging.getLogger().setLevel(logging.ERROR)
    from basic_pitch.inference import Model

    class OneThread(Model):  # type: ignore[misc]
        def __init__(self) -> None:
            self.model_type = Model.MODEL_TYPES.ONNX
            self.model = open_network(source_network())

    return OneThread()


def reference_notes(samples: FloatArray, rate: int) -> Notes:
    """The notes of mono ``samples`` [shape=(n,)] at ``rate`` Hz."""
    model = _model()
    from basic_pitch.inference import predict

    with TemporaryDirectory() as folder:
        path = Path(folder) / "heard.wav"
        soundfile.write(path, samples, rate, subtype="FLOAT")
        with redirect_stdout(io.StringIO()):
            _, _, events = predict(path, model)
    return as_notes((float(event[0]), float(event[2])) for event in events)
