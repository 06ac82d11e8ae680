"""``chords``: which chords the posteriors fit, how fast harmony changes, and how dissonant it is.

Chord fits and keys are those of ``models.features.pitch_classes``. The change of harmony is the distance between
tonal centroids (Harte, Sandler & Gasser, "Detecting harmonic change in musical audio", 2006); roughness is the
dissonance of Plomp & Levelt's curves as parametrised by Sethares, "Local consonance and the relationship between
timbre and scale", 1993, between tones of six partials whose amplitudes fall by 0.88.
"""

from __future__ import annotations

import numpy as np

from models.features import Feature, FeatureSet, FeatureVector, Window
from models.features.pitch_classes import CHORDS, CONSONANCE, KRUMHANSL_KESSLER, fit_chords, key_correlations, key_leads
from models.features.posterior_columns import posterior_columns
from models.features.posteriors import transcribed
from models.features.spectra import Numbers, mean_std, series, series_features, statistics_features

#: How many frames make a segment.
_SEGMENTS = {"fifth_second": 16, "half_second": 43, "second": 86}
_CLEAR = 0.05
_CLASS = np.arange(12)
#: Circles of fifths, minor and major thirds.
_CENTROID = np.stack([wave(2 * np.pi * _CLASS * k / 12) for k in (5, 3, 4) for wave in (np.sin, np.cos)], axis=1)
_KEY_NUMBERS = ("major", "minor", "major_lead", "best", "lead", "major_share")


def compute(window: Window) -> FeatureVector:
    """For segments of each length: chords, changes and keys; then roughness and interval classes [shape=(168,)].

    Chord fits: mean and std of each type; of major over minor the mean, std and shares clearly above and below.
    Changes: mean, std and maximum of the centroid's steps. Keys: mean and std of the best major and minor fit, their
    difference, the best, its lead over the second and the share of major. Roughness: statistics of the whole, a note
    and a pair. Interval classes: mean and std of their shares, and their consonance.
    """
    sound = transcribed(window)
    if sound is None:
        return np.zeros(len(CHORD_FITS.features), np.float32)
    columns = posterior_columns(sound)
    found = _segments(_pieces(columns.classes[:, :12]))
    roughness = series(columns.intervals[:, :3]).ravel()
    intervals, intervals_std = mean_std(columns.intervals[:, 3:])
    return np.concatenate([*found, roughness, intervals, intervals_std, [intervals @ CONSONANCE]]).astype(np.float32)


def _pieces(classes: Numbers) -> list[np.ndarray]:
    """The mean of each segment, for each length of segments counted back from the last frame [shape=(n, 12)] each."""
    until = np.zeros((len(classes) + 1, 12))
    np.cumsum(classes, axis=0, out=until[1:])
    pieces = []
    for frames in _SEGMENTS.values():
        count = min(frames, len(classes))
        ends = until[len(classes) % count :: count]
        pieces.append((ends[1:] - ends[:-1]) / count)
    return pieces


def _segments(pieces: list[np.ndarray]) -> list[np.ndarray]:
    """What is told of the segments of each length [shape=(n, 12)]: all are fitted at once, then told one by one."""
    classes = np.concatenate(pieces)
    fits = fit_chords(classes)
    lead = fits[:, :1] - fits[:, 1:2]
    shares = classes / (np.add.reduce(classes, axis=1, keepdims=True) + 1e-6)
    leads = key_leads(key_correlations(shares, KRUMHANSL_KESSLER))
    keys = np.stack([leads[name] for name in _KEY_NUMBERS], axis=1)
    columns = np.concatenate([fits, lead, lead > _CLEAR, lead < -_CLEAR, keys], axis=1)
    counts = np.array([len(piece) for piece in pieces])
    begins = np.cumsum(counts) - counts
    means = np.add.reduceat(columns, begins, axis=0) / counts[:, None]
    centred = columns - np.repeat(means, counts, axis=0)
    stds = np.sqrt(np.add.reduceat(centred * centred, begins, axis=0) / counts[:, None])
    centroids = shares @ _CENTROID
    moves = centroids[1:] - centroids[:-1]
    steps = np.sqrt(np.add.reduce(moves * moves, axis=1))
    each = [steps[begin : begin + count - 1] for begin, count in zip(begins, counts, strict=True)]
    return [_segment(*of) for of in zip(means, stds, each, strict=True)]


def _segment(mean: np.ndarray, std: np.ndarray, steps: np.ndarray) -> np.ndarray:
    changes = [steps.mean(), steps.std(), steps.max()] if len(steps) else [0.0, 0.0, 0.0]
    lead = len(CHORDS)
    clear = [mean[lead], std[lead], mean[lead + 1], mean[lead + 2]]
    return np.concatenate([mean[:lead], std[:lead], clear, changes, mean[lead + 3 :], std[lead + 3 :]])


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


CHORD_FITS = FeatureSet("chords", _features(), compute, needs_sound=True)
