"""``tonal``: which key and chords the window's notes suggest, and how clearly; the same in every transposition.

Keys are fitted to the pitch classes weighted by how long they sound, and by how often they begin; chords to each
second, counted back from the window's end, since the notes of a broken chord sound one after another, and to each
eighth of a second. Of those the lowest and highest notes are told relative to the tonic. Drums have no pitch. Fewer
than two pitched notes give all zeros, the mask. Sources are named in ``models.features.pitch_classes``.
"""

from __future__ import annotations

import math

import numpy as np

from models.features import Feature, FeatureSet, FeatureVector, Window
from models.features.heard import Cells, Heard, Indices, Numbers, hear, mean_and_std, share_of, sounding_cells
from models.features.pitch_classes import (
    ALBRECHT_SHANAHAN,
    CHORDS,
    FROM,
    KRUMHANSL_KESSLER,
    KeyFit,
    distribution,
    fit_chords,
    fit_keys,
)
from models.features.together import each

#: Degrees above the tonic, 0–11 semitones.
DEGREES = ("1", "flat_2", "2", "flat_3", "3", "4", "sharp_4", "5", "flat_6", "6", "flat_7", "7")
SEGMENT_S = 1.0
#: A note counts at least this long: one that has just begun is heard already.
_MIN_DURATION_S = 0.05
#: A second, or a moment, is major or minor where that triad's cosine leads the other's by more.
_CLEAR, _CLEAR_AT_ONCE = 0.05, 0.1
_MAJOR, _MINOR = (list(CHORDS).index(name) for name in ("major", "minor"))
_EACH_CLASS = np.arange(12)[:, None]
_CLASS_OF_PITCH = np.eye(12)[np.arange(128) % 12]


def compute(window: Window) -> FeatureVector:
    """The features of ``window`` in the order of ``TONAL.names`` [shape=(len(TONAL.features),)].

    - ``kk_*``, ``as_*``: fits of the sounding time to the keys of Krumhansl & Kessler and of Albrecht & Shanahan;
      ``on_as_*``: of the onsets. ``*_major`` and ``*_minor`` are the best correlations, the leads differences of
      correlations, ``*_degree_*`` the shares of the degrees above the best key's tonic.
    - ``dft_*``, ``entropy``, ``interval_class_*``, ``consonance``: how pitch classes are spread; ``on_*``: at onsets.
    - ``chord_*``: cosine of each second's pitch classes with its best chord of a type, mean over the seconds that
      sound; ``chord_major_lead`` and its standard deviation, ``chord_*_share``: major over minor triads.
      ``instant_*``: the same of the notes in each eighth of a second.
    - ``bass_degree_*``, ``top_degree_*``: share of the time that the lowest and highest note is on a degree;
      ``above_bass_*``: share of the time that a note sounds so many semitones above the lowest, octaves aside.
    """
    heard = hear(window)
    if heard is None:
        return np.zeros(len(TONAL.features), np.float32)
    begun = heard.pitch[heard.begun]
    shares = np.array(
        [
            _shares(heard.pitch, np.maximum(heard.duration_s, _MIN_DURATION_S)),
            _shares(begun if len(begun) else heard.pitch),
        ]
    )
    kk, both = fit_keys(shares[:1], KRUMHANSL_KESSLER), fit_keys(shares, ALBRECHT_SHANAHAN)
    of_all, of_sounding, of_onsets = _key_numbers(_together(kk, both), shares[[0, 0, 1]])
    spread, spread_of_onsets = _columns(distribution(shares))
    cells = sounding_cells(heard)
    classes = cells.of_pitch.T @ _CLASS_OF_PITCH[cells.pitches]
    seconds = segments(heard)
    fits = fit_chords(np.concatenate([seconds, classes]))
    return np.concatenate(
        [
            of_all,
            of_sounding,
            spread,
            of_onsets,
            spread_of_onsets[: len(_distribution_features())],
            _chord_numbers(fits[: len(seconds)], _CLEAR),
            _chord_numbers(fits[len(seconds) :], _CLEAR_AT_ONCE),
            _outer_voices(cells, classes, both),
        ]
    ).astype(np.float32)


def _shares(pitch: Indices, weights: Numbers | None = None) -> Numbers:
    counted = np.bincount(pitch % 12, weights=weights, minlength=12)
    shares: Numbers = counted / np.add.reduce(counted)
    return shares


def _together(one: KeyFit, other: KeyFit) -> KeyFit:
    """Two fits as one [shape=(rows of both, 12)]: what is asked of them costs as much for many rows as for one."""
    return KeyFit(
        np.concatenate([one.major, other.major]),
        np.concatenate([one.minor, other.minor]),
        np.concatenate([one.tonics, other.tonics]),
    )


def _columns(numbers: dict[str, Numbers]) -> Numbers:
    """``numbers`` of n sets of pitch classes by name [shape=(n,)] as a row for each set [shape=(n, len(numbers))]."""
    return np.array(list(numbers.values())).T


