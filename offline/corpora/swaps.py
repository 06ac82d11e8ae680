"""Whether valence and arousal are swapped in song-level labels, told by the dynamic ones.

Each song's dynamic labels, averaged over its time, must correlate best with the song-level column of the same axis.
Where, over a whole block of ids, both correlate clearly better with the other one, the columns are swapped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Ids are looked at in blocks of this many, and a block needs this many songs to be judged.
BLOCK = 100
_LEAST_SONGS = 20
#: A block is held to be swapped where the other axis fits better by this much in Fisher's z: six standard errors of a
#: block of 75 songs, so that chance does not do it in any corpus.
_CLEAR_Z = 0.7


@dataclass(frozen=True, slots=True)
class SwapEvidence:
    """A run of song ids and how its dynamic labels correlate with the song-level columns of each name.

    ``straight`` is Pearson's r of (valence, arousal) with the column of the same name, ``crossed`` with the other.
    """

    first: int
    last: int
    songs: tuple[int, ...]
    straight: tuple[float, float]
    crossed: tuple[float, float]

    @property
    def is_swapped(self) -> bool:
        """Whether both axes fit the other's column clearly better."""
        gain = np.arctanh(self.crossed) - np.arctanh(self.straight)
        return bool(np.all(gain > _CLEAR_Z))

    def __str__(self) -> str:
        return (
            f"ids {self.first} to {self.last} ({len(self.songs)} songs): dynamic valence correlates with valence_mean "
            f"at {self.straight[0]:.2f} and with arousal_mean at {self.crossed[0]:.2f}, dynamic arousal with "
            f"arousal_mean at {self.straight[1]:.2f} and with valence_mean at {self.crossed[1]:.2f}"
        )


def swap_evidence(
    songs: Sequence[int], dynamic: NDArray[np.float64], static: NDArray[np.float64]
) -> list[SwapEvidence]:
    """Block by block of ids, which song-level column each dynamic axis belongs to; equal neighbours are merged.

    ``dynamic`` and ``static`` hold each song's mean valence and arousal, as labelled [shape=(songs, 2)].
    """
    order = np.argsort(songs)
    ids = np.asarray(songs)[order]
    dynamic, static = dynamic[order], static[order]
    runs: list[tuple[bool, NDArray[np.int64]]] = []
    for block in np.unique((ids - 1) // BLOCK):
        rows = np.flatnonzero((ids - 1) // BLOCK == block)
        if len(rows) < _LEAST_SONGS:
            continue
        is_swapped = _evidence(ids[rows], dynamic[rows], static[rows]).is_swapped
        if runs and runs[-1][0] == is_swapped:
            runs[-1] = (is_swapped, np.concatenate([runs[-1][1], rows]))
        else:
            runs.append((is_swapped, rows))
    return [_evidence(ids[rows], dynamic[rows], static[rows]) for _, rows in runs]


def _evidence(ids: NDArray[np.int64], dynamic: NDArray[np.float64], static: NDArray[np.float64]) -> SwapEvidence:
    def correlation(a: int, b: int) -> float:
        return float(np.clip(np.corrcoef(dynamic[:, a], static[:, b])[0, 1], -0.9999, 0.9999))

    straight, crossed = (correlation(0, 0), correlation(1, 1)), (correlation(0, 1), correlation(1, 0))
    return SwapEvidence(int(ids[0]), int(ids[-1]), tuple(int(i) for i in ids), straight, crossed)
