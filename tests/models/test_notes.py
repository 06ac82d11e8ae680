"""A note refuses what no note can be, and says which field, which range and what was given."""

from __future__ import annotations

import re

import numpy as np
import pytest

from models.notes import NOTE_DTYPE, Note, note_array


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pitch": -1}, "pitch must be in range 0..127, not -1"),
        ({"pitch": 128}, "pitch must be in range 0..127, not 128"),
        ({"velocity": 0}, "velocity must be in range 1..127, not 0"),
        ({"velocity": 128}, "velocity must be in range 1..127, not 128"),
        ({"channel": -1}, "channel must be in range 0..15, not -1"),
        ({"channel": 16}, "channel must be in range 0..15, not 16"),
        ({"offset_s": 0.5}, "offset_s must not come before onset_s (1.0), not 0.5"),
        ({"offset_s": float("nan")}, "offset_s must not come before onset_s (1.0), not nan"),
    ],
)
def test_a_note_that_cannot_be(changes: dict[str, float], message: str) -> None:
    fields = {"onset_s": 1.0, "offset_s": 2.0, "pitch": 60, "velocity": 64, "channel": 0} | changes
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Note(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "note", [Note(0.0, 0.0, 0, 1, 0), Note(0.0, 1.0, 127, 127, 15), Note(-1.0, 1.0, 60, 64)], ids=str
)
def test_the_ends_of_each_range_are_notes(note: Note) -> None:
    assert note == Note(note.onset_s, note.offset_s, note.pitch, note.velocity, note.channel)


def test_an_array_of_notes_holds_them_in_the_order_given() -> None:
    array = note_array([Note(1.0, 2.0, 64, 90, 9), Note(0.5, 0.75, 60, 1)])
    assert array.dtype == NOTE_DTYPE
    assert array.tolist() == [(1.0, 2.0, 64, 90, 9), (0.5, 0.75, 60, 1, 0)]


def test_no_notes_make_an_empty_array_of_the_same_kind() -> None:
    empty = note_array([])
    assert empty.dtype == NOTE_DTYPE
    assert empty.shape == (0,)
    assert np.all(empty["pitch"] < 60)
