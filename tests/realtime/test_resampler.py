"""Any sound becomes mono at one rate, and the same samples however it was cut."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.resampler import MonoResampler

RATE = 22050


def resampled(samples: np.ndarray, rate: int, cuts: list[int]) -> np.ndarray:
    """All that comes out when ``samples`` go in in pieces of these lengths, over and over."""
    resampler = MonoResampler(rate, RATE)
    parts, start = [], 0
    for number in range(len(samples)):
        if start >= len(samples):
            break
        length = cuts[number % len(cuts)]
        parts.append(resampler.push(samples[start : start + length]))
        start += length
    return np.concatenate([*parts, resampler.finish()])


@settings(max_examples=40, deadline=None)
@given(
    rate=st.integers(8_000, 96_000),
    cuts=st.lists(st.integers(1, 5_000), min_size=1, max_size=6),
    channels=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_blocks_do_not_matter_bit_for_bit(rate: int, cuts: list[int], channels: int, seed: int) -> None:
    samples = np.random.default_rng(seed).normal(0, 0.2, (rate // 5, channels)).astype(np.float32)
    np.testing.assert_array_equal(resampled(samples, rate, cuts), resampled(samples, rate, [len(samples)]))


@pytest.mark.parametrize("rate", [8_000, 22_050, 24_000, 44_100, 48_000, 96_000])
def test_what_comes_out_is_as_long_as_what_went_in(rate: int) -> None:
    assert len(resampled(np.zeros(2 * rate, np.float32), rate, [512])) == pytest.approx(2 * RATE, abs=2)


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000, 96_000])
def test_a_tone_stays_the_tone_it_was(rate: int) -> None:
    def tone(at: int) -> np.ndarray:
        return (0.5 * np.sin(2 * np.pi * 1000 * np.arange(at) / at)).astype(np.float32)

    heard = resampled(tone(rate), rate, [441])
    inside = slice(RATE // 10, -RATE // 10)
    np.testing.assert_allclose(heard[:RATE][inside], tone(RATE)[inside], atol=2e-3)


def test_what_the_rate_cannot_hold_is_taken_away() -> None:
    """15 kHz at 48,000 Hz lies above half of 22,050 Hz: it must not come back as 7 kHz."""
    high = np.sin(2 * np.pi * 15_000 * np.arange(48_000) / 48_000).astype(np.float32)
    assert np.abs(resampled(high, 48_000, [480])[2_000:-2_000]).max() < 1e-3


def test_at_the_rate_itself_nothing_changes() -> None:
    samples = np.random.default_rng(0).normal(0, 0.2, 5_000).astype(np.float32)
    np.testing.assert_array_equal(resampled(samples, RATE, [64]), samples)


@pytest.mark.parametrize("rate", [RATE, 48_000])
def test_channels_become_their_mean(rate: int) -> None:
    left, right = np.random.default_rng(1).normal(0, 0.2, (2, 5_000)).astype(np.float32)
    both = resampled(np.stack([left, right], axis=1), rate, [500])
    np.testing.assert_allclose(both, resampled((left + right) / 2, rate, [500]), atol=1e-6)
    np.testing.assert_array_equal(resampled(left[:, None], rate, [500]), resampled(left, rate, [500]))


@pytest.mark.parametrize("channels", [1, 2, 3, 18])
def test_the_mean_is_what_numpy_says_to_the_last_bit(channels: int) -> None:
    samples = np.random.default_rng(3).normal(0, 0.2, (5_000, channels)).astype(np.float32)
    np.testing.assert_array_equal(resampled(samples, RATE, [500]), samples.mean(axis=1))


def test_only_what_is_beyond_a_million_times_full_scale_is_held_there() -> None:
    quiet, loud = np.full(100, 0.25, np.float32), np.full(100, -9e5, np.float32)
    resampler = MonoResampler(RATE, RATE)
    np.testing.assert_array_equal(resampler.push(loud), loud)
    beyond = resampler.push(np.concatenate([quiet, np.array([1.1e6, -3e38], np.float32)]))
    np.testing.assert_array_equal(beyond, [*quiet, 1e6, -1e6])
    assert resampler.nonfinite == 0


@pytest.mark.parametrize("rate", [RATE, 44_100])
def test_what_is_no_number_is_silence_and_counted(rate: int) -> None:
    samples = np.random.default_rng(2).normal(0, 0.2, 3_000).astype(np.float32)
    broken, mended = samples.copy(), samples.copy()
    broken[[5, 900, 901]] = [np.nan, np.inf, -np.inf]
    mended[[5, 900, 901]] = 0.0
    resampler = MonoResampler(rate, RATE)
    heard = np.concatenate([resampler.push(broken[:901]), resampler.push(broken[901:]), resampler.finish()])
    np.testing.assert_array_equal(heard, resampled(mended, rate, [3_000]))
    assert resampler.nonfinite == 3


def test_finishing_twice_is_fine() -> None:
    for rate in (RATE, 48_000):
        resampler = MonoResampler(rate, RATE)
        resampler.push(np.zeros(1_000, np.float32))
        resampler.finish()
        assert len(resampler.finish()) == 0


def test_two_channels_that_are_infinite_against_each_other_are_silence_without_a_warning() -> None:
    resampler = MonoResampler(22_050, 22_050)
    samples = np.array([[np.inf, -np.inf], [3e38, 3e38], [0.5, 0.5]], np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(resampler.push(samples), [0.0, 0.0, 0.5])
    assert resampler.nonfinite == 2
