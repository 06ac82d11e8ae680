"""The cost of the whole loop is counted over all of its threads, and its stages sum up to it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("pty", reason="needs pseudo-terminals")

from tests.benchmarks.live_loop import measure


def test_the_stages_of_a_real_session_sum_up_to_its_cost(tmp_path: Path):
    seconds = np.arange(14 * 22050) / 22050
    chord = sum(np.sin(2 * np.pi * hz * seconds) for hz in (220.0, 277.2, 329.6)) / 10
    soundfile.write(tmp_path / "chord.wav", chord, 22050)
    found = measure(tmp_path / "chord.wav", mic=False, watches=True, warm_up_s=4.0, seconds=2.0)
    assert found.total > 0.0
    assert sum(found.stages.values()) == pytest.approx(found.total, rel=1e-6)
    # What each thread and each part of the tracker took is there; none of it twice.
    assert {"dashboard", "network", "constant-Q", "prediction", "set harmony"} <= found.stages.keys()
    assert all(share >= -0.01 for share in found.stages.values())
    assert found.stages["dashboard"] > 0.0
    assert found.stages["network"] > 0.0


def test_a_file_too_short_to_count_is_told(tmp_path: Path):
    soundfile.write(tmp_path / "click.wav", np.ones(2205), 22050)
    with pytest.raises(RuntimeError, match="shorter than"):
        measure(tmp_path / "click.wav", mic=False, watches=False, warm_up_s=60.0, seconds=1.0)
