"""Which model follows which source."""

from __future__ import annotations

import pytest

from models.bundle import load_for
from models.errors import UsageError


def test_each_source_gets_the_best_model_that_it_can_feed():
    assert load_for("sound").name == "audio"
    assert load_for("notes").name == "notes"
    assert load_for("sound", "seed-rnn").name == "seed-rnn"
    assert load_for("sound", "notes").name == "notes"


def test_a_model_that_listens_to_sound_is_no_use_for_midi():
    with pytest.raises(UsageError, match="'audio' listens to sound, and MIDI has none; for MIDI take 'notes'"):
        load_for("notes", "audio")
