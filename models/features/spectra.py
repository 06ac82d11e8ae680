"""What the feature sets of sound share: the frames that ``Window.sound`` holds, without level, and their statistics.

The sets of the spectrum stay the same when the music is turned up or down: levels count from the mean power of the
window, and what is more than 70 dB below that counts as 70 dB below. A window has all zeros, the mask, without sound,
with less than half a second of it, and where every sample is silent. Statistics are over the frames in order, counted
back from the window's end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from models.features import Feature, SoundWindow, Window
from models.features.kept import kept
from models.transcription import FRAME_SAMPLES, SAMPLE_RATE

Numbers = NDArray[np.float32]
_Float = TypeVar("_Float", np.float32, np.float64)

#: Frames of the spectrum: 2048 samples under a Hann window, one every 512.
SPECTRUM_SAMPLES = 2048
SPECTRUM_HOP = 512
FRAMES_HZ = SAMPLE_RATE / SPECTRUM_HOP
POSTERIORS_HZ = SAMPLE_RATE / FRAME_SAMPLES
MEL_BANDS = 64
#: What digital silence reads as, in a frame and in a band.
SILENCE_DB = -140.0
FLOOR_DB = -70.0
#: Half a second.
FEWEST_FRAMES = 18
FEWEST_POSTERIORS = 43

OCTAVES_HZ = (30, 100, 200, 400, 800, 1600, 3200, 6400, 11025)

#: The columns of ``SoundWindow.descriptors``, with the range each lies in; octaves count from 20 Hz.
DESCRIPTORS = (
    Feature("centroid", "octaves", 0, 9.2),
    Feature("bandwidth", "octaves", 0, 4.6),
    Feature("rolloff_85", "octaves", 0, 9.2),
    Feature("rolloff_50", "octaves", 0, 9.2),
    Feature("flatness", "nepers", -25, 0),
    Feature("entropy", "nats", 0, 7),
    Feature("zero_crossings", "share", 0, 1),
    Feature("crest", "dB", 0, 34),
    Feature("flux", "share", 0, 1),
    Feature("skewness", "", -10, 10),
    Feature("kurtosis", "", 0, 100),
    *(Feature(f"contrast_{low}", "dB", 0, 95) for low in OCTAVES_HZ[:-1]),
    Feature("roughness", "", 0, 2),
    Feature("partials", "count", 0, 16),
    Feature("inharmonicity", "share", 0, 0.5),
    Feature("bass_share", "dB", -60, 0),
    Feature("mel_crest", "dB", 0, 95),
)

SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)
SERIES = ("mean", "std", *(f"p{round(100 * share)}" for share in SHARES), "step")


@kept
def audible(window: Window) -> SoundWindow | None:
    """The window's sound, None where a set of the spectrum has nothing to go by."""
    sound = window.sound
    if sound is None or len(sound.level_db) < FEWEST_FRAMES or sound.level_db.max() <= SILENCE_DB:
        return None
    return sound


def frames_of(sound: SoundWindow) -> int:
    """How many frames of the spectrum there are."""
    return len(sound.level_db)


@kept
def mean_power_db(sound: SoundWindow) -> np.float32:
    """The level of the window's mean power, in dB re full scale."""
    powers = 10 ** (sound.level_db.astype(np.float64) / 10)
    return np.float32(10 * np.log10(np.add.reduce(powers) / len(powers)))


def relative_level_db(sound: SoundWindow) -> Numbers:
    """``level_db`` over the mean power of the window, from ``FLOOR_DB`` up."""
    return at_least(FLOOR_DB, sound.level_db - mean_power_db(sound))


def relative_mel_db(sound: SoundWindow) -> Numbers:
    """``mel_db`` in the same way. Computed whenever it is asked for: kept for many windows, it is no longer at hand."""
    return at_least(FLOOR_DB, sound.mel_db - mean_power_db(sound))


def at_least(least: float, values: Numbers) -> Numbers:
    """``values``, changed in place: none is below ``least``."""
    # With both bounds a clip is many times as fast as the maximum of many numbers and one.
    return values.clip(np.float32(least), np.float32(np.inf), out=values)


def quantiles(columns: Numbers, shares: tuple[float, ...]) -> Numbers:
    """The quantiles at ``shares`` of each column [shape=(n, d) to (shares, d)], between ranks in a straight line."""
    return quantiles_of_rows(np.ascontiguousarray(columns.T), shares).T


def quantiles_of_rows(rows: Numbers, shares: tuple[float, ...]) -> Numbers:
    """The same of each row [shape=(..., n) to (..., shares)]."""
    # Row after row in memory, whatever they lay like: sorted elsewhere, each would be copied there and back.
    ranked = np.array(rows, order="C")
    ranked.sort(axis=-1)
    low_rank, high_rank, between = _ranks(rows.shape[-1], shares)
    low, high = np.take(ranked, low_rank, -1), np.take(ranked, high_rank, -1)
    found: Numbers = low + (high - low) * between
    return found


