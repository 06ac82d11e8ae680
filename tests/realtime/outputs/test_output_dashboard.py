"""The dashboard: it fits any terminal, shows what it says, keeps its pace and gives the screen back."""

from __future__ import annotations

import io
import math
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import snapshots
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from support.dashboard_app import reading_at, status_at

from models.affect import Quadrant, Reading, State
from models.errors import UsageError
from realtime.outputs import Status
from realtime.outputs.dashboard import FRAMES_PER_SECOND, Dashboard, View, export_svg, render
from realtime.outputs.dashboard.canvas import Canvas
from realtime.outputs.dashboard.footer import KEYS
from realtime.outputs.dashboard.painter import Painter
from realtime.outputs.palette import DARK, LIGHT, THEMES, find_theme, mood_color

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
    skipped=st.integers(0, 10**9),
    message=st.text(max_size=250),
    tempo_bpm=st.none() | any_number(0, 1000),
    key=st.none() | st.text(max_size=20),
    is_clipped=st.booleans(),
    is_gated=st.booleans(),
    smoothing=st.text(max_size=10),
    rate_hz=st.none() | any_number(0, 1000),
    is_frozen=st.booleans(),
    is_blind=st.booleans(),
    recording=st.none() | st.text(max_size=80),
    label=st.none() | st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
)
views = st.builds(
    View,
    readings=st.lists(readings, max_size=12).map(lambda found: tuple(sorted(found, key=lambda each: each.time))),
    status=statuses,
    events=st.lists(st.tuples(st.floats(0, 1e5), st.text(max_size=60)), max_size=8).map(tuple),
    shows_help=st.booleans(),
    theme=st.sampled_from([*THEMES.values()]),
)


@settings(max_examples=120, deadline=None)
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


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (200, 60)])
def test_what_must_not_be_overlooked_is_there_at_every_size(size):
    status = replace(STATUS, recording="take 3.session", is_clipped=True, tempo_bpm=112.4, key="B♭ minor")
    text = "\n".join(lines_of(View(moving(60), status), *size))
    for expected in ("● REC", "CLIP", "112 bpm", "B♭ minor"):
        assert expected in text
    gated = "\n".join(lines_of(View(moving(60), replace(STATUS, is_gated=True, is_frozen=True)), *size))
    assert "gate " in gated
    assert "frozen" in gated
    assert "CLIP" not in gated
    assert "REC" not in gated


def test_what_is_set_is_in_the_status_line_where_there_is_room():
    status = replace(STATUS, smoothing="calm", rate_hz=10.0, skipped=7)
    line = lines_of(View(moving(60), status), 200, 60)[-1]
    for expected in ("7 skipped", "smoothing calm", "10 Hz", "14 notes", "audio", "? help"):
        assert expected in line


def test_a_long_recording_name_gives_way_to_its_mark():
    line = lines_of(View(moving(5), replace(STATUS, recording="a" * 100)), 40, 12)[-1]
    assert "● REC" in line
    assert "aaa" not in line


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (120, 40), (200, 60), (30, 6)])
def test_who_rates_blind_sees_no_prediction(size):
    status = replace(STATUS, is_blind=True, label=(0.5, 0.5))
    blind = render(View(moving(60), status), *size)
    other = render(View(tuple(replace(each, valence=9 - each.valence / 2) for each in moving(60)), status), *size)
    assert [*blind.cells()] == [*other.cells()]
    text = "\n".join(lines_of(View(moving(60), status), *size))
    assert "hidden" in text
    assert "±" not in text


def test_the_listeners_own_point_is_a_cross_where_it_belongs():
    def place(label: tuple[float, float]) -> tuple[int, int]:
        lines = lines_of(View((), replace(STATUS, label=label)), 80, 24)
        return next((line.index("+"), row) for row, line in enumerate(lines[:19]) if "+" in line)

    across, down = place((0.0, 0.0))
    assert place((1.0, 1.0)) == (across + 19, down - 9)
    assert place((-1.0, -1.0)) == (across - 19, down + 9)


@pytest.mark.parametrize(("width", "height"), [(40, 12), (80, 24), (120, 40), (200, 60)])
def test_help_tells_every_key(width, height):
    text = "\n".join(lines_of(View(moving(60), STATUS, shows_help=True), width, height))
    for _, deed in KEYS:
        assert deed in text
    assert "next model" not in "\n".join(lines_of(View(moving(60), STATUS), width, height))


