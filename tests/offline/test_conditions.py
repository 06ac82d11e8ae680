"""Sound under conditions: as quiet, noisy, narrow and roomy as they say, the same for the same seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from scipy import signal

from models.errors import UsageError
from offline.conditions import CONDITIONS, under
from offline.corpora import Labels, Piece
from offline.dataset import PieceSteps
from offline.prepare import Hearing, prepare_piece

RATE = 22050
LABELS = Labels(np.zeros(1), np.array([[5.0, 1.0, 5.0, 1.0]], np.float32))


def music(seconds: float = 4.0) -> NDArray[np.float32]:
    """A scale of decaying tones with overtones."""
    time_s = np.arange(int(seconds * RATE)) / RATE
    sound = np.zeros_like(time_s)
    for number in range(int(seconds * 4)):
        since = time_s - number / 4
        pitch_hz = 220 * 2 ** ((number * 2 % 12) / 12)
        tone = sum(np.sin(2 * np.pi * k * pitch_hz * since) / k for k in range(1, 12))
        sound += np.where(since >= 0, tone * np.exp(-4 * np.maximum(since, 0)), 0)
    return (0.1 * sound).astype(np.float32)


def power_db(samples: NDArray[np.float32]) -> float:
    return float(10 * np.log10(np.mean(samples.astype(np.float64) ** 2)))


def test_clean_is_untouched() -> None:
    samples = np.stack([music(), music()], axis=1)
    assert under("clean", samples, RATE, seed=1) is samples


@pytest.mark.parametrize("condition", CONDITIONS)
def test_same_seed_same_sound_and_same_length(condition: str) -> None:
    samples = music()
    first, again = (under(condition, samples, RATE, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.dtype == np.float32
    assert len(first) == len(samples)
    assert np.isfinite(first).all()


@pytest.mark.parametrize("condition", ["noise", "room", "varied"])
def test_another_seed_is_another_sound(condition: str) -> None:
    samples = music()
    assert not np.array_equal(under(condition, samples, RATE, seed=1), under(condition, samples, RATE, seed=2))


def test_channels_become_one() -> None:
    left, right = music(), np.zeros_like(music())
    heard = under("quiet", np.stack([left, right], axis=1), RATE, seed=1)
    np.testing.assert_allclose(heard, left / 2 * 0.1, atol=1e-7)


def test_quiet_is_twenty_decibels_down() -> None:
    samples = music()
    assert power_db(under("quiet", samples, RATE, seed=1)) == pytest.approx(power_db(samples) - 20, abs=1e-3)


def test_noise_is_pink_and_twenty_decibels_below_the_music() -> None:
    samples = music()
    noise = under("noise", samples, RATE, seed=1) - samples
    assert power_db(noise) == pytest.approx(power_db(samples) - 20, abs=0.01)
    hz, density = signal.welch(noise, RATE, nperseg=4096)
    octaves_db = [10 * np.log10(density[(hz >= low) & (hz < 2 * low)].sum()) for low in (100, 400, 1600)]
    # Pink noise has the same power in every octave.
    assert np.ptp(octaves_db) < 1.0


def test_band_keeps_what_a_telephone_keeps() -> None:
    noise = np.random.default_rng(1).standard_normal(4 * RATE).astype(np.float32)
    hz, before = signal.welch(noise, RATE, nperseg=4096)
    _, after = signal.welch(under("band", noise, RATE, seed=1), RATE, nperseg=4096)
    gain_db = 10 * np.log10(after / before)
    assert np.abs(gain_db[(hz > 500) & (hz < 2500)]).max() < 1.0
    assert gain_db[(hz > 20) & (hz < 120)].max() < -24
    assert gain_db[hz > 7500].max() < -24


def test_a_room_rings_on_and_fades_sixty_decibels_in_its_time() -> None:
    click = np.zeros(2 * RATE, np.float32)
    click[0] = 1.0
    rung = under("room", click, RATE, seed=1)
    assert power_db(rung) == pytest.approx(power_db(click), abs=1e-3)
    # Below the first edge, where the whole reverberation time holds; energy still to come, after Schroeder.
    low = signal.sosfilt(signal.butter(4, 400, fs=RATE, output="sos"), rung)[int(0.02 * RATE) :]
    left_db = 10 * np.log10(np.cumsum(low[::-1] ** 2)[::-1] + 1e-30)
    left_db -= left_db[0]
    fallen_s = [int(np.argmax(left_db < level)) / RATE for level in (-5.0, -25.0)]
    assert 3 * (fallen_s[1] - fallen_s[0]) == pytest.approx(0.7, abs=0.15)


def test_silence_stays_silent() -> None:
    for condition in CONDITIONS:
        assert not under(condition, np.zeros(RATE, np.float32), RATE, seed=1).any()
        assert not len(under(condition, np.zeros(0, np.float32), RATE, seed=1))


def test_an_unknown_condition_is_named() -> None:
    with pytest.raises(UsageError, match=r"condition must be one of clean, quiet.*not 'loud'"):
        under("loud", music(), RATE, seed=1)


def test_a_piece_is_heard_under_a_condition(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "scale.wav", music(), RATE)
    piece = Piece("scale", tmp_path / "scale.wav", "group", LABELS)
    heard = {}
    for condition, draw in (("clean", 1), ("noise", 1), ("noise", 2)):
        steps = prepare_piece(piece, Hearing(("timbre",), 10.0, condition, draw))
        assert isinstance(steps, PieceSteps)
        heard[condition, draw] = steps.features["timbre"]
    assert heard["clean", 1].shape == heard["noise", 1].shape
    assert not np.array_equal(heard["clean", 1], heard["noise", 1])
    assert not np.array_equal(heard["noise", 1], heard["noise", 2])
