"""What the commands make of what was typed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from models.errors import UsageError
from models.features import FEATURE_SETS, feature_set
from offline.commands import feature_sets, prepare_corpus

#: What 'prepare' is asked for where nothing but the corpus is named.
PLAINLY: dict[str, Any] = {
    "jobs": 1,
    "scheduler": None,
    "audio_offset_s": 0.0,
    "as_published": False,
    "features": "notes22",
    "window_s": 10.0,
    "condition": "clean",
    "draw": 1,
    "every": 1,
}


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


def test_sound_is_not_played_by_a_synthesizer(shared_data: Path, tmp_path: Path):
    with pytest.raises(UsageError, match="--played is for MIDI, and deam is sound already"):
        prepare_corpus("deam", shared_data / "deam", tmp_path / "deam.parquet", **PLAINLY | {"is_played": True})


def test_notes_are_not_heard_in_a_room_unless_they_are_played(shared_data: Path, tmp_path: Path):
    with pytest.raises(UsageError, match="vgmidi has only notes; leave it out or add --played"):
        prepare_corpus("vgmidi", shared_data / "vgmidi", tmp_path / "room.parquet", **PLAINLY | {"condition": "room"})
