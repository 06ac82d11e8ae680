"""The soak on short streams: phrases fit, and what is measured is measured."""

from __future__ import annotations

import os
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.note_scores import as_notes
from tests.benchmarks.processes import cost
from tests.benchmarks.soak import BEAT_S, PHRASE_S, PITCHES, REST_S, check_phrase, phrase, phrase_starts, soak


@pytest.mark.parametrize("stream_s", [120.0, 360.0, 3600.0])
def test_phrases_are_whole_and_apart(stream_s: float):
    starts = phrase_starts(stream_s)
    assert starts[0] == 60.0
    assert all(later - earlier >= PHRASE_S for earlier, later in pairwise(starts))
    assert stream_s - 1.0 < starts[-1] + PHRASE_S < stream_s


def test_a_phrase_is_as_long_as_it_says():
    assert len(phrase(8000)) == pytest.approx(PHRASE_S * 8000)


def test_the_error_of_a_phrase_is_that_of_the_nearest_notes():
    played = [(10.0 + REST_S + number * BEAT_S, float(pitch)) for number, pitch in enumerate(PITCHES)]
    late = [(onset_s + 0.02, pitch) for onset_s, pitch in played[:-1]]
    found = check_phrase(10.0, as_notes([*late, (played[0][0] + 0.2, played[0][1]), (9.0, played[-1][1])]))
    assert found.found == len(PITCHES) - 1
    assert found.error_s == pytest.approx(0.02)
    assert np.isnan(check_phrase(10.0, as_notes([])).error_s)


def test_two_minutes_of_noise_are_followed_to_their_end():
    noise = (0.01 * np.random.default_rng(1).standard_normal(8000)).astype(np.float32)
    found = soak(noise, 8000, 0.0)
    assert found.stream_s == pytest.approx(120.0)
    assert 0.0 <= found.end_behind_s < 0.1
    assert abs(found.end_bytes - found.settled_bytes) < 50e6
    assert [phrase.found for phrase in found.phrases] == [len(PITCHES)] * 2
    assert all(abs(phrase.error_s) < 0.03 for phrase in found.phrases)


@pytest.mark.skipif(not hasattr(os, "wait4"), reason="needs wait4")
def test_the_cost_of_a_command_is_its_own(tmp_path: Path):
    ballast = np.ones(20_000_000)
    idle = cost([sys.executable, "-c", "pass"], tmp_path)
    assert idle.peak_bytes < ballast.nbytes
    busy = "import time; kept = bytearray(10**8)\nwhile time.process_time() < 0.5: pass"
    spent = cost([sys.executable, "-c", busy], tmp_path)
    assert spent.processor_s >= 0.5
    assert spent.peak_bytes >= 10**8
    with pytest.raises(RuntimeError, match="oh no"):
        cost([sys.executable, "-c", "raise SystemExit('oh no')"], tmp_path)
