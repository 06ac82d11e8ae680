"""``tonal``: which key and chords the window's notes suggest, and how clearly; the same in every transposition.

Keys are fitted to the pitch classes weighted by how long they sound, and by how often they begin; chords to each
second, counted back from the window's end, since the notes of a broken chord sound one after another, and to each
eighth of a second. Of those the lowest and highest notes are told relative to the tonic. Drums have no pitch. Fewer
than two pitched notes give all zeros, the mask. Sources are named in ``models.features.pitch_classes``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.features import Feature, FeatureSet, FeatureVector, Window
from models.features.heard import Heard, Numbers, hear, sounding_cells, vector
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

#: Degrees above the tonic, 0–11 semitones.
DEGREES = ("1", "flat_2", "2", "flat_3", "3", "4", "sharp_4", "5", "flat_6", "6", "flat_7", "7")
SEGMENT_S = 1.0
#: A note counts at least this long: one that has just begun is heard already.
_MIN_DURATION_S = 0.05
#: A second, or a moment, is major or minor where that triad's cosine leads the other's by more.
_CLEAR, _CLEAR_AT_ONCE = 0.05, 0.1
_TYPES = list(CHORDS)
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
    sounding = _shares(heard.pitch, np.maximum(heard.duration_s, _MIN_DURATION_S))
    begun = heard.pitch[heard.begun]
    shares = np.stack([sounding, _shares(begun if len(begun) else heard.pitch)])
    kk, both = fit_keys(shares[:1], KRUMHANSL_KESSLER), fit_keys(shares, ALBRECHT_SHANAHAN)
    spread = distribution(shares)
    cells = sounding_cells(heard)
    cells = cells[cells.any(axis=1)]
    classes = cells @ _CLASS_OF_PITCH
    return vector(
        TONAL.features,
        {
            **_key_numbers(("kk",), kk, shares[:1]),
            **_key_numbers(("as", "on_as"), both, shares),
            **{
                f"{prefix}{name}": values[row]
                for row, prefix in enumerate(("", "on_"))
                for name, values in spread.items()
            },
            **_chord_numbers("chord", segments(heard), _CLEAR),
            **_chord_numbers("instant", classes, _CLEAR_AT_ONCE),
            **_outer_voices(cells, classes, KeyFit(both.major[0], both.minor[0], both.tonics[0])),
        },
    )


def _shares(pitch: np.ndarray, weights: np.ndarray | None = None) -> Numbers:
    counted = np.bincount(pitch % 12, weights=weights, minlength=12).astype(np.float64)
    shares: Numbers = counted / counted.sum()
    return shares


def _key_numbers(prefixes: tuple[str, ...], fits: KeyFit, shares: Numbers) -> dict[str, float]:
    """What ``fits`` say of ``shares`` [shape=(len(prefixes), 12)], under one prefix each."""
    degrees = {f"degree_{degree}": column for degree, column in zip(DEGREES, fits.degrees(shares).T, strict=True)}
    found = fits.numbers() | degrees
    return {f"{prefix}_{name}": values[row] for row, prefix in enumerate(prefixes) for name, values in found.items()}


def _chord_numbers(prefix: str, weights: Numbers, clear: float) -> dict[str, float]:
    fits = fit_chords(weights)
    # Rounded, so that the order in which a product is summed cannot carry a lead over the threshold.
    lead = np.round(fits[:, _TYPES.index("major")] - fits[:, _TYPES.index("minor")], 9)
    return {
        **{f"{prefix}_{name}": value for name, value in zip(_TYPES, fits.mean(axis=0), strict=True)},
        f"{prefix}_major_lead": lead.mean(),
        f"{prefix}_major_lead_std": lead.std(),
        f"{prefix}_major_share": (lead > clear).mean(),
        f"{prefix}_minor_share": (lead < -clear).mean(),
    }


def segments(heard: Heard) -> Numbers:
    """Seconds that each pitch class sounds in each second before the window's end that is not silent [shape=(n, 12)].

    The oldest segment is shorter where the window is no whole number of seconds.
    """
    count = max(int(np.ceil(heard.length_s / SEGMENT_S)), 1)
    ends = np.arange(1 - count, 1)[:, None] * SEGMENT_S
    shown_until = np.maximum(heard.offset_s, np.minimum(heard.onset_s + _MIN_DURATION_S, 0.0))
    overlap = np.minimum(shown_until, ends) - np.maximum(heard.onset_s, ends - SEGMENT_S)
    classes = np.eye(12)[heard.pitch % 12]
    seconds = np.maximum(overlap, 0.0) @ classes
    sounding = seconds.sum(axis=1) > 0
    # Notes that all begin at the very end of the window: each counts the same.
    filled: Numbers = seconds[sounding] if sounding.any() else classes.sum(axis=0, keepdims=True)
    return filled


def _outer_voices(cells: NDArray[np.bool_], classes: Numbers, key: KeyFit) -> dict[str, float]:
    lowest, highest = cells.argmax(axis=1), 127 - cells[:, ::-1].argmax(axis=1)
    bass, top = key.degrees(np.stack([_shares(lowest), _shares(highest)]))
    above = (classes > 0)[np.arange(len(cells))[:, None], FROM[lowest % 12]].mean(axis=0)
    return {
        **{f"bass_degree_{degree}": share for degree, share in zip(DEGREES, bass, strict=True)},
        **{f"top_degree_{degree}": share for degree, share in zip(DEGREES, top, strict=True)},
        **{f"above_bass_{semitones}": above[semitones] for semitones in range(1, 12)},
    }


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
    compute,
)
