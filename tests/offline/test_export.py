"""A bundle says what Keras said, carries the proof, and is written whole or not at all."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="TensorFlow is not installed (extra 'offline')")
# After the check above, since they load it.
import keras
import onnx

from models.agreement import AGREEMENT, TOLERANCE, read_examples
from models.bundle import load
from models.errors import MoodringError, UsageError
from models.installing import install
from offline.dataset import Dataset
from offline.export import check_agreement, export
from offline.networks import ARCHITECTURES, Statistics, architecture
from offline.placing import verify_output
from offline.sequences import sequences


@pytest.fixture(scope="module")
def examples(small_dataset: Dataset) -> np.ndarray:
    """Sequences of real music, rests put in [shape=(16, 60, 22)]."""
    features = sequences(small_dataset, ["notes22"]).padded()
    features[:, ::7] = 0.0
    features[1] = 0.0
    return features


def network(small_dataset: Dataset, arch: str, seed: int = 1) -> keras.Model:
    """A network whose weights are anything but what they began as, without a training's time."""
    data = sequences(small_dataset, ["notes22"])
    built = architecture(arch).build(Statistics.of(data.features, data.labels[data.is_step]), 0.2, seed)
    random = np.random.default_rng(seed)
    built.set_weights([values + random.normal(0, 0.05, values.shape) for values in built.get_weights()])
    return built


def write(trained: keras.Model, output: Path, arch: str, examples: np.ndarray, **about: Any) -> Path:
    export(
        trained,
        output,
        arch=arch,
        inputs=["notes22"],
        hop_s=0.5,
        window_s=10.0,
        examples=examples,
        about=about,
    )
    return output


