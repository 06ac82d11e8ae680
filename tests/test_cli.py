"""The command line as a user meets it: formats, errors, exit statuses, what is loaded and what is not."""

from __future__ import annotations

import itertools
import json
import math
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest
import soundfile
import typer

import cli

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "realtime" / "demo"
READING = {
    "type", "time", "state", "valence", "valence_std", "arousal", "arousal_std", "valence_norm", "arousal_norm",
    "quadrant", "notes", "level_db", "latency_ms", "model",
}  # fmt: skip


def moodring(*arguments: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cli", *map(str, arguments)]
    environment = {**os.environ, **(env or {})}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)


def json_lines(*arguments: str | Path) -> list[dict[str, Any]]:
    ran = moodring(*arguments)
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


def is_finite(reading: dict[str, Any]) -> bool:
    return all(math.isfinite(value) for value in reading.values() if isinstance(value, float))


def one_line(ran: subprocess.CompletedProcess[str], status: int) -> str:
    """The complaint, which must be one line and no traceback, with nothing on stdout."""
    lines = ran.stderr.strip().splitlines()
    assert ran.returncode == status, ran.stderr
    assert len(lines) == 1, ran.stderr
    assert ran.stdout == ""
    assert lines[0].startswith("moodring: ")
    return lines[0]


@pytest.fixture(scope="module")
def readings() -> list[dict[str, Any]]:
    return json_lines("demo", "--fast", "--json")


class TestDemo:
    def test_every_second_has_a_reading_and_every_value_is_finite(self, readings: list[dict[str, Any]]):
        assert {math.floor(reading["time"]) for reading in readings} >= set(range(1, 48))
        assert all(set(reading) == READING for reading in readings)
        assert all(value is not None for reading in readings for value in reading.values())
        assert all(is_finite(reading) for reading in readings)

    def test_valence_and_arousal_travel_as_the_four_parts_intend(self, readings: list[dict[str, Any]]):
        from realtime.demo import PARTS

        # A part is judged by its last third, when the window of ten seconds holds little else.
        ends = {part.name.value: [r for r in readings if part.end_s - 4.0 <= r["time"] <= part.end_s] for part in PARTS}
        valence = {name: float(np.mean([r["valence"] for r in part])) for name, part in ends.items()}
        arousal = {name: float(np.mean([r["arousal"] for r in part])) for name, part in ends.items()}
        assert min(arousal["happy"], arousal["tense"]) > max(arousal["calm"], arousal["sad"]), arousal
        assert min(valence["happy"], valence["calm"]) > max(valence["tense"], valence["sad"]), valence
        assert max(valence.values()) - min(valence.values()) > 1.0, valence
        assert max(arousal.values()) - min(arousal.values()) > 1.0, arousal


def test_analyze_gives_real_music_a_summary_each(shared_data: Path):
    songs = sorted((shared_data / "deam" / "audio").iterdir())[::90][:20]
    scores = sorted((shared_data / "vgmidi" / "midi").iterdir())[::10][:20]
    summaries = json_lines("analyze", *songs, *scores, "--json")
    assert [summary["file"] for summary in summaries] == [str(file) for file in (*songs, *scores)]
    assert all(set(s) == {"type", "file", "duration", "notes", "model", "valence", "valence_std", "arousal",
                          "arousal_std"} for s in summaries)  # fmt: skip
    assert all(1 <= s["valence"] <= 9 and 1 <= s["arousal"] <= 9 and s["notes"] > 0 for s in summaries)
    assert len({(s["valence"], s["arousal"]) for s in summaries}) == 40


def test_a_paced_file_reads_as_a_fast_one(tmp_path: Path):
    samples, rate = soundfile.read(DEMO / "four_quadrants.ogg", dtype="float32", stop=4 * 22050)
    soundfile.write(tmp_path / "start.wav", samples, rate)
    fast = json_lines("live", "--file", tmp_path / "start.wav", "--json", "--fast")
    paced = json_lines("live", "--file", tmp_path / "start.wav", "--json")
    assert paced == fast
    assert len(fast) == 40


