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


def _filter(frequency: float, rate: float, most_future_s: float) -> tuple[int, NDArray[np.complex128]]:
    """The filter of one bin at one rate: how many of its samples come before the centre, and its taps."""
    past_s = QUALITY / frequency / 2
    future_s = min(past_s, most_future_s)
    past, future = int(past_s * rate), int(future_s * rate)
    t = np.arange(-past, future + 1) / rate
    flank = np.where(t < 0, t / past_s, t / future_s)
    window = np.cos(np.pi / 2 * flank) ** 2
    window /= window.sum()
    taps = window * np.exp(-2j * np.pi * frequency * t)
    # A flank cut short lets a constant offset through, which whole filters do not hear.
    return past, taps - window * taps.sum()


def _most_future_s(halvings: int, lookahead_frames: int) -> tuple[int, float]:
    """By how many samples the stream of a rate lags behind its input, and how much of the future that leaves."""
    lag = 0.0
    for _ in range(halvings):
        lag = (lag + HALF_BAND_TAPS // 2) / 2
    return round(lag), lookahead_frames * FRAME_S - (round(lag) + 1) / (SAMPLE_RATE / 2**halvings)


def _frequency(bin_: int) -> float:
    return LOWEST_HZ * math.pow(2.0, bin_ / BINS_PER_OCTAVE)


def _shapes() -> tuple[tuple[int, int, int], ...]:
    shapes = []
    lowest = BINS
    for halvings, banks in enumerate(_BANKS):
        for bins in banks:
            lowest -= bins
            _, taps = _filter(
                _frequency(lowest), SAMPLE_RATE / 2**halvings, _most_future_s(halvings, MOST_LOOKAHEAD)[1]
            )
            # In whole vectors: the next number that eight divides.
            shapes.append((2**halvings, -(-len(taps) // 8) * 8, 2 * bins))
    return tuple(shapes)


FILTER_SHAPES = _shapes()


@lru_cache(maxsize=4)
def filter_banks(lookahead_frames: int) -> tuple[Bank, ...]:
    """The filters from the highest down, where frames see ``lookahead_frames`` ahead.

    The top two octaves run at the full rate, every further one at half the rate of the one above it. The lowest is an
    exception: the filters on the way to another rate would take up more look-ahead than its own get.
    """
    banks = []
    lowest = BINS
    for decimation, length, columns in FILTER_SHAPES:
        halvings = decimation.bit_length() - 1
        chosen = range(lowest - columns // 2, lowest)
        lowest = chosen.start
        lag, most_future_s = _most_future_s(halvings, lookahead_frames)
        filters = [_filter(_frequency(b), SAMPLE_RATE / decimation, most_future_s) for b in chosen]
        future = max(len(taps) - before for before, taps in filters)
        # Shorter ones are filled up with older samples that count nothing.
        past = length - future
        matrix = np.zeros((length, len(chosen)), np.complex128)
        for column, (b, (before, taps)) in enumerate(zip(chosen, filters, strict=True)):
            scale = math.sqrt(math.ceil(QUALITY * SAMPLE_RATE / _frequency(b)))
            matrix[past - before : past - before + len(taps), column] = taps * scale
        is_whole = all(len(taps) == 2 * before + 1 for before, taps in filters)
        both: FloatArray = np.concatenate([matrix.real, matrix.imag], axis=1, dtype=np.float32)
        bins = slice(chosen.start, chosen.stop)
        banks.append(Bank(decimation, lag, bins, past, future, _PHASES[halvings], is_whole, both))
    return tuple(banks)


@lru_cache(maxsize=8)
def filter_network(lookahead_frames: int, first: int) -> Any:
    """The network of the banks from the ``first`` on, which ``offline.filter_network`` describes.

    Once for each look-ahead: it keeps the filters in the order in which it needs them.
    """
    banks = filter_banks(lookahead_frames)
    kernels = {
        f"taps_{k}": np.ascontiguousarray((bank.taps if k >= first else np.zeros_like(bank.taps)).T[:, None, None])
        for k, bank in enumerate(banks)
    }
    return open_transcription_network(FILTERS, kernels)
