"""The dashboard: it fits any terminal, shows what it says, keeps its pace and gives the screen back."""

from __future__ import annotations

import io
import math
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from models.affect import Quadrant, Reading, State
from realtime.outputs import Status
from realtime.outputs.dashboard import FRAMES_PER_SECOND, Dashboard, View, export_svg, render
from realtime.outputs.dashboard.canvas import Canvas
from realtime.outputs.dashboard.palette import mood_color

READING = Reading(12.5, State.LIVE, 6.5, 1.42, 7.0, 1.3, 14, -23.1, 142.0, "audio")
STATUS = Status("mic: Scarlett 2i2", sounding=(48, 60, 64, 67))
ROOT = Path(__file__).parents[3]


def lines_of(view: View, width: int, height: int) -> list[str]:
    console = Console(width=width + 20, height=height + 20, file=io.StringIO(), color_system="truecolor")
    return ["".join(segment.text for segment in line) for line in console.render_lines(render(view, width, height), pad=False)]  # fmt: skip  # noqa: E501


def moving(seconds: float, **changes: object) -> tuple[Reading, ...]:
    return tuple(
        replace(READING, time=tenth / 10, valence=5 + 3 * math.sin(tenth / 50), **changes)
        for tenth in range(int(seconds * 10))
    )


def any_number(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high) | st.sampled_from([math.nan, math.inf, -math.inf])


readings = st.builds(
    Reading,
    time=st.floats(0, 100_000),
    state=st.sampled_from(State),
    valence=any_number(-20, 20),
    valence_std=any_number(0, 50),
    arousal=any_number(-20, 20),
    arousal_std=any_number(0, 50),
    notes=st.integers(0, 10_000),
    level_db=st.none() | any_number(-200, 20),
    latency_ms=st.none() | any_number(0, 1e6),
    model=st.text(max_size=30),
)
statuses = st.builds(
    Status,
    source=st.text(max_size=60),
    sounding=st.lists(st.integers(0, 127), unique=True, max_size=20).map(lambda pitches: tuple(sorted(pitches))),
    dropped=st.integers(0, 10**9),
    overflows=st.integers(0, 10**9),
    message=st.text(max_size=250),
)
views = st.builds(
    View,
    readings=st.lists(readings, max_size=12).map(lambda found: tuple(sorted(found, key=lambda each: each.time))),
    status=statuses,
)


@settings(max_examples=200, deadline=None)
@given(view=views, width=st.integers(20, 200), height=st.integers(5, 60))
def test_any_state_fits_any_terminal(view, width, height):
    lines = lines_of(view, width, height)
    assert len(lines) == height
    assert max(map(cell_len, lines)) <= width
    assert not re.search(r"[\x00-\x1f\x7f-\x9f]", "".join(lines))


@settings(max_examples=50, deadline=None)
@given(view=views, width=st.integers(1, 25), height=st.integers(1, 10))
def test_the_smallest_terminals_do_no_harm(view, width, height):
    lines = lines_of(view, width, height)
    assert len(lines) == height
    assert max(map(cell_len, lines)) <= width


def test_rendering_is_a_pure_function():
    view = View(moving(60), STATUS)
    assert lines_of(view, 80, 24) == lines_of(view, 80, 24)
    assert export_svg(view) == export_svg(view)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (60, 50), (200, 60)])
def test_everything_is_there(width, height):
    view = View(moving(60), replace(STATUS, dropped=3, overflows=1, message="input lost"))
    text = "\n".join(lines_of(view, width, height))
    names = [quadrant.value for quadrant in Quadrant]
    for expected in [*names, "valence", "arousal", "±1.4", "±1.3", "-23 dB", "live", "C4", "0:59", "input lost"]:
        assert expected in text
    assert "3 dropped, 1 overflow" in text
    if width >= 80:
        assert "mic: Scarlett 2i2 · 142 ms" in text


def test_a_small_terminal_still_has_the_plane_the_numbers_and_the_keys():
    lines = lines_of(View(moving(60), STATUS), 40, 12)
    text = "\n".join(lines)
    for expected in ["tense", "happy", "sad", "calm", "valence", "arousal", "±1.4", "●", "-23 dB", "live"]:
        assert expected in text
    assert lines[9].count("█") == 4


def test_the_smallest_terminal_still_tells_the_message():
    assert "live · input lost" in lines_of(View(moving(5), replace(STATUS, message="input lost")), 40, 6)[-1]


