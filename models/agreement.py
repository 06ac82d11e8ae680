"""Whether a bundle's ONNX networks say what Keras said: on real sequences that the bundle itself carries.

``agreement.npz`` holds raw features by input name [shape=(pieces, steps, features)], masked steps among them, and under
``affect`` what Keras made of them [shape=(pieces, steps, 4)], all float32. So the check of an export can be done again
on any machine, without TensorFlow.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.affect import OUTPUTS
from models.bundle import CARD, SEQUENCE_NETWORK, STEP_NETWORK, Bundle
from models.errors import MoodringError
from models.predictor import Predictor
from models.transcription import open_network

AGREEMENT = "agreement.npz"

#: Keras and ONNX may differ by this much on the 1–9 scale.
TOLERANCE = 1e-5

_AFFECT = "affect"


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Raw ``features`` by input name [shape=(pieces, steps, features)] and Keras's ``affect`` [shape=(…, …, 4)]."""

    features: Mapping[str, NDArray[np.float32]]
    affect: NDArray[np.float32]

    def as_file(self) -> bytes:
        """The content of ``agreement.npz``: the same bytes for the same numbers."""
        buffer = io.BytesIO()
        # NumPy dates what it puts into a zip 1980, so no time of day gets in.
        arrays: dict[str, Any] = {**self.features, _AFFECT: self.affect}
        np.savez(buffer, **arrays)
        return buffer.getvalue()


@dataclass(frozen=True, slots=True)
class Agreement:
    """The largest differences between Keras and ONNX on the 1–9 scale, over whole sequences and stepped."""

    sequence: float
    step: float

    @property
    def worst(self) -> float:
        """The larger of both; NaN where one is."""
        return float(np.max([self.sequence, self.step]))


def read_examples(bundle: Bundle) -> Examples:
    """What ``bundle`` carries to be checked by; raises ``MoodringError`` where it carries nothing that makes sense."""
    path = bundle.path / AGREEMENT
    if AGREEMENT not in bundle.card["files"]:
        raise MoodringError(f"{bundle.path / CARD} names no {AGREEMENT}; train the model again with this version")
    try:
        with np.load(path, allow_pickle=False) as file:
            held = {name: file[name] for name in file.files}
    except Exception as error:
        # What zip, zlib and NumPy's parser raise shares no base class.
        raise MoodringError(f"{path} is no file of examples ({type(error).__name__}); get the model again") from None
    widths = {known.name: len(known.features) for known in bundle.feature_sets} | {_AFFECT: len(OUTPUTS)}
    lengths = held[_AFFECT].shape[:2] if _AFFECT in held else ()
    for name, width in widths.items():
        if name not in held or held[name].dtype != np.float32 or held[name].shape != (*lengths, width):
            raise MoodringError(
                f"{path} must hold '{name}' in sequences of {width} numbers a step; get the model again"
            )
    affect = held.pop(_AFFECT)
    examples = Examples({name: held[name] for name in widths if name != _AFFECT}, affect)
    if not any(values.any() for values in examples.features.values()):
        raise MoodringError(f"{path} holds no music to check the networks by; get the model again")
    return examples


def verify_agreement(bundle: Bundle, examples: Examples) -> Agreement:
    """Run both networks of ``bundle`` over ``examples``; raises ``MoodringError`` beyond ``TOLERANCE``."""
    agreement = Agreement(
        _largest_difference(_run_whole(bundle, examples), examples.affect),
        _largest_difference(_run_stepped(bundle, examples), examples.affect),
    )
    # Not "worst > TOLERANCE": that would let NaN pass.
    if not agreement.worst <= TOLERANCE:
        raise MoodringError(
            f"{bundle.name}: ONNX differs from Keras by {agreement.sequence:.1e} over sequences and "
            f"{agreement.step:.1e} stepped, more than {TOLERANCE:.0e}; it is not the network that was trained"
        )
    return agreement


def _run_whole(bundle: Bundle, examples: Examples) -> NDArray[np.float32]:
    path: Path = bundle.path / SEQUENCE_NETWORK
    if SEQUENCE_NETWORK not in bundle.card["files"]:
        raise MoodringError(f"{bundle.path / CARD} names no {SEQUENCE_NETWORK}; get the model again")
    try:
        whole = np.asarray(open_network(path).run([_AFFECT], dict(examples.features))[0])
    except Exception as error:
        # onnxruntime's errors share no base class of their own.
        raise MoodringError(f"{path} does not run on sequences ({type(error).__name__}); get the model again") from None
    if whole.shape != examples.affect.shape:
        raise MoodringError(f"{path} gives {whole.shape}, not {examples.affect.shape}; get the model again")
    return whole


def _run_stepped(bundle: Bundle, examples: Examples) -> NDArray[np.float32]:
    predictor = Predictor(bundle)
    stepped = np.empty_like(examples.affect)
    try:
        for piece in range(len(stepped)):
            state = predictor.start()
            for step in range(stepped.shape[1]):
                features = {name: values[piece, step] for name, values in examples.features.items()}
                stepped[piece, step], state = predictor.step(features, state)
    except Exception as error:
        path = bundle.path / STEP_NETWORK
        raise MoodringError(f"{path} does not run ({type(error).__name__}); get the model again") from None
    return stepped


def _largest_difference(found: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    return float(np.abs(found - expected).max())
