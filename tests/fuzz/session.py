"""A session that hears whatever a simulated stage gives, and what must hold of it."""

from __future__ import annotations

import io
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np

from models.bundle import Bundle, load_for
from realtime.controls import (
    Calibrate,
    Control,
    Controls,
    Freeze,
    Label,
    MoveLabel,
    Record,
    Reset,
    SetRate,
    Smooth,
    UseModel,
)
from realtime.desk import Desk
from realtime.outputs.json_lines import JsonLines
from realtime.recording import Recorder
from realtime.session import Session
from realtime.sources import Source
from tests.support.watched import Watched, refuse
from tests.support.world import Stepped, World

RATES_HZ = (0.5, 1.0, 2.0, 10.0, 20.0, 50.0)
Kind = Literal["sound", "notes"]


@lru_cache
def bundle(kind: Kind) -> Bundle:
    """The best bundle for sound or notes."""
    return load_for(kind, None)


def hear(
    world: World,
    source: Source,
    steps: Callable[[Controls, Watched], Iterator[float]],
    rng: np.random.Generator,
    done: Counter[str],
) -> Watched:
    """Let a session hear ``source`` while the world goes through ``steps``. Raises ``AssertionError`` for what is wrong
    with its readings, lines or counters."""
    tracker = Watched(bundle(source.kind), rate_hz=float(rng.choice(RATES_HZ)))
    controls, lines = Controls(), io.StringIO()
    stepped = Stepped(source, steps(controls, tracker))
    with_sound = bool(rng.random() < 0.5)
    with TemporaryDirectory() as folder:
        recorders: list[Recorder] = []

        def record() -> Recorder:
            recorders.append(
                Recorder(
                    Path(folder) / f"{len(recorders)}.jsonl",
                    source=stepped.name,
                    kind=stepped.kind,
                    model=tracker.bundle,
                    rate_hz=tracker.rate_hz,
                    settings={},
                    with_sound=with_sound,
                    began_s=tracker.time_s,
                    version="fuzz",
                )
            )
            return recorders[-1]

        desk = Desk(tracker, source.kind, record=record)
        if rng.random() < 0.3:
            controls.ask(Record(True))
        session = Session(stepped, tracker, [JsonLines(lines)], clock=world.clock, controls=controls, desk=desk)
        tally = session.run()
        done["recordings"] += len(recorders)
        for recorder in recorders:
            if recorder.problem:  # FLAC does not take every rate, and what is recorded ends there
                assert len(recorder.problem.splitlines()) == 1, recorder.problem
                done["recordings that stopped"] += 1
                continue
            last = recorder.path.read_text(encoding="utf-8").splitlines()[-1]
            assert json.loads(last, parse_constant=refuse)["type"] == "end", last
    done["readings"] += tracker.given
    check(tracker)
    times = [json.loads(line, parse_constant=refuse)["time"] for line in lines.getvalue().splitlines()]
    assert times == sorted(times), "lines out of order"
    assert len(times) + tally.skipped == tally.readings == tracker.given, (len(times), tally, tracker.given)
    given, heard = stepped.given, world.heard
    for name in ("blocks", "samples"):
        assert given[name] == heard[name], f"{heard[name]} {name} heard, {given[name]} given on"
    return tracker


def check(tracker: Watched) -> None:
    """No reading may have been out of range or out of order."""
    assert not tracker.faulty, tracker.problems


def some_control(rng: np.random.Generator) -> Control:
    """Something that a performer, or a program over OSC, may ask for, sensible or not."""
    number = float(rng.choice(np.array([math.nan, math.inf, -1.0, 0.0, 1e-9, 0.1, 2.0, 3.7, 10.0, 50.0, 1e9])))
    wanted: list[Control] = [
        Reset(),
        Calibrate(),
        Freeze(),
        SetRate(number),
        SetRate(None, int(rng.integers(-1, 2))),
        Smooth(None),
        Smooth(str(rng.choice(["calm", "normal", "nervous", "off", "jumpy"]))),
        Label(number, -number),
        MoveLabel(number, 0.1),
        Record(None),
        UseModel(None),
        UseModel(str(rng.choice(["notes", "audio", "seed-rnn", "nobody's"]))),
    ]
    return wanted[int(rng.integers(len(wanted)))]
