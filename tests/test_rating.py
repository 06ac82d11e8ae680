"""Whichever way one rates, it is in the session's file, and the session goes on as if nobody had."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import mido
import pytest
from pythonosc.udp_client import SimpleUDPClient
from support.browser import chromium
from support.jack import Jack
from support.listening import MOODRING, ROOT
from support.recording import lines
from support.terminal import ENVIRONMENT, terminal

from realtime.demo import SCORE

LEFT, RIGHT, UP, DOWN = "\x1b[D", "\x1b[C", "\x1b[A", "\x1b[B"


def wait_for(is_so: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 20
    while not (found := is_so()):
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.02)
    return found


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def long_music(path: Path) -> Path:
    """A MIDI file of two minutes, a chord each half second."""
    track = mido.MidiTrack()
    for number in range(240):
        chord = [48 + number % 12, 55 + number % 12, 64 + number % 7]
        track += [mido.Message("note_on", note=note, velocity=70) for note in chord]
        track += [
            mido.Message("note_off", note=note, time=480 if place == 0 else 0) for place, note in enumerate(chord)
        ]
    mido.MidiFile(tracks=[track]).save(path)
    return path


def ratings(path: Path) -> list[tuple[float, float, str]]:
    """The points in a file as it is by now, each with its rater."""
    whole = [line for line in path.read_text(encoding="utf-8").split("\n")[:-1] if '"type":"label"' in line]
    records = [json.loads(line) for line in whole]
    return [(record["valence_norm"], record["arousal_norm"], record["rater"]) for record in records]


def turn(port: Any, number: int, *values: int) -> None:
    for value in values:
        port.send(mido.Message("control_change", control=number, value=value))


@pytest.mark.jack
def test_keys_a_controller_osc_and_the_page_rate_the_same_session(jack: Jack, tmp_path: Path):
    take, music, osc_in = tmp_path / "take.jsonl", long_music(tmp_path / "long.mid"), free_port()
    ways = ["--label-midi", "nano", "--osc-in", str(osc_in), "--visual", "0", "--rater", "Ana"]
    env = {**jack.env, "XDG_CONFIG_HOME": str(tmp_path / "config")}
    complaints = tmp_path / "complaints"
    with (
        chromium(tmp_path) as page,
        jack.keyboard("nanoKONTROL2") as knobs,
        terminal("live", "--file", str(music), "--record", str(take), *ways, env=env, errors=complaints) as running,
    ):
        running.read_until(b"move the control for valence")
        running.look_away()

        running.type(3 * RIGHT + 2 * UP)
        wait_for(lambda: len(ratings(take)) == 5)

        turn(knobs, 21, 0, 127)
        time.sleep(0.7)
        turn(knobs, 22, 127, 0)
        wait_for((tmp_path / "config" / "moodring" / "controllers.toml").exists)
        for number, value in ((22, 64), (21, 0), (22, 127)):
            before = len(ratings(take))
            turn(knobs, number, value)
            wait_for(lambda before=before: len(ratings(take)) > before)

        tablet = SimpleUDPClient("127.0.0.1", osc_in)
        tablet.send_message("/moodring/control/label", [0.25, -0.75])
        tablet.send_message("/moodring/control/label", [-0.5, 0.5, "Bela"])
        wait_for(lambda: len(ratings(take)) == 10)

        page.open(complaints.read_text().split("open ")[1].split()[0])
        page.wait_for("isOpen && takesLabels")
        page.mouse("mousePressed", *page.at(-0.5, 0.25))
        page.mouse("mouseReleased", *page.at(-0.5, 0.25))
        on_page = tuple(page.evaluate("own"))
        wait_for(lambda: len(ratings(take)) >= 11)
        running.type(LEFT)
        wait_for(lambda: ratings(take)[-1][0] < on_page[0] - 0.04)
        running.type("q")
        assert running.process.wait(20) == 0

    assert on_page == pytest.approx((-0.5, 0.25), abs=0.01)
    expected = [
        *((0.05, 0.0, "Ana"), (0.1, 0.0, "Ana"), (0.15, 0.0, "Ana"), (0.15, 0.05, "Ana"), (0.15, 0.1, "Ana")),
        *((1.0, 0.0, "Ana"), (-1.0, 0.0, "Ana"), (-1.0, 1.0, "Ana")),
        *((0.25, -0.75, "Ana"), (-0.5, 0.5, "Bela")),
        *((*on_page, "Ana"), (on_page[0] - 0.05, on_page[1], "Ana")),
    ]
    # The page says a place once more as it is let go there.
    found = [point for point, _ in groupby(ratings(take))]
    assert [rater for *_, rater in found] == [rater for *_, rater in expected]
    for (valence, arousal, _), (true_valence, true_arousal, _) in zip(found, expected, strict=True):
        assert (valence, arousal) == (pytest.approx(true_valence, abs=1e-4), pytest.approx(true_arousal, abs=1e-4))
    assert lines(take)[0]["settings"]["rater"] == "Ana"
    times_s = [line["time"] for line in lines(take, "label")]
    assert times_s == sorted(times_s)
    assert times_s[-1] <= lines(take)[-1]["time"]


@contextmanager
def replaying(take: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [*MOODRING, "replay", str(take), "--json", *arguments]
    with subprocess.Popen(
        command, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def replayed(take: Path, *arguments: str) -> str:
    """The readings of a replay at full speed, as they are printed."""
    command = [*MOODRING, "replay", str(take), "--fast", "--json", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def test_a_second_listener_rates_the_same_session_and_both_are_compared(tmp_path: Path):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed (extra 'offline')")
    take, osc_in = tmp_path / "take.jsonl", free_port()
    # Ana rated this while it was recorded.
    command = [*MOODRING, "live", "--file", str(SCORE), "--json", "--fast", "--record", str(take), "--rater", "Ana"]
    direct = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    header, *rest = take.read_text().splitlines(keepends=True)
    label = {"type": "label", "time": 0.0, "valence_norm": 0.5, "arousal_norm": 0.5, "rater": "Ana", "said": "marked"}
    take.write_text("".join([header, json.dumps(label, separators=(",", ":")) + "\n", *rest]))
    before = take.read_bytes()

    later = tmp_path / "take.Bela.jsonl"
    with replaying(take, "--blind", "--rater", "Bela", "--osc-in", str(osc_in)) as process:
        tablet = SimpleUDPClient("127.0.0.1", osc_in)

        def rate() -> bool:
            tablet.send_message("/moodring/control/label", [-0.5, 0.25])
            return later.exists()

        wait_for(rate)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate(timeout=20)
    assert process.returncode == 0
    assert f"{later}: " in complaint
    assert "to be read together with take.jsonl" in complaint
    assert set(ratings(later)) == {(-0.5, 0.25, "Bela")}

    assert take.read_bytes() == before
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    again = replayed(take, "--record", str(elsewhere / "seen.jsonl"))
    assert again == direct
    assert ratings(elsewhere / "seen.jsonl") == [(0.5, 0.5, "Ana")]
    # What Ana felt is not shown to who rates blind, and is no part of that.
    replayed(take, "--blind", "--rate", "1", "--record", str(elsewhere / "blind.jsonl"))
    assert ratings(elsewhere / "blind.jsonl") == []

    audited = subprocess.run(
        [*MOODRING, "audit", "sessions", str(tmp_path)], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert "raters: Ana and Bela: agreement (CCC)" in audited.stdout
