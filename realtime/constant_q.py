"""A constant-Q spectrum over a stream: the front end of Basic Pitch, with its look-ahead bounded.

309 bins, three a semitone from A0 (27.5 Hz), a frame every 256 samples at 22,050 Hz, power in dB. The filters follow
basic-pitch's (Hann-windowed, Q = 1 / (2^(1/36) − 1), amplitude scaled by the square root of their length), and away
from the edges of its windows the two agree. Where they differ:

- Frames come ``lookahead_frames`` behind the newest sample. Low filters reach further ahead than that (0.94 s at A0),
  so their leading half is a shorter Hann flank. Every frame sees the same filter, wherever a block ends.
- The octaves below the top two are computed at rates that leave each bin in the lower half of its band, so the
  filters between the rates are short (11 samples of delay instead of 128) and add next to nothing to the look-ahead.

Constant-Q with a filter bank on decimated octaves: Brown and Puckette, "An efficient algorithm for the calculation of
a constant Q transform", JASA 1992.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.transcription import FILTERS, FRAME_S, FRAME_SAMPLES, SAMPLE_RATE, open_transcription_network

BINS = 309
BINS_PER_OCTAVE = 36
LOWEST_HZ = 27.5
QUALITY = 1.0 / (math.pow(2.0, 1.0 / BINS_PER_OCTAVE) - 1.0)
#: Power that is added before the logarithm, as the reference does: silence is −100 dB.
POWER_FLOOR = 1e-10

FloatArray = NDArray[np.float32]

#: Half-band filter between the rates, odd length; passes up to 0.12 and stops from 0.38 of the rate.
_HALF_BAND_TAPS = 23
#: At most so many of its outputs come of one row of a product of matrices.
_HALVED_TOGETHER = 32

#: Phases of a frame that are worth computing at each rate, from 22,050 Hz down by halves. They lie a whole number of
#: samples apart there, and low filters, a sixth of a second long and more, change little between phases: against four
#: throughout, two are off by 0.1 dB (RMS on music) at a sixteenth of the rate.
_PHASES = (4, 4, 4, 4, 2, 2, 2)
_MOST_HALVINGS = len(_PHASES) - 1

#: With no more look-ahead than this (0.46 s) the filters of each rate fit into a matrix of its shape in
#: ``FILTER_SHAPES``: samples, and twice as many columns as bins.
_MOST_LOOKAHEAD = 40
FILTER_SHAPES = ((432, 2 * 2 * BINS_PER_OCTAVE), *5 * ((432, 2 * BINS_PER_OCTAVE),), (472, 2 * 57))


def half_filter_frames(pitch: float) -> float:
    """How many frames the filter at a MIDI ``pitch`` reaches ahead, and back."""
    return QUALITY / (440.0 * math.pow(2.0, (pitch - 69) / 12)) / 2 / FRAME_S


@dataclass(frozen=True)
class _Octave:
    """The filters of the bins that are computed at one rate, as a matrix over a stretch of samples around a frame.

    ``past`` and ``future`` are how many samples before and from the frame's centre the stretch holds, ``lag`` how far
    the decimated stream lags behind its input; all three at the octave's own rate. ``phases`` is the most phases that
    are worth computing at that rate. ``is_whole``: the look-ahead cuts none of the filters short.
    """

    decimation: int
    lag: int
    bins: slice
    past: int
    future: int
    phases: int
    is_whole: bool
    taps: FloatArray  # real, then imaginary parts [shape=(past + future, 2 * bins), one of ``FILTER_SHAPES``]


@lru_cache
def _half_band(together: int) -> FloatArray:
    """A matrix to ``together`` samples at half the rate [shape=(2 * together + 21, together)]."""
    n = np.arange(_HALF_BAND_TAPS) - _HALF_BAND_TAPS // 2
    taps = 0.5 * np.sinc(n / 2) * np.kaiser(_HALF_BAND_TAPS, 7.0)
    half_band = np.zeros((2 * together + _HALF_BAND_TAPS - 2, together), np.float32)
    for sample in range(together):
        half_band[2 * sample : 2 * sample + _HALF_BAND_TAPS, sample] = taps / taps.sum()
    return half_band


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


@lru_cache(maxsize=4)
def _octaves(lookahead_frames: int) -> tuple[_Octave, ...]:
    frequencies = LOWEST_HZ * 2.0 ** (np.arange(BINS) / BINS_PER_OCTAVE)
    lengths = np.ceil(QUALITY * SAMPLE_RATE / frequencies)
    # The top two octaves run at the full rate, every further one at half the rate of the one above it. The lowest is
    # an exception: the filters on the way to another rate would take up more look-ahead than its own get.
    halvings = np.clip((BINS - 1 - np.arange(BINS)) // BINS_PER_OCTAVE - 1, 0, _MOST_HALVINGS)
    banks = []
    lag = 0.0
    for k in range(int(halvings.max()) + 1):
        lag = (lag + _HALF_BAND_TAPS // 2) / 2 if k else 0.0
        rate = SAMPLE_RATE / 2**k
        most_future_s = lookahead_frames * FRAME_S - (round(lag) + 1) / rate
        chosen = np.flatnonzero(halvings == k)
        filters = [_filter(frequencies[b], rate, most_future_s) for b in chosen]
        future = max(len(taps) - before for before, taps in filters)
        # Shorter ones are filled up with older samples that count nothing.
        past = FILTER_SHAPES[k][0] - future
        matrix = np.zeros((past + future, len(chosen)), np.complex128)
        for column, (b, (before, taps)) in enumerate(zip(chosen, filters, strict=True)):
            matrix[past - before : past - before + len(taps), column] = taps * np.sqrt(lengths[b])
        bins = slice(int(chosen[0]), int(chosen[-1]) + 1)
        is_whole = all(len(taps) == 2 * before + 1 for before, taps in filters)
        both: FloatArray = np.concatenate([matrix.real, matrix.imag], axis=1, dtype=np.float32)
        banks.append(_Octave(2**k, round(lag), bins, past, future, _PHASES[k], is_whole, both))
    return tuple(banks)


@lru_cache(maxsize=8)
def _products(lookahead_frames: int, first: int) -> Any:
    """The network that multiplies stretches of samples with the filters of the octaves from the ``first`` on.

    Once for each look-ahead: it keeps the filters in the order in which it needs them.
    """
    taps = {f"taps_{2**k}": np.zeros(shape, np.float32) for k, shape in enumerate(FILTER_SHAPES)}
    taps |= {f"taps_{bank.decimation}": bank.taps for bank in _octaves(lookahead_frames)[first:]}
    return open_transcription_network(FILTERS, taps)


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """Frames in dB [shape=(frames, 309)], and what a ``LaterConstantQ`` goes on from: the same samples at the rate of
    the first octave that the look-ahead cuts short [shape=(n,)].
    """

    decibels: FloatArray
    decimated: FloatArray

    def __add__(self, after: Spectrum) -> Spectrum:
        """Both, one after the other."""
        decibels = np.concatenate([self.decibels, after.decibels])
        return Spectrum(decibels, np.concatenate([self.decimated, after.decimated]))

    def split(self, frames: int) -> tuple[Spectrum, Spectrum]:
        """The first ``frames`` and the others."""
        samples = frames * len(self.decimated) // len(self.decibels)
        now = Spectrum(self.decibels[:frames], self.decimated[:samples])
        return now, Spectrum(self.decibels[frames:], self.decimated[samples:])


class ConstantQ:
    """Turns hops of ``hop_frames`` × 256 samples into frames that lie ``lookahead_frames`` behind the newest sample.

    Frame ``k`` since the start is centred on sample ``256 (k − lookahead_frames)``; before the stream is silence.
    With four ``phases`` a frame is the mean of the decibels at four moments 64 samples apart, 96 and 32 before its
    centre and as far after it (two 128 apart below 330 Hz, where filters are long). The filters stay
    the same, so a frame reaches up to 96 samples further ahead than the look-ahead; a frame comes with the 256 samples
    that follow its look-ahead at the earliest, so none comes later for it.

    Several hops at once give the same frames, bit for bit, as one at a time. Raises ``ValueError`` for a look-ahead
    that leaves the lowest octaves nothing (below 4 frames) or is above 40, and for phases other than 1 and 4.
    """

    def __init__(self, *, hop_frames: int, lookahead_frames: int, phases: int = 1) -> None:
        if phases not in (1, 4):
            raise ValueError(f"phases must be 1 or 4, not {phases}")
        if not 4 <= lookahead_frames <= _MOST_LOOKAHEAD:
            raise ValueError(f"lookahead_frames must be from 4 to {_MOST_LOOKAHEAD}, not {lookahead_frames}")
        banks = _octaves(lookahead_frames)
        self.lookahead_frames = lookahead_frames
        self.phases = phases
        self.whole_octaves = next(k for k, bank in enumerate(banks) if not bank.is_whole)
        self._filters = _Filters(banks, hop_frames, lookahead_frames, phases)

    def reset(self) -> None:
        """Forget everything, as if new."""
        self._filters.reset()

    def push(self, samples: FloatArray) -> Spectrum:
        """The frames that the new ``samples`` [shape=(hops * hop_frames * 256,)] complete, hops × ``hop_frames``."""
        decibels, streams = self._filters.push(samples)
        return Spectrum(decibels, streams[self.whole_octaves])


class LaterConstantQ:
    """The same with more look-ahead, in hops of ``hop_frames``, from what a ``ConstantQ`` made of the samples before.

    Filters that neither cuts short are the same ones, so their frames are taken over, and come later; only those of the
    lower octaves are computed.
    """

    def __init__(self, before: ConstantQ, *, hop_frames: int, lookahead_frames: int) -> None:
        banks = _octaves(lookahead_frames)[before.whole_octaves :]
        self._filters = _Filters(banks, hop_frames, lookahead_frames, before.phases)
        self._own_bins = banks[0].bins.stop
        waiting = lookahead_frames - before.lookahead_frames
        self._held = np.full((waiting, BINS - self._own_bins), _decibels(np.array(POWER_FLOOR, np.float32)), np.float32)

    def push(self, heard: Spectrum) -> FloatArray:
        """As many frames in dB as were ``heard``, a number of whole hops [shape=(frames, 309)]."""
        own, _ = self._filters.push(heard.decimated)
        known = np.concatenate([self._held, heard.decibels[:, self._own_bins :]])
        due, self._held = known[: len(own)], known[len(own) :]
        return np.concatenate([own, due], axis=1)


class _Filters:
    """The filters of some neighbouring ``banks`` over samples at the rate of the highest, with their past."""

    def __init__(self, banks: tuple[_Octave, ...], hop_frames: int, lookahead_frames: int, phases: int) -> None:
        self._hop_frames = hop_frames
        self._banks = banks
        self._phases = [min(bank.phases, phases) for bank in banks]
        self._lookahead_samples = lookahead_frames * FRAME_SAMPLES
        # Octaves with as many phases lie side by side: what follows the filters is done for all of them at once.
        self._bins: dict[int, slice] = {}
        for bank, n in zip(self._banks, self._phases, strict=True):
            above = self._bins.get(n, bank.bins)
            self._bins[n] = slice(bank.bins.start, above.stop)
        self._products = _products(lookahead_frames, len(FILTER_SHAPES) - len(banks))
        self._parts = [f"parts_{bank.decimation}" for bank in banks]
        # What goes into the products: nothing for the octaves that are not here.
        self._rows = {
            f"stretches_{2**k}": np.empty((0, FILTER_SHAPES[k][0]), np.float32)
            for k in range(len(FILTER_SHAPES) - len(banks))
        }
        self.reset()

    def reset(self) -> None:
        # What the next hop needs of the samples before it, at each rate; more than the filters between the rates do.
        self._held = []
        for bank, phases in zip(self._banks, self._phases, strict=True):
            first = (phases - 1) * FRAME_SAMPLES // phases // 2 // bank.decimation  # so far before the frame's centre
            before = first + bank.past + self._lookahead_samples // bank.decimation - bank.lag
            self._held.append(np.zeros(before, np.float32))

    def push(self, stream: FloatArray) -> tuple[FloatArray, list[FloatArray]]:
        """The frames in dB of all bins of these banks and below, and the new samples at the rate of each bank."""
        hop_samples = self._hop_frames * FRAME_SAMPLES
        hops = len(stream) * self._banks[0].decimation // hop_samples
        bins = self._banks[0].bins.stop
        joined = stream
        streams = []
        for k, (bank, phases) in enumerate(zip(self._banks, self._phases, strict=True)):
            if k:
                first = len(joined) - len(stream) - (_HALF_BAND_TAPS - 1)
                stream = _halved(joined[first:], (hops, hop_samples // bank.decimation))
            streams.append(stream)
            joined, self._held[k] = _join(self._held[k], stream)
            step = FRAME_SAMPLES // phases // bank.decimation
            rows = _stretches(joined, len(bank.taps), step, (1, hops * self._hop_frames * phases))[0]
            # Rows that overlap in memory are no matrix to the network: it wants a copy. Fresh arrays of this size would
            # cost more than what is done with them.
            name = f"stretches_{bank.decimation}"
            if name not in self._rows or self._rows[name].shape != rows.shape:
                self._rows[name] = np.empty_like(rows, order="C")
            self._rows[name][...] = rows
        products = self._products.run(self._parts, self._rows)
        powers = {n: np.empty((hops * self._hop_frames * n, bins), np.float32) for n in self._bins}
        for bank, phases, product in zip(self._banks, self._phases, products, strict=True):
            np.square(product, out=product)
            middle = product.shape[1] // 2
            np.add(product[:, :middle], product[:, middle:], out=powers[phases][:, bank.bins])
        power = np.empty((hops * self._hop_frames, bins), np.float32)
        for phases, chosen in self._bins.items():
            power[:, chosen] = _mean_power(powers[phases].reshape(len(power), phases, bins)[..., chosen])
        return _decibels(power), streams


def _decibels(power: FloatArray) -> FloatArray:
    decibels: FloatArray = np.float32(10.0 / np.log(10.0)) * np.log(power)
    return decibels


def _halved(stream: FloatArray, shape: tuple[int, int]) -> FloatArray:
    """The ``stream`` at half its rate; ``shape`` is how many hops come out, and how many samples of each."""
    together = math.gcd(shape[1], _HALVED_TOGETHER)
    half_band = _half_band(together)
    rows = _stretches(stream, len(half_band), 2 * together, (shape[0], shape[1] // together))
    halved: FloatArray = (rows @ half_band).ravel()
    return halved


def _mean_power(power: FloatArray) -> FloatArray:
    """The geometric mean over the phases of each frame [shape=(frames, phases, bins) to (frames, bins)].

    Its logarithm is the mean of theirs. The floor is added on the way.
    """
    power = power + np.float32(POWER_FLOOR)
    while power.shape[1] > 1:
        power = np.sqrt(power[:, 0::2] * power[:, 1::2])
    return power[:, 0]


def _join(before: FloatArray, new: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The ``new`` samples behind those ``before`` them, and as many of the last as were there before."""
    joined = np.concatenate([before, new])
    return joined, joined[len(new) :]


def _stretches(samples: FloatArray, length: int, step: int, shape: tuple[int, int]) -> FloatArray:
    """Stretches of ``length`` samples, one every ``step``, a matrix of them a hop [shape=(hops, each, length)].

    What BLAS makes of a row depends in its last bits on how many rows there are: a matrix for each hop, of the same
    shape whether one hop comes or many, keeps the result the same.
    """
    strides = (shape[1] * step * samples.itemsize, step * samples.itemsize, samples.itemsize)
    return np.ndarray((*shape, length), np.float32, samples, strides=strides)
