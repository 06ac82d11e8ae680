"""Sessions that are recorded, and what is in their files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from models.affect import Reading
from models.bundle import Bundle
from realtime.events import Event, Sound
from realtime.recording import Recorder
from realtime.sources import Source
from realtime.sources.recorded import Recorded
from realtime.tracker import EmotionTracker


def recorder(path: Path, model: Bundle, **settings: Any) -> Recorder:
    """A recorder of a session with sound, unless ``settings`` say otherwise."""
    usual = {"source": "test", "kind": "sound", "rate_hz": None, "settings": {}, "with_sound": True, "version": "1.2.3"}
    return Recorder(path, model=model, **usual | settings)


def record(path: Path, model: Bundle, reads: Iterable[Sequence[Event]], **settings: Any) -> list[Reading]:
    """The readings of a session whose source gave ``reads``, recorded in ``path``."""
    tracker = EmotionTracker(model, rate_hz=settings.get("rate_hz"))
    readings: list[Reading] = []
    recording = recorder(path, model, **settings)
    for events in reads:
        for reading in tracker.push(recording.hear(events)):
            recording.write(reading)
            readings.append(reading)
    for reading in tracker.finish():
        recording.write(reading)
        readings.append(reading)
    recording.close()
    assert not recording.problem
    assert not recording.lost
    return readings


def replay(path: Path, model: Bundle, rate_hz: float | None = None, block_s: float = 0.1) -> list[Reading]:
    """The readings of a recorded session without controls, played again."""
    tracker = EmotionTracker(model, rate_hz=rate_hz)
    source = Recorded(path, block_s)
    readings = [reading for events in reads_of(source) for reading in tracker.push(events)]
    source.close()
    return readings + tracker.finish()


def reads_of(source: Source | Recorded) -> Iterable[Sequence[Any]]:
    """What each read of a source gives, to its end."""
    while not source.ended:
        yield source.read(0.0)


def lines(path: Path, kind: str | None = None) -> list[dict[str, Any]]:
    """The lines of a recording, those of one type if ``kind`` names one."""
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [record for record in records if kind in (None, record["type"])]


def comparable(item: object) -> object:
    """An event or control that can be compared: sound by its bytes and its rate."""
    if not isinstance(item, Sound):
        return item
    samples = item.samples.reshape(len(item.samples), -1)
    return samples.shape, samples.tobytes(), item.sample_rate
