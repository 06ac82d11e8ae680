"""What the commands make of what was typed."""

from __future__ import annotations

import pytest

from models.errors import UsageError
from models.features import FEATURE_SETS, feature_set
from offline.commands import feature_sets


def test_all_features_are_those_that_the_corpus_can_give():
    assert feature_sets("all", "sound") == FEATURE_SETS
    from_notes = feature_sets("all", "notes")
    assert "tonal" in from_notes
    assert not any(feature_set(name).needs_sound for name in from_notes)


def test_features_are_named_one_by_one():
    assert feature_sets("notes22, rhythm", "notes") == ("notes22", "rhythm")
    # For a model that learns from sound beside it; here they are zeros.
    assert feature_sets("notes22,activity", "notes") == ("notes22", "activity")


@pytest.mark.parametrize(
    ("asked", "message"), [("timbre", "'timbre' need sound"), ("notes23", "unknown feature set 'notes23'")]
)
def test_features_that_cannot_be_had_are_refused(asked: str, message: str):
    with pytest.raises(UsageError, match=message):
        feature_sets(asked, "notes")