def test_the_level_of_full_scale_has_no_sign():
    text = "\n".join(lines_of(View(moving(5, level_db=-0.2), STATUS), 80, 24))
    assert " 0 dB" in text


@pytest.mark.parametrize("path", sorted(snapshots.FOLDER.glob("*.svg")), ids=lambda path: path.stem)
def test_pictures_are_those_that_were_looked_at(path):
    state, _, size = path.stem.partition("-")
    width, height = map(int, size.split("x"))
    assert snapshots.draw(State(state), width, height) == path.read_text(encoding="utf-8"), (
        f"{path.name} has changed: python -m tests.realtime.outputs.snapshots draws it anew; look at it"
    )


def test_there_is_a_picture_of_every_state_at_four_sizes():
    assert len(list(snapshots.FOLDER.glob("*.svg"))) == 16


def test_no_color_and_mono_write_no_colour_and_force_color_writes_them():
    def codes(theme: str, **environ: str) -> set[str]:
        console = Console(file=io.StringIO(), width=80, height=24, _environ={"TERM": "xterm-256color", **environ})
        dashboard = Dashboard(console, theme=theme)
        dashboard.write(READING, STATUS)
        wait_for(lambda: dashboard.view.now is not None and "?2026l" in console.file.getvalue())
        dashboard.close()
        return set(re.findall(r"\x1b\[([0-9;]*)m", console.file.getvalue()))

    assert codes("dark", NO_COLOR="1", FORCE_COLOR="1") <= {"0", "1", "2"}
    assert codes("mono", FORCE_COLOR="1") <= {"0", "1", "2"}
    assert any(code.startswith(("38;5", "1;38;5")) for code in codes("dark", FORCE_COLOR="1"))


def test_an_unknown_theme_lists_those_there_are():
    with pytest.raises(UsageError, match="auto, dark, light, mono, not 'pink'"):
        Dashboard(TerminalInMemory(), theme="pink")


def test_auto_takes_the_terminals_word_for_its_ground():
    assert find_theme("auto", {}).name == "dark"
    assert find_theme("auto", {"COLORFGBG": "15;0"}).name == "dark"
    assert find_theme("auto", {"COLORFGBG": "0;default;15"}).name == "light"
    assert find_theme("dark", {"COLORFGBG": "0;15"}).name == "dark"
    assert find_theme("light", {}, no_color=True).name == "mono"


def linear_rgb(color: str) -> Any:
    channels = np.array([int(color[index : index + 2], 16) / 255 for index in (1, 3, 5)])
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def cielab(linear: Any) -> Any:
    """CIE L*a*b* (D65) of linear sRGB; matrix from IEC 61966-2-1."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    ratios = (to_xyz @ np.clip(linear, 0, 1)) / to_xyz.sum(axis=1)
    x, y, z = np.where(ratios > 216 / 24389, np.cbrt(ratios), (24389 / 27 * ratios + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


#: What each kind of dichromat sees of linear sRGB, at full severity: figures from Machado, Oliveira and Fernandes, "A
#: physiologically-based model for simulation of color vision deficiency" (IEEE TVCG 15, 2009), as published with it.
SIGHTS = {
    "all": np.eye(3),
    "no red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "no blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)
@pytest.mark.parametrize("sight", SIGHTS)
def test_the_corners_are_told_apart_by_whoever_sees_them(theme, sight):
    corners = [mood_color(valence, arousal, theme=theme) for valence in (-1, 1) for arousal in (-1, 1)]
    seen = [cielab(np.array(SIGHTS[sight]) @ linear_rgb(color)) for color in corners]
    assert min(np.linalg.norm(one - other) for one, other in combinations(seen, 2)) > 20


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)
@pytest.mark.parametrize("valence", [-1.0, -0.4, 0.0, 0.4, 1.0])
def test_colours_grow_lighter_with_arousal(theme, valence):
    lightness = [cielab(linear_rgb(mood_color(valence, step / 5, theme=theme)))[0] for step in range(-5, 6)]
    assert lightness[-1] - lightness[0] > 12
    assert min(after - before for before, after in pairwise(lightness)) > -2


def test_moods_are_told_apart_by_colour_and_neutral_has_none():
    corners = {mood_color(across, up) for across in (-1, 1) for up in (-1, 1)}
    assert len(corners) == 4
    red, green, blue = (int(mood_color(0.0, 0.0)[index : index + 2], 16) for index in (1, 3, 5))
    assert max(red, green, blue) - min(red, green, blue) <= 2


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


class TerminalInMemory(Console):
    """A terminal in memory that counts the pictures drawn on it."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        super().__init__(
            file=self.stream, force_terminal=True, width=80, height=24, color_system="truecolor", _environ={}
        )

    @property
    def written(self) -> str:
        return self.stream.getvalue()

    @property
    def pictures(self) -> int:
        return self.written.count("\x1b[?2026l")


