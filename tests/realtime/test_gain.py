"""How loud the microphone is set is not how excited the music is, though a master's level says a little of that."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from realtime.events import Sound
from realtime.tracker import EmotionTracker


def mean_reading(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """Valence and arousal over the second half of what was heard."""
    tracker = EmotionTracker("audio")
    readings = [*tracker.push([Sound(samples, sample_rate)]), *tracker.finish()]
    late = readings[len(readings) // 2 :]
    return np.array([np.mean([r.valence for r in late]), np.mean([r.arousal for r in late])])


def test_turning_the_input_down_by_20_db_changes_little(shared_data: Path):
    moved = []
    for song in sorted((shared_data / "deam" / "audio").iterdir())[::450]:
        samples, rate = soundfile.read(song, dtype="float32")
        moved.append(np.abs(mean_reading(samples, rate) - mean_reading(samples * np.float32(0.1), rate)))
    # Half of what the mean of ten raters is unsure by, 1.6 / √10.
    assert np.mean(moved, axis=0).max() < 0.25, moved
