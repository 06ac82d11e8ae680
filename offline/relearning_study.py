"""Whether hours of one listener's ratings are worth more than a small correction, told with the raters of VGMIDI.

``python -m offline.relearning_study VGMIDI_FOLDER DATASET`` prints a table: pieces held out, for the listeners with the
most ratings (see ``offline.listener_study``), with shift and stretch alone, with weights of features where ``adapt``
would choose them, and with weights forced. One base has learned from other series of the same corpus, the other is
``seed-dense``, which knows another corpus alone and here stands for a model of the features that ``notes`` takes.
``DATASET`` is VGMIDI, prepared with the features and the window of ``notes``, and with ``notes22``.
"""

from __future__ import annotations

import argparse
import zlib
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np

from models.bundle import load
from models.predictor import Predictor
from offline.adaptation.concordance import concordance_of
from offline.adaptation.learning import RIDGES, chosen_ridge, corrected, rows_of
from offline.adaptation.rated import MEANS
from offline.dataset import Dataset, PieceSteps, read_dataset
from offline.listener_study import Base, Listener, lessons, listeners, stand_ins
from offline.metrics import Values

ELSEWHERE = "seed-dense"


def elsewhere(like: Base, dataset: Dataset) -> Base:
    """What ``seed-dense`` says of the pieces, beside the features of ``like``."""
    predictor = Predictor(load(ELSEWHERE))
    pieces = [
        replace(one, affect=_said(predictor, piece)) for one, piece in zip(like.pieces, dataset.pieces, strict=True)
    ]
    return Base(f"{ELSEWHERE}, another corpus", pieces, like.folds)


def _said(predictor: Predictor, piece: PieceSteps) -> Values:
    affect, _ = predictor.follow(piece.features, predictor.start())
    return affect.astype(np.float64)


def held_out(base: Base, listener: Listener, minutes: float, dataset: Dataset, seed: int) -> dict[str, float]:
    """The agreement on pieces held out by what was learned, over as many folds as have any."""
    share, rng = dataset.hop_s / dataset.window_s, np.random.default_rng(seed)
    said: dict[str, list[Values]] = defaultdict(list)
    true = []
    for learned, left_out in lessons(base, listener, minutes, dataset.hop_s, rng):
        rows, basis = rows_of(learned, share)
        for way, ridge in (("small", None), ("chosen", chosen_ridge(rows)), ("forced", RIDGES[0])):
            correction = corrected(rows, basis, None if basis is None else ridge)
            said[way] += [correction.apply(one.affect, one.features)[:, MEANS] for one in left_out]
        true += [one.ratings[:, MEANS] for one in left_out]
    together = np.concatenate(true) if true else np.empty((0, 2))
    return {way: concordance_of(np.concatenate(parts), together) for way, parts in said.items()}


def _row(base: Base, people: list[Listener], minutes: float, dataset: Dataset, seed: int) -> str:
    found = [figures for one in people if (figures := held_out(base, one, minutes, dataset, seed))]
    means = [f"{np.mean([one[way] for one in found]):.3f}" for way in ("small", "chosen", "forced")] if found else []
    return f"| {' | '.join([base.name, f'{minutes:g}', str(len(found)), *means])} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Whether hours of ratings are worth more than a small correction.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--minutes", type=float, nargs="+", default=[60.0, 120.0])
    parser.add_argument("--listeners", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    dataset = read_dataset(asked.dataset)
    everyone = listeners(asked.folder, dataset)
    names = sorted(everyone, key=lambda name: (-sum(map(len, everyone[name].values())), zlib.crc32(name.encode())))
    people = [everyone[name] for name in names[: asked.listeners]]
    stand_in = stand_ins(load("notes"), dataset)[0]
    print("| base | minutes | listeners | CCC, shift and stretch | as chosen | weights forced |")
    print("|---|---|---|---|---|---|")
    for base in (stand_in, elsewhere(stand_in, dataset)):
        for minutes in asked.minutes:
            print(_row(base, people, minutes, dataset, asked.seed), flush=True)


if __name__ == "__main__":
    main()
