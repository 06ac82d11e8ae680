"""However it is ended, the command ends soon, says so in one line at most, and leaves the terminal as it was."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.listening import MOODRING, ROOT
from support.terminal import ENVIRONMENT, terminal

TAKEN, GIVEN_BACK, CURSOR_SHOWN = b"\x1b[?1049h", b"\x1b[?1049l", b"\x1b[?25h"

#: How long the command may take to end.
SOON_S = 3.0


@contextmanager
def piped(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """``arguments`` with its output in a pipe, of which the first line has been read."""
    with subprocess.Popen(
        [*MOODRING, *arguments], cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline()
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_session_with_what_it_came_to(number: signal.Signals):
    with piped("demo", "--json") as demo:
        demo.send_signal(number)
        printed, complaint = demo.communicate(timeout=SOON_S)
    assert demo.returncode == 0, complaint
    assert complaint.startswith("moodring: heard 0:")
    assert len(complaint.splitlines()) == 1
    assert printed == "" or printed.endswith("}\n")


def test_a_signal_that_comes_twice_is_one():
    with piped("demo", "--json") as demo:
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGHUP):
            demo.send_signal(number)
        _, complaint = demo.communicate(timeout=SOON_S)
    assert demo.returncode == 0, complaint
    assert complaint.startswith("moodring: heard 0:")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_what_is_no_session_too(number: signal.Signals):
    with piped("analyze", "--json", "--jobs", "1", *["realtime/demo/four_quadrants.mid"] * 100) as analyze:
        analyze.send_signal(number)
        _, complaint = analyze.communicate(timeout=SOON_S)
    assert analyze.returncode == 0, complaint
    assert complaint == "moodring: stopped\n"


def test_a_hang_up_that_is_to_be_ignored_is_ignored():
    """As ``nohup`` starts it."""
    ignoring = (
        "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", ignoring, *MOODRING, "demo", "--json"],
        cwd=ROOT,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        text=True,
    ) as demo:
        assert demo.stdout is not None
        assert demo.stdout.readline()
        demo.send_signal(signal.SIGHUP)
        # Ten readings are a second; a session that stops does so within a tenth of one.
        assert all(demo.stdout.readline() for _ in range(10))
        demo.terminate()


@pytest.mark.parametrize("form", ["--json", "--plain"])
def test_a_reader_of_one_line_ends_it_without_a_word(form: str):
    command = f'"{sys.executable}" -m cli demo --fast {form} | head -1; exit "${{PIPESTATUS[0]}}"'
    ran = subprocess.run(["bash", "-c", command], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=20)
    assert ran.returncode == 0
    assert len(ran.stdout.splitlines()) == 1
    assert ran.stderr == ""


@pytest.mark.parametrize("command", [["demo", "--fast", "--json"], ["demo", "--fast", "--plain"], ["models", "list"]])
def test_a_full_disk_is_one_line_and_status_1(command: list[str]):
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            [*MOODRING, *command], cwd=ROOT, env=ENVIRONMENT, stdout=full, stderr=subprocess.PIPE, text=True, timeout=20
        )
    assert ran.returncode == 1
    assert ran.stderr == "moodring: cannot write: No space left on device\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_gives_the_terminal_back(number: signal.Signals, tmp_path: Path):
    with terminal("demo", errors=tmp_path / "errors") as window:
        window.read_until(TAKEN)
        window.process.send_signal(number)
        window.read_until(None)
        assert window.process.wait(timeout=SOON_S) == 0
    assert window.shown.rfind(GIVEN_BACK) > window.shown.rfind(TAKEN)
    assert window.shown.rfind(CURSOR_SHOWN) > window.shown.rfind(b"\x1b[?25l")
    assert set(window.shown[window.shown.rfind(TAKEN) :].partition(GIVEN_BACK)[2]) <= set(CURSOR_SHOWN + b"\r\n")
    assert (tmp_path / "errors").read_text().startswith("moodring: heard 0:")


@pytest.mark.parametrize("form", [[], ["--plain"]])
def test_a_terminal_that_is_closed_ends_it_without_a_traceback(form: list[str], tmp_path: Path):
    with terminal("demo", *form, errors=tmp_path / "errors") as window:
        window.read_until(TAKEN if not form else b"\n")
        window.close()
        window.process.wait(timeout=SOON_S)
    assert "Traceback" not in (tmp_path / "errors").read_text()
    assert len((tmp_path / "errors").read_text().splitlines()) <= 1
    assert window.process.returncode >= 0, f"ended by signal {-window.process.returncode}"


def test_a_standard_output_that_the_shell_has_closed_is_no_error():
    ran = subprocess.run(
        ["sh", "-c", 'exec "$0" -m cli demo --fast --plain >&-', sys.executable],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    assert len(ran.stderr.splitlines()) == 1, ran.stderr
