"""``chords``: which chords the posteriors fit, how fast harmony changes, and how dissonant it is.

Chord fits and keys are those of ``models.features.pitch_classes``. The change of harmony is the distance between
tonal centroids (Harte, Sandler & Gasser, "Detecting harmonic change in musical audio", 2006); roughness is the
dissonance of Plomp & Levelt's curves as parametrised by Sethares, "Local consonance and the relationship between
timbre and scale", 1993, between tones of six partials whose amplitudes fall by 0.88.
"""

from __future__ import annotations

import numpy as np

from models.features import Feature, FeatureRows, FeatureSet, SoundWindow
from models.features.pitch_classes import CHORDS, CONSONANCE, KRUMHANSL_KESSLER, fit_chords, key_correlations, key_leads
from models.features.posterior_columns import posterior_columns
from models.features.posteriors import posteriors_of, transcribed
from models.features.spectra import (
    Numbers,
    mean_std,
    row_mean_std,
    series,
    series_features,
    side_by_side,
    statistics_features,
)
from models.features.together import alike

#: How many frames make a segment.
_SEGMENTS = {"fifth_second": 16, "half_second": 43, "second": 86}
_CLEAR = 0.05
_CLASS = np.arange(12)
#: Circles of fifths, minor and major thirds.
_CENTROID = np.stack([wave(2 * np.pi * _CLASS * k / 12) for k in (5, 3, 4) for wave in (np.sin, np.cos)], axis=1)
_KEY_NUMBERS = ("major", "minor", "major_lead", "best", "lead", "major_share")


def compute(sounds: tuple[SoundWindow, ...]) -> FeatureRows:
    """For segments of each length: chords, changes and keys; then roughness and interval classes [shape=(m, 168)].

    Chord fits: mean and std of each type; of major over minor the mean, std and shares clearly above and below.
    Changes: mean, std and maximum of the centroid's steps. Keys: mean and std of the best major and minor fit, their
    difference, the best, its lead over the second and the share of major. Roughness: statistics of the whole, a note
    and a pair. Interval classes: mean and std of their shares, and their consonance.
    """
    columns = [posterior_columns(sound) for sound in sounds]
    found = _segments(_pieces(np.stack([of.classes[:, :12] for of in columns])))
    roughness = series(side_by_side([of.intervals[:, :3] for of in columns])).reshape(len(sounds), -1)
    shares = np.array([mean_std(of.intervals[:, 3:]) for of in columns])
    consonance = np.add.reduce(shares[:, 0] * CONSONANCE, axis=1, keepdims=True)
    return np.concatenate([*found, roughness, shares[:, 0], shares[:, 1], consonance], axis=1).astype(np.float32)


def _pieces(classes: Numbers) -> list[np.ndarray]:
    """The mean of each segment, for each length of segments counted back from the last frame, of some windows
    [shape=(m, frames, 12) to (m, n, 12) each].
    """
    windows, length, _ = classes.shape
    pieces = []
    for frames in _SEGMENTS.values():
        count = min(frames, length)
        segments = classes[:, length % count :].reshape(windows, length // count, count, 12)
        pieces.append((np.full((1, count), np.float32(1 / count)) @ segments)[:, :, 0].astype(np.float64))
    return pieces


def _segments(pieces: list[np.ndarray]) -> list[np.ndarray]:
    """What is told of the segments of each length [shape=(m, n, 12)]: all are fitted at once, then told one by one."""
    classes = np.concatenate(pieces, axis=1)
    fits = fit_chords(classes)
    lead = fits[..., :1] - fits[..., 1:2]
    shares = classes / (np.add.reduce(classes, axis=2, keepdims=True) + 1e-6)
    leads = key_leads(key_correlations(shares, KRUMHANSL_KESSLER))
    keys = np.array([leads[name] for name in _KEY_NUMBERS]).transpose(1, 2, 0)
    columns = np.concatenate([fits, lead, lead > _CLEAR, lead < -_CLEAR, keys], axis=2)
    counts = np.array([piece.shape[1] for piece in pieces])
    begins = np.cumsum(counts) - counts
    means = np.add.reduceat(columns, begins, axis=1) / counts[:, None]
    centred = columns - np.repeat(means, counts, axis=1)
    stds = np.sqrt(np.add.reduceat(centred * centred, begins, axis=1) / counts[:, None])
    centroids = shares @ _CENTROID
    moves = centroids[:, 1:] - centroids[:, :-1]
    steps = np.sqrt(np.add.reduce(moves * moves, axis=2))
    each = [steps[:, begin : begin + count - 1] for begin, count in zip(begins, counts, strict=True)]
    return [_segment(means[:, length], stds[:, length], each[length]) for length in range(len(pieces))]


def _segment(mean: np.ndarray, std: np.ndarray, steps: np.ndarray) -> np.ndarray:
    if steps.shape[1]:
        changes = [*row_mean_std(steps), np.maximum.reduce(steps, axis=1, keepdims=True)]
    else:
        changes = [np.zeros((len(mean), 3))]
    lead = len(CHORDS)
    told = [
        mean[:, :lead],
        std[:, :lead],
        mean[:, lead, None],
        std[:, lead, None],
        mean[:, lead + 1 : lead + 3],
        *changes,
        mean[:, lead + 3 :],
        std[:, lead + 3 :],
    ]
    return np.concatenate(told, axis=1)


def _features() -> tuple[Feature, ...]:
    chords = [Feature(name, "cosine", 0, 1) for name in CHORDS]
    keys = [
        *(Feature(f"key_{name}", "correlation", -1, 1) for name in ("major", "minor")),
        Feature("key_major_lead", "correlation", -2, 2),
        Feature("key_best", "correlation", -1, 1),
        Feature("key_lead", "correlation", 0, 2),
        Feature("key_major_share", "share", 0, 1),
    ]
    segment = (
        *statistics_features(chords, ("mean", "std")),
        Feature("major_lead_mean", "cosine", -1, 1),
        Feature("major_lead_std", "cosine", 0, 1),
        Feature("clear_major", "share", 0, 1),
        Feature("clear_minor", "share", 0, 1),
        *(Feature(f"change_{name}", "", 0, 4) for name in ("mean", "std", "max")),
        *statistics_features(keys, ("mean", "std")),
    )
    classes = [Feature(f"interval_class_{size}", "share", 0, 1) for size in range(7)]
    return (
        *(Feature(f"{of.name}_{name}", of.unit, of.low, of.high) for name in _SEGMENTS for of in segment),
        *series_features(Feature("note_roughness", "", 0, 2000)),
        *series_features(Feature("note_roughness_a_note", "", 0, 50)),
        *series_features(Feature("note_roughness_a_pair", "", 0, 2)),
        *statistics_features(classes, ("mean", "std")),
        Feature("consonance", "", -1.5, 1.5),
    )


_FEATURES = _features()
CHORD_FITS = FeatureSet(
    "chords", _FEATURES, alike(transcribed, posteriors_of, compute, len(_FEATURES)), needs_sound=True
)
