"""What the command line says comes before what was remembered, and what neither says is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from realtime.outlets import Outlets
from realtime.preferences import Preferences, preferences_file, read_preferences, write_preferences
from realtime.wishes import Wishes, remembered


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    if tmp_path not in preferences_file().parents:
        pytest.skip("this system has no XDG_CONFIG_HOME")


def test_who_rates_and_by_which_controller_is_remembered_like_an_input():
    asked = Wishes(midi=["Piano"], outlets=Outlets(rater="Ana", label_midi="nano"))
    remembered(asked, given=["live", "--midi", "Piano", "--rater=Ana", "--label-midi", "nano"], remember=True)
    assert read_preferences() == Preferences(midi=("Piano",), rater="Ana", label_midi="nano")
    again = remembered(Wishes(outlets=Outlets()), given=["live"], remember=False)
    assert (again.midi, again.outlets.rater, again.outlets.label_midi) == (("Piano",), "Ana", "nano")


def test_what_the_command_line_says_comes_first():
    write_preferences(Preferences(rater="Ana", label_midi="nano", smoothing="calm"))
    asked = Wishes(outlets=Outlets(rater="Bela", label_midi=""))
    found = remembered(asked, given=["live", "--rater", "Bela", "--label-midi"], remember=False).outlets
    assert (found.rater, found.label_midi, found.smoothing) == ("Bela", "", "calm")
