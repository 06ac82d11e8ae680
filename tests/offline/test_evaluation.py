"""A bundle judged on a dataset: what is said of it, beside what, and what is never said."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("sklearn", reason="scikit-learn is not installed (extra 'offline')")
pytest.importorskip("pyarrow", reason="pyarrow is not installed (extra 'offline')")

from evaluated import changed, made_up, without_spreads

from models.bundle import Bundle, load
from models.errors import MoodringError, UsageError
from offline.baselines import group_folds, mean_predictor, ridge_predictor
from offline.dataset import Dataset, PieceSteps, write_dataset
from offline.evaluate_commands import evaluate_bundle
from offline.evaluation import evaluate, piece_labels, sections

ROOT = Path(__file__).resolve().parent.parent.parent
REFERENCE: dict[str, Any] = json.loads((Path(__file__).parent / "reference" / "metrics.json").read_text())
SECTIONS = ("per_piece", "per_step", "within_piece_r", "seconds_heard")


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load("seed-rnn")


@pytest.fixture(scope="module")
def report(bundle: Bundle, small_dataset: Dataset) -> dict[str, Any]:
    return strict(evaluate(bundle, small_dataset))


def strict(report: dict[str, Any]) -> dict[str, Any]:
    """The report as it comes out of JSON; NaN is none."""
    read: dict[str, Any] = json.loads(json.dumps(report, allow_nan=False))
    return read


def pairs(figures: dict[str, Any], intervals: dict[str, Any]) -> list[tuple[Any, Any]]:
    """Each figure with its interval, in however many layers."""
    assert figures.keys() == intervals.keys()
    found: list[tuple[Any, Any]] = []
    for name, value in figures.items():
        found += pairs(value, intervals[name]) if isinstance(value, dict) else [(value, intervals[name])]
    return found


def test_every_figure_has_its_interval_for_the_model_and_the_baselines(report: dict[str, Any], small_dataset: Dataset):
    assert report["type"] == "evaluation"
    assert (report["pieces"], report["groups"]) == (len(small_dataset.pieces), len(set(small_dataset.groups)))
    everything = pairs(report["constant_spread"], report["constant_spread_interval"])
    for predictor in (report, report["mean_predictor"], report["ridge"]):
        for section in SECTIONS:
            everything += pairs(predictor[section], predictor[f"{section}_interval"])
    assert len(everything) > 400
    for value, (low, high) in everything:
        assert low <= high
        # So few pieces in so few series: a percentile interval need not hold the figure, but is never far off.
        assert low - (high - low) <= value + 1e-3
        assert value - 1e-3 <= high + (high - low)
    assert set(report["seconds_heard"]) == {"1", "2", "5", "10", "30"}


def test_the_mean_predictor_explains_nothing_and_moves_nowhere(report: dict[str, Any]):
    constant = report["mean_predictor"]
    assert constant["per_piece"]["r2_valence_mean"] <= 0
    assert constant["within_piece_r"] == {"valence": 0.0, "arousal": 0.0}
    assert len({found["rmse_arousal_mean"] for found in constant["seconds_heard"].values()}) == 1


def test_sections_against_figures_computed_by_hand():
    """Estimates by the fullness of the window, what counts as heard, when, and in time: ``metrics_by_hand.py``."""
    by_hand = REFERENCE["in_time"]
    pieces, steps = [], []
    for number, (group, heard, said, label, live) in enumerate(by_hand["pieces"]):
        column = np.array(live, np.float32)
        features = {"notes22": np.array(heard, np.float32)[:, None]}
        labels = np.tile(np.array([label, np.nan, 5.0, np.nan], np.float32), (len(said), 1))
        dynamic = np.stack([column, column * np.nan, column * np.nan, column * np.nan], axis=1)
        times_s = 0.5 * np.arange(1, len(said) + 1)
        pieces.append(PieceSteps(str(number), group, times_s, features, labels, dynamic))
        steps.append(np.stack([np.array(said), np.full(len(said), 1.5)] * 2, axis=1))
    known = {"corpus": "made up", "feature_sets": ["notes22"], "hop_s": 0.5, "window_s": by_hand["window_s"]}
    data = Dataset(tuple(pieces), known)
    found, expected = sections(data, steps, piece_labels(data), ["notes22"], seed=1), by_hand["expected"]
    named = {"per_piece": found["per_piece"], "per_step": found["per_step"], **found["seconds_heard"]}
    for name in ("per_piece", "per_step", "1", "2"):
        for kind in ("r2", "rmse", "r", "ccc"):
            assert named[name][f"{kind}_valence_mean"] == pytest.approx(expected[name][kind], abs=1e-12)
    assert found["within_piece_r"] == {"valence": pytest.approx(expected["within_piece_r"], abs=1e-12), "arousal": None}
    assert found["seconds_heard"]["5"] is None


@given(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=40), st.integers(2, 6))
def test_folds_never_share_a_group_and_judge_everything_once(groups: list[str], count: int):
    folds = group_folds(np.array(groups), count)
    assert len(folds) == (min(count, len(set(groups))) if len(set(groups)) > 1 else 0)
    for training, test in folds:
        assert not set(np.array(groups)[training]) & set(np.array(groups)[test])
        assert len(training) + len(test) == len(groups)
    judged = sorted(int(row) for _, test in folds for row in test)
    assert judged == (list(range(len(groups))) if folds else [])


def test_baselines_do_not_know_what_they_are_judged_by():
    before = made_up("aabbccdde")
    after = changed(before, lambda number, piece: {"labels": piece.labels + np.float32(3.0 * (piece.group == "b"))})
    for predict in (
        lambda data: mean_predictor(data, piece_labels(data)),
        lambda data: ridge_predictor(data, ["notes22"]),
    ):
        first, second = predict(before), predict(after)
        for number, piece in enumerate(before.pieces):
            assert np.array_equal(first[number], second[number]) == (piece.group == "b")


def test_ridge_finds_what_is_linear():
    found = strict(evaluate(load("seed-rnn"), made_up("aabbccddee", steps=60)))
    assert found["ridge"]["per_step"]["r2_arousal_mean"] > 0.8
    assert found["ridge"]["within_piece_r"]["valence"] > 0.8


def test_a_bundle_is_not_judged_on_what_it_was_trained_on(bundle: Bundle):
    artist = bundle.card["groups"][0]
    seen = changed(made_up("abc"), lambda number, piece: {"group": artist} if number == 0 else {})
    with pytest.raises(MoodringError, match=rf"was trained on 1 of this dataset's groups \({artist}\)"):
        evaluate(bundle, seen)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (made_up("abc", feature_sets=[]), "needs the features 'notes22', which the dataset has not"),
        (made_up("abc", hop_s=0.25), r"steps every 0.5 s over 10 s, the dataset every 0.25 s over 10 s; prepare it"),
        (made_up("a"), "one piece in this dataset; it takes two or more"),
    ],
)
def test_what_cannot_be_judged_is_said_in_a_line(bundle: Bundle, data: Dataset, message: str):
    with pytest.raises(MoodringError, match=message):
        evaluate(bundle, data)


def test_of_one_group_there_are_figures_but_no_intervals_and_no_baselines(bundle: Bundle):
    found = strict(evaluate(bundle, made_up("aaaa")))
    assert found["per_piece"]["rmse_valence_mean"] > 0
    assert set(found["per_piece_interval"].values()) == {None}
    assert set(found["ridge"]["per_piece"].values()) == set(found["mean_predictor"]["per_piece"].values()) == {None}


def test_two_pieces_are_enough(bundle: Bundle):
    found = strict(evaluate(bundle, made_up("ab")))
    assert found["mean_predictor"]["per_piece"]["rmse_valence_mean"] > 0
    assert found["ridge"]["per_piece"]["rmse_valence_mean"] is None


def test_a_corpus_without_spreads_is_judged_by_the_rest(bundle: Bundle):
    found = strict(evaluate(bundle, without_spreads(made_up("aabbccdd"))))
    assert found["per_piece"]["r2_valence_mean"] is not None
    assert found["ridge"]["per_piece"]["r2_valence_mean"] is not None
    for predictor in (found, found["mean_predictor"], found["ridge"]):
        for name in ("r2_valence_std", "r_arousal_std", "nll_valence", "coverage_80_arousal"):
            assert predictor["per_piece"][name] is None
            assert predictor["per_piece_interval"][name] is None
    assert set(found["constant_spread"].values()) == {None}


def test_spreads_that_some_pieces_lack_are_judged_on_the_others(bundle: Bundle):
    whole = made_up("aabbccdd")
    found = strict(evaluate(bundle, without_spreads(whole, pieces=4)))
    others = strict(evaluate(bundle, Dataset(whole.pieces[4:], whole.provenance)))
    for name in ("rmse_valence_std", "nll_arousal", "coverage_50_valence"):
        assert found["per_piece"][name] == others["per_piece"][name]
    assert found["per_piece"]["rmse_valence_mean"] != others["per_piece"]["rmse_valence_mean"]


def test_ratings_given_while_listening_are_what_steps_are_judged_by(bundle: Bundle):
    flat = changed(made_up("aabbcc"), lambda number, piece: {"labels": np.full_like(piece.labels, number + 1.0)})
    live = changed(flat, lambda number, piece: {"dynamic": made_up("aabbcc").pieces[number].labels})
    before, after = strict(evaluate(bundle, flat)), strict(evaluate(bundle, live))
    assert before["within_piece_r"] == {"valence": None, "arousal": None}
    assert -1 <= after["within_piece_r"]["valence"] <= 1
    assert before["per_piece"] == after["per_piece"]
    assert before["per_step"] != after["per_step"]


def test_the_seeds_and_what_is_published_stand_beside_their_own_corpus_only(bundle: Bundle):
    elsewhere, at_home = (strict(evaluate(bundle, made_up("abcd", corpus=name))) for name in ("made up", "deam"))
    assert (elsewhere["seeds"], elsewhere["published"], elsewhere["reliability"]) == ({}, [], {})
    assert at_home["seeds"]["seed-dense"]["r2_arousal_mean"] == pytest.approx(0.39, abs=0.02)
    assert {found["source"][-10:] for found in at_home["published"]} == {"2502.03979", "1706.02292"}
    assert at_home["reliability"]["r2_arousal_mean"] == 0.85


def test_genres_are_judged_one_by_one(bundle: Bundle):
    assert evaluate(bundle, made_up("abcd"))["by_genre"] == {}
    many = changed(
        made_up("abcdefg" * 4),
        lambda number, piece: {"genre": "waltz" if number < 15 else "polka" if number < 26 else None},
    )
    found = strict(evaluate(bundle, many))["by_genre"]
    assert {genre: kind["pieces"] for genre, kind in found.items()} == {"waltz": 15, "polka": 11, "other or unknown": 2}
    low, high = found["polka"]["figures_interval"]["rmse_arousal_mean"]
    assert low < found["polka"]["figures"]["rmse_arousal_mean"] < high
    alone = strict(evaluate(bundle, Dataset(many.pieces[:15], many.provenance)))["per_piece"]
    assert found["waltz"]["figures"]["mse"] == alone["mse"]


def test_a_seed_moves_intervals_and_nothing_else(bundle: Bundle):
    data = made_up("abcdef")
    first, again, other = (strict(evaluate(bundle, data, seed=seed)) for seed in (1, 1, 2))
    assert first == again
    assert first["per_piece_interval"] != other["per_piece_interval"]
    assert first["per_piece"] == other["per_piece"]
    assert first["ridge"]["per_step"] == other["ridge"]["per_step"]


class TestCommand:
    @pytest.fixture(scope="class")
    @staticmethod
    def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
        path = tmp_path_factory.mktemp("written") / "made-up.parquet"
        write_dataset(path, without_spreads(made_up("aabbccdd"), 3).pieces, made_up("a", corpus="deam").provenance)
        return path

    def test_json_is_one_object_and_a_page_is_written_beside_it(self, written: Path, tmp_path: Path):
        page = tmp_path / "page.html"
        command = [sys.executable, "-m", "cli", "evaluate", "seed-rnn", written, "--json", "--html", page]
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
        assert ran.returncode == 0, ran.stderr
        assert json.loads(ran.stdout)["type"] == "evaluation"
        assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
        assert list(tmp_path.iterdir()) == [page]

    def test_the_table_is_short_and_says_beside_what(self, written: Path):
        lines = list(evaluate_bundle("seed-dense", written, as_json=False, html=None))
        assert len(lines) <= 20
        assert max(map(len, lines[:6])) <= 80
        assert lines[0] == "seed-dense on deam: 8 pieces, 4 groups, a row a piece"
        text = "\n".join(lines)
        for said in ("95 % interval", "ridge", "raters", "hold", "nats a rating", "after 1, 2, 5, 10 s", "Music2Emo"):
            assert said in text
        assert "nan" not in text.lower()

    def test_what_is_unknown_is_a_dash(self, tmp_path: Path):
        data = without_spreads(made_up("aa"))
        write_dataset(tmp_path / "few.parquet", data.pieces, data.provenance)
        lines = list(evaluate_bundle("seed-rnn", tmp_path / "few.parquet", as_json=False, html=None))
        assert lines[3].split() == ["valence_std", *"–" * 8]
        assert not any("nats" in line for line in lines)

    def test_a_place_that_is_none_is_refused_before_the_work(self, tmp_path: Path):
        for place in (tmp_path, tmp_path / "nowhere" / "page.html"):
            with pytest.raises(UsageError, match="is no place for a page; choose a file") as caught:
                list(evaluate_bundle("seed-rnn", tmp_path / "none.parquet", as_json=False, html=place))
            assert str(place) in str(caught.value)


def test_a_bundle_is_judged_by_its_own_name(bundle: Bundle):
    assert evaluate(replace(bundle, name="mine"), made_up("abc"))["model"] == "mine"