def test_processes_share_the_files_and_change_nothing(shared_data: Path, tmp_path: Path):
    """Six files, which is what two processes are worth starting for, and one that is not there."""
    songs = sorted((shared_data / "deam" / "audio").iterdir())[:5]
    files = [*songs, tmp_path / "gone.wav", DEMO / "four_quadrants.mid"]
    ran = [moodring("analyze", *files, "--json", "-o", tmp_path / jobs, "--jobs", jobs) for jobs in ("1", "2")]
    assert ran[0].returncode == ran[1].returncode == 1
    assert ran[0].stdout == ran[1].stdout
    assert ran[0].stderr == ran[1].stderr
    assert "gone.wav" in ran[0].stderr
    written = [{file.name: file.read_bytes() for file in (tmp_path / jobs).iterdir()} for jobs in ("1", "2")]
    kinds = {"csv", "json", "png", "svg"} if find_spec("matplotlib") else {"csv", "json"}
    assert {name.rpartition(".")[2] for name in written[0]} == kinds
    assert len([name for name in written[0] if name.endswith(".json")]) == 6
    assert written[0] == written[1]


def test_readings_of_analyze_come_before_the_summary():
    *readings, summary = json_lines("analyze", DEMO / "four_quadrants.mid", "--json", "--readings")
    assert len(readings) == 96
    assert all(set(reading) == READING for reading in readings)
    assert all(reading["level_db"] is None for reading in readings)
    assert summary["type"] == "summary"


def test_analyze_goes_on_after_a_file_that_is_no_music(tmp_path: Path):
    (tmp_path / "letter.wav").write_text("Dear Clara")
    ran = moodring("analyze", tmp_path / "letter.wav", DEMO / "four_quadrants.mid", "--json", "-o", tmp_path / "out")
    assert ran.returncode == 1
    assert "letter.wav" in ran.stderr
    assert [json.loads(line)["notes"] > 0 for line in ran.stdout.splitlines()] == [True]
    assert len((tmp_path / "out" / "four_quadrants.csv").read_text().splitlines()) == 97


@pytest.mark.parametrize(
    "command",
    [["-c", "import cli"], ["-m", "cli", "--help"], ["-m", "cli", "live", "--file", "FILE", "--fast", "--json"]],
)
def test_nothing_heavy_is_loaded(command: list[str], tmp_path: Path):
    samples, rate = soundfile.read(DEMO / "four_quadrants.ogg", dtype="float32", stop=22050)
    soundfile.write(tmp_path / "start.wav", samples, rate)
    command = [str(tmp_path / "start.wav") if word == "FILE" else word for word in command]
    loaded = subprocess.run(
        [sys.executable, "-X", "importtime", *command], cwd=ROOT, check=True, capture_output=True, text=True
    ).stderr
    modules = {line.rpartition("|")[2].strip() for line in loaded.splitlines() if line.startswith("import time:")}
    assert "typer" in modules
    heavy = {"tensorflow", "keras", "librosa", "sklearn", "matplotlib", "sounddevice", "pyarrow", "basic_pitch"}
    assert not heavy & modules


