"""Bundles as training writes them, and a user's folder to install them into."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from support.bundles import change_card, put

from models.agreement import AGREEMENT, Examples
from models.bundle import BUNDLED, SEQUENCE_NETWORK, installed_folder, load
from models.transcription import open_network
from realtime.demo import SCORE
from realtime.listener import Listener
from realtime.sources.midi_file import MidiFile


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of bundles, which is not there before something is installed."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    folder = installed_folder()
    if tmp_path not in folder.parents:
        pytest.skip("this system has no XDG_DATA_HOME")
    return folder


@pytest.fixture(scope="session")
def features() -> np.ndarray:
    """Two halves of a real piece as a network sees them, rests put in [shape=(2, 40, 22)]."""
    bundle = load(BUNDLED / "seed-rnn")
    listener = Listener(bundle.feature_sets, window_s=bundle.window_s, rate_hz=1 / bundle.hop_s)
    source = MidiFile(SCORE)
    moments = []
    while not source.ended:
        moments += listener.push(source.read(0.0))
    halves = np.stack([moment.features["notes22"] for moment in moments])[:80].reshape(2, 40, 22)
    halves[:, 20:23] = 0.0
    return halves


@pytest.fixture(scope="session", params=["seed-rnn", "seed-dense"])
def made(request: pytest.FixtureRequest, features: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle such as training writes; its sequence network stands for Keras, whose weights are not kept."""
    name = request.param.replace("seed", "my")
    folder = tmp_path_factory.mktemp("made") / name
    shutil.copytree(BUNDLED / request.param, folder)
    affect = open_network(folder / SEQUENCE_NETWORK).run(None, {"notes22": features})[0]
    put(folder, AGREEMENT, Examples({"notes22": features}, affect).as_file())
    change_card(folder, lambda card: card.update(name=name))
    return folder


@pytest.fixture
def bundle(home: Path, made: Path, tmp_path: Path) -> Path:
    """A copy of such a bundle that a test may spoil and install."""
    return Path(shutil.copytree(made, tmp_path / "there" / made.name))
