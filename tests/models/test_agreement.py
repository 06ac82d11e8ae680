"""A bundle proves itself by the examples that it carries: no other network passes, nor examples that prove nothing."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.bundles import change_card, put, refusal

from models.agreement import AGREEMENT, TOLERANCE, Examples, read_examples, verify_agreement
from models.bundle import BUNDLED, CARD, SEQUENCE_NETWORK, STEP_NETWORK, load, shipped
from models.errors import MoodringError


def test_outputs_that_keras_never_gave(bundle: Path):
    examples = read_examples(load(bundle))
    affect = examples.affect.copy()
    affect[1, 30, 2] += 1e-3
    put(bundle, AGREEMENT, Examples(examples.features, affect).as_file())
    message = refusal(bundle)
    assert "ONNX differs from Keras by 1.0e-03 over sequences and 1.0e-03 stepped, more than 1e-05" in message


def test_an_output_that_is_no_number(bundle: Path):
    examples = read_examples(load(bundle))
    affect = examples.affect.copy()
    affect[0, 0, 0] = np.nan
    put(bundle, AGREEMENT, Examples(examples.features, affect).as_file())
    assert "ONNX differs from Keras by nan" in refusal(bundle)


@pytest.mark.parametrize("network", [STEP_NETWORK, SEQUENCE_NETWORK])
def test_one_changed_weight_with_a_hash_to_match(bundle: Path, network: str):
    onnx = pytest.importorskip("onnx")
    graph = onnx.load(bundle / network)
    weights = max(graph.graph.initializer, key=lambda tensor: np.prod(tensor.dims))
    values = onnx.numpy_helper.to_array(weights).copy()
    values.flat[np.abs(values).argmax()] += 0.05
    weights.CopyFrom(onnx.numpy_helper.from_array(values, weights.name))
    put(bundle, network, graph.SerializeToString())
    load(bundle)  # nothing else would notice
    assert "ONNX differs from Keras" in refusal(bundle)


def test_a_bundle_without_examples_loads_but_is_not_installed(bundle: Path):
    (bundle / AGREEMENT).unlink()
    change_card(bundle, lambda card: card["files"].pop(AGREEMENT))
    load(bundle)
    assert refusal(bundle) == f"{bundle / CARD} names no {AGREEMENT}; train the model again with this version"


def test_a_bundle_without_a_sequence_network(bundle: Path):
    change_card(bundle, lambda card: card["files"].pop(SEQUENCE_NETWORK))
    assert f"names no {SEQUENCE_NETWORK}" in refusal(bundle)


@pytest.mark.parametrize("network", [STEP_NETWORK, SEQUENCE_NETWORK])
@pytest.mark.parametrize("garbage", [b"", b"garbage" * 100, bytes(64)])
def test_a_network_that_is_none(bundle: Path, network: str, garbage: bytes):
    put(bundle, network, garbage)
    assert str(bundle / network) in refusal(bundle)


def test_the_step_network_in_the_place_of_the_other(bundle: Path):
    put(bundle, SEQUENCE_NETWORK, (bundle / STEP_NETWORK).read_bytes())
    assert f"{bundle / SEQUENCE_NETWORK} does not run on sequences" in refusal(bundle)


@pytest.mark.parametrize(
    "change",
    [
        lambda held: held.pop("notes22"),
        lambda held: held.pop("affect"),
        lambda held: held.update(notes22=held["notes22"][..., :21]),
        lambda held: held.update(notes22=held["notes22"][:1]),
        lambda held: held.update(affect=held["affect"][:, :-1]),
        lambda held: held.update(affect=held["affect"].astype(np.float64)),
        lambda held: held.update(affect=np.float32(5)),
        lambda held: held.update({name: values[:0] for name, values in held.items()}),
        lambda held: held.update(notes22=np.zeros_like(held["notes22"])),
    ],
    ids=[
        *("no features", "no affect", "too few features", "too few pieces", "too few steps", "doubles", "a number"),
        *("nothing", "only silence"),
    ],
)
def test_examples_that_prove_nothing(bundle: Path, change: Callable[[dict[str, Any]], Any]):
    with np.load(bundle / AGREEMENT) as file:
        held = dict(file)
    change(held)
    buffer = io.BytesIO()
    np.savez(buffer, **held)
    put(bundle, AGREEMENT, buffer.getvalue())
    assert str(bundle / AGREEMENT) in refusal(bundle)


def test_examples_are_never_unpickled(bundle: Path, tmp_path: Path):
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "sprung",)

    for save in (np.savez, lambda file, affect: np.save(file, affect)):
        buffer = io.BytesIO()
        save(buffer, affect=np.array([Trap()], object))
        put(bundle, AGREEMENT, buffer.getvalue())
        assert "is no file of examples" in refusal(bundle)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("garbage", [b"", b"PK\3\4", b"\x93NUMPY", b"examples"])
def test_examples_that_are_none(bundle: Path, garbage: bytes):
    put(bundle, AGREEMENT, garbage)
    assert "is no file of examples" in refusal(bundle)


def test_the_file_of_examples_is_the_same_bytes_at_any_time(bundle: Path):
    examples = read_examples(load(bundle))
    assert examples.as_file() == (bundle / AGREEMENT).read_bytes()
    with zipfile.ZipFile(bundle / AGREEMENT) as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_line_is_drawn_at_the_tolerance(bundle: Path):
    loaded = load(bundle)
    examples = read_examples(loaded)
    worst = verify_agreement(loaded, examples).worst
    for off, passes in ((TOLERANCE - worst - 1e-6, True), (TOLERANCE + worst + 1e-6, False)):
        shifted = Examples(examples.features, examples.affect + np.float32(off))
        if passes:
            assert verify_agreement(loaded, shifted).worst > worst
        else:
            with pytest.raises(MoodringError):
                verify_agreement(loaded, shifted)


@pytest.mark.parametrize("name", sorted(folder.name for folder in shipped().values()))
def test_what_ships_agrees_with_keras(name: str):
    bundle = load(BUNDLED / name)
    assert verify_agreement(bundle, read_examples(bundle)).worst <= TOLERANCE
