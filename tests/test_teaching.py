"""An evening in one minute: while music is followed it is rated, a model is taught and taken up; the stream runs on."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pythonosc.udp_client import SimpleUDPClient
from support.listening import MOODRING, ROOT
from support.pulse import Pulse
from support.recording import lines, recorder
from support.terminal import terminal
from test_rating import LEFT, RIGHT, free_port

from models.bundle import load
from realtime.controls import Label
from realtime.demo import RECORDING, SCORE
from realtime.events import Advance, Event, NoteOff, NoteOn
from realtime.sources.midi_file import MidiFile
from realtime.tracker import EmotionTracker

BASE, RATE_HZ = "seed-rnn", 10.0

#: How long nothing may come on a machine that is busy with other things; readings come ten times a second.
LONGEST_PAUSE_S = 2.5


def wait_for(is_so: Callable[[], Any], patience_s: float = 60.0) -> None:
    deadline = time.monotonic() + patience_s
    while not is_so():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.05)


def rated_session(path: Path, steps: int, pace: float) -> None:
    """The demo's score, ``steps`` semitones higher and slower by ``pace``, rated by someone who uses more of the
    scale than the base does."""
    bundle = load(BASE)
    recording, tracker = recorder(path, bundle, kind="notes", with_sound=False), EmotionTracker(bundle)
    source = MidiFile(SCORE)
    while not source.ended:
        events: list[Event] = []
        for event in source.read(0.0):
            if isinstance(event, NoteOn | NoteOff):
                event = replace(event, pitch=event.pitch + steps)
            if isinstance(event, NoteOn | NoteOff | Advance):
                events.append(replace(event, time_s=event.time_s * pace))
        for reading in tracker.push(recording.hear(events)):
            recording.write(reading)
            said = [min(max(2.5 * (value - 4.4) / 4.0, -1.0), 1.0) for value in (reading.valence, reading.arousal)]
            recording.control(tracker.time_s, Label(*said, "Ana"), "marked")
    recording.close()


@pytest.mark.pulseaudio
def test_rating_adapting_and_swapping_leave_no_gap_in_the_stream(pulse: Pulse, tmp_path: Path):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed (extra 'offline')")
    own = {name: str(tmp_path / name) for name in ("XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
    evening, mine, take, osc_in = tmp_path / "evening", tmp_path / "mine", tmp_path / "take.jsonl", free_port()
    evening.mkdir()
    for number in range(6):
        rated_session(evening / f"{number}.jsonl", number - 3, 0.9 + 0.05 * number)

    def moodring(*arguments: str | Path) -> subprocess.Popen[str]:
        command = [*MOODRING, *map(str, arguments)]
        return subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **own}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def done(process: subprocess.Popen[str]) -> None:
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0, said

    def models() -> set[str]:
        return {reading["model"] for reading in whole_lines(take) if reading["type"] == "reading"}

    done(moodring("prepare", "sessions", evening, "-o", tmp_path / "mine.parquet", "--jobs", "1"))
    player = subprocess.Popen(["paplay", str(RECORDING)], env=pulse.env)
    listening = ("live", "--mic", "--record", str(take), "--osc-in", str(osc_in))
    complaints = tmp_path / "complaints"
    try:
        with terminal(*listening, env={**pulse.env, **own}, errors=complaints) as running:
            running.look_away()
            wait_for(lambda: take.exists() and models() == {"audio"})
            growth = Growth(take)
            growth.start()
            tablet = SimpleUDPClient("127.0.0.1", osc_in)
            adapting = moodring("adapt", BASE, tmp_path / "mine.parquet", "-o", mine)
            turn = 0
            while adapting.poll() is None:
                turn += 1
                running.type(RIGHT if turn % 20 < 10 else LEFT)
                tablet.send_message("/moodring/control/label", [0.01 * (turn % 50), -0.5, "Bela"])
                time.sleep(0.05)
            done(adapting)
            done(moodring("models", "install", mine))
            running.type("m")
            wait_for(lambda: "mine" in models())
            tablet.send_message("/moodring/control/model", "notes")
            wait_for(lambda: "notes" in models())
            growth.stop()
            running.type("q")
            assert running.process.wait(20) == 0
    finally:
        player.terminate()
        player.wait()

    readings = lines(take, "reading")
    assert readings[0]["time"] <= 2 / RATE_HZ
    # Times are written in milliseconds.
    steps = {round(after["time"] - before["time"], 3) for before, after in pairwise(readings)}
    assert steps == {1 / RATE_HZ}
    assert {reading["state"] for reading in readings} <= {"silence", "warming", "live"}
    assert "live" in {reading["state"] for reading in readings}
    assert not [line for line in lines(take) if line["type"] in ("gap", "lost", "sound_lost")]
    end = lines(take)[-1]
    assert (end["type"], end["readings"], end["lost"]) == ("end", len(readings), 0)
    told = complaints.read_text().splitlines()[0]
    assert f"{len(readings)} readings" in told
    assert "skipped" not in told
    raters = [label["rater"] for label in lines(take, "label")]
    assert min(raters.count(""), raters.count("Bela")) > 10
    # Nor did it stand still: a model that is loaded, or a rating that is waited for, would be seen here.
    assert growth.longest_pause_s < LONGEST_PAUSE_S
    # A model is taken up between two readings, and nothing but that changes there.
    order = [reading["model"] for reading in readings]
    assert [name for place, name in enumerate(order) if name not in order[:place]] == ["audio", "mine", "notes"]


class Growth(threading.Thread):
    """Watches a file grow; ``longest_pause_s`` is the longest time in which it did not."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self.longest_pause_s = 0.0
        self._path = path
        self._is_over = threading.Event()

    def run(self) -> None:
        size, grown_at = self._path.stat().st_size, time.monotonic()
        while not self._is_over.wait(0.02):
            now, now_size = time.monotonic(), self._path.stat().st_size
            self.longest_pause_s = max(self.longest_pause_s, now - grown_at)
            if now_size != size:
                size, grown_at = now_size, now

    def stop(self) -> None:
        self._is_over.set()
        self.join()


def whole_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a recording that is being written."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