@pytest.fixture(scope="module", params=ARCHITECTURES)
def arch(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def trained(small_dataset: Dataset, arch: str) -> keras.Model:
    return network(small_dataset, arch)


@pytest.fixture(scope="module")
def bundle(trained: keras.Model, arch: str, examples: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(trained, tmp_path_factory.mktemp("bundles") / f"quick-{arch}", arch, examples)


def test_keras_and_onnx_agree_on_real_sequences_with_masked_steps(
    bundle: Path, trained: keras.Model, examples: np.ndarray, small_dataset: Dataset, arch: str
):
    agreement = check_agreement(trained, bundle, examples)
    assert agreement.sequence <= TOLERANCE
    assert agreement.step <= TOLERANCE
    with pytest.raises(MoodringError, match="ONNX differs from Keras"):
        check_agreement(network(small_dataset, arch, seed=2), bundle, examples)


def test_the_bundle_carries_music_with_rests_and_what_keras_made_of_it(
    bundle: Path, trained: keras.Model, examples: np.ndarray
):
    carried = read_examples(load(bundle))
    features = carried.features["notes22"]
    np.testing.assert_array_equal(features, examples[: len(features), : features.shape[1]])
    masked = ~features.any(axis=2)
    assert masked.any(axis=1).all()
    assert (~masked).sum() > 200
    np.testing.assert_allclose(carried.affect, trained(features, training=False), atol=TOLERANCE)
    assert np.ptp(carried.affect, axis=(0, 1)).max() > 0.1
    assert (bundle / AGREEMENT).stat().st_size < 60_000


def test_what_fits_half_precision_is_kept_in_it_and_loses_nothing(
    small_dataset: Dataset, examples: np.ndarray, tmp_path: Path
):
    data = sequences(small_dataset, ["notes22"])
    built = architecture("kernel").build(
        replace(Statistics.of(data.features, data.labels[data.is_step]), landmarks=400), 0.0, 1
    )
    random = np.random.default_rng(1)
    full = [random.normal(0, 0.2, values.shape).astype(np.float32) for values in built.get_weights()]
    full[-1] = np.full(2, 0.1, np.float32)  # the least likeness, which nothing is divided by when it is below 0
    half = [values.astype(np.float16).astype(np.float32) if values.shape[0] == 400 else values for values in full]
    sizes = {}
    for name, weights in (("full", full), ("half", half)):
        built.set_weights(weights)
        output = write(built, tmp_path / name, "kernel", examples)
        sizes[name] = (output / "step.onnx").stat().st_size
        assert check_agreement(built, output, examples).worst <= TOLERANCE
    # 400 landmarks of 22 numbers each, two bytes less.
    assert sizes["full"] - sizes["half"] == pytest.approx(2 * 400 * 22, rel=0.1)


def test_a_kernel_takes_a_few_operations_more_for_each_feature_set(small_dataset: Dataset, tmp_path: Path):
    data = sequences(small_dataset, ["notes22"])
    operations = []
    for widths in ((22,), (5, 5, 6, 6)):
        statistics = replace(Statistics.of(data.features, data.labels[data.is_step], widths), landmarks=40)
        built = architecture("kernel").build(statistics, 0.0, 1)
        output = write(built, tmp_path / f"sets-{len(widths)}", "kernel", data.padded()[:2])
        operations.append(len(onnx.load(output / "step.onnx").graph.node))
    # Two products and what stacks them; and what takes the sets apart and puts them together.
    assert operations[1] - operations[0] <= 3 * 3 + 4
    assert operations[0] < 65


def test_what_training_writes_can_be_installed_as_it_is(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    there = install(bundle)
    assert load(bundle.name).path == there.bundle.path
    assert tmp_path in there.bundle.path.parents


def test_wide_features_do_not_make_a_heavy_bundle(bundle: Path, trained: keras.Model):
    from offline.export import _few

    for pieces, steps, width in ((24, 20, 22), (24, 900, 22), (24, 20, 300), (1, 5, 20_000)):
        few = _few(np.zeros((pieces, steps, width), np.float32))
        assert few.size >= min(pieces * steps * width, 6_000)
        assert few.shape[1] == 1 or few.nbytes < 55_000


def test_the_same_network_gives_the_same_check_file(
    bundle: Path, trained: keras.Model, arch: str, examples: np.ndarray, tmp_path: Path
):
    again = write(trained, tmp_path / bundle.name, arch, examples)
    assert (again / AGREEMENT).read_bytes() == (bundle / AGREEMENT).read_bytes()


@pytest.fixture(scope="module")
def dense(small_dataset: Dataset) -> keras.Model:
    """The smallest network, where nothing depends on what it is."""
    return network(small_dataset, "dense")


class TestWriting:
    def test_a_bundle_replaces_a_bundle_and_leaves_nothing_beside_it(
        self, dense: keras.Model, examples: np.ndarray, tmp_path: Path
    ):
        output = write(dense, tmp_path / "mine", "dense", examples, training={"seed": 1})
        (output / "left-over").touch()
        write(dense, output, "dense", examples, training={"seed": 2})
        assert json.loads((output / "card.json").read_text())["training"] == {"seed": 2}
        assert sorted(file.name for file in output.iterdir()) == [
            *("agreement.npz", "card.json", "sequence.onnx", "step.onnx")
        ]
        assert list(tmp_path.iterdir()) == [output]

    def test_networks_that_disagree_are_not_written(
        self, dense: keras.Model, examples: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        import offline.export

        convert = offline.export._sequence_network

        def off(trained: keras.Model, name: str) -> bytes:
            shifted = keras.models.clone_model(trained)
            shifted.set_weights([values + 1e-3 for values in trained.get_weights()])
            return convert(shifted, name)

        output = write(dense, tmp_path / "mine", "dense", examples)
        before = {file.name: file.read_bytes() for file in output.iterdir()}
        monkeypatch.setattr(offline.export, "_sequence_network", off)
        with pytest.raises(MoodringError, match=r"^mine: ONNX differs from Keras by"):
            write(dense, output, "dense", examples)
        assert {file.name: file.read_bytes() for file in output.iterdir()} == before
        assert list(tmp_path.iterdir()) == [output]

    def test_a_disk_that_is_full_is_one_line(
        self, dense: keras.Model, examples: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        def full(self: Path, content: bytes) -> int:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path, "write_bytes", full)
        with pytest.raises(MoodringError) as caught:
            write(dense, tmp_path / "mine", "dense", examples)
        where = tmp_path / "mine"
        assert str(caught.value) == f"{where} cannot be written (No space left on device); choose another place"
        assert list(tmp_path.iterdir()) == []


def test_what_is_no_bundle_is_never_replaced(tmp_path: Path):
    (tmp_path / "letters").mkdir()
    verify_output(tmp_path / "letters")
    (tmp_path / "letters" / "to-clara.txt").write_text("Dear Clara")
    for place in (tmp_path / "letters", tmp_path / "letters" / "to-clara.txt"):
        with pytest.raises(UsageError, match="is there and is no bundle"):
            verify_output(place)
    for name in (".", "..", ".hidden", "-o"):
        with pytest.raises(UsageError, match="is no name for a model"):
            verify_output(Path(name))
