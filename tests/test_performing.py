"""Recording, replaying, remembering and asking, through the command line as it is typed."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from support.listening import MOODRING, ROOT


def moodring(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [*MOODRING, *arguments]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **(env or {})}, capture_output=True, text=True)


def readings(ran: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


MIDI = "realtime/demo/four_quadrants.mid"


def test_a_recorded_session_is_replayed_to_the_bit_and_with_another_model_is_not(tmp_path: Path):
    take = tmp_path / "take.jsonl"
    first = moodring("live", "--file", MIDI, "--fast", "--json", "--record", str(take))
    assert f"recorded {take}" in first.stderr
    assert readings(moodring("replay", str(take), "--fast", "--json")) == readings(first)
    other = readings(moodring("replay", str(take), "--fast", "--json", "--model", "seed-rnn", "--rate", "2"))
    assert {reading["model"] for reading in other} == {"seed-rnn"}
    assert len(other) == pytest.approx(len(readings(first)) / 5, abs=1)


def test_a_recording_is_never_overwritten_and_what_is_none_is_named(tmp_path: Path):
    take = tmp_path / "take.jsonl"
    take.write_text("mine\n")
    refused = moodring("live", "--file", MIDI, "--fast", "--json", "--record", str(take))
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1
    assert str(take) in refused.stderr
    assert take.read_text() == "mine\n"
    none = moodring("replay", str(take), "--fast")
    assert none.returncode == 1
    assert len(none.stderr.splitlines()) == 1
    assert moodring("replay", str(tmp_path / "absent.jsonl")).returncode == 2


def test_osc_goes_on_while_predictions_are_hidden_from_a_rater_and_that_is_said(tmp_path: Path):
    from pythonosc.osc_message import OscMessage

    take = tmp_path / "take.jsonl"
    moodring("live", "--file", MIDI, "--fast", "--json", "--record", str(take))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(30)
        target = str(receiver.getsockname()[1])
        command = [*MOODRING, "replay", str(take), "--blind", "--json", "--osc", target]
        running = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            heard: set[float] = set()
            while len(heard) < 5:
                message = OscMessage(receiver.recv(2048))
                if message.address == "/moodring/valence":
                    heard.add(message.params[0])
        finally:
            running.terminate()
    assert "OSC still has them" in running.communicate(timeout=20)[1]


def test_an_osc_target_that_is_not_there_is_said_in_a_line_that_stays_and_counted_at_the_end():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        there = f"127.0.0.1:{receiver.getsockname()[1]}"
        command = [*MOODRING, "live", "--file", MIDI, "--plain", "--osc", "127.0.0.1:9", "--osc", there]
        running = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert running.stdout is not None
        shown = [running.stdout.readline() for _ in range(4)]
        running.terminate()
        told = running.communicate(timeout=20)[1]
    assert any("OSC: 127.0.0.1:9 nobody listens" in line and there not in line for line in shown)
    assert re.search(rf"^moodring: OSC: 127\.0\.0\.1:9 .*\(\d+ failed\), {there} \d+ sent$", told, re.MULTILINE)


def test_what_is_remembered_is_taken_where_nothing_is_said(tmp_path: Path):
    env = {"XDG_CONFIG_HOME": str(tmp_path), "PYTHONPATH": str(tmp_path)}
    # A module in front of the real one, so that the input that is asked for is the one thing that is missing.
    (tmp_path / "sounddevice.py").write_text('raise OSError("PortAudio library not found")\n')
    moodring("live", "--mic", "Scarlett", "--smoothing", "calm", "--remember", env=env)
    kept = (tmp_path / "moodring" / "live.toml").read_text()
    assert 'mic = [\n    "Scarlett",\n]' in kept or 'mic = ["Scarlett"]' in kept
    assert 'smoothing = "calm"' in kept
    (tmp_path / "moodring" / "live.toml").write_text('theme = "plaid"\nrate = "fast"\n')
    wrong = moodring("live", env=env)
    assert wrong.returncode == 1
    assert "rate must be a number" in wrong.stderr


def test_a_session_is_asked_over_osc_and_answers():
    from pythonosc.udp_client import SimpleUDPClient

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [*MOODRING, "demo", "--json", "--osc-in", str(port), "--model", "notes"]
    running = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert running.stdout is not None
    assert running.stderr is not None
    try:
        assert json.loads(running.stdout.readline())["model"] == "notes"
        client = SimpleUDPClient("127.0.0.1", port)
        client.send_message("/moodring/control/model", "seed-rnn")
        deadline = time.monotonic() + 20
        while json.loads(running.stdout.readline())["model"] != "seed-rnn":
            assert time.monotonic() < deadline
    finally:
        running.terminate()
        running.communicate(timeout=20)
    assert running.returncode == 0


def test_levels_of_inputs_are_told_or_that_there_is_none():
    ran = moodring("devices", "--levels", "--json")
    assert ran.returncode == 0, ran.stderr
    assert all(json.loads(line)["type"] == "level" for line in ran.stdout.splitlines())
