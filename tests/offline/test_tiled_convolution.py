"""The layer over all harmonics, taken apart into tiles and ends, is the convolution of the stacked copies."""

from __future__ import annotations

import numpy as np
import pytest

from offline import tiled_convolution as tiled
from offline.tiled_convolution import BINS, CONTOUR_BINS, EDGE, HARMONIC_SHIFTS, PADDING, TILE, TILES

CHANNELS, FRAMES = 8, 3


@pytest.fixture(scope="module")
def spectrum() -> np.ndarray:
    return np.random.default_rng(0).random((FRAMES, BINS))


@pytest.fixture(scope="module")
def kernel() -> np.ndarray:
    return np.random.default_rng(1).normal(0, 0.1, (CHANNELS, len(HARMONIC_SHIFTS), FRAMES, 39))


@pytest.fixture(scope="module")
def expected(spectrum: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """One frame of output, from copies that are cropped and padded with zeros [shape=(8, 264)]."""
    padded = np.pad(spectrum, [(0, 0), (200, 200)])
    copies = [padded[:, 200 + shift : 200 + shift + CONTOUR_BINS] for shift in HARMONIC_SHIFTS]
    stacked = np.pad(np.stack(copies), [(0, 0), (0, 0), (19, 19)])
    seen = np.lib.stride_tricks.sliding_window_view(stacked, 39, axis=2)
    return np.einsum("chtn,htkn->ck", kernel, seen)


def test_tiles_are_the_layer_away_from_its_ends(spectrum: np.ndarray, kernel: np.ndarray, expected: np.ndarray) -> None:
    low, high = (PADDING[0] + bin_ for bin_ in tiled.SEEN_BINS)
    seen = np.pad(spectrum, [(0, 0), PADDING])[:, low:high]
    two_tiles = np.lib.stride_tricks.sliding_window_view(seen, 2 * TILE, axis=1)[:, ::TILE]
    spectra = np.einsum("tbn,sn->stb", two_tiles, tiled.forward_transform()[:, 0, :, 0])
    products = tiled.spectral_kernel(kernel.astype(np.float32)).reshape(TILE, 2 * CHANNELS, 2, -1, FRAMES)
    by_part = np.lib.stride_tricks.sliding_window_view(spectra, products.shape[3], axis=2)
    filtered = np.einsum("foiqt,fitbq->fob", products, by_part.reshape(TILE, 2, *by_part.shape[1:]))
    by_frequency = filtered.reshape(2 * TILE, CHANNELS, TILES)
    found = np.einsum("scb,sn->cbn", by_frequency, tiled.backward_transform()).reshape(CHANNELS, -1)
    np.testing.assert_allclose(found, expected[:, EDGE:-EDGE], rtol=0, atol=1e-5)


@pytest.mark.parametrize(("first_bin", "known"), [(0, tiled.LOW_BINS), (CONTOUR_BINS - EDGE, tiled.HIGH_BINS)])
def test_the_ends_are_as_they_stand(
    spectrum: np.ndarray, kernel: np.ndarray, expected: np.ndarray, first_bin: int, known: tuple[int, int]
) -> None:
    matrix = tiled.edge_matrix(kernel.astype(np.float32), first_bin, known)
    found = (spectrum[:, slice(*known)].ravel() @ matrix).reshape(CHANNELS, EDGE)
    np.testing.assert_allclose(found, expected[:, first_bin : first_bin + EDGE], rtol=0, atol=1e-5)


def test_a_bias_is_the_same_in_every_bin() -> None:
    bias = np.array([0.5, -2.0], np.float32)
    found = tiled.spectral_bias(bias).reshape(2 * TILE, 2).T @ tiled.backward_transform()
    np.testing.assert_allclose(found, np.repeat(bias[:, None], TILE, axis=1), rtol=0, atol=1e-6)
