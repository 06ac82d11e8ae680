"""A day on stage at full speed: ``python -m tests.benchmarks.live_soak [--hours 24] [--seed 1]``.

A microphone and a keyboard, simulated from the drivers' callbacks down, feed everything that ``moodring live`` has:
sources that come back, both as one, the session with its models, JSON Lines, the dashboard on a terminal that is
nobody's, OSC to where nobody listens, now and then a recording with sound. ``stage_day`` says what is played and what
goes wrong. A line is printed for each round (an hour, where there are at least two); the exit status is 1 where
something did not hold.
"""

from __future__ import annotations

import os

# As the command line has it, and before anything loads NumPy.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import json
import math
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from io import TextIOBase
from pathlib import Path

import numpy as np
import soundfile
from rich.console import Console

from models.affect import Reading, State
from models.bundle import load_for
from models.errors import MoodringError
from realtime.allocation import return_large_blocks
from realtime.controls import Controls
from realtime.demo import RECORDING, SCORE
from realtime.desk import Desk
from realtime.events import Event
from realtime.note_events import Struck
from realtime.outputs import NoteOutput, Output, Status
from realtime.outputs.dashboard import Dashboard
from realtime.outputs.json_lines import JsonLines
from realtime.outputs.osc import Osc, parse_target
from realtime.recording import Recorder
from realtime.session import Session
from realtime.sources.together import Together
from tests.benchmarks.music import FloatArray, joined, shared_data, spread
from tests.benchmarks.soak import give_back_free_pages, resident_bytes
from tests.benchmarks.stage_day import PARTS, Evening, Played, piece
from tests.support.watched import Watched, refuse
from tests.support.world import Stepped, World, names_of_threads, watched_threads

MUSIC_S = 600.0
SONGS, PIECES = 12, 20
#: By what the memory of the last quarter of the rounds may be above that of the first, the median of each: a leak of
#: 1 MB an hour is 18 MB in a day. One round against one would tell of what was free as it ended. Python's arenas for
#: small objects are filled by the largest bursts of events, which come by chance, and hardly ever become free as a
#: whole: in two hours they grew by 7 MB while what was allocated in them grew by 0.8. The C library's free pages are
#: given back before it is measured: they made it 320 MB at the end of one round and 341 at that of another.
MOST_GROWTH_BYTES = 16e6
#: How many times longer than in the first quarter of the rounds a reading may take in the last, and ms beside: the
#: median and the 99th percentile of its processor time, which differs by as much where others share the core, and the
#: latency. That is the wall clock's: from keys it is a few ms, which others on the core double.
MOST_LONGER = {"median_ms": (1.5, 1.0), "p99_ms": (2.0, 1.0), "late_ms": (1.25, 10.0)}
#: How late a reading may be, in milliseconds, once a stall is over for two seconds; the usual is 350, with sound.
MOST_LATE_MS = 1000.0
#: From so many rounds of an hour on memory and time are judged; before, they are only told.
FEWEST_HOURS = 3
#: Pictures a second, of the wall clock.
PICTURES_HZ = 5.0


@dataclass(frozen=True, slots=True)
class Round:
    """What a round came to, at its end: bytes resident without the C library's free pages, and with them, open files,
    threads, and seconds of the wall clock it took.

    ``median_ms`` and ``p99_ms`` are the processor time of a reading, ``late_ms`` the 99th percentile of the latency
    that live readings told from two seconds after a stall on, each by part.
    """

    resident: int
    with_free: int
    files: int
    threads: int
    wall_s: float
    median_ms: dict[str, float]
    p99_ms: dict[str, float]
    late_ms: dict[str, float]


class Meter:
    """The processor time that the session's thread spends on a reading, and the latency it tells, by part.

    ``late`` holds part, stream time and latency (ms) of each live reading, ``unsettled`` from when until when in stream
    time readings may be late.
    """

    def __init__(self) -> None:
        self.cost_ms: dict[str, list[float]] = {part: [] for part, _ in PARTS}
        self.late: list[tuple[str, float, float]] = []
        self.unsettled: list[tuple[float, float]] = []

    def take(self) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
        """Median and 99th percentile of the cost, and that of the latency, since the last time."""
        median, p99 = (_quantiles(self.cost_ms, q) for q in (0.5, 0.99))
        late_ms: dict[str, list[float]] = {part: [] for part, _ in PARTS}
        for part, time_s, latency_ms in self.late:
            if not any(start_s < time_s <= end_s for start_s, end_s in self.unsettled):
                late_ms[part].append(latency_ms)
        self.__init__()  # type: ignore[misc]
        return median, p99, _quantiles(late_ms, 0.99)


def _quantiles(values: dict[str, list[float]], q: float) -> dict[str, float]:
    return {part: float(np.quantile(found, q)) for part, found in values.items() if found}