def _key_numbers(fits: KeyFit, shares: Numbers) -> Numbers:
    """What ``fits`` say of ``shares`` [shape=(n, 12)], in the order of ``_key_features`` [shape=(n, 21)]."""
    return np.concatenate([_columns(fits.numbers()), fits.degrees(shares)], axis=1)


def _chord_numbers(fits: Numbers, clear: float) -> Numbers:
    """What ``fits`` [shape=(n, len(CHORDS))] come to, in the order of ``_chord_features`` [shape=(16,)]."""
    # Rounded, so that the order in which a product is summed cannot carry a lead over the threshold.
    lead = (fits[:, _MAJOR] - fits[:, _MINOR]).round(9)
    means = np.add.reduce(fits) / len(fits)
    return np.concatenate([means, [*mean_and_std(lead), share_of(lead > clear), share_of(lead < -clear)]])


def segments(heard: Heard) -> Numbers:
    """Seconds that each pitch class sounds in each second before the window's end that is not silent [shape=(n, 12)].

    The oldest segment is shorter where the window is no whole number of seconds.
    """
    count = max(math.ceil(heard.length_s / SEGMENT_S), 1)
    ends = np.arange(1 - count, 1)[:, None] * SEGMENT_S
    shown_until = np.maximum(heard.offset_s, np.minimum(heard.onset_s + _MIN_DURATION_S, 0.0))
    overlap = np.minimum(shown_until, ends) - np.maximum(heard.onset_s, ends - SEGMENT_S)
    classes = _CLASS_OF_PITCH[heard.pitch]
    seconds = np.maximum(overlap, 0.0) @ classes
    sounding = np.add.reduce(seconds, axis=1) > 0
    # Notes that all begin at the very end of the window: each counts the same.
    filled: Numbers = seconds[sounding] if sounding.any() else classes.sum(axis=0, keepdims=True)
    return filled


def _outer_voices(cells: Cells, classes: Numbers, keys: KeyFit) -> Numbers:
    """On which degrees of the first of ``keys`` the lowest and highest notes are, and what lies above the lowest.

    In the order of the features from ``bass_degree_1`` on [shape=(35,)].
    """
    key = KeyFit(keys.major[0], keys.minor[0], keys.tonics[0])
    degrees = key.degrees(np.array([_shares(cells.bass), _shares(cells.top)]))
    # In how many cells each pitch class sounds over each of the bass [shape=(12, 12)]; then by the distance of the two.
    over_bass = _CLASS_OF_PITCH[cells.bass].T @ (classes > 0)
    above = np.add.reduce(over_bass[_EACH_CLASS, FROM]) / len(classes)
    return np.concatenate([degrees.ravel(), above[1:]])


def _key_features(prefix: str) -> tuple[Feature, ...]:
    return (
        Feature(f"{prefix}_major", "correlation", -1, 1),
        Feature(f"{prefix}_minor", "correlation", -1, 1),
        Feature(f"{prefix}_major_lead", "correlation", -2, 2),
        Feature(f"{prefix}_best", "correlation", 0, 1),
        Feature(f"{prefix}_lead", "correlation", 0, 2),
        Feature(f"{prefix}_lead_over_third", "correlation", 0, 2),
        Feature(f"{prefix}_lead_over_parallel", "correlation", -2, 2),
        Feature(f"{prefix}_mode", "correlation", -2, 2),
        Feature(f"{prefix}_major_share", "share", 0, 1),
        *(Feature(f"{prefix}_degree_{degree}", "share", 0, 1) for degree in DEGREES),
    )


def _distribution_features(prefix: str = "") -> tuple[Feature, ...]:
    return (
        *(Feature(f"{prefix}dft_{order}", "magnitude", 0, 1) for order in range(1, 7)),
        Feature(f"{prefix}entropy", "nats", 0, float(np.log(12))),
    )


def _chord_features(prefix: str) -> tuple[Feature, ...]:
    return (
        *(Feature(f"{prefix}_{name}", "cosine", 0, 1) for name in CHORDS),
        Feature(f"{prefix}_major_lead", "cosine", -1, 1),
        Feature(f"{prefix}_major_lead_std", "cosine", 0, 1),
        Feature(f"{prefix}_major_share", "share", 0, 1),
        Feature(f"{prefix}_minor_share", "share", 0, 1),
    )


TONAL = FeatureSet(
    "tonal",
    (
        *_key_features("kk"),
        *_key_features("as"),
        *_distribution_features(),
        *(Feature(f"interval_class_{size}", "share", 0, 1) for size in range(7)),
        Feature("consonance", "standard score", -1.428, 1.24),
        *_key_features("on_as"),
        *_distribution_features("on_"),
        *_chord_features("chord"),
        *_chord_features("instant"),
        *(Feature(f"bass_degree_{degree}", "share", 0, 1) for degree in DEGREES),
        *(Feature(f"top_degree_{degree}", "share", 0, 1) for degree in DEGREES),
        *(Feature(f"above_bass_{semitones}", "share", 0, 1) for semitones in range(1, 12)),
    ),
    each(compute),
)
