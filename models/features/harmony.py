"""``harmony``: the keys that the sounding pitch classes fit, from the transcription network's posteriors.

Five weightings of the pitch classes: all notes, sure notes (the square of what is above 0.2), onsets (squared), bass
(below E3) and melody (from C4). ``models.features.pitch_classes`` has the formulas and their sources.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.features import Feature, FeatureSet, FeatureVector, Window
from models.features.pitch_classes import ALBRECHT_SHANAHAN, KRUMHANSL_KESSLER, KeyProfile, distribution, fit_keys
from models.features.posteriors import CLASSES, PITCH, transcribed

_BOTH = {"kk": KRUMHANSL_KESSLER, "as": ALBRECHT_SHANAHAN}
_ONE = {"as": ALBRECHT_SHANAHAN}
_PROFILES: dict[str, dict[str, KeyProfile]] = {
    "notes": _BOTH,
    "sure_notes": _BOTH,
    "onsets": _BOTH,
    "bass": _ONE,
    "melody": _ONE,
}
_SURE = 0.2
_BASS_BELOW, _MELODY_FROM = 52, 60


def compute(window: Window) -> FeatureVector:
    """Of each weighting: for each profile the fit and the degrees' shares, then the distribution [shape=(243,)]."""
    sound = transcribed(window)
    if sound is None:
        return np.zeros(len(HARMONY.features), np.float32)
    notes, onsets = sound.note_posteriors, sound.onset_posteriors
    mean = notes.mean(axis=0)
    weights = {
        "notes": mean,
        "sure_notes": np.where(notes > _SURE, notes * notes, 0).mean(axis=0),
        "onsets": (onsets * onsets).mean(axis=0),
        "bass": np.where(PITCH < _BASS_BELOW, mean, 0),
        "melody": np.where(PITCH >= _MELODY_FROM, mean, 0),
    }
    values = [_key_numbers(weight @ CLASSES, _PROFILES[name]) for name, weight in weights.items()]
    return np.array([value for one in values for value in one.values()], np.float32)


def _key_numbers(weights: NDArray[np.float32], profiles: dict[str, KeyProfile]) -> dict[str, float]:
    total = float(weights.sum())
    # Nothing at all is no key: every pitch class alike.
    shares = weights.astype(np.float64) / total if total > 1e-6 else np.full(12, 1 / 12)
    found: dict[str, float] = {}
    for name, profile in profiles.items():
        fit = fit_keys(shares, profile)
        found |= {f"{name}_{key}": value for key, value in fit.numbers().items()}
        found |= {f"{name}_degree_{degree}": share for degree, share in enumerate(fit.degrees(shares))}
    return found | distribution(shares)


def _ranged(name: str) -> tuple[str, float, float]:
    if "degree" in name or "interval_class" in name or "dft" in name or name.endswith("share"):
        return "share", 0, 1
    if name == "entropy":
        return "nats", 0, 2.5
    return ("", -1.5, 1.5) if name == "consonance" else ("correlation", -2, 2)


HARMONY = FeatureSet(
    "harmony",
    tuple(
        Feature(f"{weighting}_{name}", *_ranged(name))
        for weighting, profiles in _PROFILES.items()
        for name in _key_numbers(np.zeros(12, np.float32), profiles)
    ),
    compute,
    needs_sound=True,
)
