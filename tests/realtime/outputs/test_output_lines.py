"""JSON Lines and plain lines, as a program and a person read them."""

from __future__ import annotations

import io
import json
import math
import os
import re
from dataclasses import replace

import pytest

from models.affect import Reading, State
from realtime.outputs import Status
from realtime.outputs.json_lines import JsonLines
from realtime.outputs.plain import Plain
from realtime.outputs.wording import VALENCE, stream_time, trend_arrow

READING = Reading(12.5, State.LIVE, 5.31, 1.42, 6.08, 1.3, 14, -23.1, 142.0, "audio")
STATUS = Status("test")


class CountingStream(io.StringIO):
    flushes = 0

    def flush(self) -> None:
        self.flushes += 1
        super().flush()


def plain_lines(*readings: Reading, statuses: tuple[Status, ...] = ()) -> list[str]:
    stream = io.StringIO()
    output = Plain(stream)
    for index, reading in enumerate(readings):
        output.write(reading, statuses[index] if statuses else STATUS)
    return stream.getvalue().splitlines()


def test_a_json_line_is_the_reading_and_is_flushed():
    stream = CountingStream()
    output = JsonLines(stream)
    readings = [READING, replace(READING, time=13.0, level_db=None, latency_ms=None, state=State.LOST)]
    for number, reading in enumerate(readings, 1):
        output.write(reading, STATUS)
        assert stream.flushes == number
    assert [json.loads(line) for line in stream.getvalue().splitlines()] == [each.as_json() for each in readings]
    assert stream.getvalue().endswith("\n")


def test_a_blind_rater_reads_no_prediction_in_a_plain_line():
    (line,) = plain_lines(READING, statuses=(replace(STATUS, is_blind=True),))
    assert line.split() == ["0:12.5", "hidden", "-23", "dB", "14", "notes", "live"]


def test_json_has_null_for_what_is_not_a_finite_number():
    stream = io.StringIO()
    JsonLines(stream).write(replace(READING, level_db=-math.inf, valence_std=math.nan), STATUS)
    parsed = json.loads(stream.getvalue(), parse_constant=lambda constant: pytest.fail(f"{constant} is not JSON"))
    assert parsed["level_db"] is None
    assert parsed["valence_std"] is None
    assert parsed["arousal"] == 6.08


@pytest.mark.parametrize("output_type", [JsonLines, Plain])
def test_a_reader_that_has_gone_is_told_of(output_type):
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", encoding="utf-8") as stream:  # noqa: PTH123
        with pytest.raises(BrokenPipeError):
            output_type(stream).write(READING, STATUS)
        with pytest.raises(BrokenPipeError):  # what was not written would be tried again
            stream.flush()
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@pytest.mark.parametrize("output_type", [JsonLines, Plain])
def test_close_twice_is_fine_and_leaves_the_stream_open(output_type):
    stream = io.StringIO()
    output = output_type(stream)
    output.write(READING, STATUS)
    output.close()
    output.close()
    assert not stream.closed


def test_a_plain_line_reads_like_this():
    assert plain_lines(READING) == ["0:12.5  valence 5.31 ±1.42 →  arousal 6.08 ±1.30 →  happy  -23 dB  14 notes  live"]


def test_plain_is_flushed_a_line_at_a_time():
    stream = CountingStream()
    output = Plain(stream)
    output.write(READING, STATUS)
    output.write(replace(READING, time=12.6), STATUS)
    assert stream.flushes == 1


def test_plain_writes_once_a_second_of_stream_time():
    readings = [replace(READING, time=tenth / 10) for tenth in range(5, 35)]
    assert [line.split()[0] for line in plain_lines(*readings)] == ["0:00.5", "0:01.0", "0:02.0", "0:03.0"]


def test_plain_goes_on_when_the_stream_begins_again():
    lines = plain_lines(replace(READING, time=61.0, valence=8.0), replace(READING, time=0.0), READING)
    assert [line.split()[0] for line in lines] == ["1:01.0", "0:00.0", "0:12.5"]
    assert "5.31 ±1.42 →" in lines[1]


def test_plain_shows_where_the_music_is_heading():
    readings = [replace(READING, time=float(second), valence=5 + 0.1 * second, arousal=6 - 0.3 * second)
                for second in range(6)]  # fmt: skip
    last = plain_lines(*readings)[-1]
    assert "±1.42 ↗" in last
    assert "±1.30 ↓" in last


def test_plain_claims_nothing_while_warming_up():
    assert plain_lines(replace(READING, state=State.WARMING, notes=1, level_db=None)) == ["0:12.5  1 note  warming"]


def test_plain_tells_a_message_once():
    lost = Status("test", message="input lost")
    lines = plain_lines(
        *(replace(READING, time=float(second)) for second in range(3)), statuses=(STATUS, lost, lost)
    )  # fmt: skip
    assert [line.endswith("  input lost") for line in lines] == [False, True, False]


def test_plain_copes_with_a_stream_that_lacks_its_signs():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    Plain(stream).write(READING, STATUS)
    assert b"valence 5.31 ?1.42 ?" in stream.buffer.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00.0"), (59.96, "1:00.0"), (3599.94, "59:59.9"), (3600, "1:00:00.0"), (3725.5, "1:02:05.5")],
)
def test_stream_time(seconds, text):
    assert stream_time(seconds) == text


@pytest.mark.parametrize(
    ("change", "arrow"), [(1.0, "↑"), (0.3, "↗"), (0.1, "→"), (-0.1, "→"), (-0.3, "↘"), (-1.0, "↓")]
)
def test_trend_compares_with_four_seconds_ago(change, arrow):
    values = {0.0: 9.0, 6.0: 5.0, 8.0: 1.0, 10.0: 5.0 + change}
    readings = [replace(READING, time=time, valence=valence) for time, valence in values.items()]
    assert trend_arrow(readings, VALENCE) == arrow


def test_trend_leaves_out_what_was_said_while_warming_up():
    readings = [replace(READING, time=0.0, valence=1.0, state=State.WARMING), replace(READING, time=1.0)]
    assert trend_arrow(readings, VALENCE) == "→"


def test_colours_come_with_force_color_and_go_with_no_color_or_mono(monkeypatch):
    readings = [replace(READING, time=float(number)) for number in range(3)]
    statuses = (STATUS, replace(STATUS, message="calibrated"), STATUS)

    def printed(theme: str = "auto") -> str:
        stream = io.StringIO()
        output = Plain(stream, theme)
        for reading, status in zip(readings, statuses, strict=True):
            output.write(reading, status)
        return stream.getvalue()

    plain = printed()
    assert "\x1b" not in plain
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    assert "38;2;" in printed()
    monkeypatch.delenv("COLORTERM")
    coloured = printed()
    assert "38;2;" not in coloured  # an ink takes the colours of the terminal at hand, not of the first one
    assert len(set(re.findall(r"\x1b\[[0-9;]*38;5;\d+m", coloured))) >= 3  # the mood, what is muted, the message
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain
    assert printed("light") not in (plain, coloured)
    assert printed("mono") == plain
    monkeypatch.setenv("NO_COLOR", "1")
    assert printed() == plain