class TestErrors:
    def test_a_file_that_is_not_there(self):
        assert "nowhere.wav is not there" in one_line(moodring("live", "--file", "nowhere.wav"), 2)

    def test_a_file_that_is_not_music(self, tmp_path: Path):
        (tmp_path / "letter.wav").write_text("Dear Clara")
        assert "letter.wav is not sound" in one_line(moodring("live", "--file", tmp_path / "letter.wav"), 1)

    def test_an_empty_file(self, tmp_path: Path):
        (tmp_path / "empty.flac").touch()
        assert "empty.flac is empty" in one_line(moodring("analyze", tmp_path / "empty.flac"), 1)

    def test_a_truncated_midi_file(self, tmp_path: Path):
        whole = (DEMO / "four_quadrants.mid").read_bytes()
        (tmp_path / "torn.mid").write_bytes(whole[: len(whole) // 2])
        assert "torn.mid" in one_line(moodring("analyze", tmp_path / "torn.mid"), 1)

    def test_a_midi_file_without_notes(self, tmp_path: Path):
        file = mido.MidiFile(tracks=[mido.MidiTrack()])
        file.save(tmp_path / "rest.mid")
        assert "rest.mid" in one_line(moodring("analyze", tmp_path / "rest.mid"), 1)

    def test_a_bundle_whose_network_does_not_match_its_card(self, tmp_path: Path):
        bundle = tmp_path / "seed-rnn"
        shutil.copytree(ROOT / "models" / "bundled" / "seed-rnn", bundle)
        shutil.copy(ROOT / "models" / "bundled" / "seed-dense" / "step.onnx", bundle / "step.onnx")
        complaint = one_line(moodring("demo", "--fast", "--model", bundle), 1)
        assert "step.onnx does not match its card" in complaint

    def test_an_unknown_model(self):
        complaint = one_line(moodring("demo", "--fast", "--model", "oracle"), 2)
        assert "no model 'oracle'" in complaint
        assert "seed-rnn" in complaint

    def test_a_rate_that_cannot_be_had(self):
        assert "rate must be 2 Hz times" in one_line(moodring("demo", "--fast", "--rate", "3"), 2)

    def test_an_option_that_does_not_exist(self):
        assert "--loud" in one_line(moodring("live", "--loud"), 2)

    @pytest.mark.parametrize(
        ("arguments", "named"),
        [
            (["analyz"], "moodring"),
            (["analyze"], "moodring analyze"),
            (["live", "--rate"], "moodring live"),
            (["models", "shw"], "moodring models"),
            (["models", "show", "--loud"], "moodring models show"),
        ],
    )
    def test_the_help_that_is_pointed_to_is_that_of_the_command(self, arguments: list[str], named: str):
        assert one_line(moodring(*arguments), 2).endswith(f"; see '{named} --help'")

    def test_two_sources(self):
        assert "one source at a time" in one_line(moodring("live", "--mic", "--file", "piece.mid"), 2)

    def test_an_osc_target_that_is_none(self):
        assert "port" in one_line(moodring("demo", "--fast", "--osc", "localhost:99999"), 2)

    def test_no_portaudio(self, tmp_path: Path):
        # A module in front of the real one that fails as sounddevice does where the library is missing.
        (tmp_path / "sounddevice.py").write_text('raise OSError("PortAudio library not found")\n')
        complaint = one_line(moodring("live", "--mic", env={"PYTHONPATH": str(tmp_path)}), 1)
        assert "apt install libportaudio2" in complaint

    def test_no_input_device(self, tmp_path: Path):
        if Path("/proc/asound/cards").exists():
            pytest.skip("this machine has a sound card")
        env = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path), "PULSE_SERVER": "unix:/nowhere"}
        ran = moodring("live", "--mic", env={**env, "JACK_NO_START_SERVER": "1"})
        assert ran.returncode == 1
        assert "moodring: no microphone" in ran.stderr.splitlines()[-1]
        assert "Traceback" not in ran.stderr

    @pytest.mark.jack
    def test_no_midi_port(self, jack: Any):
        ran = moodring("live", "--midi", env=jack.env)
        assert ran.returncode == 1
        assert ran.stderr.splitlines()[-1].startswith("moodring: no MIDI port was found")

    def test_training_on_something_that_is_no_dataset(self, tmp_path: Path):
        (tmp_path / "table.parquet").write_text("piece,time")
        ran = moodring("train", tmp_path / "table.parquet", "-o", tmp_path / "bundle")
        assert ran.returncode == 1
        assert "table.parquet is not a dataset" in ran.stderr.splitlines()[-1]
        assert not (tmp_path / "bundle").exists()


def test_models_are_listed_and_shown():
    listed = {line["name"]: line for line in json_lines("models", "list", "--json")}
    assert {"seed-rnn", "seed-dense"} <= listed.keys()
    shown = moodring("models", "show", "seed-rnn")
    assert shown.returncode == 0
    assert "mean predictor" in shown.stdout
    assert "valence and arousal swapped back" in shown.stdout


def test_devices_are_listed_without_any_hardware():
    ran = moodring("devices", "--json", env={"JACK_NO_START_SERVER": "1"})
    assert ran.returncode == 0
    assert all(json.loads(line)["type"] in ("device", "problem") for line in ran.stdout.splitlines())


@pytest.mark.parametrize("command", ["devices", "doctor"])
def test_no_driver_writes_between_the_lines_of_a_list(command: str):
    assert "ALSA lib" not in moodring(command).stderr


def test_version():
    assert moodring("--version").stdout.startswith("moodring 0.")


class TestSmoothing:
    def test_it_is_calmer_and_the_values_as_predicted_stand_beside(self):
        path = "realtime/demo/four_quadrants.ogg"
        lines = moodring("live", "--file", path, "--fast", "--json", "--smoothing", "calm").stdout.splitlines()
        smoothed = [json.loads(line) for line in lines]
        raw = [json.loads(line) for line in moodring("live", "--file", path, "--fast", "--json").stdout.splitlines()]
        assert [reading["arousal_raw"] for reading in smoothed] == [reading["arousal"] for reading in raw]

        def restlessness(readings: list[dict[str, Any]], key: str) -> float:
            return sum(abs(b[key] - a[key]) for a, b in itertools.pairwise(readings))

        assert restlessness(smoothed, "arousal") < 0.8 * restlessness(smoothed, "arousal_raw")

    def test_an_unknown_setting_is_refused_with_the_choices(self):
        complaint = one_line(moodring("demo", "--smoothing", "jumpy"), 2)
        assert "calm, normal, nervous" in complaint

    def test_channels_are_counted_from_1(self):
        assert "1 to 16" in one_line(moodring("live", "--midi", "--mute", "0"), 2)
        assert "1 to 256" in one_line(moodring("live", "--mic", "--channels", "left"), 2)

    def test_options_of_another_kind_of_input_are_refused(self):
        assert "--midi" in one_line(moodring("live", "--mic", "--mute", "10"), 2)
        assert "--mic" in one_line(moodring("live", "--midi", "--channels", "1"), 2)


