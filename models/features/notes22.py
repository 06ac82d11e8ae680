"""``notes22``: twenty-two numbers about the notes that sound in the window.

The set of the study that this project descends from (DEAM converted to MIDI with Basic Pitch): statistics of pitch,
duration and velocity, tempo, a pitch-class histogram, note density and melodic intervals. Pitches are MIDI numbers,
durations seconds clipped to the window. Drums (channel 10) have no pitch: they count for tempo and density alone.
Fewer than two pitched notes give all zeros, the mask.
"""

from __future__ import annotations

import numpy as np

from models.features import Feature, FeatureSet, FeatureVector, Window
from models.features.together import each
from models.notes import DRUM_CHANNEL, NoteArray
from models.tempo import estimate_tempo

PITCH_CLASSES = ("c", "c_sharp", "d", "d_sharp", "e", "f", "f_sharp", "g", "g_sharp", "a", "a_sharp", "b")
#: A window that has only just begun counts as this long, so that one early chord is not a hundred notes a second.
MIN_SPAN_S = 1.0


def compute(window: Window) -> FeatureVector:
    """The features of ``window`` in the order of ``NOTES22.names`` [shape=(22,)].

    - ``pitch_mean``, ``pitch_std``: MIDI numbers, 0–127 and 0–64, over the notes that sound.
    - ``duration_mean``, ``duration_std``: seconds inside the window, 0 to its length.
    - ``velocity_mean``, ``velocity_std``: 0–127 and 0–64.
    - ``tempo``: beats a minute, 0 (unknown) or 30–300; see ``models.tempo``.
    - ``pitch_class_*``: share of the sounding time, 0–1, summing to 1.
    - ``note_density``: onsets in the window a second, from 0.
    - ``interval_mean``, ``interval_std``: semitones from an onset to the next (onsets at one time from low to high),
      mean of the steps' sizes and standard deviation of the signed steps, 0–127.
    """
    pitched = window.notes[window.notes["channel"] != DRUM_CHANNEL]
    if len(pitched) < 2:
        return np.zeros(len(NOTES22.features), np.float32)
    pitch = pitched["pitch"].astype(np.float64)
    velocity = pitched["velocity"].astype(np.float64)
    starts = np.maximum(pitched["onset_s"], window.start_s)
    durations = np.maximum(np.minimum(pitched["offset_s"], window.end_s) - starts, 0.0)
    onsets = _begun(window.notes, window.start_s)["onset_s"]
    tempo = estimate_tempo(onsets) if window.tempo_bpm is None else window.tempo_bpm
    span_s = max(window.end_s - window.start_s, MIN_SPAN_S)
    melody = _begun(pitched, window.start_s)
    steps = np.diff(melody[np.lexsort((melody["pitch"], melody["onset_s"]))]["pitch"].astype(np.float64))
    return np.concatenate(
        [
            [pitch.mean(), pitch.std(), durations.mean(), durations.std(), velocity.mean(), velocity.std(), tempo],
            _pitch_classes(pitched["pitch"], durations),
            [len(onsets) / span_s],
            [np.abs(steps).mean(), steps.std()] if len(steps) else [0.0, 0.0],
        ]
    ).astype(np.float32)


def _begun(notes: NoteArray, start_s: float) -> NoteArray:
    begun: NoteArray = notes[notes["onset_s"] >= start_s]
    return begun


def _pitch_classes(pitch: np.ndarray, durations: np.ndarray) -> np.ndarray:
    total = durations.sum()
    # Notes that all begin at the very end of the window have sounded for no time: each counts the same.
    weights = durations if total > 0 else np.ones_like(durations)
    shares: np.ndarray = np.bincount(pitch % 12, weights=weights, minlength=12) / weights.sum()
    return shares


NOTES22 = FeatureSet(
    "notes22",
    (
        Feature("pitch_mean", "MIDI number", 0, 127),
        Feature("pitch_std", "semitones", 0, 64),
        Feature("duration_mean", "s", 0, float("inf")),
        Feature("duration_std", "s", 0, float("inf")),
        Feature("velocity_mean", "MIDI velocity", 0, 127),
        Feature("velocity_std", "MIDI velocity", 0, 64),
        Feature("tempo", "BPM", 0, 300),
        *(Feature(f"pitch_class_{name}", "share", 0, 1) for name in PITCH_CLASSES),
        Feature("note_density", "onsets/s", 0, float("inf")),
        Feature("interval_mean", "semitones", 0, 127),
        Feature("interval_std", "semitones", 0, 127),
    ),
    each(compute),
)