def test_a_source_without_sound_has_no_level():
    assert "dB" not in "\n".join(lines_of(View(moving(5, level_db=None), STATUS), 80, 24))


def test_the_point_is_where_the_music_is():
    def place(valence: float, arousal: float) -> tuple[int, int]:
        lines = lines_of(View((replace(READING, valence=valence, arousal=arousal),), STATUS), 80, 24)
        return next((line.index("●"), row) for row, line in enumerate(lines[:-1]) if "●" in line)

    across, down = place(5, 5)
    assert place(9, 5) == (across + 19, down)
    assert place(1, 5) == (across - 19, down)
    assert place(5, 9) == (across, down - 9)
    assert place(5, 1) == (across, down + 9)
    assert place(50, -50) == place(9, 1)


def test_the_sounding_keys_are_shown_and_those_beyond_the_strip_hinted_at():
    keys = lines_of(View((READING,), replace(STATUS, sounding=(21, 60, 61, 108))), 80, 24)[20]
    middle_c = 2 + 60 - 28
    assert [index for index, key in enumerate(keys) if key == "█"] == [middle_c, middle_c + 1]
    assert keys[1] == "‹"
    assert keys[78] == "›"


def test_nothing_is_claimed_while_warming_up():
    text = "\n".join(lines_of(View(moving(1, state=State.WARMING), STATUS), 80, 24))
    assert "listening…" in text
    assert "±" not in text


def test_a_silence_shows_the_last_place_hollow():
    text = "\n".join(lines_of(View((*moving(3), replace(READING, state=State.SILENCE)), STATUS), 80, 24))
    assert "○" in text
    assert "● silence" in text


def test_no_color_is_respected(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=80, height=24, color_system="truecolor")
    console.print(render(View(moving(5), STATUS), 80, 24))
    assert set(re.findall(r"\x1b\[([0-9;]*)m", stream.getvalue())) <= {"0", "1"}


def test_moods_are_told_apart_by_colour_and_neutral_has_none():
    corners = {mood_color(across, up) for across in (-1, 1) for up in (-1, 1)}
    assert len(corners) == 4
    red, green, blue = (int(mood_color(0.0, 0.0)[index : index + 2], 16) for index in (1, 3, 5))
    assert max(red, green, blue) - min(red, green, blue) <= 2


def test_all_moods_are_equally_light():
    def lightness(color: str) -> float:
        """OKLab lightness, from sRGB; matrices from Ottosson."""
        channels = [int(color[index : index + 2], 16) / 255 for index in (1, 3, 5)]
        linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
        long, medium, short = (
            sum(weight * each for weight, each in zip(weights, linear, strict=True)) ** (1 / 3)
            for weights in (
                (0.4122214708, 0.5363325363, 0.0514459929),
                (0.2119034982, 0.6806995451, 0.1073969566),
                (0.0883024619, 0.2817188376, 0.6299787005),
            )
        )
        return 0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short

    around = [math.radians(degrees) for degrees in range(0, 360, 5)]
    values = [lightness(mood_color(math.cos(angle), math.sin(angle))) for angle in around]
    assert max(values) - min(values) < 0.005


def test_what_cannot_be_printed_is_left_out():
    canvas = Canvas(12, 1)
    canvas.put(0, 0, "a\x1b[2J\udcff\u202e\u200b\n\x9bb")
    text = "".join(character for _, _, character, _ in canvas.cells())
    assert text.rstrip() == "a[2Jb"
    text.encode()


def test_unknown_values_are_not_shown_as_numbers():
    unknown = replace(READING, valence_std=math.nan, arousal_std=math.inf, level_db=math.nan, latency_ms=math.nan)
    for size in ((80, 24), (30, 6)):
        text = "\n".join(lines_of(View((unknown,), STATUS), *size))
        assert not re.search(r"nan|inf|±|dB|ms", text.replace("Scarlett 2i2", ""))


def test_a_wide_character_that_is_half_overwritten_goes_as_a_whole():
    canvas = Canvas(4, 1)
    canvas.put(0, 0, "端口")
    canvas.put(1, 0, "x")
    canvas.put(2, 0, "y")
    assert "".join(character for _, _, character, _ in canvas.cells()) == " xy "


