"""Basic Pitch's widest layer as products of short Fourier transforms: the matrices that ``offline.recut`` lays out.

The layer goes with kernels of 3 frames × 39 bins over eight copies of the spectrum, one shifted for each harmonic. As
all are copies of one spectrum, that is one convolution of it with kernels of 176 bins, which alone halves the
multiplications. Cut into tiles of ``TILE`` bins, each is a sum of four products of spectra (overlap-save, partitioned:
transforms over two tiles, of which one is kept), which leaves a quarter, all told. Transforms are orthogonal, so that
nothing of the precision is lost, as it would be with Winograd's.

Near its edges a copy is cropped and padded with zeros, wherever its harmonic lies. The first and last ``EDGE`` bins of
the output are therefore computed as they stand, by a dense matrix at either end.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: How far each harmonic's bins lie from the fundamental's, in thirds of a semitone: 0.5, 1, 2, … 7 times.
HARMONIC_SHIFTS = (-36, 0, 36, 57, 72, 84, 93, 101)
BINS = 309
CONTOUR_BINS = 264

#: Tiles and bins of each, all of which are kept: from 38 to 60 bins the cost is nearly the same.
TILES, TILE = 5, 44
#: Bins of output at either end that are computed as they stand. A cropped copy can reach 19, half the kernel.
EDGE = (CONTOUR_BINS - TILES * TILE) // 2

_HALF_KERNEL = 19
_REACH = (min(HARMONIC_SHIFTS) - _HALF_KERNEL, max(HARMONIC_SHIFTS) + _HALF_KERNEL + 1)
_PARTS = -(-(_REACH[1] - _REACH[0]) // TILE)
#: Bins of the spectrum that the transforms are over, and zeros below and above it for them and for the copies.
SEEN_BINS = (EDGE + _REACH[0], EDGE + _REACH[0] + (TILES + _PARTS) * TILE)
PADDING = (max(-SEEN_BINS[0], -min(HARMONIC_SHIFTS)), max(SEEN_BINS[1], max(HARMONIC_SHIFTS) + CONTOUR_BINS) - BINS)

#: Bins of the spectrum that the first and the last ``EDGE`` bins of the output depend on.
LOW_BINS = (0, EDGE + _REACH[1] - 1)
HIGH_BINS = (CONTOUR_BINS - EDGE + _REACH[0], BINS)

FloatArray = NDArray[np.float32]
DoubleArray = NDArray[np.float64]


def _turns() -> NDArray[np.complex128]:
    """e^(iπfn/TILE) of frequency f and bin n [shape=(TILE, 2 * TILE)]."""
    turn = np.exp(1j * np.pi / TILE * np.arange(2 * TILE))
    # Rounded, so that what is zero is zero on every machine, and the file the same.
    exact = np.round(turn.real, 12) + 1j * np.round(turn.imag, 12)
    turns: NDArray[np.complex128] = exact[np.outer(np.arange(TILE), np.arange(2 * TILE)) % (2 * TILE)]
    return turns


def _alternating(length: int) -> DoubleArray:
    """The highest frequency: 1, −1, 1 and so on."""
    return np.where(np.arange(length) % 2, -1.0, 1.0)


def forward_transform() -> FloatArray:
    """The transform of two tiles, stepping by one, as a kernel over bins [shape=(2 * TILE, 1, 2 * TILE, 1)].

    The outputs are real and imaginary part of each frequency in turn. The first and the highest are both real; they
    share the first pair.
    """
    turns = _turns()
    parts = np.stack([turns.real, -turns.imag], axis=1)
    parts[0, 1] = _alternating(2 * TILE)
    transform: FloatArray = (parts / np.sqrt(2 * TILE)).astype(np.float32)
    return transform.reshape(2 * TILE, 1, 2 * TILE, 1)


def backward_transform() -> FloatArray:
    """From the spectrum of a tile's output to its bins [shape=(2 * TILE, TILE)]."""
    turns = _turns()[:, :TILE]
    parts = 2 * np.stack([turns.real, -turns.imag], axis=1)
    parts[0, 0], parts[0, 1] = 1.0, _alternating(TILE)
    transform: FloatArray = (parts / np.sqrt(2 * TILE)).astype(np.float32)
    return transform.reshape(2 * TILE, TILE)


def spectral_kernel(kernel: FloatArray) -> FloatArray:
    """The ``kernel`` [shape=(channels, 8, frames, 39)] as products of spectra.

    A kernel over tiles and frames, for each frequency from its pair to a pair for each channel
    [shape=(TILE * 2 * channels, 2, parts, frames)].
    """
    channels, _, frames, taps = kernel.shape
    joined = np.zeros((channels, frames, _PARTS * TILE))
    for harmonic, shift in enumerate(HARMONIC_SHIFTS):
        start = shift - _HALF_KERNEL - _REACH[0]
        joined[..., start : start + taps] += kernel[:, harmonic]
    apart = joined.reshape(channels, frames, _PARTS, TILE)
    spectrum = np.einsum("ctqn,fn->fcqt", apart, _turns()[:, :TILE])
    products = np.empty((TILE, 2, channels, 2, _PARTS, frames))
    products[:, 0, :, 0] = products[:, 1, :, 1] = spectrum.real
    products[:, 0, :, 1], products[:, 1, :, 0] = -spectrum.imag, spectrum.imag
    products[0] = 0.0
    products[0, 0, :, 0] = spectrum[0].real
    products[0, 1, :, 1] = np.einsum("ctqn,n->cqt", apart, _alternating(TILE))
    return products.astype(np.float32).reshape(TILE * 2 * channels, 2, _PARTS, frames)


def spectral_bias(bias: FloatArray) -> FloatArray:
    """The ``bias`` of each channel in the spectrum, where it is at frequency 0 [shape=(TILE * 2 * channels,)]."""
    spectrum = np.zeros((TILE, 2, len(bias)))
    spectrum[0, 0] = bias * np.sqrt(2 * TILE)
    return spectrum.astype(np.float32).ravel()


def edge_matrix(kernel: FloatArray, first_bin: int, known: tuple[int, int]) -> FloatArray:
    """The layer as a matrix for ``EDGE`` bins of output from ``first_bin`` on, from the ``known`` bins of the input.

    ``kernel`` has shape (channels, 8, frames, 39); from frames and bins to channels and bins
    [shape=(frames * known bins, channels * EDGE)].
    """
    channels, _, frames, taps = kernel.shape
    matrix = np.zeros((frames, known[1] - known[0], channels, EDGE))
    for bin_ in range(EDGE):
        for harmonic, shift in enumerate(HARMONIC_SHIFTS):
            for tap in range(taps):
                copied = first_bin + bin_ + tap - _HALF_KERNEL
                if 0 <= copied < CONTOUR_BINS and 0 <= copied + shift < BINS:
                    matrix[:, copied + shift - known[0], :, bin_] += kernel[:, harmonic, :, tap].T
    return matrix.astype(np.float32).reshape(-1, channels * EDGE)
