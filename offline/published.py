"""What a figure stands beside: how far the raters agree, what others have published, and what the seeds reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.affect import HALF_RANGE
from models.bundle import BUNDLED, read_card

#: R² that the mean (or spread) of the raters reaches against that of as many others: nothing can be seen to do better.
#: DEAM: from the spread of its ten raters; VGMIDI: from halves of its thirty, by Spearman and Brown's formula.
RELIABILITY: Mapping[str, Mapping[str, float]] = {
    "deam": {"r2_valence_mean": 0.80, "r2_valence_std": 0.24, "r2_arousal_mean": 0.85, "r2_arousal_std": 0.16},
    "vgmidi": {"r2_valence_mean": 0.92, "r2_valence_std": 0.59, "r2_arousal_mean": 0.94, "r2_arousal_std": 0.47},
}


@dataclass(frozen=True, slots=True)
class Published:
    """What others report. ``section`` is where an evaluation has its like (``per_piece``, ``per_step``), ``figures``
    are named as there and on the same scales; ``conditions`` say what is not alike."""

    corpus: str
    name: str
    section: str
    figures: Mapping[str, float]
    conditions: str
    source: str


PUBLISHED = (
    Published(
        "deam",
        "Music2Emo",
        "per_piece",
        {"r2_valence_mean": 0.518, "r2_arousal_mean": 0.623},
        "whole clips, random split in which songs of an artist stand on both sides, labels as published",
        "Kang and Herremans 2025, arXiv 2502.03979",
    ),
    Published(
        "deam",
        "stacked CNN and RNN",
        "per_step",
        {"rmse_valence_mean": 0.268 * HALF_RANGE, "rmse_arousal_mean": 0.202 * HALF_RANGE},
        "given as 0.268 and 0.202 on −1…1; trained on 431 songs of MediaEval 2015, judged on its 58 full-length ones, "
        "looking ahead",
        "Malik et al. 2017, arXiv 1706.02292",
    ),
)


def seeds(corpus: str) -> dict[str, dict[str, Any]]:
    """The cross-validated figures of the bundled seeds on their own corpus, where that is ``corpus``, by name."""
    found = {}
    for path in sorted(BUNDLED.glob("seed-*")):
        card = read_card(path)
        if card.get("training", {}).get("corpus") == corpus and "evaluation" in card:
            found[path.name] = card["evaluation"]["model"]
    return found