class Timed(Stepped):
    """The stepped source, that looks at the clock whenever the session comes back for more."""

    def __init__(self, source: Together, evening: Evening, tracker: Watched, meter: Meter) -> None:
        super().__init__(source, evening.steps())
        self._evening, self._tracker, self._meter = evening, tracker, meter
        self._before = (0.0, 0, "")
        self._reached_s = 0.0

    def read(self, timeout_s: float) -> Sequence[Event]:
        began_s, given, part = self._before
        if not self._evening.is_settled:
            self._meter.unsettled.append((self._reached_s, self._tracker.time_s))
        self._reached_s = self._tracker.time_s
        readings = self._tracker.given - given
        if part and readings:
            self._meter.cost_ms[part].append(1000.0 * (time.thread_time() - began_s) / readings)
        events = super().read(timeout_s)
        self._before = (time.thread_time(), self._tracker.given, self._evening.part)
        return events


class Counted:
    """An output, and how many readings it was given."""

    def __init__(self, output: Output) -> None:
        self.written = 0
        self._output = output

    def write(self, reading: Reading, status: Status) -> None:
        self.written += 1
        self._output.write(reading, status)

    def close(self) -> None:
        self._output.close()


class CountedNotes(Counted):
    """An output that takes notes, too."""

    def play(self, notes: Sequence[Struck]) -> None:
        assert isinstance(self._output, NoteOutput)
        self._output.play(notes)


class Reader(TextIOBase):
    """Whoever reads the JSON Lines: each must be JSON as the standard has it, and later than the one before."""

    def __init__(self, late_ms: Meter, evening: Evening) -> None:
        self.lines = 0
        self.wrong = ""
        self._newest_s = -math.inf
        self._meter, self._evening = late_ms, evening

    def write(self, text: str) -> int:
        self.lines += 1
        try:
            fields = json.loads(text, parse_constant=refuse)
            if fields["time"] <= self._newest_s:
                self.wrong = self.wrong or f"line {self.lines} is not later than the one before: {text}"
            self._newest_s = fields["time"]
            if fields["state"] == "live" and fields["latency_ms"] is not None:
                self._meter.late.append((self._evening.part, fields["time"], fields["latency_ms"]))
        except (ValueError, KeyError) as error:
            self.wrong = self.wrong or f"line {self.lines} is no reading ({error}): {text}"
        return len(text)


