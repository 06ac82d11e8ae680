"""The dashboard in a terminal as people have it: under a shell in tmux, resized, killed, stopped and continued."""

from __future__ import annotations

import itertools
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import pytest
from rich.cells import cell_len
from support import require
from support.slow_terminal import SLOW_BYTES_PER_S, play

APP = Path(__file__).parent / "support" / "dashboard_app.py"
#: A server for each test: one that is ending still answers.
_NUMBERS = itertools.count()
SIZES = ((40, 12), (80, 24), (120, 40), (200, 60))


class Pane:
    """A shell in a tmux of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._tmux = ["tmux", "-u", "-L", f"moodring-{os.getpid()}-{next(_NUMBERS)}", "-f", os.devnull]
        self._env = {**os.environ, "LC_ALL": "C.UTF-8", "PS1": "$ ", "TERM": "xterm-256color"}
        self._env = {key: text for key, text in self._env.items() if key not in ("TMUX", "COLUMNS", "LINES")}

    def tmux(self, *words: str) -> str:
        done = subprocess.run([*self._tmux, *words], env=self._env, capture_output=True, text=True, timeout=20)
        return done.stdout

    def begin(self, width: int, height: int) -> None:
        shell = "bash --norc --noprofile -i"
        self.tmux("new-session", "-d", "-x", str(width), "-y", str(height), "-c", str(self.folder), shell)
        self.tmux("set-option", "-g", "status", "off")
        self.tmux("resize-window", "-x", str(width), "-y", str(height))

    def end(self) -> None:
        socket = self.tell("socket_path")
        self.tmux("kill-server")
        if socket:
            Path(socket).unlink(missing_ok=True)  # which the server leaves behind

    def enter(self, command: str) -> None:
        self.tmux("send-keys", "-l", command)
        self.tmux("send-keys", "Enter")

    def press(self, key: str) -> None:
        self.tmux("send-keys", key)

    @property
    def lines(self) -> list[str]:
        return self.tmux("capture-pane", "-p").split("\n")[:-1]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def tell(self, what: str) -> str:
        return self.tmux("display-message", "-p", f"#{{{what}}}").strip()

    @property
    def is_taken(self) -> bool:
        return self.tell("alternate_on") == "1"

    def mode(self, name: str) -> str:
        """The terminal's mode as the shell's commands find it, and everything that ``stty`` knows of it."""
        path = self.folder / name
        self.enter(f"stty -g > {name}.new && mv {name}.new {name}")
        wait_for(path.exists)
        return path.read_text(encoding="utf-8")

    def run_app(self) -> None:
        program = f"echo $$ > pid; exec {shlex.quote(sys.executable)} {shlex.quote(str(APP))} 100"
        self.enter(f"sh -c {shlex.quote(program)}")
        wait_for(lambda: self.is_taken and "● live" in self.text)

    @property
    def pid(self) -> int:
        return int((self.folder / "pid").read_text(encoding="utf-8"))

    def is_the_shells_again(self) -> None:
        wait_for(lambda: not self.is_taken)
        assert self.tell("cursor_flag") == "1"
        assert self.tell("wrap_flag") == "1"


def wait_for(what: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + 20
    while not what():
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


@pytest.fixture
def pane(tmp_path: Path) -> Iterator[Pane]:
    require({"tmux": "tmux", "bash": "bash"})
    pane = Pane(tmp_path)
    yield pane
    pane.end()


def fills(pane: Pane, width: int, height: int) -> bool:
    """Whether the picture fills the terminal, and nothing of another is left: one status line, the last."""
    lines = pane.lines
    return (
        len(lines) == height
        and max(map(cell_len, lines)) <= width
        and "● live" in lines[-1]
        and lines[-1].rstrip()[-1].isdigit()
        and cell_len(lines[-1].rstrip()) == width - 1
        and pane.text.count("● live") == 1
        and pane.text.count("happy") == 1
    )


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_it_fills_the_terminal_and_gives_it_back(pane, width, height):
    pane.begin(width, height)
    before = pane.mode("before")
    pane.run_app()
    wait_for(lambda: fills(pane, width, height))
    pane.press("?")
    wait_for(lambda: "calibrate" in pane.text)
    pane.press("q")
    pane.is_the_shells_again()
    wait_for(lambda: "the dashboard is over" in pane.text)
    assert "valence" not in pane.text
    assert pane.mode("after") == before


def test_it_follows_every_resize(pane):
    pane.begin(120, 40)
    pane.run_app()
    for width, height in ((80, 24), (200, 60), (40, 12), (63, 31), (120, 40)):
        pane.tmux("resize-window", "-x", str(width), "-y", str(height))
        wait_for(lambda size=(width, height): fills(pane, *size))
    pane.press("q")
    pane.is_the_shells_again()


def test_stopped_and_continued_it_leaves_and_takes_the_terminal(pane):
    pane.begin(80, 24)
    before = pane.mode("before")
    pane.run_app()
    for turn in ("first", "second"):
        pane.press("C-z")
        pane.is_the_shells_again()
        wait_for(lambda: "Stopped" in pane.text)
        assert "valence" not in pane.text
        assert pane.mode(turn) == before
        pane.enter("fg")
        wait_for(lambda: pane.is_taken and fills(pane, 80, 24))
    pane.press("r")
    wait_for(lambda: "asked: Record" in pane.text)
    pane.press("q")
    pane.is_the_shells_again()
    assert pane.mode("after") == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_killed_it_gives_the_terminal_back(pane, number):
    pane.begin(80, 24)
    before = pane.mode("before")
    pane.run_app()
    os.kill(pane.pid, number)
    pane.is_the_shells_again()
    assert pane.mode("after") == before


def test_stopped_from_outside_it_draws_everything_anew(pane):
    pane.begin(80, 24)
    before = pane.mode("before")
    pane.run_app()
    os.kill(pane.pid, signal.SIGSTOP)
    wait_for(lambda: "Stopped" in pane.text)
    pane.enter("fg")
    wait_for(lambda: fills(pane, 80, 24))
    pane.press("q")
    pane.is_the_shells_again()
    assert pane.mode("after") == before


@pytest.mark.parametrize("options", [(), ("--json", "--rate", "50")], ids=["dashboard", "json"])
def test_a_slow_terminal_delays_no_reading(tmp_path, options):
    for name in ("quick", "slow"):
        (tmp_path / name).mkdir()
    quick = play(tmp_path / "quick", *options, seconds=4.0, bytes_per_s=None)
    slow = play(tmp_path / "slow", *options, seconds=4.0, bytes_per_s=SLOW_BYTES_PER_S)
    assert len(slow.written) < len(quick.written) / 4  # most of it is still on its way
    assert len(slow.delays_s) == len(quick.delays_s)
    assert median(slow.delays_s) < median(quick.delays_s) + 0.2
    assert max(slow.delays_s) < max(quick.delays_s) + 1.0
