"""Rated music in a size for tests."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from offline.corpora import open_corpus
from offline.dataset import Dataset, PieceSteps
from offline.prepare import prepare_piece, provenance


@pytest.fixture(scope="session")
def small_dataset(shared_data: Path) -> Dataset:
    """Sixteen pieces of VGMIDI from across its series, the first thirty seconds of each."""
    corpus = open_corpus("vgmidi", shared_data / "vgmidi")
    pieces = []
    for piece in islice(corpus, 0, None, 12):
        steps = prepare_piece(piece)
        assert isinstance(steps, PieceSteps)
        own = {name: values[:60] for name, values in steps.features.items()}
        pieces.append(PieceSteps(steps.piece, steps.group, steps.times_s[:60], own, steps.labels[:60]))
    return Dataset(tuple(pieces), provenance(corpus))
