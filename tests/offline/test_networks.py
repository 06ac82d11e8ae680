"""The architectures: what they hold to in training, and that a step is what the sequence says."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="TensorFlow is not installed (extra 'offline')")
# After the check above, since they load it.
import keras
from hypothesis import given, settings
from hypothesis import strategies as st

import offline.networks.building
from models.errors import UsageError
from offline.networks import ARCHITECTURES, Statistics, architecture, run, standardization
from offline.networks.layers import FLOOR, Bounds, MaskedHeld, MaskedLast

STATISTICS = Statistics(
    np.array([1.0, -2.0, 0.5], np.float32),
    np.array([2.0, 1.0, 0.1], np.float32),
    np.array([5, 1, 5, 1], np.float32),
    (1, 2),
)

masked_sequences = st.lists(st.booleans(), min_size=1, max_size=12)


def music(heard: list[bool], seed: int = 1) -> np.ndarray:
    """Features of random music in which the steps that are not heard are all zero [shape=(1, steps, 3)]."""
    features = np.random.default_rng(seed).normal(size=(1, len(heard), 3)).astype(np.float32)
    features[0, ~np.array(heard)] = 0.0
    return features


@pytest.fixture(scope="module")
def built() -> dict[str, keras.Model]:
    networks = {}
    for name, known in ARCHITECTURES.items():
        networks[name] = known.build(STATISTICS, 0.2, 1)
    # It begins as nothing: its weights come from the training music.
    rng = np.random.default_rng(1)
    random = [rng.uniform(0, 0.1, values.shape) for values in networks["kernel"].get_weights()]
    # Biases in the middle of the scale, since at its bounds every answer is the same.
    networks["kernel"].set_weights([values + 4.0 if values.shape == (4,) else values for values in random])
    return networks


@pytest.mark.parametrize("arch", ARCHITECTURES)
@given(heard=masked_sequences)
@settings(max_examples=20, deadline=None)
def test_stepping_gives_what_the_sequence_gives(built: dict[str, keras.Model], arch: str, heard: list[bool]):
    features = music(heard)
    step = _steps(built, arch)
    state = [np.zeros(shape, np.float32) for shape in step.states.values()]
    stepped = []
    for row in features[0]:
        given = step.model([row[None], *state], training=False)
        affect, *state = map(np.asarray, given if isinstance(given, list) else [given])
        stepped.append(affect[0])
    np.testing.assert_allclose(np.stack(stepped), np.asarray(built[arch](features))[0], atol=2e-6)


_stepped: dict[str, object] = {}


def test_a_few_pieces_at_once_say_what_all_do(built: dict[str, keras.Model], monkeypatch: pytest.MonkeyPatch):
    features = np.concatenate([music([True, False, True, True], seed) for seed in range(5)])
    monkeypatch.setattr(offline.networks.building, "_STEPS_AT_ONCE", 9)
    for network in built.values():
        counted = Mock(side_effect=network)
        np.testing.assert_allclose(run(counted, features), network(features, training=False), atol=1e-5)
        assert [len(call.args[0]) for call in counted.call_args_list] == [2, 2, 1]
    assert run(built["kernel"], features[:0]).shape == (0, 4, 4)


def _steps(built: dict[str, keras.Model], arch: str):
    # Built once: Keras takes longer to build a network than to run it.
    if arch not in _stepped:
        _stepped[arch] = architecture(arch).step(built[arch])
    return _stepped[arch]


@pytest.mark.parametrize("arch", ["rnn", "cnn"])
@given(heard=masked_sequences)
@settings(max_examples=20, deadline=None)
def test_masked_steps_might_as_well_not_be_there(built: dict[str, keras.Model], arch: str, heard: list[bool]):
    features = music(heard)
    without = features[:, np.array(heard)]
    if without.shape[1]:
        with_masked = np.asarray(built[arch](features))[0][np.array(heard)]
        np.testing.assert_allclose(with_masked, np.asarray(built[arch](without))[0], atol=2e-6)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_nothing_heard_yet_is_the_labels_mean(built: dict[str, keras.Model], arch: str):
    said = np.asarray(built[arch](np.zeros((1, 4, 3), np.float32)))
    np.testing.assert_allclose(said[0], np.tile([5.0, 1.0, 5.0, 1.0], (4, 1)), atol=1e-6)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_no_step_knows_of_a_later_one(built: dict[str, keras.Model], arch: str):
    features = music([True, False, True, True, False, True, True, True])
    changed = features.copy()
    changed[0, 5:] += 1.0
    before, after = np.asarray(built[arch](features)), np.asarray(built[arch](changed))
    np.testing.assert_allclose(before[0, :5], after[0, :5], atol=1e-6)
    assert np.abs(before[0, 5:] - after[0, 5:]).max() > 1e-3


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_a_masked_step_changes_no_state(built: dict[str, keras.Model], arch: str):
    rng = np.random.default_rng(3)
    step = _steps(built, arch)
    states = [rng.uniform(-1, 1, shape).astype(np.float32) for shape in step.states.values()]
    given = step.model([np.zeros((1, 3), np.float32), *states], training=False)
    following = given[1:] if isinstance(given, list) else []
    assert len(following) == len(states)
    for before, after in zip(states, following, strict=True):
        np.testing.assert_array_equal(np.asarray(after), before)


def test_masked_steps_go_last_and_come_back_as_what_was_held():
    features = music([False, True, False, True, False])
    values = np.arange(5.0, dtype=np.float32).reshape(1, 5, 1)
    moved = MaskedLast()(values, features)
    assert np.asarray(moved).ravel().tolist() == [1.0, 3.0, 0.0, 0.0, 0.0]
    assert np.asarray(MaskedHeld()(moved, features)).ravel().tolist() == [0.0, 1.0, 1.0, 3.0, 3.0]


def test_the_floor_holds_and_keeps_its_gradient():
    import tensorflow as tf

    below = tf.Variable([[-3.0, 0.2, 5.0, 12.0]])
    with tf.GradientTape() as tape:
        bounded = Bounds()(below)
        loss = tf.reduce_sum(bounded)
    np.testing.assert_allclose(bounded.numpy(), [[FLOOR, FLOOR, 5.0, 9.0]], rtol=1e-6)
    assert tape.gradient(loss, below).numpy().tolist() == [[1.0, 1.0, 1.0, 1.0]]


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_a_network_is_saved_and_loaded_with_its_own_layers(built: dict[str, keras.Model], arch: str, tmp_path: Path):
    built[arch].save(tmp_path / f"{arch}.keras")
    again = keras.models.load_model(tmp_path / f"{arch}.keras")
    features = music([True, True, False, True])
    np.testing.assert_array_equal(again(features), built[arch](features))


def test_statistics_leave_out_masked_steps_and_unknown_spreads():
    features = np.array([[[2.0], [0.0], [4.0]]], np.float32)
    labels = np.full((1, 3, 4), np.nan, np.float32)
    labels[0, :, 0] = [4.0, 100.0, 6.0]
    labels[0, 2, 2] = 7.0
    statistics = Statistics.of(features, labels)
    assert statistics.mean.tolist() == [3.0]
    assert statistics.scale.tolist() == [1.0]
    assert statistics.prior.tolist() == [5.0, 1.0, 7.0, 1.0]


def test_a_set_that_some_steps_lack_stands_at_the_mean_of_those_that_have_it():
    features = np.array([[[1.0, 4.0, 8.0], [3.0, 0.0, 0.0], [5.0, 6.0, 8.0]]], np.float32)
    labels = np.full((1, 3, 4), 5.0, np.float32)
    statistics = Statistics.of(features, labels, (1, 2), (False, True))
    assert statistics.mean.tolist() == [3.0, 5.0, 8.0]
    standardized = np.asarray(standardization(statistics)(features))
    root = np.sqrt(1.5)
    np.testing.assert_allclose(standardized[0], [[-root, -1, 0], [0, 0, 0], [root, 1, 0]], atol=1e-6)
    # Where every piece should have the set, nought is a number like any other.
    plain = np.asarray(standardization(Statistics.of(features, labels, (1, 2)))(features))
    assert plain[0, 1, 2] < -1


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_what_a_missing_set_was_like_elsewhere_does_not_matter_to_a_step_without_it(arch: str):
    random = np.random.default_rng(2)

    def said(there: float) -> np.ndarray:
        features = np.stack([music([True] * 6), music([True] * 6, seed=2)]).reshape(2, 6, 3)
        features[0, :, 1:] = 0.0
        features[1, :, 1:] = there + random.normal(size=(6, 2))
        statistics = Statistics.of(features, np.full((2, 6, 4), 5.0, np.float32), (1, 2), (False, True))
        network = architecture(arch).build(statistics, 0.0, 1)
        fixed = np.random.default_rng(3)
        network.set_weights([fixed.uniform(0, 0.1, values.shape) for values in network.get_weights()])
        return np.asarray(network(features[:1]))

    np.testing.assert_array_equal(said(100.0), said(-3.0))


def test_an_unknown_architecture():
    with pytest.raises(UsageError, match="unknown architecture 'transformer'; there are rnn, cnn, dense, kernel"):
        architecture("transformer")