@lru_cache(maxsize=64)
def _ranks(count: int, shares: tuple[float, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64], Numbers]:
    """The ranks below and above each quantile of ``count`` numbers, and how far it lies between them."""
    place = np.array(shares) * (count - 1)
    rank = place.astype(np.int64)
    return rank, np.minimum(rank + 1, count - 1), (place - rank).astype(np.float32)


def sums(columns: Numbers) -> Numbers:
    """The sum of each column [shape=(n, d) to (d,)]: as a product of matrices, which is many times as fast."""
    found: Numbers = _ones(len(columns)) @ columns
    return found


@lru_cache(maxsize=64)
def _ones(count: int) -> Numbers:
    return np.ones(count, np.float32)


def mean_std(columns: Numbers) -> tuple[Numbers, Numbers]:
    """Mean and standard deviation of each column [shape=(n, d) to (d,)]: what NumPy gives, with the mean taken once."""
    count = np.float32(len(columns))
    mean: Numbers = sums(columns) / count
    centred = columns - mean
    centred *= centred
    return mean, np.sqrt(sums(centred) / count)


def mean_std_step(columns: Numbers) -> list[Numbers]:
    """Mean, standard deviation and mean size of the step from frame to frame of each column [shape=(d,)] each."""
    steps = columns[1:] - columns[:-1]
    step: Numbers = sums(np.abs(steps, out=steps)) / np.float32(len(steps))
    return [*mean_std(columns), step]


def series(rows: Numbers) -> Numbers:
    """The statistics ``SERIES`` of each row [shape=(..., n) to (..., len(SERIES))]."""
    steps = rows[..., 1:] - rows[..., :-1]
    step = row_means(np.abs(steps, out=steps))
    return np.concatenate([*row_mean_std(rows), quantiles_of_rows(rows, SHARES), step], axis=-1)


# NumPy's own functions for what follows take several times as long for a window or a few.


def row_means(rows: NDArray[_Float]) -> NDArray[_Float]:
    """The mean of each row [shape=(..., n) to (..., 1)]."""
    means: NDArray[_Float] = np.divide(np.add.reduce(rows, axis=-1, keepdims=True), rows.dtype.type(rows.shape[-1]))
    return means


def row_mean_std(rows: NDArray[_Float]) -> tuple[NDArray[_Float], NDArray[_Float]]:
    """Mean and standard deviation of each row [shape=(..., n) to (..., 1)]."""
    mean = row_means(rows)
    centred = rows - mean
    return mean, np.sqrt(row_means(centred * centred))


def side_by_side(columns: Sequence[Numbers]) -> Numbers:
    """Columns of windows alike as rows [shape=(n, d) each to (windows, d, n)], frame after frame in memory.

    A sum over the frames then adds the columns of all windows at a time: so few as one window has are mostly overhead.
    """
    return np.stack(columns, axis=1).transpose(1, 2, 0)


def series_features(of: Feature) -> tuple[Feature, ...]:
    """What ``series`` gives of one quantity."""
    return tuple(_statistic(of, name) for name in SERIES)


def statistics_features(quantities: Iterable[Feature], statistics: Iterable[str]) -> tuple[Feature, ...]:
    """Statistic by statistic, one feature a quantity."""
    kept = tuple(quantities)
    return tuple(_statistic(of, name) for name in statistics for of in kept)


def _statistic(of: Feature, name: str) -> Feature:
    span = of.high - of.low
    low, high = {"std": (0.0, span / 2), "step": (0.0, span)}.get(name, (of.low, of.high))
    return Feature(f"{of.name}_{name}", of.unit, low, high)


def autocorrelation(centred: Numbers, lags: int) -> Numbers:
    """Normalised autocorrelation of each row, less its mean, at lags 0 to ``lags`` − 1 [shape=(..., n) to (..., lags)].

    Unbiased (each lag over the frames that overlap), but no lag counts for more than four times what was there; 0
    where a row does not change.
    """
    count = centred.shape[-1]
    length = 1 << (count + lags - 1).bit_length()
    found = np.fft.irfft(np.abs(np.fft.rfft(centred, length, axis=-1)) ** 2, axis=-1)[..., :lags]
    # Less power than this is what rounding leaves of a constant.
    still = found[..., :1] <= 1e-9 * count
    relative = found / np.where(still, 1.0, found[..., :1]) / _overlap(count, lags)
    normal: Numbers = np.where(still, 0.0, relative).astype(np.float32)
    return normal


@lru_cache(maxsize=64)
def _overlap(count: int, lags: int) -> Numbers:
    """Which share of ``count`` frames overlaps at each lag [shape=(lags,)], but a quarter at least."""
    return np.maximum(1 - np.arange(lags, dtype=np.float32) / count, 0.25)


def tempo_lags(frames_hz: float, tempi: int) -> NDArray[np.int64]:
    """Lags in frames of ``tempi`` tempi from 40 to 320 BPM, evenly spaced on a logarithmic scale."""
    return np.round(60 * frames_hz / np.geomspace(40, 320, tempi)).astype(np.int64)
