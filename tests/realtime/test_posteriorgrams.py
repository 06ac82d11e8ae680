"""The stream of posteriorgrams: what it is delayed by, what it normalises with, and what the gate keeps out of it."""

from __future__ import annotations

import numpy as np
import pytest

from models.transcription import DELAY, DIRECTORY, FRAME_SAMPLES, NETWORK, NOTES_NETWORK, SAMPLE_RATE, _open
from realtime.constant_q import ConstantQ
from realtime.constant_q_filters import BINS
from realtime.posteriorgrams import PosteriorgramStream, _Normalizer
from tests.benchmarks.soak import allocated_bytes

HOP = 16


def tone(pitch: int, length_s: float) -> np.ndarray:
    time_s = np.arange(round(length_s * SAMPLE_RATE)) / SAMPLE_RATE
    frequency = 440.0 * 2 ** ((pitch - 69) / 12)
    return (0.3 * sum(np.sin(2 * np.pi * frequency * h * time_s) / h for h in (1, 2, 3))).astype(np.float32)


@pytest.mark.parametrize(("lookahead", "ahead"), [(5, 0), (40, 0), (40, 60)])
def test_a_note_is_where_it_was_played(lookahead: int, ahead: int) -> None:
    """An A4 from 1 s on: its onset is the highest in the frame at 1 s, whatever is known of the future."""
    constant_q = ConstantQ(hop_frames=HOP, lookahead_frames=lookahead, phases=4)
    stream = PosteriorgramStream(lookahead_frames=lookahead, normalizer_ahead=ahead)
    samples = np.concatenate([np.zeros(SAMPLE_RATE, np.float32), tone(69, 2.0), np.zeros(2 * SAMPLE_RATE, np.float32)])
    samples = samples[: len(samples) // (HOP * FRAME_SAMPLES) * HOP * FRAME_SAMPLES]
    made = stream.push(constant_q.push(samples).decibels, np.ones(len(samples) // FRAME_SAMPLES, bool))
    assert stream.delay_frames == lookahead + ahead + DELAY
    assert made.frame == -stream.delay_frames
    frame = made.frame + int(made.onsets[:, 69 - 21].argmax())
    assert frame == pytest.approx(SAMPLE_RATE / FRAME_SAMPLES, abs=2)


def test_the_gate_is_that_of_the_sound_in_the_frame() -> None:
    stream = PosteriorgramStream(lookahead_frames=5)
    is_open = np.zeros(40, bool)
    is_open[12:20] = True
    made = stream.push(np.full((40, BINS), -100.0, np.float32), is_open)
    assert np.flatnonzero(made.audible).tolist() == list(range(12 + stream.delay_frames, 40))[:8]


@pytest.mark.parametrize("ahead", [0, 60])
def test_a_frame_is_normalised_by_the_two_seconds_around_it(ahead: int) -> None:
    rng = np.random.default_rng(1)
    decibels = rng.uniform(-80, 0, (400, 309)).astype(np.float32)
    decibels[150], decibels[250] = -95.0, 10.0
    normal = np.concatenate(list(map(_Normalizer(ahead).push, np.split(decibels, 50))))[ahead:]
    for frame in (200, 300):
        seen = decibels[frame + ahead - 171 : frame + ahead + 1]
        expected = (decibels[frame] - seen.min()) / (seen.max() - seen.min())
        np.testing.assert_allclose(normal[frame], expected, atol=1e-6)


def test_unchanging_sound_is_no_sound() -> None:
    assert not _Normalizer(0).push(np.full((300, 309), -40.0, np.float32)).any()


@pytest.mark.skipif(allocated_bytes() is None, reason="this C library does not tell what is allocated")
@pytest.mark.parametrize("with_activations", [True, False])
def test_a_stall_leaves_the_networks_no_larger(with_activations: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = {
        name: _open(DIRECTORY / name, {}, keeps_memory=True, optimization="all") for name in (NETWORK, NOTES_NETWORK)
    }
    monkeypatch.setattr("realtime.posteriorgrams._network", opened.__getitem__)
    stream = PosteriorgramStream(lookahead_frames=5, with_activations=with_activations)

    def hear(frames: int) -> int:
        decibels = np.random.default_rng(0).uniform(-80, 0, (frames, BINS)).astype(np.float32)
        stream.push(decibels, np.ones(frames, bool))
        return allocated_bytes() or 0

    before = hear(16)
    hear(432)
    assert hear(16) - before < 1_000_000
