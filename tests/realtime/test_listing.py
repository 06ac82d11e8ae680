"""What 'models list' and 'models show' say of models, of cards made by hand too."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from models.bundle import BUNDLED, CARD
from realtime.listing import list_models, show_model

pytestmark = pytest.mark.usefixtures("home")


def own(home: Path, name: str, **changed: Any) -> Path:
    """A model of the user's, whose card has ``changed``; None takes a part out."""
    folder = Path(shutil.copytree(BUNDLED / "seed-dense", home / name))
    card = {**json.loads((folder / CARD).read_text()), "name": name, **changed}
    (folder / CARD).write_text(json.dumps({key: value for key, value in card.items() if value is not None}))
    return folder


def lines(name: str) -> list[str]:
    return [line.strip() for line in show_model(name, as_json=False)]


def test_a_list_tells_ones_own_from_what_ships_and_which_of_both_is_used(home: Path):
    own(home, "mine")
    own(home, "seed-rnn")
    said = {line.split(" ")[0]: line for line in list_models(as_json=False)}
    scores = json.loads((BUNDLED / "seed-dense" / CARD).read_text())["evaluation"]["model"]
    valence, arousal = scores["r2_valence_mean"], scores["r2_arousal_mean"]
    assert said["mine"].startswith(
        f"mine (user): dense on notes22, R² {valence:.2f} valence, {arousal:.2f} arousal on deam"
    )
    assert said["seed-rnn"].startswith("seed-rnn (user, used instead of the bundled one): dense on notes22")
    assert said["seed-dense"].startswith("seed-dense (bundled): dense on notes22")
    told = {entry["name"]: entry for entry in map(json.loads, list_models(as_json=True))}
    assert told["mine"]["path"] == str(home / "mine")
    assert {name: (entry["origin"], entry["overrides"]) for name, entry in told.items()} == {
        "audio": ("bundled", False),
        "notes": ("bundled", False),
        "mine": ("user", False),
        "seed-rnn": ("user", True),
        "seed-dense": ("bundled", False),
    }


def test_a_broken_card_is_listed_with_the_reason(home: Path):
    (own(home, "broken") / CARD).write_text("{")
    assert any(line.startswith("broken: ") and "cannot be read" in line for line in list_models(as_json=False))
    told = [json.loads(line) for line in list_models(as_json=True)]
    assert [entry["name"] for entry in told if entry["type"] == "problem"] == ["broken"]


def test_every_setting_and_every_figure_is_shown(home: Path):
    training = {
        "corpus": "deam",
        "corrections": ["first, with a comma", "second"],
        "learning_rate": 0.0013456789,
        "early": True,
        "offset_s": None,
        "teacher": {"name": "audio", "files": {"step.onnx": {"size": 5, "sha256": "abc"}}},
        "search": {"tried": 3, "held_out_errors": [0.51, 0.5]},
        "nothing": [],
    }
    evaluation = {
        "what": "one row a piece",
        "model": {"mse": 0.5, "r2_valence_mean": 0.25, "pieces": 1802},
        "mean_predictor": {"mse": 0.8, "r2_valence_mean": None},
        "intervals": {"mse": [0.4, 0.6]},
        "by_condition": {"noise": {"heard": {"mse": 0.7}, "as_is": {"mse": 0.5}}},
        "by_genre": {"Folk": {"pieces": 12, "r_valence": 0.5}, "Jazz": {"pieces": 10, "r_valence": None}},
    }
    own(
        home,
        "mine",
        training=training,
        evaluation=evaluation,
        groups=["a", "b", "c"],
        limits=["It hears " + "very " * 30 + "little."],
    )
    said = lines("mine")
    width = len("teacher files step.onnx sha256")
    for key, text in {
        "corpus": "deam",
        "corrections": "first, with a comma",
        "": "second",
        "learning_rate": "0.0013456789",
        "early": "yes",
        "offset_s": "none",
        "teacher name": "audio",
        "teacher files step.onnx size": "5",
        "teacher files step.onnx sha256": "abc",
        "search tried": "3",
        "search held_out_errors": "0.51, 0.5",
        "nothing": "none",
        "groups": "3",
    }.items():
        assert f"{key:{width}}  {text}".strip() in said
    assert "intervals mse  0.4, 0.6" in said
    limits = said[said.index("where it fails, and what it does not say") + 1 :][:2]
    assert limits[0].startswith("- It hears very")
    assert limits[1].startswith("very")
    assert max(map(len, limits)) <= 80
    genres = said.index("evaluation by genre, of those cross-validated pieces")
    assert [line.split() for line in said[genres + 1 : genres + 4]] == [
        ["pieces", "r", "valence"],
        ["Folk", "12", "0.500"],
        ["Jazz", "10", "–"],
    ]
    otherwise = said.index("evaluation heard under 'noise'")
    assert [line.split() for line in said[otherwise + 1 :]] == [["heard", "as", "is"], ["mse", "0.700", "0.500"]]
    table = [line.split() for line in said[said.index("model    mean predictor") : genres - 1]]
    assert table == [
        ["model", "mean", "predictor"],
        ["mse", "0.500", "0.800"],
        ["r2", "valence", "mean", "0.250", "–"],
        ["pieces", "1802", "–"],
    ]


