"""How well pitch classes fit keys and chords. Nothing here changes when all pitch classes are turned by a semitone.

Keys are fitted as Krumhansl and Schmuckler proposed: the correlation of the pitch classes' weights with a profile of
each degree's weight, in its twelve rotations. Where several keys fit alike, what is told relative to the key is the
mean over them, since a choice would depend on which pitch class is counted first.

All take one set of twelve pitch classes [shape=(12,)] or many at once [shape=(..., 12)], and give one number or many.

Sources of the profiles: Krumhansl & Kessler, "Tracing the dynamic changes in perceived tonal organization in a spatial
representation of musical keys", 1982 (how well listeners found each tone to fit); Albrecht & Shanahan, "The use of
large corpora to train a new type of key-finding algorithm", 2013 (how often each tone was written).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

#: Row k counts up from pitch class k: ``weights[FROM]`` are the weights of the twelve degrees above each tonic.
FROM = (np.arange(12)[:, None] + np.arange(12)[None, :]) % 12
#: Row k is how far each pitch class lies above pitch class k.
_ABOVE = (np.arange(12)[None, :] - np.arange(12)[:, None]) % 12
_ALIKE = 1e-9
#: How many pairs of pitch classes each interval class 0–6 stands for, those counted from either side.
_PAIRS = np.array([1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 1.0])

#: Binary templates as in Fujishima, "Realtime chord recognition of musical sound", 1999: semitones above the root.
CHORDS = {
    "major": (0, 4, 7),
    "minor": (0, 3, 7),
    "diminished": (0, 3, 6),
    "augmented": (0, 4, 8),
    "suspended_fourth": (0, 5, 7),
    "suspended_second": (0, 2, 7),
    "dominant_seventh": (0, 4, 7, 10),
    "major_seventh": (0, 4, 7, 11),
    "minor_seventh": (0, 3, 7, 10),
    "half_diminished": (0, 3, 6, 10),
    "diminished_seventh": (0, 3, 6, 9),
    "fifth": (0, 7),
}

#: Consonance of interval classes 1–6 (semitone to tritone) from Huron, "Interval-class content in equally tempered
#: pitch-class sets", 1994: the mean of three studies' ratings, standardised. A pitch class with itself counts 0.
CONSONANCE = np.array([0.0, -1.428, -0.582, 0.594, 0.386, 1.240, -0.453])


@dataclass(frozen=True, slots=True, eq=False)
class KeyProfile:
    """A profile of major and one of minor keys, standardised: the twelve rotations of either [shape=(24, 12)]."""

    rotations: Numbers

    @property
    def major(self) -> Numbers:
        """The major keys on each tonic [shape=(12, 12)]."""
        return self.rotations[:12]

    @property
    def minor(self) -> Numbers:
        """The minor keys on each tonic [shape=(12, 12)]."""
        return self.rotations[12:]


def _profile(major: tuple[float, ...], minor: tuple[float, ...]) -> KeyProfile:
    standard = (_standardised(np.array(weights)) for weights in (major, minor))
    return KeyProfile(np.concatenate([weights[_ABOVE] for weights in standard]))


def _standardised(weights: Numbers) -> Numbers:
    centred = weights - np.add.reduce(weights, axis=-1, keepdims=True) / 12
    spread = np.sqrt(np.add.reduce(centred * centred, axis=-1, keepdims=True) / 12)
    standard: Numbers = np.divide(centred, spread, out=np.zeros_like(centred), where=spread > _ALIKE)
    return standard


KRUMHANSL_KESSLER = _profile(
    (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
)
ALBRECHT_SHANAHAN = _profile(
    (0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081),
    (0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052),
)


@dataclass(frozen=True, slots=True, eq=False)
class KeyFit:
    """Correlations with the major and minor keys on each tonic [shape=(..., 12)], -1–1, and which tonics fit best.

    ``tonics`` [shape=(..., 12)] are weights that sum to 1: all on one tonic unless several keys fit alike.
    """

    major: Numbers
    minor: Numbers
    tonics: Numbers

    def degrees(self, weights: Numbers) -> Numbers:
        """``weights`` of pitch classes [shape=(..., 12)] counted from the tonic."""
        counted: Numbers = (self.tonics[..., None, :] @ np.take(weights, FROM, -1))[..., 0, :]
        return counted

    def numbers(self) -> dict[str, Numbers]:
        """What the fit says of the music, by name; correlations, their differences and a share [shape=(...)] each."""
        leads = key_leads(np.concatenate([self.major, self.minor], axis=-1))
        share = leads.pop("major_share")
        return {
            **leads,
            "lead_over_parallel": leads["major"] - np.add.reduce(_leaders(self.major) * self.minor, axis=-1),
            "mode": np.add.reduce(self.tonics * (self.major - self.minor), axis=-1),
            "major_share": share,
        }


def fit_keys(weights: Numbers, profile: KeyProfile) -> KeyFit:
    """The fit of pitch classes' ``weights`` [shape=(..., 12)], from 0, to the 24 keys; all 0 where they weigh alike."""
    keys = key_correlations(weights, profile)
    leaders = _leaders(keys)
    return KeyFit(keys[..., :12], keys[..., 12:], leaders[..., :12] + leaders[..., 12:])


