"""Keys: what a terminal sends becomes controls, and the terminal is left as it was."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.controls import (
    Calibrate,
    Control,
    Controls,
    Freeze,
    Learn,
    MoveLabel,
    Quit,
    Record,
    SetRate,
    Smooth,
    UseModel,
)
from realtime.outputs.dashboard.key_reader import LONG_STEP, STEP, KeyReader
from realtime.outputs.dashboard.keys import Keys

pty = pytest.importorskip("pty")
termios = pytest.importorskip("termios")

ROOT = Path(__file__).parents[2]
DEEDS: dict[str, list[Control | bool]] = {
    "q": [Quit()],
    "Q": [Quit()],
    " ": [Freeze()],
    "r": [Record()],
    "c": [Calibrate()],
    "s": [Smooth()],
    "m": [UseModel()],
    "l": [Learn()],
    "+": [SetRate(step=1)],
    "=": [SetRate(step=1)],
    "-": [SetRate(step=-1)],
    "?": [True],
    "x": [],
    "\x04": [],
    "é": [],
    "\x1b[A": [MoveLabel(0.0, STEP)],
    "\x1b[B": [MoveLabel(0.0, -STEP)],
    "\x1bOC": [MoveLabel(STEP, 0.0)],
    "\x1bOD": [MoveLabel(-STEP, 0.0)],
    "\x1b[1;2A": [MoveLabel(0.0, LONG_STEP)],
    "\x1b[1;6D": [MoveLabel(-LONG_STEP, 0.0)],
    "\x1b[1;5C": [MoveLabel(STEP, 0.0)],
    "\x1b[a": [MoveLabel(0.0, LONG_STEP)],
    "\x1b[3~": [],
    "\x1b[[C": [],  # a function key of the Linux console
    "\x1b[<0;10;20M": [],  # a mouse
    "\x1b[?62;c": [],  # an answer of the terminal
    "\x1bq": [],  # with Alt
    "\x1b\x1bOC": [MoveLabel(STEP, 0.0)],
    "\x1b[200~qqq\x1b[A\x1b[201~r": [Record()],
    "rrrrrrrrq": [],  # nobody types nine keys at once
}


@pytest.mark.parametrize("typed", DEEDS)
def test_each_key_has_its_deed(typed):
    assert KeyReader().feed(typed) == DEEDS[typed]


@given(st.lists(st.sampled_from([key for key in DEEDS if key[0] == "\x1b"]), max_size=4), st.data())
def test_sequences_may_come_in_pieces(keys, data):
    typed = "".join(keys)
    cut = data.draw(st.integers(0, len(typed)))
    reader = KeyReader()
    assert reader.feed(typed[:cut]) + reader.feed(typed[cut:]) == KeyReader().feed(typed)


@given(st.text(max_size=40), st.text(max_size=40))
def test_whatever_comes_is_survived(first, second):
    reader = KeyReader()
    reader.feed(first)
    reader.feed(second)
    reader.give_up()
    assert reader.feed("q") == [Quit()]


def test_escape_alone_does_not_swallow_the_next_key():
    reader = KeyReader()
    assert reader.feed("\x1b") == []
    assert reader.patience_s is not None
    reader.give_up()
    assert reader.patience_s is None
    assert reader.feed("q") == [Quit()]


class Desk:
    """A terminal of the test's own: what is typed on it goes to ``stream``."""

    def __init__(self) -> None:
        self.keyboard, descriptor = pty.openpty()
        self.stream = os.fdopen(descriptor, "r", encoding="utf-8")

    def type(self, text: str) -> None:
        os.write(self.keyboard, text.encode())

    @property
    def mode(self) -> list[object]:
        return termios.tcgetattr(self.stream.fileno())


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.stream.close()
    os.close(desk.keyboard)


