"""From a real microphone and a real keyboard to readings, through the command line as a performer types it."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest
from support.jack import Jack
from support.listening import MOODRING, ROOT, listening
from support.pulse import Pulse

#: A live reading may differ from the analysed one by this much on the 1–9 scale, in the median over a passage: the
#: sound server resamples, and live steps fall up to half a step beside those of the file.
TOLERANCE = 0.15


def analyzed(path: Path) -> list[dict[str, Any]]:
    """The same file's readings at the rate that ``live`` has by default."""
    command = [*MOODRING, "live", "--file", str(path), "--fast", "--json"]
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in printed.splitlines()]


def difference(
    live: list[dict[str, Any]], direct: list[dict[str, Any]], began_s: float, from_s: float
) -> dict[str, float]:
    """Median distance of valence and arousal between a live passage and the file, from so many seconds into it."""
    times = np.array([reading["time"] for reading in live])
    distances: dict[str, float] = {}
    for axis in ("valence", "arousal"):
        heard = np.array([reading[axis] for reading in live])
        passage = [reading for reading in direct if reading["time"] >= from_s]
        nearest = [heard[np.argmin(np.abs(times - began_s - reading["time"]))] for reading in passage]
        distances[axis] = float(np.median(np.abs(np.array(nearest) - [reading[axis] for reading in passage])))
    return distances


@pytest.mark.pulseaudio
def test_microphone_hears_a_recording_as_the_file_analysed_directly(pulse: Pulse, shared_data: Path, tmp_path: Path):
    import soundfile

    samples, rate = soundfile.read(shared_data / "deam" / "audio" / "1000.opus", dtype="float32")
    recording = tmp_path / "excerpt.wav"
    # Twice, so that the window is full of it: before, there is silence in it, which the file does not begin with.
    soundfile.write(recording, np.tile(samples, 2), rate)
    with listening("--mic", env=pulse.env) as session:
        session.wait_for(lambda readings: any(reading["state"] == "silence" for reading in readings))
        pulse.play(recording)
        loud = [reading for reading in session.readings if reading["level_db"] > -60]
    direct = analyzed(recording)
    began_s = loud[0]["time"] - direct[0]["time"]
    distances = difference(session.readings, direct, began_s, from_s=10.5)
    assert max(distances.values()) <= TOLERANCE, distances
    assert {reading["state"] for reading in session.readings} >= {"silence", "live"}
    assert all(reading["latency_ms"] > 0 for reading in session.readings)
    assert session.process.returncode == 0


@pytest.mark.jack
def test_keyboard_is_followed_as_the_file_analysed_directly(jack: Jack, shared_data: Path):
    path = next((shared_data / "vgmidi" / "midi").glob("*Zeldas Lullaby.mid"))
    direct = [reading for reading in analyzed(path) if reading["time"] <= 15.0]
    with jack.keyboard("Stage Piano") as keys, listening("--midi", "Stage", env=jack.env) as session:
        session.wait_for(lambda readings: len(readings) > 0)
        played_s = time.monotonic() - session.readings[-1]["time"]
        start = time.monotonic()
        elapsed_s = 0.0
        for message in mido.MidiFile(path):
            elapsed_s += message.time
            if elapsed_s > 15.5:
                break
            time.sleep(max(0.0, start + elapsed_s - time.monotonic()))
            if not message.is_meta:
                keys.send(message)
    distances = difference(session.readings, direct, start - played_s, from_s=5.0)
    assert max(distances.values()) <= TOLERANCE, distances
    assert session.readings[-1]["state"] == "live"
    assert session.process.returncode == 0
    assert session.process.stderr is not None
    assert session.process.stderr.read().startswith("moodring: heard 0:")


@pytest.mark.parametrize("lines", [1, 3])
@pytest.mark.parametrize(
    "command", [["demo", "--plain"], ["analyze", "--json", *["realtime/demo/four_quadrants.ogg"] * 20]]
)
def test_ctrl_c_ends_with_one_line_and_status_0(command: list[str], lines: int):
    process = subprocess.Popen(
        [*MOODRING, *command], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for _ in range(lines):
        assert process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, complaint = process.communicate(timeout=20)
    assert process.returncode == 0, complaint
    assert len(complaint.splitlines()) == 1, complaint


def test_a_reader_that_goes_away_ends_it_without_a_word():
    demo = subprocess.Popen(
        [*MOODRING, "demo", "--fast", "--json"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert demo.stdout is not None
    assert demo.stderr is not None
    demo.stdout.readline()
    demo.stdout.close()
    assert demo.wait(timeout=60) == 0
    assert "Traceback" not in demo.stderr.read()