def taught(home: Path, **changed: Any) -> Path:
    adaptation = {
        "date": "2026-05-04",
        "raters": ["Ana"],
        "minutes": 61.0,
        "sessions": [f"take {number}" for number in range(37)],
        "reaction_delay_s": 2.5,
        "reaction_delay_within_s": 0.3,
        "stretch": [1.5, 0.9],
        "shift": [-2.0, 0.25],
    }
    evaluation = {
        "groups": 37,
        "base": {"ccc_valence_mean": 0.428, "rmse_arousal_mean": 1.603},
        "model": {"ccc_valence_mean": 0.634, "rmse_arousal_mean": 1.734},
        "difference_intervals": {"ccc_valence_mean": [0.1, 0.3]},
        "interval_level": 0.9,
        "gain_ccc": 0.128,
        "gain_ccc_interval": [0.076, 0.171],
    }
    return own(
        home, "mine", **{"base": {"name": "notes"}, "adaptation": adaptation, "evaluation": evaluation, **changed}
    )


def test_a_taught_model_is_put_beside_its_base_within_80_columns(home: Path):
    taught(home)
    page = list(show_model("mine", as_json=False))
    said = [" ".join(line.split()) for line in page]
    start = said.index("taught, from 'notes' on 2026-05-04")
    assert said[start + 1 : said.index("training of 'notes'") - 1] == [
        "learned from 61.0 rated minutes by Ana in 37 sessions",
        "reaction delay 2.5 s (± 0.3)",
        "valence stretched × 1.50; 5.0 has become 5.50",
        "arousal stretched × 0.90; 5.0 has become 4.75",
        "",
        "judged on 37 sessions, each left out of what is learned from in its turn",
        "notes mine difference (90%)",
        "agreement (CCC), valence 0.428 0.634 +0.206 (+0.100 to +0.300)",
        "error (RMSE, 1–9), arousal 1.603 1.734 +0.131",
        "agreement, mean of both +0.128 (+0.076 to +0.171)",
    ]
    assert max(map(len, page[start : start + 12])) <= 80
    assert "evaluation" not in said


@pytest.mark.parametrize("part", ["base", "adaptation", "evaluation"])
@pytest.mark.parametrize("held", [None, {}, [], "by hand", {"name": "notes"}, {"base": {"ccc_valence_mean": 1}}])
def test_a_taught_models_card_made_by_hand_is_shown_as_far_as_it_goes(home: Path, part: str, held: Any):
    taught(home, **{part: held})
    assert lines("mine")[0].startswith("mine  (")


def test_ratings_that_did_not_tell_the_delay_are_said_not_to(home: Path):
    taught(home, adaptation={"reaction_delay_s": 0.0, "reaction_delay_within_s": None})
    assert "reaction delay  the ratings do not tell; none was assumed" in lines("mine")


@pytest.mark.parametrize("part", ["training", "evaluation", "groups", "arch"])
@pytest.mark.parametrize("held", [None, {}, [], "by hand", 3, {"model": {}}, {"model": {"mse": "low"}}])
def test_a_card_with_parts_missing_or_made_by_hand_is_shown_as_far_as_it_goes(home: Path, part: str, held: Any):
    own(home, "mine", **{part: held})
    assert lines("mine")[0].startswith("mine  (")
    assert any(line.startswith("mine (user): ") for line in list_models(as_json=False))
    for line in (*list_models(as_json=True), *show_model("mine", as_json=True)):
        json.loads(line)


def test_a_bare_card_is_three_lines(home: Path):
    own(home, "mine", training=None, evaluation=None, groups=None, arch=None)
    assert lines("mine")[1:] == ["?, a step every 0.5 s over 10 s", "from notes22 (22 features)"]


def test_as_json_it_is_the_card_with_null_for_what_is_no_number(home: Path):
    folder = own(home, "mine", evaluation={"model": {"mse": float("nan")}})
    (shown,) = show_model("mine", as_json=True)
    card = json.loads((folder / CARD).read_text())
    assert json.loads(shown) == {**card, "evaluation": {"model": {"mse": None}}}
