"""``tonal``: which key and chords the window's notes suggest, and how clearly; the same in every transposition.

Keys are fitted to the pitch classes weighted by how long they sound, and by how often they begin; chords to each
second, counted back from the window's end, since the notes of a broken chord sound one after another, and to each
eighth of a second. Of those the lowest and highest notes are told relative to the tonic. Drums have no pitch. Fewer
than two pitched notes give all zeros, the mask. Sources are named in ``models.features.pitch_classes``.
"""

from __future__ import annotations

import math

import numpy as np

from models.features import Feature, FeatureRows, FeatureSet
from models.features.heard import Cells, Heard, Indices, Numbers, hear, most_cells, sounding_cells
from models.features.pitch_classes import (
    ALBRECHT_SHANAHAN,
    CHORDS,
    FROM,
    KRUMHANSL_KESSLER,
    KeyFit,
    as_columns,
    distribution,
    fit_chords,
    fit_keys,
)
from models.features.together import alike

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


def compute(heards: tuple[Heard, ...]) -> FeatureRows:
    """The features of windows as long as one another, in the order of ``TONAL.names`` [shape=(m, 152)].

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
    shares = np.stack([_both_shares(heard) for heard in heards])
    kk, both = fit_keys(shares[:, :1], KRUMHANSL_KESSLER), fit_keys(shares, ALBRECHT_SHANAHAN)
    of_keys = _key_numbers(_together(kk, both), np.concatenate([shares[:, :1], shares], axis=1))
    spread = as_columns(distribution(shares))
    cells = [sounding_cells(heard) for heard in heards]
    classes = [of.of_pitch.T @ _CLASS_OF_PITCH[of.pitches] for of in cells]
    seconds = [segments(heard) for heard in heards]
    return np.concatenate(
        [
            of_keys[:, 0],
            of_keys[:, 1],
            spread[:, 0],
            of_keys[:, 2],
            spread[:, 1, : len(_distribution_features())],
            _chord_numbers(seconds, _most_seconds(heards[0]), _CLEAR),
            _chord_numbers(classes, most_cells(heards[0]), _CLEAR_AT_ONCE),
            _outer_voices(cells, classes, both),
        ],
        axis=1,
    ).astype(np.float32)


def _both_shares(heard: Heard) -> Numbers:
    """Of the pitch classes by sounding time, and by onsets [shape=(2, 12)]."""
    begun = heard.pitch[heard.begun]
    sounding = _shares(heard.pitch, np.maximum(heard.duration_s, _MIN_DURATION_S))
    return np.array([sounding, _shares(begun if len(begun) else heard.pitch)])


def _shares(pitch: Indices, weights: Numbers | None = None) -> Numbers:
    counted = np.bincount(pitch % 12, weights=weights, minlength=12)
    shares: Numbers = counted / np.add.reduce(counted)
    return shares


def _together(one: KeyFit, other: KeyFit) -> KeyFit:
    """Two fits as one [shape=(m, rows of both, 12)]: what is asked of them costs as much for many rows as for one."""
    return KeyFit(
        np.concatenate([one.major, other.major], axis=1),
        np.concatenate([one.minor, other.minor], axis=1),
        np.concatenate([one.tonics, other.tonics], axis=1),
    )


def _key_numbers(fits: KeyFit, shares: Numbers) -> Numbers:
    """What ``fits`` say of ``shares`` [shape=(m, n, 12)], in the order of ``_key_features`` [shape=(m, n, 21)]."""
    return np.concatenate([as_columns(fits.numbers()), fits.degrees(shares)], axis=2)


def _chord_numbers(weights: list[Numbers], most: int, clear: float) -> Numbers:
    """What the fits of ``weights`` [shape=(n, 12), n up to ``most``] come to, in the order of ``_chord_features``
    [shape=(len(weights), 16)].
    """
    counts = np.array([len(rows) for rows in weights])[:, None]
    filled = np.zeros((len(weights), most, 12))
    for place, rows in enumerate(weights):
        filled[place, : len(rows)] = rows
    # Where nothing weighs all fits are 0, which leaves sums as they are.
    fits = fit_chords(filled)
    # Rounded, so that the order in which a product is summed cannot carry a lead over the threshold.
    lead = (fits[..., _MAJOR] - fits[..., _MINOR]).round(9)
    mean = np.add.reduce(lead, axis=1, keepdims=True) / counts
    centred = np.where(np.arange(most) < counts, lead - mean, 0.0)
    std = np.sqrt(np.add.reduce(centred * centred, axis=1, keepdims=True) / counts)
    clearly = (np.count_nonzero(of, axis=1, keepdims=True) / counts for of in (lead > clear, lead < -clear))
    return np.concatenate([np.add.reduce(fits, axis=1) / counts, mean, std, *clearly], axis=1)


def _most_seconds(heard: Heard) -> int:
    return max(math.ceil(heard.length_s / SEGMENT_S), 1)


def segments(heard: Heard) -> Numbers:
    """Seconds that each pitch class sounds in each second before the window's end that is not silent [shape=(n, 12)].

    The oldest segment is shorter where the window is no whole number of seconds.
    """
    ends = np.arange(1 - _most_seconds(heard), 1)[:, None] * SEGMENT_S
    shown_until = np.maximum(heard.offset_s, np.minimum(heard.onset_s + _MIN_DURATION_S, 0.0))
    overlap = np.minimum(shown_until, ends) - np.maximum(heard.onset_s, ends - SEGMENT_S)
    classes = _CLASS_OF_PITCH[heard.pitch]
    seconds = np.maximum(overlap, 0.0) @ classes
    sounding = np.add.reduce(seconds, axis=1) > 0
    # Notes that all begin at the very end of the window: each counts the same.
    filled: Numbers = seconds[sounding] if sounding.any() else classes.sum(axis=0, keepdims=True)
    return filled


def _outer_voices(cells: list[Cells], classes: list[Numbers], keys: KeyFit) -> Numbers:
    """On which degrees of the first of ``keys`` the lowest and highest notes are, and what lies above the lowest.

    In the order of the features from ``bass_degree_1`` on [shape=(m, 35)].
    """
    key = KeyFit(keys.major[:, :1], keys.minor[:, :1], keys.tonics[:, :1])
    degrees = key.degrees(np.array([[_shares(of.bass), _shares(of.top)] for of in cells]))
    # In how many cells each pitch class sounds over each of the bass [shape=(m, 12, 12)]; then by the distance of both.
    over_bass = np.stack(
        [_CLASS_OF_PITCH[of.bass].T @ (sounding > 0) for of, sounding in zip(cells, classes, strict=True)]
    )
    above = np.add.reduce(over_bass[:, _EACH_CLASS, FROM], axis=1) / np.array([len(of) for of in classes])[:, None]
    return np.concatenate([degrees.reshape(len(cells), -1), above[:, 1:]], axis=1)


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


_FEATURES = (
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
)
TONAL = FeatureSet("tonal", _FEATURES, alike(hear, lambda heard: heard.length_s, compute, len(_FEATURES)))
