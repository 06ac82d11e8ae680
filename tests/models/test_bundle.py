"""A bundle that loads can be stepped; one that does not says in a line which file is wrong."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.bundles import change_card, put

import models.bundle
from models.affect import OUTPUTS
from models.bundle import BUNDLED, CARD, SEQUENCE_NETWORK, STEP_NETWORK, available, find, load, preferred
from models.errors import MoodringError, UsageError
from models.features import feature_set
from models.predictor import Predictor

SHIPPED = ["seed-rnn", "seed-dense"]


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own folder of bundles: an empty one, so that what this machine has does not matter."""
    folder = tmp_path / "installed"
    folder.mkdir()
    monkeypatch.setattr(models.bundle, "installed_folder", lambda: folder)
    return folder


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A copy of a shipped bundle that a test may spoil."""
    return Path(shutil.copytree(BUNDLED / "seed-rnn", tmp_path / "spoilt"))


def refusal(folder: Path, named: str) -> str:
    """The message of the error that loading ends in: of the root class, one line, naming the file."""
    with pytest.raises(MoodringError) as caught:
        load(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert str(folder / named) in message
    assert caught.value.exit_status == 1
    return message


@pytest.mark.parametrize("name", SHIPPED)
def test_what_ships_loads_and_steps(name: str) -> None:
    bundle = load(name)
    assert bundle.name == name
    assert bundle.path == BUNDLED / name
    assert bundle.hop_s > 0
    assert bundle.window_s >= bundle.hop_s
    assert [known.name for known in bundle.feature_sets] == ["notes22"]
    predictor = Predictor(bundle)
    features = {known.name: np.ones(len(known.features), np.float32) for known in bundle.feature_sets}
    affect, state = predictor.step(features, predictor.start())
    assert affect.shape == (len(OUTPUTS),)
    assert np.isfinite(affect).all()
    assert {name: value.shape for name, value in state.items()} == dict(bundle.states)


@pytest.mark.parametrize("name", SHIPPED)
def test_the_card_of_what_ships_says_how_it_was_trained_and_measured(name: str) -> None:
    card = load(name).card
    assert {STEP_NETWORK, SEQUENCE_NETWORK, "agreement.npz"} == set(card["files"])
    assert tuple(card["inputs"][0]["features"]) == feature_set("notes22").names
    # Both beside each other: a model that does not beat the mean predictor has learned nothing.
    evaluation = card["evaluation"]
    assert evaluation["model"]["mse"] < evaluation["mean_predictor"]["mse"]
    assert card["training"]["corpus"]
    assert "moodring train" in evaluation["command"]


def test_a_recurrent_bundle_carries_states_and_a_dense_one_none() -> None:
    assert len(load("seed-rnn").states) == 2
    assert load("seed-dense").states == {}


def test_a_folder_is_as_good_as_a_name(bundle: Path) -> None:
    assert load(bundle).path == bundle
    assert load(str(bundle)).path == bundle


def test_an_unknown_name_is_wrong_use_and_the_known_ones_are_listed() -> None:
    with pytest.raises(UsageError) as caught:
        load("seed-rmn")
    assert caught.value.exit_status == 2
    message = str(caught.value)
    assert message.startswith("no model 'seed-rmn'; there are ")
    assert all(name in message for name in SHIPPED)
    assert "\n" not in message


def test_the_transcription_network_is_no_model_to_choose() -> None:
    assert "basic-pitch" not in available()
    with pytest.raises(UsageError):
        find("basic-pitch")


def test_the_users_own_bundle_comes_before_the_one_that_ships(installed: Path) -> None:
    shutil.copytree(BUNDLED / "seed-dense", installed / "seed-rnn")
    assert set(models.bundle.installed()) == {"seed-rnn"}
    assert set(models.bundle.shipped()) == {*SHIPPED, "audio", "notes"}
    assert find("seed-rnn") == installed / "seed-rnn"
    assert load("seed-rnn").states == {}
    assert find("seed-dense") == BUNDLED / "seed-dense"


def test_the_best_bundle_for_a_source_is_the_first_preferred_that_is_there(installed: Path) -> None:
    for kind in ("sound", "notes"):
        shipped = models.bundle.PREFERRED[kind]  # type: ignore[index]
        assert preferred(kind) == next(name for name in shipped if name in available())  # type: ignore[arg-type]
    shutil.copytree(BUNDLED / "seed-dense", installed / "audio")
    shutil.copytree(BUNDLED / "seed-dense", installed / "notes")
    assert preferred("sound") == "audio"
    assert preferred("notes") == "notes"


def test_with_no_bundle_at_all_the_message_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models.bundle, "BUNDLED", tmp_path / "nowhere")
    with pytest.raises(MoodringError, match=r"^no model is installed; reinstall moodring$"):
        preferred("sound")


@pytest.mark.parametrize("file", [STEP_NETWORK, SEQUENCE_NETWORK])
@pytest.mark.parametrize("place", [0, 1000, -1])
def test_a_changed_byte(bundle: Path, file: str, place: int) -> None:
    content = bytearray((bundle / file).read_bytes())
    content[place] ^= 1
    (bundle / file).write_bytes(content)
    message = f"{bundle / file} does not match its card (another size or SHA-256); get the model again"
    assert refusal(bundle, file) == message


@pytest.mark.parametrize("file", [STEP_NETWORK, SEQUENCE_NETWORK])
def test_a_missing_network(bundle: Path, file: str) -> None:
    (bundle / file).unlink()
    assert refusal(bundle, file) == f"{bundle / file} is missing; get the model again"


def test_a_missing_card(bundle: Path) -> None:
    (bundle / CARD).unlink()
    assert "cannot be read" in refusal(bundle, CARD)


@pytest.mark.parametrize("content", ["", "{", "not json", "\0\0"])
def test_a_card_that_is_no_json(bundle: Path, content: str) -> None:
    (bundle / CARD).write_text(content)
    assert "cannot be read" in refusal(bundle, CARD)


def test_a_card_that_is_no_text(bundle: Path) -> None:
    (bundle / CARD).write_bytes(b"\xff\xfe\x00{")
    assert "cannot be read" in refusal(bundle, CARD)


@pytest.mark.parametrize("content", ["[]", "null", "3", "{}", '{"format": 2}', '{"format": "1"}'])
def test_a_card_of_another_format(bundle: Path, content: str) -> None:
    (bundle / CARD).write_text(content)
    assert "is not a card of format 1" in refusal(bundle, CARD)


@pytest.mark.parametrize("key", ["name", "hop_s", "window_s", "inputs", "outputs", "states", "files"])
def test_a_card_that_lacks_something(bundle: Path, key: str) -> None:
    change_card(bundle, lambda card: card.pop(key))
    assert refusal(bundle, CARD) == f"{bundle / CARD} lacks '{key}'; get the model again"


def test_a_card_that_does_not_vouch_for_the_step_network(bundle: Path) -> None:
    change_card(bundle, lambda card: card["files"].pop(STEP_NETWORK))
    assert "names no step.onnx" in refusal(bundle, CARD)


def test_a_card_whose_files_lie_elsewhere_reaches_nothing_outside_the_bundle(bundle: Path) -> None:
    change_card(bundle, lambda card: card["files"].update({"../../secret": card["files"][STEP_NETWORK]}))
    assert refusal(bundle, "secret") == f"{bundle / 'secret'} is missing; get the model again"


def test_a_card_with_features_of_another_version(bundle: Path) -> None:
    change_card(bundle, lambda card: card["inputs"][0]["features"].reverse())
    assert "features 'notes22' are not those of this version" in refusal(bundle, CARD)


def test_a_card_with_fewer_features(bundle: Path) -> None:
    change_card(bundle, lambda card: card["inputs"][0]["features"].pop())
    refusal(bundle, CARD)


@pytest.mark.parametrize("outputs", [OUTPUTS[::-1], OUTPUTS[:3], ("mood",)])
def test_a_card_with_other_outputs(bundle: Path, outputs: tuple[str, ...]) -> None:
    change_card(bundle, lambda card: card.update(outputs=list(outputs)))
    assert f"outputs must be {', '.join(OUTPUTS)}, not {', '.join(outputs)}" in refusal(bundle, CARD)


@pytest.mark.parametrize(
    "change",
    [
        lambda card: card["states"].pop(),
        lambda card: card["states"].append({"name": "state_more", "shape": [1, 64]}),
        lambda card: card["states"][0].update(shape=[1, 32]),
        lambda card: card["states"][0].update(name="state_other"),
        lambda card: card["states"].reverse(),
        lambda card: card.update(states=[]),
    ],
    ids=["one fewer", "one more", "another shape", "another name", "another order", "none"],
)
def test_a_card_that_lies_about_the_states(bundle: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    change_card(bundle, change)
    assert "does not match its card" in refusal(bundle, STEP_NETWORK)


def test_a_network_of_another_bundle_with_a_hash_to_match(bundle: Path) -> None:
    put(bundle, STEP_NETWORK, (BUNDLED / "seed-dense" / STEP_NETWORK).read_bytes())
    assert "does not match its card" in refusal(bundle, STEP_NETWORK)


@pytest.mark.parametrize("content", [b"", b"garbage" * 100, b"\x08\x07", bytes(64)])
def test_garbage_with_a_hash_to_match(bundle: Path, content: bytes) -> None:
    put(bundle, STEP_NETWORK, content)
    refusal(bundle, STEP_NETWORK)


def test_a_network_cut_off_with_a_hash_to_match(bundle: Path) -> None:
    put(bundle, STEP_NETWORK, (bundle / STEP_NETWORK).read_bytes()[:-500])
    refusal(bundle, STEP_NETWORK)


@pytest.fixture
def stateless(tmp_path: Path) -> Path:
    """A copy of a shipped bundle whose network takes whole sequences."""
    return Path(shutil.copytree(BUNDLED / "seed-dense", tmp_path / "stateless"))


def test_a_card_that_does_not_vouch_for_the_network_of_sequences(stateless: Path) -> None:
    change_card(stateless, lambda card: card["files"].pop(SEQUENCE_NETWORK))
    assert "names no sequence.onnx" in refusal(stateless, CARD)


@pytest.mark.parametrize("other", ["seed-dense/step.onnx", "notes/sequence.onnx"])
def test_a_network_that_does_not_take_its_sequences(stateless: Path, other: str) -> None:
    put(stateless, SEQUENCE_NETWORK, (BUNDLED / other).read_bytes())
    assert "does not run on sequences" in refusal(stateless, SEQUENCE_NETWORK)


def test_a_network_of_sequences_that_is_none(stateless: Path) -> None:
    put(stateless, SEQUENCE_NETWORK, b"garbage" * 100)
    assert "is not a network" in refusal(stateless, SEQUENCE_NETWORK)


@pytest.mark.parametrize(
    "change",
    [
        lambda card: card["inputs"][0].update(name="notes23"),
        lambda card: card["inputs"][0].pop("features"),
        lambda card: card["states"][0].pop("shape"),
        lambda card: card.update(states=None),
        lambda card: card.update(files=[STEP_NETWORK]),
        lambda card: card["files"].update({STEP_NETWORK: "sha256"}),
        lambda card: card.update(outputs=None),
        lambda card: card.update(hop_s=0),
        lambda card: card.update(hop_s=-0.5),
        lambda card: card.update(hop_s="0.5"),
        lambda card: card.update(hop_s=float("nan")),
        lambda card: card.update(window_s=0),
        lambda card: card.update(window_s=None),
        lambda card: card.update(inputs=[]),
    ],
    ids=[
        *("unknown feature set", "input without features", "state without shape", "no list of states"),
        *("files not by name", "file without hash", "no list of outputs"),
        *("no hop", "negative hop", "hop as text", "hop not a number", "no window", "window of none", "no inputs"),
    ],
)
def test_a_card_that_makes_no_sense(bundle: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    change_card(bundle, change)
    refusal(bundle, CARD)


@pytest.mark.parametrize(
    ("affect", "state"), [((1, 3), (1, 2)), ((4,), (1, 2)), ((1, 4), (1, 3))], ids=["three values", "no row", "state"]
)
def test_a_network_that_gives_other_shapes_than_it_should(
    bundle: Path, affect: tuple[int, ...], state: tuple[int, ...]
) -> None:
    """Inputs and names are right; what comes out could not be read, or not be put back in."""
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    outputs = {"affect": affect, "next_state": state}
    nodes = []
    for name, shape in outputs.items():
        value = helper.make_tensor(f"{name}_value", kind, shape, np.zeros(shape, np.float32).ravel())
        nodes.append(helper.make_node("Constant", [], [name], value=value))
    inputs = {"notes22": (1, 22), "state": (1, 2)}
    graph = helper.make_graph(
        nodes,
        "other-shapes",
        [helper.make_tensor_value_info(name, kind, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, kind, shape) for name, shape in outputs.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    put(bundle, STEP_NETWORK, model.SerializeToString())
    change_card(bundle, lambda card: card.update(states=[{"name": "state", "shape": [1, 2]}]))
    assert "does not match its card" in refusal(bundle, STEP_NETWORK)