class Soak:
    """One run; ``rounds`` grows as it goes, ``problems`` holds what did not hold, a line each."""

    def __init__(self, hours: float, seed: int, folder: Path) -> None:
        self.rounds: list[Round] = []
        self.problems: list[str] = []
        self.recorded = self.recorded_lost = 0
        count = max(2, round(hours))
        self.round_s = 3600.0 * hours / count
        self._folder = folder
        self._meter = Meter()
        self.world = World()
        self.controls = Controls()
        self.evening = Evening(
            self.world,
            *_music(),
            rounds=count,
            round_s=self.round_s,
            seed=seed,
            controls=self.controls,
            expect=self._expect,
            ends=self._end_round,
        )
        self._recorders: list[Recorder] = []
        self._began_s = time.monotonic()

    def run(self) -> None:
        """Go through all of it."""
        with self.world.installed(), watched_threads() as self._died:
            self.world.plug_microphone(44_100, 2)
            self.world.plug_keyboard(20)
            self.together = Together([self.world.microphone(), self.world.keyboard()], self.world.clock)
            self.tracker = Watched(load_for("sound", None), rate_hz=10.0)
            self.source = Timed(self.together, self.evening, self.tracker, self._meter)
            self.reader = Reader(self._meter, self.evening)
            self.osc = Osc([parse_target(f"127.0.0.1:{_nobodys_port()}")], rate_hz=10.0)
            with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
                console = Console(file=nowhere, force_terminal=True, width=120, height=40, color_system="truecolor")
                # As many readings as come in a second of the wall clock would draw all the time.
                dashboard = Dashboard(console, theme="dark", clock=lambda: time.monotonic() * PICTURES_HZ / 30)
                outputs = [Counted(JsonLines(self.reader)), Counted(dashboard), CountedNotes(self.osc)]
                desk = Desk(self.tracker, "sound", record=self._record)
                self._threads = {"dashboard", "osc-output", "queued-output"}
                session = Session(
                    self.source, self.tracker, outputs, clock=self.world.clock, controls=self.controls, desk=desk
                )
                self.tally = session.run()
            self._check_recording()
            self._check_end(outputs)

    def _record(self) -> Recorder:
        self._check_recording()
        path = self._folder / f"{len(self._recorders)}.jsonl"
        recorder = Recorder(
            path,
            source=self.source.name,
            kind=self.source.kind,
            model=self.tracker.bundle,
            rate_hz=self.tracker.rate_hz,
            settings={},
            with_sound=True,
            began_s=self.tracker.time_s,
            version="soak",
        )
        self._recorders.append(recorder)
        return recorder

    def _check_recording(self) -> None:
        """The newest recording is over: everything is in its file that it does not report as lost."""
        if not self._recorders or not (path := self._recorders[-1].path).exists():
            return
        recorder = self._recorders[-1]
        recorder.close()
        if recorder.problem:
            self.problems.append(f"recording: {recorder.problem}")
        records = [json.loads(line, parse_constant=refuse) for line in path.read_text("utf-8").splitlines()]
        readings = sum(record["type"] == "reading" for record in records)
        last = records[-1]
        if last["type"] != "end" or not last["readings"] - last["lost"] <= readings <= last["readings"]:
            self.problems.append(f"recording {path.name}: {readings} readings in it, its last line {last}")
        self.recorded += readings
        self.recorded_lost += last["lost"]
        for sound in self._folder.glob(f"{path.stem}*.flac"):
            if not soundfile.info(sound).frames:
                self.problems.append(f"recording {path.name}: no sound in {sound.name}")
            sound.unlink()
        path.unlink()

    def _expect(self, what: str) -> None:
        """What must be so at this moment of the evening."""
        newest, kind = self.tracker.newest, self.source.kind
        wanted: dict[str, tuple[str, set[State]]] = {
            "sound": ("sound", set(State) - {State.LOST}),
            "quiet": ("sound", {State.SILENCE, State.WARMING}),
            "notes": ("notes", set(State) - {State.LOST}),
            "at rest": ("notes", {State.SILENCE, State.WARMING}),
            "lost": ("notes", {State.LOST}),
        }
        where = f"round {len(self.rounds) + 1}, {self.evening.part}"
        if what in ("quiet", "at rest", "lost", "nothing sounds") and self.tracker.sounding:
            self.problems.append(f"{where}: {self.tracker.sounding} hang")
        if what == "nothing sounds":
            return
        wanted_kind, states = wanted[what]
        assert newest is not None
        if newest.state not in states:
            self.problems.append(f"{where}: the state is {newest.state}")
        if kind != wanted_kind or newest.model != load_for(wanted_kind, None).name:  # type: ignore[arg-type]
            self.problems.append(f"{where}: '{newest.model}' follows {kind}")

    def _end_round(self, number: int) -> None:
        with_free = resident_bytes()
        give_back_free_pages()
        found = Round(
            resident_bytes(),
            with_free,
            len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").is_dir() else 0,
            threading.active_count(),
            time.monotonic() - self._began_s,
            *self._meter.take(),
        )
        self.rounds.append(found)
        missing = self._threads - names_of_threads()
        if missing:
            self.problems.append(f"round {number + 1}: the thread {', '.join(sorted(missing))} has ended")
        self._check_counters(f"round {number + 1}")
        print(self._line(number, found), flush=True)

    def _check_counters(self, where: str) -> None:
        handed, heard, given = self.world.handed, self.world.heard, self.source.given
        dropped = self.together.dropped
        waiting = handed["blocks"] + handed["keys"] - heard["blocks"] - heard["keys"] - dropped
        # A step hands over one block, which the next read takes, and what is played with it.
        if not 0 <= waiting <= 200:
            self.problems.append(
                f"{where}: handed over {handed['blocks']} blocks and {handed['keys']} events, heard "
                f"{heard['blocks']} and {heard['keys']}, dropped {dropped}: {waiting} are nowhere"
            )
        for name in ("blocks", "samples"):
            if heard[name] != given[name]:
                self.problems.append(f"{where}: {heard[name]} {name} heard, {given[name]} given on")

    def _check_end(self, outputs: Sequence[Counted]) -> None:
        self._check_counters("at the end")
        handed, heard, dropped = self.world.handed, self.world.heard, self.together.dropped
        if handed["blocks"] + handed["keys"] != heard["blocks"] + heard["keys"] + dropped:
            self.problems.append(f"at the end: handed {handed}, heard {heard}, dropped {dropped}")
        if heard["notes"] != self.source.given["notes"]:
            self.problems.append(f"{heard['notes']} note-ons heard, {self.source.given['notes']} given on")
        written = sum(output.written for output in outputs) + self.tally.skipped
        if written != len(outputs) * self.tally.readings:
            self.problems.append(f"{self.tally.readings} readings, but {written} in {len(outputs)} outputs")
        if self.reader.lines != outputs[0].written:
            self.problems.append(f"{outputs[0].written} readings became {self.reader.lines} lines")
        if self.reader.wrong:
            self.problems.append(self.reader.wrong)
        if self.tracker.faulty:
            self.problems.append(f"{self.tracker.faulty} readings are wrong: {'; '.join(self.tracker.problems)}")
        if self.osc.sent == 0 and self.osc.failures == 0:
            self.problems.append("OSC has neither sent nor failed")
        self.problems += [f"died: {line}" for line in self._died]
        self.problems += not_flat(self.rounds, self.round_s)

    def _line(self, number: int, found: Round) -> str:
        costs = "; ".join(f"{part} {found.median_ms[part]:.2f}/{found.p99_ms[part]:.2f}" for part in found.median_ms)
        late = max(found.late_ms.values(), default=0.0)
        return (
            f"{(number + 1) * self.round_s / 3600:.2f} h ({found.wall_s / 60:.1f} min): "
            f"{found.resident / 1e6:.1f} MB ({found.with_free / 1e6:.1f} with free pages), "
            f"{found.threads} threads, {found.files} files; "
            f"ms a reading, median/p99: {costs}; latency p99 {late:.0f} ms; {self.tracker.given} readings, "
            f"{self.together.dropped} dropped, {self.together.overflows} overflows, "
            f"{self.evening.faults.total()} faults, {len(self.problems)} problems"
        )

    def told(self) -> list[str]:
        """What it was and what it came to, a line each."""
        spent = self.evening.spent_s
        handed, heard, first, last = self.world.handed, self.world.heard, self.rounds[0], self.rounds[-1]
        return [
            f"{sum(spent.values()) / 3600:.2f} h: "
            + ", ".join(f"{part} {spent[part] / 3600:.2f} h" for part, _ in PARTS),
            "faults: " + ", ".join(f"{name} {count}" for name, count in sorted(self.evening.faults.items())),
            f"stream time {self.tracker.time_s / 3600:.2f} h; {self.tally}",
            f"handed over {handed['blocks']} blocks and {handed['keys']} events of keys = heard {heard['blocks']} and "
            f"{heard['keys']} + dropped {self.together.dropped}",
            f"memory {first.resident / 1e6:.1f} MB after the first round, {last.resident / 1e6:.1f} MB after the last",
            f"recorded {self.recorded} readings in {len(self._recorders)} files, {self.recorded_lost} items lost there",
            f"OSC: {self.osc.describe()}",
        ]