def wait_for(what: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 20
    while not what():
        assert time.monotonic() < deadline_s
        time.sleep(0.005)


def taken(controls: Controls, count: int) -> list[Control]:
    found: list[Control] = []

    def are_there() -> bool:
        found.extend(control for control, _ in controls.take())
        return len(found) >= count

    wait_for(are_there)
    return found


def test_keys_become_controls_and_the_terminal_is_as_it_was(desk):
    before, controls, helped = desk.mode, Controls(), []
    keys = Keys(controls, desk.stream, on_help=lambda: helped.append(True))
    assert desk.mode != before
    assert not desk.mode[3] & termios.ECHO
    assert desk.mode[3] & termios.ISIG
    desk.type("? r")
    desk.type("\x1b[A")
    assert taken(controls, 3) == [Freeze(), Record(), MoveLabel(0.0, STEP)]
    assert helped == [True]
    desk.type("\x1b")
    time.sleep(0.3)
    desk.type("q")
    assert taken(controls, 1) == [Quit()]
    keys.close()
    assert desk.mode == before
    keys.close()
    assert desk.mode == before


def test_release_and_retake_go_back_and_forth(desk):
    before = desk.mode
    keys = Keys(Controls(), desk.stream)
    during = desk.mode
    keys.release()
    assert desk.mode == before
    keys.retake()
    assert desk.mode == during
    keys.retake()
    keys.close()
    assert desk.mode == before


def test_a_mode_that_was_changed_while_released_is_kept(desk):
    keys = Keys(Controls(), desk.stream)
    keys.release()
    changed = desk.mode
    changed[3] &= ~termios.ECHOE
    termios.tcsetattr(desk.stream.fileno(), termios.TCSANOW, changed)
    keys.retake()
    keys.close()
    assert desk.mode == changed


def test_a_flood_asks_for_nothing(desk):
    controls = Controls()
    keys = Keys(controls, desk.stream)
    desk.type("q" * 2000)
    time.sleep(0.2)
    desk.type("r")
    assert taken(controls, 1) == [Record()]
    keys.close()
    assert controls.take() == []


def test_without_a_terminal_there_are_no_keys():
    for stream in (io.StringIO("q"), Path(os.devnull).open()):  # noqa: SIM115
        controls = Controls()
        keys = Keys(controls, stream)
        assert not keys.is_reading
        keys.release()
        keys.retake()
        keys.close()
        assert controls.take() == []


def test_a_terminal_that_hangs_up_ends_the_keys_quietly():
    desk = Desk()
    keys = Keys(Controls(), desk.stream)
    os.close(desk.keyboard)
    time.sleep(0.1)
    keys.close()
    desk.stream.close()


STOPPING = """
import signal, sys, time
from realtime.outputs.dashboard.keys import install_job_control
class Screen:
    def pause(self): print("paused", flush=True)
    def resume(self): print("resumed", flush=True)
class Keys:
    def release(self): print("released", flush=True)
    def retake(self): print("retaken", flush=True)
undo = install_job_control(Keys(), Screen())
print("ready", flush=True)
sys.stdin.readline()
undo()
print(signal.getsignal(signal.SIGTSTP) is signal.SIG_DFL, flush=True)
"""


def test_a_stop_pauses_first_and_a_continue_resumes_as_often_as_it_comes():
    # A group of its own: the kernel stops none whose parents are all outside of the session or in the same group.
    program = subprocess.Popen(
        [sys.executable, "-c", STOPPING],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
        process_group=0,
    )
    watchdog = threading.Timer(20, program.kill)  # a line that does not come ends the wait, and the test
    watchdog.start()
    assert program.stdout is not None
    assert program.stdout.readline() == "ready\n"
    for _ in range(3):
        program.send_signal(signal.SIGTSTP)
        assert [program.stdout.readline() for _ in range(2)] == ["paused\n", "released\n"]
        _, status = os.waitpid(program.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        program.send_signal(signal.SIGCONT)
        assert [program.stdout.readline() for _ in range(2)] == ["retaken\n", "resumed\n"]
    assert program.communicate("\n")[0] == "True\n"
    assert program.returncode == 0
    watchdog.cancel()
