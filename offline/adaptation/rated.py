"""The rated pieces of a dataset, with what a base says of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.bundle import Bundle
from models.errors import MoodringError
from models.predictor import Predictor
from offline.dataset import Dataset, PieceSteps
from offline.evaluation import rated_in_time
from offline.metrics import Values

#: Where the means are among the outputs, and where the spreads.
MEANS, SPREADS = [0, 2], [1, 3]


@dataclass(frozen=True, slots=True, eq=False)
class Rated:
    """A piece or session of ``group``: what the base says of each step [shape=(n, 4)], the base's raw ``features`` side
    by side [shape=(n, features)], and what was rated [shape=(n, 4)], NaN where nothing was."""

    name: str
    group: str
    affect: Values
    features: NDArray[np.float32]
    ratings: Values

    @property
    def is_rated(self) -> NDArray[np.bool_]:
        """The steps that have ratings of both axes and heard something [shape=(n,)]."""
        return np.asarray(np.isfinite(self.ratings[:, MEANS]).all(axis=1) & self.features.any(axis=1), np.bool_)


def rated_pieces(bundle: Bundle, dataset: Dataset, rater: str | None = None) -> list[Rated]:
    """What ``bundle`` says of each rated piece, those of one ``rater`` (the cohort in the dataset) if named.

    Raises ``MoodringError`` where the dataset lacks features that the bundle takes, has other steps, or no ratings.
    """
    for known in bundle.feature_sets:
        if known.name not in dataset.provenance["feature_sets"]:
            raise MoodringError(
                f"'{bundle.name}' needs the features '{known.name}', which the dataset has not; prepare it again with "
                f"--features {','.join(one.name for one in bundle.feature_sets)}"
            )
    if (bundle.hop_s, bundle.window_s) != (dataset.hop_s, dataset.window_s):
        raise MoodringError(
            f"'{bundle.name}' steps every {bundle.hop_s:g} s over {bundle.window_s:g} s, the dataset every "
            f"{dataset.hop_s:g} s over {dataset.window_s:g} s; prepare it again with --window {bundle.window_s:g}"
        )
    raters = sorted({piece.cohort for piece in dataset.pieces if piece.cohort})
    if rater is not None and rater not in raters:
        raise MoodringError(f"no ratings by '{rater}' in the dataset; there are those of {', '.join(raters) or 'none'}")
    chosen = [piece for piece in dataset.pieces if rater is None or piece.cohort == rater]
    found = [_rated(bundle, piece) for piece in chosen if np.isfinite(rated_in_time(piece)[:, MEANS]).any()]
    if not found:
        raise MoodringError("the dataset has no ratings; rate while you record, with the arrow keys or the page")
    return found


def _rated(bundle: Bundle, piece: PieceSteps) -> Rated:
    predictor = Predictor(bundle)
    affect, _ = predictor.follow(piece.features, predictor.start())
    own = np.concatenate([piece.features[known.name] for known in bundle.feature_sets], axis=1)
    return Rated(piece.piece, piece.group, affect.astype(np.float64), own, rated_in_time(piece))


def without_delay(one: Rated, steps: int) -> Rated:
    """The ratings moved to the music that they answer, so many steps before; the last steps are unrated then."""
    if steps == 0:
        return one
    moved = np.full_like(one.ratings, np.nan)
    moved[:-steps] = one.ratings[steps:]
    return replace(one, ratings=moved)
