"""How to follow what the computer plays."""

from __future__ import annotations

import pytest

from realtime import loopback
from realtime.loopback import advice, is_loopback


@pytest.mark.parametrize(
    "name",
    [
        "Monitor of Built-in Audio Analog Stereo",
        "alsa_output.pci-0000_00_1f.3.analog-stereo.monitor",
        "BlackHole 2ch",
        "CABLE Output (VB-Audio Virtual Cable)",
        "Stereo Mix (Realtek)",
        "Speakers (Realtek) [Loopback]",
    ],
)
def test_inputs_that_give_what_is_played_are_known_by_name(name: str):
    assert is_loopback(name)
    assert advice([name, "Microphone"]) == [f'to follow what this computer plays: moodring live --mic "{name}"']


@pytest.mark.parametrize("name", ["Scarlett 2i2 USB", "Built-in Microphone", "HDA Intel PCH: ALC257", "pulse"])
def test_microphones_are_none(name: str):
    assert not is_loopback(name)


@pytest.mark.parametrize(("platform", "word"), [("win32", "Stereo Mix"), ("darwin", "BlackHole"), ("linux", "Monitor")])
def test_without_one_each_system_has_its_way(platform: str, word: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(loopback, "monitors", lambda: [])
    assert any(word in line for line in advice(["Microphone"], platform))


def test_a_sound_server_s_monitor_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(loopback, "monitors", lambda: ["stage.monitor"])
    assert "PULSE_SOURCE=stage.monitor" in advice(["pulse"], "linux")[0]


@pytest.mark.pulseaudio
def test_the_monitors_of_a_sound_server_are_found(pulse, monkeypatch: pytest.MonkeyPatch):
    for name in ("PULSE_SERVER", "PULSE_RUNTIME_PATH", "XDG_RUNTIME_DIR", "HOME"):
        monkeypatch.setenv(name, pulse.env[name])
    assert loopback.monitors() == ["stage.monitor"]