def test_the_picture_is_an_svg_with_the_numbers_drawn_as_shapes():
    root = ElementTree.fromstring(export_svg(View(moving(60), replace(STATUS, source="mic <&>")), 80, 24))
    texts = {element.text for element in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"tense", "happy", "sad", "calm", "valence", "arousal", "<&>"} <= texts
    assert not any(symbol in text for text in texts for symbol in "█▀▄⠁⣿")
    drawn = [element.attrib for element in root.iter("{http://www.w3.org/2000/svg}path")]
    assert any("fill" in attributes for attributes in drawn)
    assert any("stroke" in attributes for attributes in drawn)


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class CountingConsole(Console):
    """A terminal in memory that counts the pictures drawn on it."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        super().__init__(
            file=self.stream, force_terminal=True, width=80, height=24, color_system="truecolor", _environ={}
        )

    @property
    def pictures(self) -> int:
        return self.stream.getvalue().count("\x1b[H") - self.stream.getvalue().count("\x1b[?1049h")


def test_the_dashboard_keeps_its_pace():
    console, clock = CountingConsole(), Clock()
    dashboard = Dashboard(console, clock=clock)
    for millisecond in range(0, 2000, 2):
        clock.now_s = millisecond / 1000
        dashboard.write(replace(READING, time=clock.now_s), STATUS)
    dashboard.close()
    assert 1.8 * FRAMES_PER_SECOND <= console.pictures <= 2 * FRAMES_PER_SECOND


def test_a_new_size_is_drawn_at_once():
    console = CountingConsole()
    dashboard = Dashboard(console, clock=Clock())
    dashboard.write(READING, STATUS)
    dashboard.write(READING, STATUS)
    assert console.pictures == 1
    console.width = 60
    dashboard.write(READING, STATUS)
    assert console.pictures == 2
    dashboard.close()


def test_the_dashboard_keeps_a_minute_and_forgets_when_the_stream_begins_again():
    clock = Clock()
    dashboard = Dashboard(CountingConsole(), clock=clock)
    for second in range(100):
        dashboard.write(replace(READING, time=float(second)), STATUS)
    assert [reading.time for reading in dashboard.view.readings] == [float(second) for second in range(39, 100)]
    dashboard.write(replace(READING, time=0.0), STATUS)
    assert [reading.time for reading in dashboard.view.readings] == [0.0]
    dashboard.close()


def test_close_gives_the_screen_back_once():
    console, clock = CountingConsole(), Clock()
    dashboard = Dashboard(console, clock=clock)
    assert console.stream.getvalue() == ""
    dashboard.write(READING, STATUS)
    assert "\x1b[?1049h" in console.stream.getvalue()
    dashboard.close()
    dashboard.close()
    clock.now_s += 1
    dashboard.write(READING, STATUS)
    written = console.stream.getvalue()
    assert written.count("\x1b[?1049h") == written.count("\x1b[?1049l") == 1
    assert written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l")


def test_close_without_a_reading_writes_nothing():
    console = CountingConsole()
    dashboard = Dashboard(console)
    dashboard.close()
    dashboard.close()
    assert console.stream.getvalue() == ""


PROGRAM = """
import itertools, time
from models.affect import Reading, State
from realtime.outputs import Status
from realtime.outputs.dashboard import Dashboard
dashboard = Dashboard(clock=itertools.count().__next__)
try:
    for tenth in itertools.count():
        dashboard.write(Reading(tenth / 10, State.LIVE, 6, 1, 6, 1, 3, -20.0, None, "audio"), Status("test"))
except KeyboardInterrupt:
    pass
finally:
    dashboard.close()
"""


def test_ctrl_c_in_the_middle_of_drawing_gives_a_real_terminal_back():
    pty = pytest.importorskip("pty")
    controller, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24", "PYTHONPATH": str(ROOT)}
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=terminal, stdout=terminal, stderr=terminal, env=environment
    )
    os.close(terminal)
    shown = b""
    deadline = time.monotonic() + 20
    while shown.count(b"\x1b[H") < 5 and time.monotonic() < deadline:
        shown += os.read(controller, 65536)
    program.send_signal(signal.SIGINT)
    while True:
        try:
            block = os.read(controller, 65536)
        except OSError:  # how Linux says that the other end has closed
            break
        if not block:
            break
        shown += block
    os.close(controller)
    assert program.wait(10) == 0
    assert shown.count(b"\x1b[?1049h") == shown.count(b"\x1b[?1049l") == 1
    assert shown.rindex(b"\x1b[?25h") > shown.rindex(b"\x1b[?25l")
    assert b"Traceback" not in shown
