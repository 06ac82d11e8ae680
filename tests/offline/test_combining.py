"""Several datasets as one: on one scale, each piece where it was."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.errors import UsageError
from offline.combining import combined
from offline.dataset import Dataset, PieceSteps


def rated(corpus: str, means: np.ndarray, spread: float) -> Dataset:
    """Pieces of two steps whose valence is ``means`` and whose arousal half of it."""
    pieces = []
    for number, mean in enumerate(means):
        labels = np.tile(np.array([mean, spread, mean / 2, spread], np.float32), (2, 1))
        features = {"notes22": np.ones((2, 22), np.float32), corpus: np.ones((2, 1), np.float32)}
        pieces.append(PieceSteps(f"{corpus}{number}", corpus, np.array([0.5, 1.0]), features, labels, labels.copy()))
    about = {"corpus": corpus, "terms": corpus, "corrections": [], "feature_sets": ["notes22", corpus]}
    return Dataset(tuple(pieces), {**about, "hop_s": 0.5, "window_s": 10.0})


def test_later_datasets_are_put_on_the_scale_of_the_first():
    first, second = rated("a", np.array([4.0, 6.0]), 1.0), rated("b", np.array([5.0, 5.5, 6.0]), 0.5)
    both = combined([first, second])
    valence = np.array([piece.labels[0, 0] for piece in both.pieces])
    np.testing.assert_allclose(valence[:2], [4.0, 6.0])
    assert valence[2:].mean() == pytest.approx(5.0)
    assert valence[2:].std() == pytest.approx(1.0)
    # A spread between listeners is stretched as far as what they said.
    factor = 1.0 / np.array([5.0, 5.5, 6.0]).std()
    assert both.pieces[3].labels[0, 1] == pytest.approx(0.5 * factor)
    assert both.pieces[3].dynamic is not None
    np.testing.assert_array_equal(both.pieces[3].dynamic, both.pieces[3].labels)
    assert both.provenance["parts"] == {"a": 2, "b": 3}
    assert both.provenance["feature_sets"] == ["notes22"]
    assert [piece.piece for piece in both.pieces] == ["a0", "a1", "b0", "b1", "b2"]


def test_one_dataset_is_left_alone():
    alone = rated("a", np.array([4.0, 6.0]), 1.0)
    assert combined([alone]) is alone


def test_datasets_of_different_windows_are_not_put_together():
    first = rated("a", np.array([4.0, 6.0]), 1.0)
    other = replace(first, provenance={**first.provenance, "window_s": 20.0})
    with pytest.raises(UsageError, match="different windows"):
        combined([first, other])


def test_a_piece_counts_what_its_dataset_is_said_to_weigh():
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed (extra 'offline')")
    from offline.sequences import sequences

    first, second = rated("a", np.array([4.0, 6.0]), 1.0), rated("b", np.array([5.0, 5.5, 6.0]), 0.5)
    both = combined([first, second], [1.0, 0.25])
    assert both.provenance["weights"] == {"a": 1.0, "b": 0.25}
    assert sequences(both, ["notes22"]).counts.tolist() == [1.0, 1.0, 0.25, 0.25, 0.25]
    assert sequences(combined([first, second]), ["notes22"]).counts.tolist() == [1.0] * 5


@pytest.mark.parametrize(
    ("weights", "message"),
    [([1.0], "once for each of the 2 datasets, not 1 times"), ([1.0, 0.0], "must be a number above 0")],
)
def test_weights_that_make_no_sense(weights: list[float], message: str):
    with pytest.raises(UsageError, match=message):
        combined([rated("a", np.array([4.0, 6.0]), 1.0), rated("b", np.array([4.0, 6.0]), 1.0)], weights)


def test_one_corpus_twice_is_refused():
    alone = rated("a", np.array([4.0, 6.0]), 1.0)
    with pytest.raises(UsageError, match="two of the datasets are of the corpus 'a'"):
        combined([alone, alone])
