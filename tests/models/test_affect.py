"""The scales, the quadrants and the JSON of a reading."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.affect import OUTPUTS, Quadrant, Reading, State, from_normalized, normalized, quadrant

RATINGS = st.floats(1.0, 9.0)


def reading(**changes: object) -> Reading:
    known = {
        "time": 12.5,
        "state": State.LIVE,
        "valence": 5.31,
        "valence_std": 1.42,
        "arousal": 6.08,
        "arousal_std": 1.3,
        "notes": 14,
        "level_db": -23.1,
        "latency_ms": 142.0,
        "model": "audio",
    }
    return Reading(**{**known, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(("rating", "norm"), [(1.0, -1.0), (3.0, -0.5), (5.0, 0.0), (7.0, 0.5), (9.0, 1.0)])
def test_the_two_scales_meet_at_their_ends_and_middle(rating: float, norm: float) -> None:
    assert normalized(rating) == norm
    assert from_normalized(norm) == rating


@given(RATINGS)
def test_going_to_the_other_scale_and_back_changes_nothing(rating: float) -> None:
    assert from_normalized(normalized(rating)) == pytest.approx(rating, abs=1e-12)


@pytest.mark.parametrize(
    ("valence", "arousal", "name"),
    [
        (7.0, 7.0, "happy"),
        (3.0, 7.0, "tense"),
        (3.0, 3.0, "sad"),
        (7.0, 3.0, "calm"),
        (5.0, 5.0, "happy"),
        (4.999, 5.0, "tense"),
        (5.0, 4.999, "calm"),
        (4.999, 4.999, "sad"),
    ],
)
def test_each_quarter_of_the_circumplex_has_its_name(valence: float, arousal: float, name: str) -> None:
    assert quadrant(valence, arousal) is Quadrant(name)
    assert reading(valence=valence, arousal=arousal).quadrant is Quadrant(name)


@given(RATINGS, RATINGS)
def test_the_quadrant_says_the_signs_of_the_normalized_axes(valence: float, arousal: float) -> None:
    named = quadrant(valence, arousal)
    assert (named in (Quadrant.HAPPY, Quadrant.TENSE)) == (normalized(arousal) >= 0)
    assert (named in (Quadrant.HAPPY, Quadrant.CALM)) == (normalized(valence) >= 0)


def test_the_networks_outputs_are_named_in_the_order_of_the_study() -> None:
    assert OUTPUTS == ("valence_mean", "valence_std", "arousal_mean", "arousal_std")


def test_a_reading_prints_as_the_contract_says() -> None:
    """The example of the design document, key for key and in its order."""
    printed = reading().as_json()
    assert list(printed) == [
        "type",
        "time",
        "state",
        "valence",
        "valence_std",
        "arousal",
        "arousal_std",
        "valence_norm",
        "arousal_norm",
        "quadrant",
        "notes",
        "level_db",
        "latency_ms",
        "model",
    ]
    assert json.loads(json.dumps(printed)) == {
        "type": "reading",
        "time": 12.5,
        "state": "live",
        "valence": 5.31,
        "valence_std": 1.42,
        "arousal": 6.08,
        "arousal_std": 1.3,
        "valence_norm": 0.0775,
        "arousal_norm": 0.27,
        "quadrant": "happy",
        "notes": 14,
        "level_db": -23.1,
        "latency_ms": 142.0,
        "model": "audio",
    }


def test_what_is_unknown_prints_as_null() -> None:
    printed = json.loads(json.dumps(reading(level_db=None, latency_ms=None).as_json()))
    assert printed["level_db"] is None
    assert printed["latency_ms"] is None


@pytest.mark.parametrize("state", ["warming", "live", "silence", "lost"])
def test_states_print_by_name(state: str) -> None:
    assert reading(state=State(state)).as_json()["state"] == state
