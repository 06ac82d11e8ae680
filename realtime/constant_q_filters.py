"""The filters of the constant-Q spectrum: their design for a look-ahead, and the network that runs them.

``realtime.constant_q`` feeds it with a stream, and says where they differ from basic-pitch's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.transcription import FILTERS, FRAME_S, SAMPLE_RATE, open_transcription_network

BINS = 309
BINS_PER_OCTAVE = 36
LOWEST_HZ = 27.5
QUALITY = 1.0 / (math.pow(2.0, 1.0 / BINS_PER_OCTAVE) - 1.0)

FloatArray = NDArray[np.float32]
DoubleArray = NDArray[np.float64]

#: Half-band filter between the rates, odd length; passes up to 0.12 and stops from 0.38 of the rate.
HALF_BAND_TAPS = 23

#: Phases of a frame that are worth computing at each rate, from 22,050 Hz down by halves. They lie a whole number of
#: samples apart there, and low filters, a sixth of a second long and more, change little between phases: against four
#: throughout, two are off by 0.1 dB (RMS on music) at a sixteenth of the rate.
_PHASES = (4, 4, 4, 4, 2, 2, 2)
#: The bins at each rate, from the highest down, in banks: a filter half an octave up is a third shorter, so not all
#: of them should be as long as the lowest.
_BANKS = ((32, 24, 16), *5 * ((20, 16),), (25, 32))

#: With no more look-ahead than this (0.46 s) the filters of each bank fit into a matrix of its shape in
#: ``FILTER_SHAPES``: by how much its rate is lower, samples, and twice as many columns as bins.
MOST_LOOKAHEAD = 40
#: Samples in a vector; every length in ``FILTER_SHAPES`` is a whole number of them.
_VECTOR = 8


def half_filter_frames(pitch: float) -> float:
    """How many frames the filter at a MIDI ``pitch`` reaches ahead, and back."""
    return QUALITY / (440.0 * math.pow(2.0, (pitch - 69) / 12)) / 2 / FRAME_S


@dataclass(frozen=True)
class Bank:
    """The filters of neighbouring bins at one rate, as a matrix over a stretch of samples around a frame.

    ``past`` and ``future`` are how many samples before and from the frame's centre the stretch holds, ``lag`` how far
    the decimated stream lags behind its input; all three at the bank's own rate. ``phases`` is the most phases that
    are worth computing at that rate. ``is_whole``: the look-ahead cuts none of the filters short.
    """

    decimation: int
    lag: int
    bins: slice
    past: int
    future: int
    phases: int
    is_whole: bool
    taps: FloatArray  # real, then imaginary parts [shape=(past + future, 2 * bins), as in ``FILTER_SHAPES``]


@lru_cache
def half_band(together: int) -> FloatArray:
    """A matrix to ``together`` samples at half the rate [shape=(2 * together + 21, together)]."""
    n = np.arange(HALF_BAND_TAPS) - HALF_BAND_TAPS // 2
    taps = 0.5 * np.sinc(n / 2) * np.kaiser(HALF_BAND_TAPS, 7.0)
    matrix = np.zeros((2 * together + HALF_BAND_TAPS - 2, together), np.float32)
    for sample in range(together):
        matrix[2 * sample : 2 * sample + HALF_BAND_TAPS, sample] = taps / taps.sum()
    return matrix


def _reach_samples(frequency: DoubleArray, rate: float, most_future_s: float) -> tuple[DoubleArray, DoubleArray]:
    """How many samples the filters of these frequencies reach back and ahead, parts of them included."""
    past_s = QUALITY / frequency / 2
    return past_s * rate, np.minimum(past_s, most_future_s) * rate


def _rotations(turns: DoubleArray, first: int, length: int) -> NDArray[np.complex128]:
    """e^(2πi k ``turns``) for each of the ``turns`` and k from ``first`` on [shape=(n, length)].

    Products of every eighth of them and the first eight: a product costs a tenth of an exponential.
    """
    angles = 2j * np.pi * turns[:, None]
    every_eighth = np.exp(angles * np.arange(first, first + length, _VECTOR))
    first_eight = np.exp(angles * np.arange(_VECTOR))
    rotations: NDArray[np.complex128] = (every_eighth[:, :, None] * first_eight[:, None]).reshape(len(turns), length)
    return rotations


def _most_future_s(halvings: int, lookahead_frames: int) -> tuple[int, float]:
    """By how many samples the stream of a rate lags behind its input, and how much of the future that leaves."""
    lag = 0.0
    for _ in range(halvings):
        lag = (lag + HALF_BAND_TAPS // 2) / 2
    return round(lag), lookahead_frames * FRAME_S - (round(lag) + 1) / (SAMPLE_RATE / 2**halvings)


def _frequencies(bins: range) -> DoubleArray:
    return LOWEST_HZ * np.exp2(np.array(bins) / BINS_PER_OCTAVE)


def _shapes() -> tuple[tuple[int, int, int], ...]:
    shapes = []
    lowest = BINS
    for halvings, banks in enumerate(_BANKS):
        _, most_future_s = _most_future_s(halvings, MOST_LOOKAHEAD)
        for bins in banks:
            lowest -= bins
            longest = _frequencies(range(lowest, lowest + 1))
            past, future = _reach_samples(longest, SAMPLE_RATE / 2**halvings, most_future_s)
            # In whole vectors.
            length = -(-(int(past[0]) + 1 + int(future[0])) // _VECTOR) * _VECTOR
            shapes.append((2**halvings, length, 2 * bins))
    return tuple(shapes)


FILTER_SHAPES = _shapes()


@lru_cache(maxsize=4)
def filter_banks(lookahead_frames: int, first: int) -> tuple[Bank, ...]:
    """The filters from the ``first`` bank down, the highest being 0, where frames see ``lookahead_frames`` ahead.

    The top two octaves run at the full rate, every further one at half the rate of the one above it. The lowest is an
    exception: the filters on the way to another rate would take up more look-ahead than its own get.
    """
    banks = []
    lowest = BINS - sum(columns for _, _, columns in FILTER_SHAPES[:first]) // 2
    for shape in FILTER_SHAPES[first:]:
        highest, lowest = lowest, lowest - shape[2] // 2
        banks.append(_bank(shape, range(lowest, highest), lookahead_frames))
    return tuple(banks)


def _bank(shape: tuple[int, int, int], bins: range, lookahead_frames: int) -> Bank:
    decimation, length, _ = shape
    halvings = decimation.bit_length() - 1
    lag, most_future_s = _most_future_s(halvings, lookahead_frames)
    rate = SAMPLE_RATE / decimation
    frequencies = _frequencies(bins)
    before, after = _reach_samples(frequencies, rate, most_future_s)
    future = int(after.max()) + 1
    # Shorter ones are filled up with older samples that count nothing.
    past = length - future
    from_centre = np.arange(-past, future)
    flank = np.abs(from_centre) / np.where(from_centre < 0, before[:, None], after[:, None])
    window = 1 + np.cos(np.pi * np.minimum(flank, 1))
    window /= window.sum(axis=1, keepdims=True)
    taps = window * _rotations(-frequencies / rate, -past, length)
    # A flank cut short lets a constant offset through, which whole filters do not hear.
    taps -= window * taps.sum(axis=1, keepdims=True)
    taps *= np.sqrt(np.ceil(QUALITY * SAMPLE_RATE / frequencies))[:, None]
    both: FloatArray = np.concatenate([taps.real, taps.imag], dtype=np.float32)
    is_whole = bool((before.astype(int) == after.astype(int)).all())
    return Bank(decimation, lag, slice(bins.start, bins.stop), past, future, _PHASES[halvings], is_whole, both.T)


@lru_cache(maxsize=8)
def filter_network(lookahead_frames: int, first: int) -> Any:
    """The network of the banks from the ``first`` on, which ``offline.filter_network`` describes.

    Once for each look-ahead: it keeps the filters in the order in which it needs them.
    """
    kernels = {
        f"taps_{k}": bank.taps.T[:, None, None] for k, bank in enumerate(filter_banks(lookahead_frames, first), first)
    }
    for k, (_, length, columns) in enumerate(FILTER_SHAPES[:first]):
        kernels[f"taps_{k}"] = np.zeros((columns, 1, 1, length), np.float32)
    return open_transcription_network(FILTERS, kernels)
