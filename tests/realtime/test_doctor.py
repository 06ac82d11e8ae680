"""What 'doctor' finds: on a machine with a microphone, with a keyboard, with neither, and with a broken model."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.jack import Jack
from support.pulse import Pulse

import models.transcription
from models.bundle import BUNDLED, CARD, STEP_NETWORK
from realtime import doctor
from realtime.constant_q_filters import filter_network
from realtime.doctor import Cost, Finding, check_inputs, check_models, is_fit, judge_cost, report
from realtime.sources.sound_inputs import Device

ROOT = Path(__file__).resolve().parents[2]
OK = Finding("a", "ok", "there")
WARNING = Finding("bb", "warning", "hardly there", "shake it")
PROBLEM = Finding("c", "problem", "gone")


def examined(env: dict[str, str]) -> tuple[dict[str, dict[str, Any]], int]:
    """The findings by check as the command prints them, and its exit status."""
    command = [sys.executable, "-m", "cli", "doctor", "--json"]
    ran = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)
    assert "Traceback" not in ran.stderr, ran.stderr
    findings = [json.loads(line) for line in ran.stdout.splitlines()]
    assert all(set(found) == {"type", "check", "verdict", "message", "remedy"} for found in findings)
    assert {found["type"] for found in findings} == {"finding"}
    by_check = {found["check"]: found for found in findings}
    assert len(by_check) == len(findings)
    return by_check, ran.returncode


def problems(findings: dict[str, dict[str, Any]]) -> set[str]:
    return {check for check, found in findings.items() if found["verdict"] == "problem"}


def tampered(home: Path, name: str) -> Path:
    """A bundle of the user's with one byte of its network changed."""
    folder = Path(shutil.copytree(BUNDLED / "seed-dense", home / name))
    network = bytearray((folder / STEP_NETWORK).read_bytes())
    network[len(network) // 2] ^= 1
    (folder / STEP_NETWORK).write_bytes(network)
    return folder


@pytest.mark.pulseaudio
def test_a_microphone_is_enough(pulse: Pulse):
    findings, status = examined(pulse.env)
    assert findings["sound input"]["verdict"] == "ok"
    assert findings["sound input"]["message"].startswith('default: "')
    assert "44100 Hz" in findings["sound input"]["message"]
    assert "of the driver" in findings["latency"]["message"]
    # A machine that is too busy for live sound is told so; nothing else may be amiss.
    assert problems(findings) <= {"sound cost"}
    assert status == len(problems(findings))


@pytest.mark.jack
def test_a_keyboard_is_found(jack: Jack):
    with jack.keyboard("Stage Piano"):
        findings, _ = examined(jack.env)
    assert findings["midi port"]["verdict"] == "ok"
    assert "Stage Piano" in findings["midi port"]["message"]
    assert "inputs" not in findings


def test_without_any_input_it_fails_and_says_what_needs_none(tmp_path: Path):
    """No sound server, a MIDI backend that does not exist, and a JACK server that nobody started."""
    nothing = {
        "JACK_NO_START_SERVER": "1",
        "JACK_DEFAULT_SERVER": "moodring-nowhere",
        "MOODRING_MIDI_BACKEND": "mido.backends.nowhere",
        "PULSE_SERVER": "unix:/nowhere",
        "HOME": str(tmp_path),
    }
    findings, status = examined({**os.environ, **nothing})
    if findings["sound input"]["verdict"] == "ok":
        pytest.skip("this machine's sound input cannot be hidden")
    assert status == 1
    assert findings["midi port"]["verdict"] == "warning"
    assert "mido.backends.nowhere" in findings["midi port"]["message"]
    assert "inputs" in problems(findings)
    assert "moodring demo" in findings["inputs"]["remedy"]
    assert "ms of CPU time" in findings["sound cost"]["message"]
    assert "ms of CPU time" in findings["midi cost"]["message"]


def test_without_portaudio_it_says_how_to_install_it(tmp_path: Path):
    # A module in front of the real one that fails as sounddevice does where the library is missing.
    (tmp_path / "sounddevice.py").write_text('raise OSError("PortAudio library not found")\n')
    findings, _ = examined({**os.environ, "PYTHONPATH": str(tmp_path)})
    assert findings["sound input"]["verdict"] == "warning"
    assert "apt install libportaudio2" in findings["sound input"]["message"]


@pytest.mark.parametrize("verdicts", [("ok", "ok"), ("ok", "warning"), ("warning", "ok")])
def test_one_input_of_the_two_is_enough(verdicts: tuple[doctor.Verdict, doctor.Verdict]):
    sound, midi = (Finding("input", verdict, "") for verdict in verdicts)
    assert list(check_inputs(sound, midi)) == []


def test_an_input_that_does_not_open_is_named_with_the_reason(monkeypatch: pytest.MonkeyPatch):
    import sounddevice

    def busy(**settings: Any) -> None:
        raise sounddevice.PortAudioError("Device unavailable", -9985)

    devices = [Device(3, "Scarlett", 18, 48000, "ALSA", False, 0.02), Device(5, "Laptop", 2, 44100, "ALSA", True, 0.03)]
    monkeypatch.setattr("realtime.sources.sound_inputs.input_devices", lambda: devices)
    monkeypatch.setattr(sounddevice, "check_input_settings", busy)
    finding, latency_ms = doctor.check_sound()
    assert finding.verdict == "warning"
    assert finding.message.startswith('default: "Laptop", 44100 Hz, also "Scarlett"; it cannot be opened (Device unav')
    assert latency_ms is None


class TestModels:
    def test_those_that_ship_are_whole(self, home: Path):
        found = {finding.check: finding.verdict for finding in check_models()}
        assert {"model basic-pitch", "model audio", "model notes", "model seed-rnn"} <= found.keys()
        assert set(found.values()) == {"ok"}

    @pytest.mark.parametrize("file", ["streaming.onnx", "notes.onnx", "filters.onnx"])
    def test_a_damaged_network_that_hears_notes_is_a_problem(
        self, file: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        copy = tmp_path / "basic-pitch"
        shutil.copytree(models.transcription.DIRECTORY, copy)
        (copy / file).write_bytes((copy / file).read_bytes()[:-1])
        monkeypatch.setattr(models.transcription, "DIRECTORY", copy)
        filter_network.cache_clear()
        found = {finding.check: finding for finding in check_models()}["model basic-pitch"]
        filter_network.cache_clear()
        assert found.verdict == "problem"
        assert f"{file} does not match its card; reinstall moodring" in found.message

    def test_a_tampered_one_of_the_users_is_a_warning_and_can_be_removed(self, home: Path):
        tampered(home, "mine")
        broken = [finding for finding in check_models() if finding.verdict != "ok"]
        assert [(finding.check, finding.verdict) for finding in broken] == [("model mine", "warning")]
        assert "does not match its card" in broken[0].message
        assert broken[0].remedy.startswith("moodring models remove mine,")

    def test_one_that_live_would_take_instead_of_its_own_is_a_problem(self, home: Path):
        tampered(home, "audio")
        broken = [finding for finding in check_models() if finding.verdict != "ok"]
        assert [(finding.check, finding.verdict) for finding in broken] == [("model audio", "problem")]

    @pytest.mark.parametrize("file", [CARD, STEP_NETWORK])
    def test_one_that_lacks_a_file_is_found_too(self, home: Path, file: str):
        (tampered(home, "mine") / file).unlink()
        assert any(finding.check == "model mine" and finding.verdict == "warning" for finding in check_models())

    def test_one_that_ships_is_a_problem_when_broken_and_when_missing(
        self, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        bundled = tmp_path / "bundled"
        for name in ("notes", "seed-rnn"):
            shutil.copytree(BUNDLED / name, bundled / name)
        (bundled / "notes" / STEP_NETWORK).write_bytes(b"no network")
        monkeypatch.setattr("models.bundle.BUNDLED", bundled)
        broken = {finding.check: finding for finding in check_models() if finding.verdict != "ok"}
        assert broken.keys() == {"model audio", "model notes"}
        assert all(finding.verdict == "problem" for finding in broken.values())
        assert all(finding.remedy == "reinstall moodring" for finding in broken.values())


@pytest.mark.parametrize(
    ("hop_ms", "verdict"), [(50.0, "ok"), (50.1, "warning"), (100.0, "warning"), (100.1, "problem")]
)
def test_a_hop_may_take_half_of_its_time(hop_ms: float, verdict: str):
    found = judge_cost("sound cost", Cost(hop_ms, 200.0))
    assert found.verdict == verdict
    assert bool(found.remedy) == (verdict != "ok")
    assert f"{hop_ms:.1f} ms of CPU time for 100 ms, {hop_ms:.0f} % of a core" in found.message


def test_the_latency_is_the_readings_own_and_the_drivers():
    assert doctor.report_latency(Cost(10.0, 200.0), 35.0).message.startswith("235 ms: 200 ms")
    assert doctor.report_latency(Cost(10.0, 200.0), None).message.startswith("200 ms of the reading's own")


def test_a_terminal_is_judged_by_size_colours_and_encoding():
    assert doctor.judge_size(40, 12).verdict == "ok"
    assert doctor.judge_size(39, 12).verdict == doctor.judge_size(40, 11).verdict == "warning"
    assert doctor.judge_colours("truecolor", no_color=False).message == "truecolor"
    assert doctor.judge_colours(None, no_color=False).verdict == "warning"
    assert doctor.judge_colours("standard", no_color=True) == Finding("colours", "ok", "none, since NO_COLOR is set")
    assert doctor.judge_encoding("utf-8").verdict == "ok"
    assert doctor.judge_encoding("latin-1").verdict == doctor.judge_encoding("").verdict == "warning"


def test_a_report_is_a_line_each_with_the_remedy_below_and_a_verdict():
    assert list(report([OK, WARNING], as_json=False)) == [
        "ok       a    there",
        "warning  bb   hardly there",
        "              shake it",
        "moodring: 1 warning",
    ]
    assert list(report([PROBLEM, WARNING, WARNING], as_json=False))[-1] == "moodring: 1 problem, 2 warnings"
    assert list(report([OK], as_json=False))[-1] == "moodring: ready"
    assert [is_fit([OK, WARNING]), is_fit([OK, PROBLEM])] == [True, False]


def test_an_encoding_without_a_devices_letters_does_not_end_it(monkeypatch: pytest.MonkeyPatch):
    with open(os.devnull, "w", encoding="ascii") as stdout:  # noqa: PTH123
        monkeypatch.setattr(sys, "stdout", stdout)
        lines = list(report([Finding("sound input", "ok", "Flügel")], as_json=False))
    assert lines[0].endswith("Fl\\xfcgel")
