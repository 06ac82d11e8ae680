"""``register``: how high, how wide and how thick the texture of the window is.

Taken from eighths of a second in which something sounds. Pitches are MIDI numbers (60 is middle C). Drums have no
pitch. Fewer than two pitched notes give all zeros, the mask.
"""

from __future__ import annotations

import numpy as np

from models.features import Feature, FeatureRows, FeatureSet
from models.features.heard import Cells, Heard, Numbers, hear, sounding_cells
from models.features.ragged import Ragged
from models.features.together import alike

#: MIDI numbers at which the shares' registers begin; the last ends at 127.
BANDS_FROM = (0, 40, 48, 54, 60, 66, 72, 78, 84)
_BAND_NAMES = tuple(f"from_{pitch}" for pitch in BANDS_FROM)
#: The number of the register of each pitch [shape=(128,)].
_BAND_OF_PITCH = np.searchsorted(BANDS_FROM, np.arange(128), side="right") - 1


def compute(heards: tuple[Heard, ...]) -> FeatureRows:
    """The features of windows in the order of ``REGISTER.names`` [shape=(m, 23)].

    - ``sounding``: share of the window in which a note sounds; ``polyphony_*``: how many pitches sound then.
    - ``single``: share of that time with one pitch alone. ``bass_*``, ``top_*``: the lowest and highest pitch, and how
      far they move from one eighth of a second to the next; ``width``: mean distance between them.
    - ``from_*``: share of all sounding pitches in a register; ``pitch_mean``, ``pitch_std``: over sounding time.
    """
    cells = [sounding_cells(heard) for heard in heards]
    rows = Ragged.of([of.bass for of in cells])
    thickness = np.concatenate([of.thickness for of in cells])
    outer = np.concatenate([[of.bass, of.top] for of in cells], axis=1)
    means, stds = rows.means_and_stds(np.concatenate([thickness[None], outer]))
    motion = rows.step_means(np.abs(outer[:, 1:] - outer[:, :-1]))
    found = [
        np.array([of.share for of in cells]),
        means[0],
        stds[0],
        np.maximum.reduceat(thickness, rows.starts),
        rows.means(outer[0] == outer[1]),
        *(numbers[voice] for voice in range(2) for numbers in (means[1:], stds[1:], motion)),
        means[2] - means[1],
        *_pitch_numbers(cells),
    ]
    return np.array(found).T.astype(np.float32)


def _pitch_numbers(cells: list[Cells]) -> list[Numbers]:
    """The registers' shares, and the pitches' mean and standard deviation [shape=(m,)] each."""
    rows = Ragged.of([of.pitches for of in cells])
    pitches = np.concatenate([of.pitches for of in cells])
    sounding = np.concatenate([np.add.reduce(of.of_pitch, axis=1) for of in cells])
    shares = sounding / rows.for_each(rows.sums(sounding))
    bands = rows.histograms(_BAND_OF_PITCH[pitches], len(BANDS_FROM), shares)
    mean = rows.sums(shares * pitches)
    std = np.sqrt(rows.sums(shares * (pitches - rows.for_each(mean)) ** 2))
    return [*bands.T, mean, std]


_FEATURES = (
    Feature("sounding", "share", 0, 1),
    Feature("polyphony_mean", "pitches", 1, 128),
    Feature("polyphony_std", "pitches", 0, 64),
    Feature("polyphony_max", "pitches", 1, 128),
    Feature("single", "share", 0, 1),
    Feature("bass_mean", "MIDI number", 0, 127),
    Feature("bass_std", "semitones", 0, 64),
    Feature("bass_motion", "semitones", 0, 127),
    Feature("top_mean", "MIDI number", 0, 127),
    Feature("top_std", "semitones", 0, 64),
    Feature("top_motion", "semitones", 0, 127),
    Feature("width", "semitones", 0, 127),
    *(Feature(name, "share", 0, 1) for name in _BAND_NAMES),
    Feature("pitch_mean", "MIDI number", 0, 127),
    Feature("pitch_std", "semitones", 0, 64),
)
REGISTER = FeatureSet("register", _FEATURES, alike(hear, lambda heard: heard.length_s, compute, len(_FEATURES)))
