"""Stepping a network through time is the same as running it over the whole sequence, and silence leaves it as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.agreement import read_examples
from models.bundle import BUNDLED, SEQUENCE_NETWORK, load
from models.predictor import NetworkState, Predictor
from models.transcription import open_network
from realtime.listener import Listener
from realtime.sources.midi_file import MidiFile

SHIPPED = ["seed-rnn", "seed-dense"]


@pytest.fixture(scope="module")
def sequences(shared_data: Path) -> list[np.ndarray]:
    """The first minute of three real pieces as a network sees them [shape=(steps, 22)], with rests put in."""
    pieces = []
    for path in sorted((shared_data / "vgmidi" / "midi").glob("*.mid"))[::70]:
        bundle = load(BUNDLED / "seed-rnn")
        listener = Listener(bundle.feature_sets, window_s=bundle.window_s, rate_hz=1 / bundle.hop_s)
        source = MidiFile(path)
        moments = []
        while not source.ended and len(moments) < 120:
            moments += listener.push(source.read(0.0))
        features = np.stack([moment.features["notes22"] for moment in moments])
        features[20:25] = 0.0
        features[40] = 0.0
        pieces.append(features)
    assert all(piece.any(axis=1).sum() > 40 for piece in pieces)
    return pieces


def stepped(predictor: Predictor, features: np.ndarray, state: NetworkState) -> tuple[np.ndarray, list[NetworkState]]:
    """What each step gives, and the state after each."""
    affects, states = [], []
    for row in features:
        affect, state = predictor.step({"notes22": row}, state)
        affects.append(affect)
        states.append(state)
    return np.stack(affects), states


@pytest.mark.parametrize("name", SHIPPED)
def test_stepping_is_the_same_as_the_whole_sequence(name: str, sequences: list[np.ndarray]) -> None:
    predictor = Predictor(load(BUNDLED / name))
    network = open_network(BUNDLED / name / SEQUENCE_NETWORK)
    for features in sequences:
        (whole,) = network.run(None, {"notes22": features[None]})
        affects, _ = stepped(predictor, features, predictor.start())
        np.testing.assert_allclose(affects, whole[0], rtol=0, atol=1e-5)
        assert np.ptp(affects, axis=0).max() > 0.1  # the music moved it


@pytest.mark.parametrize("name", SHIPPED)
def test_every_value_lies_on_the_scale(name: str, sequences: list[np.ndarray]) -> None:
    predictor = Predictor(load(BUNDLED / name))
    for features in sequences:
        affects, _ = stepped(predictor, features, predictor.start())
        assert affects.min() >= 0.37 - 1e-6
        assert affects.max() <= 9.0 + 1e-6


def test_a_masked_step_changes_no_state_and_no_reading(sequences: list[np.ndarray]) -> None:
    predictor = Predictor(load(BUNDLED / "seed-rnn"))
    affects, states = stepped(predictor, sequences[0], predictor.start())
    masked = np.flatnonzero(~sequences[0].any(axis=1))
    masked = masked[masked > 0]
    assert len(masked) >= 6
    for step in masked:
        for name in states[step]:
            np.testing.assert_array_equal(states[step][name], states[step - 1][name])
        np.testing.assert_array_equal(affects[step], affects[step - 1])


def test_silence_at_the_start_leaves_the_state_as_it_began(sequences: list[np.ndarray]) -> None:
    predictor = Predictor(load(BUNDLED / "seed-rnn"))
    _, states = stepped(predictor, np.zeros((5, 22), np.float32), predictor.start())
    assert all(not value.any() for state in states for value in state.values())
    late, _ = stepped(predictor, sequences[1], states[-1])
    prompt, _ = stepped(predictor, sequences[1], predictor.start())
    np.testing.assert_array_equal(late, prompt)


def test_an_unmasked_step_changes_the_state(sequences: list[np.ndarray]) -> None:
    predictor = Predictor(load(BUNDLED / "seed-rnn"))
    heard = sequences[0][sequences[0].any(axis=1)][:2]
    _, states = stepped(predictor, heard, predictor.start())
    for name in states[0]:
        assert states[0][name].any()
        assert not np.array_equal(states[0][name], states[1][name])


def test_streams_do_not_disturb_each_other(sequences: list[np.ndarray]) -> None:
    """One predictor, two streams in turn: each goes as if it were alone."""
    predictor = Predictor(load(BUNDLED / "seed-rnn"))
    alone = [stepped(predictor, features[:30], predictor.start())[0] for features in sequences[:2]]
    states = [predictor.start(), predictor.start()]
    for step in range(30):
        for stream in (0, 1):
            affect, states[stream] = predictor.step({"notes22": sequences[stream][step]}, states[stream])
            np.testing.assert_array_equal(affect, alone[stream][step])


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("together", [1, 7, 16, 40])
def test_steps_that_come_together_give_the_same_to_the_last_bit(
    name: str, together: int, sequences: list[np.ndarray]
) -> None:
    predictor = Predictor(load(BUNDLED / name))
    for features in sequences:
        whole, end = predictor.follow({"notes22": features}, predictor.start())
        state, parts = predictor.start(), []
        for first in range(0, len(features), together):
            affect, state = predictor.follow({"notes22": features[first : first + together]}, state)
            parts.append(affect)
        np.testing.assert_array_equal(np.concatenate(parts), whole)
        np.testing.assert_equal(dict(state), dict(end))
        affects, _ = stepped(predictor, features, predictor.start())
        np.testing.assert_allclose(whole, affects, rtol=0, atol=1e-5)


@pytest.mark.parametrize("together", [1, 3, 16])
def test_the_steps_of_a_kernel_network_do_too(together: int) -> None:
    bundle = load(BUNDLED / "audio")
    predictor, examples = Predictor(bundle), read_examples(bundle)
    features = {name: values.reshape(-1, values.shape[-1]) for name, values in examples.features.items()}
    whole, _ = predictor.follow(features, {})
    assert len(whole) > 1
    for first in range(0, len(whole), together):
        rows = {name: values[first : first + together] for name, values in features.items()}
        np.testing.assert_array_equal(predictor.follow(rows, {})[0], whole[first : first + together])


def test_a_dense_network_has_no_state_to_carry() -> None:
    assert Predictor(load(BUNDLED / "seed-dense")).start() == {}


def test_a_network_is_opened_once_until_its_file_changes(tmp_path):
    file = tmp_path / "step.onnx"
    file.write_bytes((BUNDLED / "notes" / "step.onnx").read_bytes())
    opened = open_network(file)
    assert open_network(file) is opened
    file.write_bytes((BUNDLED / "seed-dense" / "step.onnx").read_bytes())
    assert [i.name for i in open_network(file).get_inputs()] == ["notes22"]
