"""VGMIDI's ratings become means and spreads over listeners, grouped by series; what cannot be used is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import MoodringError, UsageError
from offline.corpora.vgmidi import Vgmidi


@pytest.fixture(scope="module")
def vgmidi(shared_data: Path) -> Vgmidi:
    return Vgmidi(shared_data / "vgmidi")


def test_vgmidi_is_all_its_rated_pieces_in_order(vgmidi: Vgmidi) -> None:
    pieces = list(vgmidi)
    assert len(vgmidi) == len(pieces) == 200
    assert [piece.name for piece in pieces] == sorted(piece.name for piece in pieces)
    assert len({piece.name for piece in pieces}) == 200
    assert all(piece.path.is_file() for piece in pieces)
    assert (vgmidi.name, vgmidi.kind, vgmidi.corrections) == ("vgmidi", "notes", ())


def test_vgmidis_groups_are_its_thirteen_series(vgmidi: Vgmidi) -> None:
    groups = {piece.group for piece in vgmidi}
    assert len(groups) == 13
    assert {"Banjo-Kazooie", "Final Fantasy", "Super Mario", "The Legend of Zelda"} <= groups
    assert all(piece.path.name.startswith(f"{piece.group}_") for piece in vgmidi)


def test_vgmidis_labels_lie_on_the_scale_and_in_time(vgmidi: Vgmidi) -> None:
    for piece in vgmidi:
        values, times_s = piece.labels.values, piece.labels.times_s
        assert values.shape == (len(times_s), 4)
        assert np.isfinite(values).all()
        assert values[:, [0, 2]].min() >= 1
        assert values[:, [0, 2]].max() <= 9
        assert values[:, [1, 3]].min() >= 0
        assert values[:, [1, 3]].max() <= 4  # half the range: listeners at both ends
        assert times_s[0] == 0
        assert np.all(np.diff(times_s) > 0)
        assert piece.end_s is not None
        assert times_s[-1] < piece.end_s


def test_vgmidis_labels_are_the_mean_and_the_spread_over_listeners(vgmidi: Vgmidi, shared_data: Path) -> None:
    """One piece by hand, from the raw file: the third measure of what thirty people said."""
    raw: dict[str, Any] = json.loads((shared_data / "vgmidi" / "annotations" / "vgmidi_raw_1.json").read_text())
    key, about = next(iter(raw["pieces"].items()))
    said = [rating for name, rating in raw["annotations"].items() if name.rpartition("_")[0] == key]
    (piece,) = (p for p in vgmidi if p.path.name == Path(about["midi"]).name)
    assert len(said) >= 28
    assert len(piece.labels.times_s) == about["measures"]
    assert piece.end_s == about["duration"]
    expected = []
    for axis in ("valence", "arousal"):
        votes = [5 + 4 * rating[axis][2] for rating in said]
        mean = sum(votes) / len(votes)
        expected += [mean, (sum((vote - mean) ** 2 for vote in votes) / len(votes)) ** 0.5]
    third_s = 2.5 * about["duration"] / about["measures"]
    assert piece.labels.at(third_s).tolist() == pytest.approx(expected, abs=1e-5)


RATING = {"valence": [0.5, -0.5], "arousal": [1.0, 0.0]}
PIECE = {"midi": "labelled_midi/Tune_One.mid", "measures": 2, "duration": 4.0}


def small_vgmidi(folder: Path, content: object) -> Path:
    for name in ("midi", "annotations"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "midi" / "Tune_One.mid").touch()
    path = folder / "annotations" / "vgmidi_raw_1.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_small_vgmidi(tmp_path: Path) -> None:
    other = {"valence": [-0.5, -0.5], "arousal": [0.0, 0.0]}
    small_vgmidi(tmp_path, {"pieces": {"piece1": PIECE}, "annotations": {"piece1_0": RATING, "piece1_1": other}})
    (piece,) = Vgmidi(tmp_path)
    assert (piece.name, piece.group, piece.end_s) == ("Tune_One", "Tune", 4.0)
    np.testing.assert_array_equal(piece.labels.times_s, [0.0, 2.0])
    np.testing.assert_allclose(piece.labels.values, [[5.0, 2.0, 7.0, 2.0], [3.0, 0.0, 5.0, 0.0]])


def test_pieces_without_a_rating_or_without_a_file_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "midi").mkdir()
    (tmp_path / "midi" / "Tune_Two.mid").touch()
    unrated, missing = PIECE | {"midi": "Tune_Two.mid"}, PIECE | {"midi": "Tune_Three.mid"}
    pieces = {"piece1": PIECE, "piece2": unrated, "piece3": missing}
    small_vgmidi(tmp_path, {"pieces": pieces, "annotations": {"piece1_0": RATING, "piece3_0": RATING}})
    vgmidi = Vgmidi(tmp_path)
    assert [piece.name for piece in vgmidi] == ["Tune_One"]
    assert (vgmidi.missing, vgmidi.unrated) == (("Tune_Three",), ("Tune_Two",))


def refusal(folder: Path) -> str:
    with pytest.raises(MoodringError) as caught:
        Vgmidi(folder)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    "content",
    [
        "not json",
        "",
        {},
        [],
        {"pieces": {}, "annotations": []},
        '{"pieces": {}, "annotations": {"piece1_0": {}, "piece1_0": {}}}',
    ],
    ids=["text", "nothing", "empty", "a list", "annotations a list", "a key twice"],
)
def test_a_file_that_is_no_table_of_ratings_is_named(tmp_path: Path, content: object) -> None:
    path = small_vgmidi(tmp_path, content)
    assert refusal(tmp_path).startswith(f"{path} is not a file of VGMIDI's raw ratings (")


def test_a_byte_that_is_no_utf_8_is_named(tmp_path: Path) -> None:
    path = small_vgmidi(tmp_path, "")
    path.write_bytes(b'{"pieces": {},\r\n "annotations": {"caf\xe9_1": {}}}')
    assert refusal(tmp_path) == f"{path}, row 2: byte 0xE9 is not UTF-8; save the file as UTF-8"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"measures": None}, "measures must be a whole number above 0, not None"),
        ({"measures": 0}, "measures must be a whole number above 0, not 0"),
        ({"duration": "long"}, "duration must be a number of seconds above 0, not 'long'"),
        ({"duration": float("nan")}, "duration must be a number of seconds above 0, not nan"),
        ({"midi": 3}, "midi must be the name of a file, not 3"),
    ],
)
def test_a_piece_that_cannot_be_used_is_named(tmp_path: Path, change: dict[str, object], problem: str) -> None:
    path = small_vgmidi(tmp_path, {"pieces": {"piece1": PIECE | change}, "annotations": {"piece1_0": RATING}})
    assert refusal(tmp_path) == f"{path}, piece 'piece1': {problem}"


def test_a_file_that_two_pieces_rate_is_named(tmp_path: Path) -> None:
    pieces = {"piece1": PIECE, "piece2": PIECE}
    path = small_vgmidi(tmp_path, {"pieces": pieces, "annotations": {"piece1_0": RATING, "piece2_0": RATING}})
    assert refusal(tmp_path) == f"{path}, piece 'piece2': Tune_One.mid is rated twice; leave one of the pieces"


BAD_RATINGS = [
    ({"valence": [0.1]}, "valence has 1 ratings for 2 measures"),
    ({"arousal": [0.1, 0.2, 0.3, 0.4]}, "arousal has 4 ratings for 2 measures"),
    ({"arousal": [0.1, float("nan")]}, "arousal of measure 2 must be in range -1..1, not nan"),
    ({"valence": [-1.01, 0.0]}, "valence of measure 1 must be in range -1..1, not -1.01"),
    ({"valence": [0.0, "0.5"]}, "valence of measure 2 must be in range -1..1, not '0.5'"),
    ({"valence": [True, 0.5]}, "valence of measure 1 must be in range -1..1, not True"),
    ({"valence": None}, "valence must be a list of ratings, not None"),
]


@pytest.mark.parametrize(("change", "problem"), BAD_RATINGS)
def test_an_annotation_that_cannot_be_used_is_named(tmp_path: Path, change: dict[str, object], problem: str) -> None:
    annotations = {"piece1_0": RATING, "piece1_12": RATING | change}
    path = small_vgmidi(tmp_path, {"pieces": {"piece1": PIECE}, "annotations": annotations})
    assert refusal(tmp_path) == f"{path}, annotation 'piece1_12': {problem}"


def test_unless_strict_all_problems_are_told_and_the_other_listeners_kept(tmp_path: Path) -> None:
    bad = {f"piece1_{number}": RATING | change for number, (change, _) in enumerate(BAD_RATINGS, start=1)}
    path = small_vgmidi(tmp_path, {"pieces": {"piece1": PIECE}, "annotations": {"piece1_0": RATING, **bad}})
    vgmidi = Vgmidi(tmp_path, strict=False)
    told = [f"{path}, annotation 'piece1_{n}': {problem}" for n, (_, problem) in enumerate(BAD_RATINGS, start=1)]
    assert list(vgmidi.problems) == told
    (piece,) = vgmidi
    np.testing.assert_allclose(piece.labels.values, [[7.0, 0.0, 9.0, 0.0], [3.0, 0.0, 5.0, 0.0]])


def test_a_rating_after_the_last_measure_is_passed_over(tmp_path: Path) -> None:
    """As three of the published listeners have one."""
    longer = {"valence": [0.5, -0.5, 0.9], "arousal": [1.0, 0.0, 0.9]}
    small_vgmidi(tmp_path, {"pieces": {"piece1": PIECE}, "annotations": {"piece1_0": longer}})
    (piece,) = Vgmidi(tmp_path)
    np.testing.assert_allclose(piece.labels.values[:, 0], [7.0, 3.0])


def test_a_folder_that_is_no_vgmidi_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        Vgmidi(tmp_path)
    assert str(caught.value) == f"{tmp_path} holds no VGMIDI: it needs midi/ and annotations/vgmidi_raw_1.json"
