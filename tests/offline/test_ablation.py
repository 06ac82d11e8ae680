"""What a feature set is worth: nothing if it says nothing, much if it says all."""

from __future__ import annotations

import numpy as np
import pytest

from models.features import feature_set
from offline.ablation import ablate, table
from offline.dataset import Dataset, PieceSteps


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """Two hundred songs whose valence is one number of ``level`` and whose arousal one of ``velocity``; ``register``
    is noise."""
    rng = np.random.default_rng(1)
    pieces = []
    for number in range(200):
        features = {
            name: rng.normal(size=(2, len(feature_set(name).features))).astype(np.float32)
            for name in ("level", "velocity", "register")
        }
        valence, arousal = 5 + features["level"][-1, 0], 5 + features["velocity"][-1, 0]
        labels = np.tile(np.array([valence, 1.0, arousal, 1.0], np.float32), (2, 1))
        pieces.append(PieceSteps(str(number), f"artist {number // 4}", np.array([5.0, 10.0]), features, labels))
    return Dataset(tuple(pieces), {"feature_sets": ["level", "velocity", "register"]})


def test_each_set_is_worth_what_it_says(dataset: Dataset) -> None:
    everything, worth = ablate(dataset, ["level", "velocity", "register"])
    level, velocity, register = worth
    known = {key: everything[key] or 0.0 for key in ("r2_valence_mean", "r2_arousal_mean")}
    assert min(known.values()) > 0.2
    assert (level.alone["r2_valence_mean"] or 0) > 0.3 > 0.1 > (level.alone["r2_arousal_mean"] or 0)
    assert (velocity.alone["r2_arousal_mean"] or 0) > 0.3 > 0.1 > (velocity.alone["r2_valence_mean"] or 0)
    assert max(register.alone["r2_valence_mean"] or 0, register.alone["r2_arousal_mean"] or 0) < 0.1
    assert (level.without["r2_valence_mean"] or 0) < 0.1 < known["r2_valence_mean"]
    assert (register.without["r2_valence_mean"] or 0) > known["r2_valence_mean"]


def test_the_table_has_a_row_a_set_and_one_for_all(dataset: Dataset) -> None:
    lines = list(table(*ablate(dataset, ["level", "velocity"])))
    assert len(lines) == 5
    assert lines[2].startswith("| `level` | 11 | ")
    assert lines[-1].startswith("| all of them | 22 | ")
    assert len({line.count("|") for line in lines}) == 1


def test_one_set_has_nothing_to_be_without(dataset: Dataset) -> None:
    everything, (only,) = ablate(dataset, ["level"])
    assert only.alone == everything
    assert list(table(everything, [only]))[2].endswith("| – | – |")