def key_correlations(weights: Numbers, profile: KeyProfile) -> Numbers:
    """Those of a ``KeyFit``, the major keys and then the minor ones [shape=(..., 12) to (..., 24)]."""
    keys: Numbers = _standardised(weights) @ profile.rotations.T / 12
    return keys


def key_leads(keys: Numbers) -> dict[str, Numbers]:
    """How the best of the ``keys`` [shape=(..., 24)] stand to one another: a part of ``KeyFit.numbers``."""
    # Compared and added key by key: over the few keys of each fit it would be mostly overhead.
    by_key = np.ascontiguousarray(np.moveaxis(keys, -1, 0))
    best_major, best_minor = np.maximum.reduce(by_key[:12]), np.maximum.reduce(by_key[12:])
    ranked = np.sort(keys, axis=-1)
    best = ranked[..., -1]
    # A logistic choice between all keys; its steepness makes a lead of .1 in correlation about 2 to 1.
    chosen = np.exp(8.0 * (by_key - best))
    return {
        "major": best_major,
        "minor": best_minor,
        "major_lead": best_major - best_minor,
        "best": best,
        "lead": best - ranked[..., -2],
        "lead_over_third": best - ranked[..., -3],
        "major_share": np.add.reduce(chosen[:12]) / np.add.reduce(chosen),
    }


def _leaders(fits: Numbers) -> Numbers:
    alike = (fits >= np.maximum.reduce(fits, axis=-1, keepdims=True) - _ALIKE).astype(np.float64)
    share: Numbers = alike / np.add.reduce(alike, axis=-1, keepdims=True)
    return share


def distribution(shares: Numbers) -> dict[str, Numbers]:
    """The shape of pitch classes' ``shares`` [shape=(..., 12)], summing to 1, whatever the key; [shape=(...)] each.

    Magnitudes of the discrete Fourier transform (Amiot, "Music through Fourier space", 2016: the third tells triads of
    major thirds, the fifth diatonic music, the sixth whole tones), entropy in nats, the share of each interval class
    among all pairs, and their consonance.
    """
    transform = np.abs(np.fft.rfft(shares))
    by_interval = (np.take(shares, FROM[:7], -1) @ shares[..., None])[..., 0]
    classes = by_interval * _PAIRS
    return {
        **{f"dft_{order}": transform[..., order] for order in range(1, 7)},
        "entropy": -np.add.reduce(shares * np.log(np.where(shares > 0, shares, 1.0)), axis=-1),
        **{f"interval_class_{size}": classes[..., size] for size in range(7)},
        "consonance": classes @ CONSONANCE,
    }


def as_columns(numbers: dict[str, Numbers]) -> Numbers:
    """``numbers`` of sets of pitch classes by name [shape=(m, n)] as the last axis [shape=(m, n, len(numbers))]."""
    return np.array(list(numbers.values())).transpose(1, 2, 0)


def _templates() -> Numbers:
    """Root by root the template of each type [shape=(12 * len(CHORDS), 12)]."""
    templates = np.zeros((len(CHORDS), 12))
    for template, intervals in zip(templates, CHORDS.values(), strict=True):
        template[list(intervals)] = 1 / np.sqrt(len(intervals))
    return np.concatenate([np.roll(templates, root, axis=1) for root in range(12)])


_TEMPLATES = _templates()


def fit_chords(weights: Numbers) -> Numbers:
    """How well pitch classes' ``weights`` [shape=(..., n, 12)] fit each type of ``CHORDS`` on its best root.

    Cosines 0–1 [shape=(..., n, len(CHORDS))]; 0 where nothing weighs.
    """
    norms = np.sqrt(np.add.reduce(weights * weights, axis=-1, keepdims=True))
    unit = np.divide(weights, norms, out=np.zeros_like(weights), where=norms > 0)
    # Compared in rows as long as there are weights: over the twelve roots alone it would be mostly overhead.
    by_root = _TEMPLATES @ np.ascontiguousarray(unit.swapaxes(-1, -2))
    roots = by_root.reshape(*by_root.shape[:-2], 12, len(CHORDS), by_root.shape[-1])
    return np.ascontiguousarray(np.maximum.reduce(roots, axis=-3).swapaxes(-1, -2))
