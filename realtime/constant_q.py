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
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from models.transcription import FRAME_SAMPLES
from realtime.constant_q_filters import (
    BINS,
    FILTER_SHAPES,
    HALF_BAND_TAPS,
    MOST_LOOKAHEAD,
    Bank,
    filter_banks,
    filter_network,
    half_band,
)

#: Power that is added before the logarithm, as the reference does: silence is −100 dB.
POWER_FLOOR = 1e-10
#: At most so many outputs of a half-band filter come of one row of a product of matrices.
_HALVED_TOGETHER = 32

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """Frames in dB [shape=(frames, 309)], and what a ``LaterConstantQ`` goes on from: the same samples at the rate of
    the first bank that the look-ahead cuts short [shape=(n,)].
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
        if not 4 <= lookahead_frames <= MOST_LOOKAHEAD:
            raise ValueError(f"lookahead_frames must be from 4 to {MOST_LOOKAHEAD}, not {lookahead_frames}")
        banks = filter_banks(lookahead_frames, 0)
        self.lookahead_frames = lookahead_frames
        self.phases = phases
        self.whole_banks = next(k for k, bank in enumerate(banks) if not bank.is_whole)
        self._filters = _Filters(banks, hop_frames, lookahead_frames, phases)

    def reset(self) -> None:
        """Forget everything, as if new."""
        self._filters.reset()

    def push(self, samples: FloatArray) -> Spectrum:
        """The frames that the new ``samples`` [shape=(hops * hop_frames * 256,)] complete, hops × ``hop_frames``."""
        decibels, streams = self._filters.push(samples)
        return Spectrum(decibels, streams[self.whole_banks])


class LaterConstantQ:
    """The same with more look-ahead, in hops of ``hop_frames``, from what a ``ConstantQ`` made of the samples before.

    Filters that neither cuts short are the same ones, so their frames are taken over, and come later; only those of the
    lower octaves are computed.
    """

    def __init__(self, before: ConstantQ, *, hop_frames: int, lookahead_frames: int) -> None:
        banks = filter_banks(lookahead_frames, before.whole_banks)
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

    def __init__(self, banks: tuple[Bank, ...], hop_frames: int, lookahead_frames: int, phases: int) -> None:
        self._hop_frames = hop_frames
        self._banks = banks
        self._averages = phases > 1
        # So many samples before the new ones the filters of each bank begin.
        self._reaches = [_reach(bank, lookahead_frames, min(bank.phases, phases)) for bank in banks]
        self._rates = [list(rate) for _, rate in groupby(range(len(banks)), lambda k: banks[k].decimation)]
        # Banks with as many phases lie side by side: what follows the filters is done for all of them at once.
        self._bins: dict[int, slice] = {}
        for bank in banks:
            above = self._bins.get(bank.phases, bank.bins)
            self._bins[bank.phases] = slice(bank.bins.start, above.stop)
        first = self._first_bank = len(FILTER_SHAPES) - len(banks)
        self._network = filter_network(lookahead_frames, first)
        self._parts = [f"parts_{k}" for k in range(first, len(FILTER_SHAPES))]
        # Nothing goes into the filters of the banks that are not here.
        self._nothing = {
            f"samples_{k}": np.empty((0, 1, 1, length), np.float32)
            for k, (_, length, _) in enumerate(FILTER_SHAPES[:first])
        }
        self.reset()

    def reset(self) -> None:
        # What the next hop needs of the samples before it, at each rate; more than the filters between the rates do.
        self._held = [np.zeros(max(self._reaches[k] for k in rate), np.float32) for rate in self._rates]

    def push(self, stream: FloatArray) -> tuple[FloatArray, list[FloatArray]]:
        """The frames in dB of all bins of these banks and below, and the new samples at the rate of each bank."""
        hop_samples = self._hop_frames * FRAME_SAMPLES
        hops = len(stream) * self._banks[0].decimation // hop_samples
        frames = hops * self._hop_frames
        joined = stream
        streams = []
        given = dict(self._nothing)
        for rate, banks in enumerate(self._rates):
            if rate:
                first = len(joined) - len(stream) - (HALF_BAND_TAPS - 1)
                stream = _halved(joined[first:], (hops, hop_samples // self._banks[banks[0]].decimation))
            joined, self._held[rate] = _join(self._held[rate], stream)
            for k in banks:
                streams.append(stream)
                first = len(joined) - len(stream) - self._reaches[k]
                given[f"samples_{self._first_bank + k}"] = _of_bank(joined[first:], self._banks[k], frames)
        made = self._network.run(self._parts, given)
        powers = {n: np.empty((bins.stop - bins.start, frames * n), np.float32) for n, bins in self._bins.items()}
        for bank, (parts,) in zip(self._banks, made, strict=True):
            np.square(parts, out=parts)
            middle, first = len(parts) // 2, self._bins[bank.phases].start
            bins = slice(bank.bins.start - first, bank.bins.stop - first)
            np.add(parts[:middle, 0], parts[middle:, 0], out=powers[bank.phases][bins])
        power = np.empty((frames, self._banks[0].bins.stop), np.float32)
        for phases, chosen in self._bins.items():
            of_phases = powers[phases]
            of_phases += np.float32(POWER_FLOOR)
            power[:, chosen] = (_means(of_phases, phases) if self._averages else of_phases[:, ::phases]).T
        return _decibels(power), streams


def _decibels(power: FloatArray) -> FloatArray:
    decibels: FloatArray = np.float32(10.0 / np.log(10.0)) * np.log(power)
    return decibels


def _halved(stream: FloatArray, shape: tuple[int, int]) -> FloatArray:
    """The ``stream`` at half its rate; ``shape`` is how many hops come out, and how many samples of each."""
    together = math.gcd(shape[1], _HALVED_TOGETHER)
    taps = half_band(together)
    rows = _stretches(stream, len(taps), 2 * together, (shape[0], shape[1] // together))
    # Copied at once: rows that overlap are copied for BLAS one matrix at a time.
    halved: FloatArray = (rows.copy() @ taps).ravel()
    return halved


def _means(power: FloatArray, count: int) -> FloatArray:
    """The geometric mean of each ``count`` numbers in a row, a power of two [shape=(bins, n) to (bins, n // count)].

    Its logarithm is the mean of theirs.
    """
    while count > 1:
        power = power[:, 0::2] * power[:, 1::2]
        np.sqrt(power, out=power)
        count //= 2
    return power


def _reach(bank: Bank, lookahead_frames: int, phases: int) -> int:
    """How many samples there are at the rate of ``bank`` from those that the next hop's filters go over to that hop."""
    first = (phases - 1) * FRAME_SAMPLES // phases // 2 // bank.decimation  # so far before the frame's centre
    return first + bank.past + lookahead_frames * FRAME_SAMPLES // bank.decimation - bank.lag


def _of_bank(samples: FloatArray, bank: Bank, frames: int) -> FloatArray:
    """What of the ``samples`` the filters of ``bank`` go over, from the first phase of ``frames`` to the last of all
    [shape=(1, 1, 1, n)].
    """
    step = FRAME_SAMPLES // bank.decimation // bank.phases
    return samples[None, None, None, : (frames * bank.phases - 1) * step + len(bank.taps)]


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