def wait_for(what: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 20
    while not what():
        assert time.monotonic() < deadline_s
        time.sleep(0.005)


@pytest.fixture
def terminal() -> TerminalInMemory:
    return TerminalInMemory()


@pytest.fixture
def dashboard(terminal: TerminalInMemory) -> Iterator[Dashboard]:
    shown = Dashboard(terminal)
    yield shown
    shown.close()


def test_the_dashboard_keeps_its_pace(terminal, dashboard):
    began_s = time.monotonic()
    for number in range(400):
        dashboard.write(replace(READING, time=number / 10), STATUS)
        time.sleep(0.001)
    dashboard.close()
    assert 1 <= terminal.pictures <= (time.monotonic() - began_s) * FRAMES_PER_SECOND + 1


def test_nothing_is_written_while_nothing_changes(terminal, dashboard):
    dashboard.write(READING, STATUS)
    wait_for(lambda: terminal.pictures == 1)
    written = terminal.written
    for _ in range(5):
        dashboard.write(READING, STATUS)
        time.sleep(0.05)
    assert terminal.written == written


def test_every_picture_is_one_synchronised_update(terminal, dashboard):
    for number in range(3):
        dashboard.write(replace(READING, time=float(number)), STATUS)
        wait_for(lambda so_far=number: terminal.pictures > so_far)
    dashboard.close()
    marks = re.findall(r"\x1b\[\?2026([hl])", terminal.written)
    assert "".join(marks) == "hl" * 3


def test_a_new_size_is_drawn_at_once_and_leaves_nothing_behind(terminal, dashboard):
    dashboard.write(READING, STATUS)
    wait_for(lambda: terminal.pictures == 1)
    terminal.width = 60
    wait_for(lambda: terminal.pictures == 2)  # without another reading
    assert "\x1b[2J" in terminal.written[terminal.written.rindex("\x1b[?2026h") :]


def test_what_is_written_is_what_is_drawn(terminal):
    past = [reading_at(number / 4) for number in range(400)]
    painter = Painter(terminal)
    for number in range(1, 400, 3):
        message = ("端口 lost", "", "x端口口")[number % 3]
        status = replace(status_at(number / 4), message=message, is_clipped=number % 2 == 0)
        canvas = render(View(tuple(past[:number]), status, shows_help=number % 50 == 1), 80, 24)
        painter.paint(canvas)
        if number % 30 == 1:
            assert screen_of(terminal.written, 80, 24) == ["".join(row) for row, _ in canvas.rows()]


def screen_of(written: str, width: int, height: int) -> list[str]:
    """What a terminal shows after ``written``: moves, erasing and characters one cell wide are all it knows."""
    cells = [[" "] * width for _ in range(height)]
    x = y = 0
    for sequence, parameters, last, character in re.findall(r"(\x1b\[([?0-9;]*)([A-Za-z]))|(.)", written, re.DOTALL):
        if last == "H":
            y, x = (int(number) - 1 for number in parameters.split(";"))
        elif last == "J":
            cells = [[" "] * width for _ in range(height)]
        elif not sequence:
            for _ in range(cell_len(character)):
                cells[y][x] = character
                character = ""
                x += 1
    return ["".join(row) for row in cells]


def test_the_dashboard_keeps_three_minutes_and_forgets_when_the_stream_begins_again(dashboard):
    for tenth in range(3000):
        dashboard.write(replace(READING, time=tenth / 10), STATUS)
    times = [reading.time for reading in dashboard.view.readings]
    assert times == sorted(times)
    assert 119.5 < times[0] < 121.5
    assert times[-50:] == [tenth / 10 for tenth in range(2950, 3000)]
    assert len(times) < 300
    dashboard.write(replace(READING, time=0.0), STATUS)
    assert [reading.time for reading in dashboard.view.readings] == [0.0]


def test_recent_events_stay_with_the_time_they_came(dashboard):
    for second in range(9):
        message = "input lost" if 3 <= second < 5 else "calibrated" if second == 7 else ""
        dashboard.write(replace(READING, time=float(second)), replace(STATUS, message=message))
    assert dashboard.view.events == ((3.0, "input lost"), (7.0, "calibrated"))
    text = "\n".join(lines_of(dashboard.view, 120, 40))
    assert "0:03  input lost" in text
    assert "0:07  calibrated" in text


def test_help_comes_and_goes_without_another_reading(terminal, dashboard):
    dashboard.write(READING, STATUS)
    wait_for(lambda: terminal.pictures == 1)
    dashboard.toggle_help()
    wait_for(lambda: terminal.pictures == 2)
    assert "calibrate" in "".join(screen_of(terminal.written, 80, 24))
    dashboard.toggle_help()
    wait_for(lambda: terminal.pictures == 3)
    assert "calibrate" not in "".join(screen_of(terminal.written, 80, 24))


def test_a_pause_gives_the_screen_back_and_resume_draws_everything_anew(terminal, dashboard):
    dashboard.write(READING, STATUS)
    wait_for(lambda: terminal.pictures == 1)
    dashboard.pause()
    assert terminal.written.endswith("\x1b[?1049l")
    dashboard.write(replace(READING, time=14.0), STATUS)
    time.sleep(0.2)
    assert terminal.pictures == 1
    dashboard.resume()
    wait_for(lambda: terminal.pictures == 2)
    again = terminal.written[terminal.written.rindex("\x1b[?1049h") :]
    assert screen_of(again, 80, 24) == screen_of(terminal.written, 80, 24)


def test_close_gives_the_screen_back_once(terminal, dashboard):
    assert terminal.written == ""
    dashboard.write(READING, STATUS)
    wait_for(lambda: terminal.pictures == 1)
    dashboard.close()
    dashboard.close()
    dashboard.write(replace(READING, time=20.0), STATUS)
    written = terminal.written
    assert written.count("\x1b[?1049h") == written.count("\x1b[?1049l") == 1
    assert written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l")


def test_close_without_a_reading_writes_nothing(terminal, dashboard):
    dashboard.pause()
    dashboard.resume()
    dashboard.close()
    dashboard.close()
    assert terminal.written == ""


def test_a_terminal_that_is_gone_is_told_by_the_next_reading(terminal, dashboard):
    terminal.stream.close()
    dashboard.write(READING, STATUS)
    with pytest.raises(ValueError, match="closed file"):  # noqa: PT012
        while True:
            dashboard.write(READING, STATUS)
            time.sleep(0.01)


def test_a_slow_terminal_delays_no_reading_and_gets_its_screen_back():
    pty = pytest.importorskip("pty")
    controller, slave = pty.openpty()
    shown = bytearray()
    is_over = threading.Event()

    def read_slowly() -> None:
        while True:
            shown.extend(os.read(controller, 200))
            if bytes(shown).endswith(b"\x1b[?1049l"):
                return
            is_over.wait(0.1)  # 2 kB/s, until nobody waits for it

    reader = threading.Thread(target=read_slowly, daemon=True)
    with os.fdopen(slave, "w", encoding="utf-8") as stream:
        reader.start()
        dashboard = Dashboard(
            Console(file=stream, force_terminal=True, width=200, height=60, color_system="truecolor", _environ={})
        )
        for number in range(100):
            dashboard.write(reading_at(number / 10), STATUS)
            time.sleep(0.002)
        assert not bytes(shown).endswith(b"\x1b[?2026l")  # the first picture is still on its way
        assert dashboard.view.now == reading_at(9.9)
        is_over.set()
        dashboard.close()
        reader.join(10)
    assert bytes(shown).endswith(b"\x1b[?1049l")
    os.close(controller)


PROGRAM = """
import itertools, signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have had it ignored
from models.affect import Reading, State
from realtime.outputs import Status
from realtime.outputs.dashboard import Dashboard
dashboard = Dashboard()
try:
    for tenth in itertools.count():
        time.sleep(0.001)
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
    while shown.count(b"\x1b[?2026l") < 5 and time.monotonic() < deadline:
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
