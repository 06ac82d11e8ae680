"""What the feature sets of the posteriors need of each frame, whatever the window: computed once, when it arrives.

``realtime.sound_memory`` keeps these columns beside the posteriors, so that a moment is left with the statistics of a
window over them. A window without them has them computed on the spot, by the same code.
"""

from __future__ import annotations

import itertools
from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from models.features import PosteriorColumns, SoundWindow
from models.features.dissonance import dissonance
from models.features.kept import kept
from models.features.pitch_classes import FROM
from models.features.posteriors import CLASSES, PITCH, pooled
from models.features.spectra import Numbers
from models.features.together import product
from models.transcription import CHANNELS, LAYERS, PITCHES, REGISTERS

#: Frames in a pool (46 ms), as many as the transcriber makes at a time.
POOL_FRAMES = 4
#: The columns' names, and which of them have a row for each pool rather than each frame.
COLUMNS = tuple(field.name for field in fields(PosteriorColumns))
POOLED = ("intervals", "activations")
#: How high a note's posterior is that sounds, and those of the onsets that are counted.
SOUNDING = 0.3
ONSET_LEVELS = (0.1, 0.3, 0.5)
#: A note above this is sure.
_SURE = 0.2
#: The weightings of pitch classes in ``PosteriorColumns.classes``, twelve columns each: all notes, sure notes
#: (squared), onsets (squared), bass (below E3) and melody (from C4).
WEIGHTINGS = ("notes", "sure_notes", "onsets", "bass", "melody")
_BASS = CLASSES[PITCH < 52]
_MELODY = CLASSES[PITCH >= 60]
_POWERS = np.stack([np.ones(PITCHES), PITCH - 60.0, (PITCH - 60.0) ** 2], axis=1).astype(np.float32)
_NOTE_CLASSES_AND_POWERS = np.concatenate([CLASSES, _POWERS], axis=1)


def _roughness() -> Numbers:
    """The dissonance of each pair of pitches [shape=(88, 88)]; ``models.features.chords`` has the source."""
    partials = np.arange(1, 7)
    hz = 440 * 2 ** ((PITCH - 69) / 12) * partials[:, None]
    amplitude = 0.88 ** (partials - 1.0)
    # Of two pitches either may be named first.
    lower, upper = np.triu_indices(PITCHES, 1)
    rough = np.zeros(len(lower))
    # Pair by pair of partials, since larger arrays come from the system one by one.
    for i, j in itertools.product(range(len(partials)), repeat=2):
        one, other = hz[i, lower], hz[j, upper]
        rough += min(amplitude[i], amplitude[j]) * dissonance(np.minimum(one, other), np.maximum(one, other))
    table = np.zeros((PITCHES, PITCHES), np.float32)
    table[lower, upper] = rough
    return table + table.T


_ROUGHNESS = _roughness()


def posterior_columns(sound: SoundWindow) -> PosteriorColumns:
    """The columns of a window's posteriors: those that were kept, or else computed from them."""
    return _computed(sound) if sound.columns is None else sound.columns


@kept
def _computed(sound: SoundWindow) -> PosteriorColumns:
    before = np.zeros((2, PITCHES), np.float32)
    return columns_of(sound.note_posteriors, sound.onset_posteriors, sound.activations, before)


def columns_of(notes: Numbers, onsets: Numbers, activations: Numbers, onsets_before: Numbers) -> PosteriorColumns:
    """The columns of some frames; ``onsets_before`` [shape=(2, 88)] are the onset posteriors of the two before them.

    A row has the same bits whatever frames it is computed with.
    """
    powers = product(notes, _NOTE_CLASSES_AND_POWERS)
    # Where there are many, a product with what is true costs a fraction of what choosing does.
    sure = notes * (notes > _SURE)
    classes = np.concatenate(
        [
            powers[:, :12],
            product(sure * sure, CLASSES),
            product(onsets * onsets, CLASSES),
            product(notes[:, : len(_BASS)], _BASS),
            product(notes[:, -len(_MELODY) :], _MELODY),
        ],
        axis=1,
    )
    inner = activations.reshape(len(activations), len(LAYERS) * CHANNELS, REGISTERS + 2)
    # Added register by register: a sum over so short an axis is mostly overhead.
    first, *others = np.moveaxis(inner[:, :, :REGISTERS], 2, 0)
    return PosteriorColumns(
        series=_series(notes, onsets, powers[:, 12:]),
        peaks=_peaks(onsets, onsets_before),
        classes=classes,
        over_pitches=sum(others, first) / np.float32(REGISTERS),
        intervals=_intervals(pooled(notes, POOL_FRAMES), pooled(powers[:, :12], POOL_FRAMES)),
        activations=_sums(activations),
    )


def _series(notes: Numbers, onsets: Numbers, powers: Numbers) -> Numbers:
    """The quantities of ``models.features.activity`` [shape=(n, 8)]."""
    weight, first, second = powers.T
    whole = weight + np.float32(1e-6)
    # Where there is nothing the centre is 0, as if the pitch were the lowest.
    centre = first / whole
    spread = np.sqrt(np.maximum(second / whole - centre * centre, 0))
    # −Σ p log p of p = notes / whole, with one logarithm a posterior.
    # In one array, since fresh ones of this size cost more than the logarithms.
    products = notes + np.float32(1e-9)
    np.multiply(np.log(products, out=products), notes, out=products)
    entropy = (weight * np.log(whole) - products.sum(axis=1)) / whole
    return np.stack(
        [
            weight,
            onsets.sum(axis=1),
            _counts(notes > SOUNDING),
            notes.max(axis=1),
            onsets.max(axis=1),
            np.maximum(entropy, 0),
            centre + 60 * weight / whole,
            spread,
        ],
        axis=1,
    )


def _peaks(onsets: Numbers, onsets_before: Numbers) -> Numbers:
    """How many pitches' onsets peaked at the frame before each, above each of ``ONSET_LEVELS`` [shape=(n, 3)]."""
    known = np.concatenate([onsets_before, onsets])
    inner = known[1:-1]
    heights = inner * ((inner > known[:-2]) & (inner >= known[2:]))
    return np.stack([_counts(heights > level) for level in ONSET_LEVELS], axis=1)


def _counts(chosen: NDArray[np.bool_]) -> Numbers:
    """How many pitches are chosen in each frame [shape=(n, 88) to (n,)]."""
    counts: Numbers = np.add.reduce(chosen, axis=1, dtype=np.uint8).astype(np.float32)
    return counts


def _intervals(notes: Numbers, classes: Numbers) -> Numbers:
    """Roughness (whole, a note, a pair), then the share of each interval class among all pairs [shape=(n, 10)]."""
    rough = (product(notes, _ROUGHNESS) * notes).sum(axis=1) / 2
    whole = notes.sum(axis=1) + np.float32(1e-3)
    by_interval = (classes[:, None] * np.take(classes, FROM[:7], 1)).sum(axis=2)
    pairs = by_interval * np.array([1, 2, 2, 2, 2, 2, 1], np.float32)
    shares = pairs / (pairs.sum(axis=1, keepdims=True) + np.float32(1e-6))
    return np.concatenate([np.stack([rough, rough / whole, rough / (whole * whole)], axis=1), shares], axis=1)


def _sums(frames: Numbers) -> Numbers:
    """The sum of each pool, counted back from the last frame [shape=(n, d) to (n // 4, d)]."""
    first, second, third, fourth = (frames[len(frames) % POOL_FRAMES + k :: POOL_FRAMES] for k in range(POOL_FRAMES))
    return first + second + third + fourth
