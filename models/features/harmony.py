"""``harmony``: the keys that the sounding pitch classes fit, from the transcription network's posteriors.

Five weightings of the pitch classes: all notes, sure notes (the square of what is above 0.2), onsets (squared), bass
(below E3) and melody (from C4). ``models.features.pitch_classes`` has the formulas and their sources.
"""

from __future__ import annotations

import numpy as np

from models.features import Feature, FeatureRows, FeatureSet, SoundWindow
from models.features.pitch_classes import (
    ALBRECHT_SHANAHAN,
    KRUMHANSL_KESSLER,
    KeyProfile,
    Numbers,
    as_columns,
    distribution,
    fit_keys,
)
from models.features.posterior_columns import WEIGHTINGS, posterior_columns
from models.features.posteriors import posteriors_of, transcribed
from models.features.spectra import sums
from models.features.together import alike

#: Parts are fitted to the second profile alone.
_WHOLE, _PARTS = WEIGHTINGS[:3], WEIGHTINGS[3:]


def compute(sounds: tuple[SoundWindow, ...]) -> FeatureRows:
    """Of each weighting: for each profile the fit and the degrees' shares, then the distribution [shape=(m, 243)]."""
    mean = np.stack([sums(posterior_columns(sound).classes) for sound in sounds]) / np.float32(posteriors_of(sounds[0]))
    classes = mean.reshape(len(sounds), len(WEIGHTINGS), 12).astype(np.float64)
    total = classes.sum(axis=2, keepdims=True)
    # Nothing at all is no key: every pitch class alike.
    shares = np.divide(classes, total, out=np.full_like(classes, 1 / 12), where=total > 1e-6)
    split = len(_WHOLE)
    kk, both = _fit(shares[:, :split], KRUMHANSL_KESSLER), _fit(shares, ALBRECHT_SHANAHAN)
    spread = as_columns(distribution(shares))
    whole = np.concatenate([kk, both[:, :split], spread[:, :split]], axis=2)
    parts = np.concatenate([both[:, split:], spread[:, split:]], axis=2)
    rows = [whole.reshape(len(sounds), -1), parts.reshape(len(sounds), -1)]
    return np.concatenate(rows, axis=1).astype(np.float32)


def _fit(shares: Numbers, profile: KeyProfile) -> Numbers:
    """What the fit says, then the degrees' shares, a row a weighting."""
    fit = fit_keys(shares, profile)
    return np.concatenate([as_columns(fit.numbers()), fit.degrees(shares)], axis=-1)


def _names(profiles: tuple[str, ...]) -> list[str]:
    return [*(f"{profile}_{key}" for profile in profiles for key in _FIT_NAMES), *_SHARE_NAMES]


def _ranged(name: str) -> tuple[str, float, float]:
    if "degree" in name or "interval_class" in name or "dft" in name or name.endswith("share"):
        return "share", 0, 1
    if name == "entropy":
        return "nats", 0, 2.5
    return ("", -1.5, 1.5) if name == "consonance" else ("correlation", -2, 2)


_NOTHING = np.zeros(12)
_FIT_NAMES = (*fit_keys(_NOTHING, ALBRECHT_SHANAHAN).numbers(), *(f"degree_{degree}" for degree in range(12)))
_SHARE_NAMES = tuple(distribution(_NOTHING))
_FEATURES = tuple(
    Feature(f"{weighting}_{name}", *_ranged(name))
    for weightings, profiles in ((_WHOLE, ("kk", "as")), (_PARTS, ("as",)))
    for weighting in weightings
    for name in _names(profiles)
)
HARMONY = FeatureSet("harmony", _FEATURES, alike(transcribed, posteriors_of, compute, len(_FEATURES)), needs_sound=True)
