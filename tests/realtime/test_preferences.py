"""What 'live' takes when it is not told, kept in a file that a person can read."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import MoodringError
from realtime.preferences import Preferences, preferences_file, read_preferences, write_preferences


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    if tmp_path not in preferences_file().parents:
        pytest.skip("this system has no XDG_CONFIG_HOME")
    return preferences_file()


def test_nothing_is_remembered_at_first(config: Path):
    assert read_preferences() == Preferences()
    assert not config.exists()


def test_what_is_remembered_comes_back_and_can_be_read(config: Path):
    chosen = Preferences(mic=("Scarlett",), channels="1,2", rate=20.0, smoothing="calm", osc=("127.0.0.1:9000",))
    assert write_preferences(chosen) == config
    assert read_preferences() == chosen
    assert tomllib.loads(config.read_text(encoding="utf-8"))["mic"] == ["Scarlett"]
    write_preferences(Preferences(midi=("Piano",)))
    assert read_preferences() == Preferences(midi=("Piano",))


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=3))
def test_any_name_comes_back(names: list[str]):
    with pytest.MonkeyPatch.context() as patch:
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            patch.setenv("XDG_CONFIG_HOME", folder)
            write_preferences(Preferences(mic=tuple(names)))
            assert read_preferences().mic == tuple(names)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("mic = [", "cannot be read"),
        ("microphone = ['x']", "'microphone' is no setting"),
        ("mic = 'x'", "mic must be a list of texts, not 'x'"),
        ("rate = true", "rate must be a number"),
        ("smoothing = 3", "smoothing must be a text, not 3"),
    ],
)
def test_a_file_that_is_wrong_is_named_with_what_is_wrong(config: Path, text: str, complaint: str):
    config.parent.mkdir(parents=True)
    config.write_text(text, encoding="utf-8")
    with pytest.raises(MoodringError, match=complaint) as error:
        read_preferences()
    assert str(config) in str(error.value)