def not_flat(rounds: Sequence[Round], round_s: float) -> list[str]:
    """What has grown over the rounds, a line each; nothing where they are too few or too short to tell."""
    if len(rounds) < FEWEST_HOURS or round_s < 3600.0:
        return []
    problems = []
    quarter = max(len(rounds) // 4, 1)
    ends = rounds[:quarter], rounds[-quarter:]
    before, after = (float(np.median([one.resident for one in some])) for some in ends)
    grown = after - before
    if grown > MOST_GROWTH_BYTES:
        problems.append(f"memory has grown by {grown / 1e6:.1f} MB, more than {MOST_GROWTH_BYTES / 1e6:.0f} MB")
    if rounds[-1].threads > rounds[0].threads + 2 or rounds[-1].files > rounds[0].files + 2:
        problems.append(
            f"threads and open files were {rounds[0].threads}, {rounds[0].files}, "
            f"and are {rounds[-1].threads}, {rounds[-1].files}"
        )
    for number, found in enumerate(rounds, start=1):
        for part, late_ms in found.late_ms.items():
            if not 0.0 <= late_ms <= MOST_LATE_MS:
                problems.append(f"round {number}, {part}: readings are {late_ms:.0f} ms late where nothing stalls")
    for name, (times, beside_ms) in MOST_LONGER.items():
        for part in getattr(rounds[0], name):
            early, late = (
                float(np.median([getattr(one, name)[part] for one in some if part in getattr(one, name)]))
                for some in ends
            )
            if late > times * early + beside_ms:
                problems.append(f"{name} in {part} was {early:.2f} and is {late:.2f}")
    return problems


def _music() -> tuple[FloatArray, list[Played]]:
    """DEAM's and VGMIDI's, or the demo where they are not there."""
    try:
        songs = spread(shared_data() / "deam" / "audio", SONGS)
        scores = spread(shared_data() / "vgmidi" / "midi", PIECES)
    except MoodringError as error:
        print(f"the demo goes round and round, since {error}")
        songs, scores = [RECORDING], [SCORE]
    return joined(songs, MUSIC_S)[0], [piece(score) for score in scores]


def _nobodys_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def main() -> int:
    """Run it and say what it came to; 1 where something did not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=float, default=24.0, help="stream time")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    # As the command line has it.
    return_large_blocks()
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(arguments.hours, arguments.seed, Path(folder))
        soak.run()
    for line in soak.told():
        print(line)
    for problem in soak.problems:
        print(f"DOES NOT HOLD: {problem}")
    print(
        "all of it held" if not soak.problems else f"{len(soak.problems)} things did not hold (seed {arguments.seed})"
    )
    return 1 if soak.problems else 0


if __name__ == "__main__":
    sys.exit(main())