def commands(command: Any, context: Any) -> Iterator[tuple[str, str]]:
    """Every command below ``command`` by its whole name, with its help as it is in a terminal of 80 columns."""
    yield context.command_path, command.get_help(context)
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, below.make_context(name, [], parent=context, resilient_parsing=True))


class TestHelp:
    @pytest.fixture
    def told(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
        monkeypatch.setenv("COLUMNS", "80")
        command = typer.main.get_command(cli.app)
        return dict(commands(command, command.make_context("moodring", [], resilient_parsing=True)))

    def test_every_command_has_an_example_of_itself(self, told: dict[str, str]):
        assert {"moodring", "moodring live", "moodring models show", "moodring osc test"} <= told.keys()
        for name, help_text in told.items():
            assert f"\n  Example: {name}" in help_text, help_text

    @pytest.mark.parametrize("word", ["analyze", "live", "models"])
    def test_a_command_is_the_same_without_the_others(self, told: dict[str, str], word: str):
        command = typer.main.get_command(cli._app_for(word))
        alone = dict(commands(command, command.make_context("moodring", [], resilient_parsing=True)))
        del alone["moodring"]
        assert alone == {name: text for name, text in told.items() if name.startswith(f"moodring {word}")}

    def test_it_fits_80_columns_and_no_sentence_is_cut_off(self, told: dict[str, str]):
        for help_text in told.values():
            assert max(map(len, help_text.splitlines())) <= 80, help_text
            assert not any(line.endswith("...") for line in help_text.splitlines()[1:]), help_text

    def test_every_option_and_argument_is_explained(self, told: dict[str, str]):
        for name, help_text in told.items():
            assert not re.search(r"^  (-\S+|[A-Z]+)(  +\[[^\]]*\])?$", help_text, re.MULTILINE), (name, help_text)


class TestCompletion:
    def test_bash_completes_once_it_is_installed(self, tmp_path: Path):
        program = tmp_path / "moodring"
        program.write_text(f'#!/bin/sh\ncd "{ROOT}" && exec "{sys.executable}" -m cli "$@"\n')
        program.chmod(0o755)
        script = """
            moodring --install-completion
            source ~/.bashrc
            complete() {
                COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _moodring_completion moodring; echo "${COMPREPLY[@]}"
            }
            complete moodring d
            complete moodring live --theme l
            complete moodring models show seed-
        """
        env = {**os.environ, "HOME": str(tmp_path), "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
        ran = subprocess.run(["bash", "-c", script], env=env, capture_output=True, text=True, timeout=60)
        assert ran.stdout.splitlines()[-3:] == ["demo devices doctor", "light", "seed-dense seed-rnn"], ran

    @pytest.mark.parametrize("shell", ["zsh", "fish"])
    def test_other_shells_are_answered_too(self, shell: str):
        env = {"_MOODRING_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_ARGS": "moodring pl"}
        ran = moodring(env={**env, "_TYPER_COMPLETE_FISH_ACTION": "get-args"})
        assert ran.returncode == 0, ran.stderr
        assert "plot" in ran.stdout
        assert "live" not in ran.stdout


class TestColours:
    COLOUR = re.compile(r"\x1b\[[0-9;]*[39][0-7]")

    @pytest.mark.parametrize("command", [("models", "list"), ("analyze", DEMO / "four_quadrants.mid")])
    def test_they_come_with_force_color_and_go_with_no_color(self, command: tuple[str | Path, ...]):
        plain = moodring(*command).stdout
        assert "\x1b" not in plain
        forced = moodring(*command, env={"FORCE_COLOR": "1"}).stdout
        assert self.COLOUR.search(forced)
        assert re.sub(r"\x1b\[[0-9;]*m", "", forced) == plain
        assert not self.COLOUR.search(moodring(*command, env={"FORCE_COLOR": "1", "NO_COLOR": "1"}).stdout)

    def test_a_theme_that_there_is_not_is_refused_whatever_is_shown(self):
        complaint = one_line(moodring("demo", "--fast", "--json", "--theme", "pink"), 2)
        assert "auto, dark, light, mono" in complaint
