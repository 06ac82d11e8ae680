"""A slow output is skipped and never waited for; what it raises comes back to who writes."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from models.affect import Reading, State
from realtime.outputs import Status, queued
from realtime.outputs.json_lines import JsonLines
from realtime.outputs.queued import Queued

ROOT = Path(__file__).resolve().parents[3]
READING = Reading(12.5, State.LIVE, 5.31, 1.42, 6.08, 1.3, 14, -23.1, 142.0, "audio")
STATUS = Status("test")
READINGS = [replace(READING, time=float(second)) for second in range(300)]


class Recorder:
    """Keeps what it is given and which threads came. Holds at its first reading until ``free``, then may fail."""

    def __init__(self, *, free: bool = True, failure: Exception | None = None) -> None:
        self.times: list[float] = []
        self.threads: set[int] = set()
        self.closed = 0
        self.holding, self.free = threading.Event(), threading.Event()
        self.failure = failure
        if free:
            self.free.set()

    def write(self, reading: Reading, status: Status) -> None:
        self.threads.add(threading.get_ident())
        self.holding.set()
        assert self.free.wait(20.0)
        if self.failure is not None:
            raise self.failure
        self.times.append(reading.time)

    def close(self) -> None:
        self.threads.add(threading.get_ident())
        self.closed += 1


@pytest.fixture
def full_pipe() -> Iterator[tuple[int, JsonLines, int]]:
    """The reading end of a pipe that takes no byte more, JSON Lines into it, and how many bytes lie in it."""
    reading_end, writing_end = os.pipe()
    os.set_blocking(writing_end, False)
    lying = 0
    try:
        while True:
            lying += os.write(writing_end, b" " * 4096)
    except BlockingIOError:
        os.set_blocking(writing_end, True)
    with open(writing_end, "w", encoding="utf-8") as stream:  # noqa: PTH123
        yield reading_end, JsonLines(stream), lying


def test_every_reading_arrives_in_order_on_one_thread_and_the_last_one_too():
    recorder = Recorder()
    output = Queued(recorder, length=len(READINGS))
    for reading in READINGS:
        output.write(reading, STATUS)
    output.close()
    output.close()
    output.write(READING, STATUS)
    assert recorder.times == [reading.time for reading in READINGS]
    assert recorder.closed == 1
    assert len(recorder.threads) == 1
    assert threading.get_ident() not in recorder.threads
    assert output.skipped == 0
    assert not output.stuck


def test_lines_are_what_they_would_be_without_a_queue():
    direct, behind = io.StringIO(), io.StringIO()
    output = Queued(JsonLines(behind), length=len(READINGS))
    for reading in READINGS:
        JsonLines(direct).write(reading, STATUS)
        output.write(reading, STATUS)
    output.close()
    assert behind.getvalue() == direct.getvalue()


def test_of_what_waits_the_oldest_is_left_out():
    recorder = Recorder(free=False)
    output = Queued(recorder, length=3)
    output.write(READINGS[0], STATUS)
    assert recorder.holding.wait(20.0)
    for reading in READINGS[1:10]:
        output.write(reading, STATUS)
    assert output.skipped == 6
    recorder.free.set()
    output.close()
    assert recorder.times == [0.0, 7.0, 8.0, 9.0]


def test_a_full_pipe_is_not_waited_for_and_has_the_newest_once_it_is_read(full_pipe):
    reading_end, lines, lying = full_pipe
    output = Queued(lines)
    began = time.monotonic()
    for reading in READINGS:
        output.write(reading, STATUS)
    assert time.monotonic() - began < 1.0
    # The first may be stuck in the pipe already, or still have waited.
    assert output.skipped in (99, 100)
    received: list[bytes] = []

    def receive() -> None:
        while received_now := os.read(reading_end, 65536):
            received.append(received_now)

    reader = threading.Thread(target=receive)
    reader.start()
    output.close()
    assert output.skipped in (99, 100)
    lines._stream.close()
    reader.join()
    os.close(reading_end)
    times = [json.loads(line)["time"] for line in b"".join(received)[lying:].splitlines()]
    assert times[-200:] == [reading.time for reading in READINGS[-200:]]


def test_a_pipe_that_nobody_reads_is_given_up_on(full_pipe, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(queued, "DRAIN_S", 0.2)
    monkeypatch.setattr(queued, "LAST_WAIT_S", 0.1)
    reading_end, lines, _ = full_pipe
    output = Queued(lines)
    for reading in READINGS:
        output.write(reading, STATUS)
    began = time.monotonic()
    output.close()
    assert 0.3 <= time.monotonic() - began < 1.5
    assert output.stuck
    assert output.skipped in (299, 300)
    output.close()
    os.close(reading_end)
    output._thread.join(20.0)
    assert not output.stuck
    with pytest.raises(BrokenPipeError):
        output.close()
    with pytest.raises(BrokenPipeError):
        lines._stream.close()


def test_a_slow_output_is_closed_on_its_thread_once_its_time_is_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(queued, "DRAIN_S", 0.1)
    recorder = Recorder(free=False)
    output = Queued(recorder)
    for reading in READINGS[:5]:
        output.write(reading, STATUS)
    assert recorder.holding.wait(20.0)
    freed = threading.Timer(0.3, recorder.free.set)
    freed.start()
    output.close()
    assert recorder.times == [0.0]
    assert recorder.closed == 1
    assert output.skipped == 4
    assert len(recorder.threads) == 1


@pytest.mark.parametrize("failure", [BrokenPipeError(), OSError(errno.ENOSPC, "No space left on device")])
def test_what_the_output_raises_comes_with_the_next_write_and_only_once(failure: Exception):
    recorder = Recorder(failure=failure)
    output = Queued(recorder)
    output.write(READING, STATUS)
    output._thread.join(20.0)
    with pytest.raises(type(failure)) as raised:
        output.write(READING, STATUS)
    assert raised.value is failure
    output.write(READING, STATUS)
    output.close()
    assert recorder.times == []
    assert recorder.closed == 1


def test_what_the_output_raises_comes_with_close_where_nothing_more_is_written():
    recorder = Recorder(failure=BrokenPipeError())
    output = Queued(recorder)
    output.write(READING, STATUS)
    with pytest.raises(BrokenPipeError):
        output.close()
    output.close()
    assert recorder.closed == 1


def test_what_closing_raises_comes_with_close():
    class Torn(Recorder):
        def close(self) -> None:
            raise OSError(errno.EIO, "Input/output error")

    output = Queued(Torn())
    output.write(READING, STATUS)
    with pytest.raises(OSError, match="Input/output"):
        output.close()
    output.close()


def test_a_full_disk_is_told_of():
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    stream = Path("/dev/full").open("w", encoding="utf-8")  # noqa: SIM115 - closing it fails too
    output = Queued(JsonLines(stream))
    output.write(READING, STATUS)
    with pytest.raises(OSError, match="No space left"):
        output.close()
    with pytest.raises(OSError, match="No space left"):
        stream.close()


def test_a_stuck_output_does_not_keep_the_program_alive():
    program = f"""
import os, sys, threading
sys.path.insert(0, {str(ROOT)!r})
from realtime.outputs import queued, Status
from models.affect import Reading, State
class Stuck:
    def write(self, reading, status): threading.Event().wait()
    def close(self): pass
queued.DRAIN_S = queued.LAST_WAIT_S = 0.05
output = queued.Queued(Stuck())
output.write(Reading(1.0, State.LIVE, 5, 1, 5, 1, 1, None, None, ""), Status(""))
output.close()
print(output.stuck)
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "True\n", "")


def test_a_queue_without_a_place_is_refused():
    with pytest.raises(ValueError, match="at least 1, not 0"):
        Queued(Recorder(), length=0)
