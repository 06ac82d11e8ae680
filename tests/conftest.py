"""Fixtures that any test may ask for: labelled music, a sound server, a MIDI server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

# As the command line has it, and before anything loads NumPy.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# What is compared has no colours, whatever the shell that tests run in has asked for.
os.environ.pop("FORCE_COLOR", None)
os.environ.pop("NO_COLOR", None)

import pytest
from hypothesis import HealthCheck, settings
from support.jack import Jack, jack_server
from support.pulse import Pulse, pulse_server

from models.bundle import installed_folder

# On a busy machine everything takes longer than it should; that is no failure.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

_REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of labelled music: MOODRING_DATA, or ``../shared/data`` beside the repository; skips where absent."""
    folder = Path(os.environ.get("MOODRING_DATA", _REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"the labelled music is not at {folder} (set MOODRING_DATA to where it is)")
    return folder


@pytest.fixture(scope="session")
def pulse() -> Iterator[Pulse]:
    """A PulseAudio server whose microphone hears what ``pulse.play(path)`` plays."""
    with pulse_server() as server:
        yield server


@pytest.fixture(scope="session")
def jack() -> Iterator[Jack]:
    """A JACK server; ``jack.keyboard(name)`` is a keyboard on it."""
    with jack_server() as server:
        yield server


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of bundles, empty."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    folder = installed_folder()
    if tmp_path not in folder.parents:
        pytest.skip("this system has no XDG_DATA_HOME")
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or fills the cache of whoever runs it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
