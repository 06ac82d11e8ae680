"""The page of an evaluation: whole in itself, nothing left unsaid, nothing unescaped."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra 'offline')")
pytest.importorskip("sklearn", reason="scikit-learn is not installed (extra 'offline')")

from evaluated import changed, made_up, without_spreads

from models.bundle import load
from offline.dataset import Dataset
from offline.evaluation import Judgement, judge
from offline.report import page

_VOID = {"meta", "br", "img"}
_HOSTILE = '<script>alert("$x^{")</script> & Söhne'


class Reader(HTMLParser):
    """What a browser would find: tags in pairs, attributes, text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.text.append(" ".join(data.split()))

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)

    def values(self, attribute: str) -> list[str]:
        return [value for _, attributes in self.tags if (value := attributes.get(attribute)) is not None]


def judged(dataset: Dataset, **about: Any) -> Judgement:
    return judge(replace(load("seed-rnn"), **about), dataset)


@pytest.fixture(scope="module")
def judgement() -> Judgement:
    genres = changed(made_up("aabbccddeeff", corpus="deam"), lambda number, piece: {"genre": "waltz"})
    return judged(genres)


@pytest.fixture(scope="module")
def html(judgement: Judgement) -> str:
    return page(judgement)


def test_it_needs_nothing_from_elsewhere(html: str):
    read = Reader(html)
    references = [*read.values("src"), *read.values("href"), *read.values("xlink:href")]
    assert all(value.startswith(("#", "data:image/png;base64,")) for value in references)
    assert {"script", "link", "iframe"}.isdisjoint(tag for tag, _ in read.tags)
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", html))
    ids = read.values("id")
    assert len(ids) == len(set(ids))
    assert {value[1:] for value in references if value[0] == "#"} <= set(ids)


def test_it_is_made_for_a_phone_and_for_the_dark(html: str):
    assert ("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}) in Reader(html).tags
    assert "prefers-color-scheme: dark" in html
    # What a picture is drawn in is the page's to choose: no colour of its own but that of the clouds of points.
    pictures = "".join(re.findall(r"<svg.*?</svg>", html, re.DOTALL))
    assert re.findall(r"#[0-9a-f]{6}\b[^\"]*;", pictures) == []
    assert not re.search(r"<svg[^>]* width=", html)
    # No table is wider than a phone: a label and four columns of figures.
    for table in re.findall(r"<thead>.*?</thead>", html):
        assert table.count("<th ") <= 5


def test_every_plot_is_there_and_says_its_units(html: str):
    read = Reader(html)
    # Four outputs, calibration, two axes over seconds heard, six pieces, genres.
    assert read.count("svg") == read.count("figure") == 14
    for title in ("listeners (scale 1–9)", "ratings inside (%)", "seconds heard", "time (s)", "valence (1–9)",
                  "error (RMSE, scale 1–9)", "waltz (12)"):  # fmt: skip
        assert title in read.text, title
    captions = [label for label in read.values("aria-label") if "error" in label and "(" in label]
    assert [re.search(r"\((\w+)", label)[1] for label in captions[:6]] == ["best", "median", "worst", *["at"] * 3]  # type: ignore[index]
    errors = [float(label.rpartition(" ")[2].rstrip(")")) for label in captions[:6]]
    assert errors[0] == min(errors)
    assert errors[2] == max(errors)


def test_every_setting_that_made_the_bundle_is_named(html: str, judgement: Judgement):
    text = Reader(html).text
    for name, value in judgement.bundle.card["training"].items():
        assert name.replace("_", " ") in text
        for one in value if isinstance(value, list) else [value]:
            assert str(one) in text, name
    assert judgement.bundle.card["evaluation"]["command"] in text


def test_figures_stand_with_their_intervals_beside_what_one_can_expect(html: str, judgement: Judgement):
    report, text = judgement.report, Reader(html).text

    def shown(value: float, digits: int) -> str:
        return f"{value:.{digits}f}".replace("-0.00", "0.00").replace("-", "−")

    for predictor in (report, report["ridge"], report["mean_predictor"]):
        for name in ("r2_valence_mean", "ccc_arousal_mean", "nll_valence", "coverage_80_arousal"):
            digits = 3 if name == "nll_valence" else 2
            value = shown(predictor["per_piece"][name], digits)
            ends = [shown(end, digits) for end in predictor["per_piece_interval"][name]]
            at = [number for number, said in enumerate(text) if said == value]
            assert any(text[number + 1] == " to ".join(ends) for number in at), name
    for said in ("the raters' own reliability", "seed-dense, cross-validated", "Music2Emo, as published", "0.62"):
        assert said in text
    assert any("arXiv 1706.02292" in said for said in text)


def test_the_same_evaluation_gives_the_same_page(judgement: Judgement, html: str):
    assert page(judgement) == html


def test_what_comes_from_files_is_text_and_nothing_else():
    hostile = changed(
        made_up("aabbccddeeff", corpus=_HOSTILE), lambda number, piece: {"piece": _HOSTILE, "genre": _HOSTILE}
    )
    bundle = load("seed-rnn")
    card = {**bundle.card, "training": {"terms": _HOSTILE, _HOSTILE: [_HOSTILE]}}
    read = Reader(page(judged(hostile, name=_HOSTILE, card=card)))
    assert read.count("script") == 0
    assert f"{_HOSTILE} on {_HOSTILE}" in read.text
    assert f"{_HOSTILE[:19]}… (12)" in read.text
    assert any(label.startswith(_HOSTILE) for label in read.values("aria-label"))


@pytest.mark.parametrize("groups", ["aabbccdd", "aa", "ab"])
def test_what_is_not_known_leaves_no_hole(groups: str):
    read = Reader(page(judged(without_spreads(made_up(groups)))))
    assert "This dataset does not know how far listeners differ." in read.text
    assert "By genre" not in read.text
    assert "–" in read.text
    assert not any("nan" in said.lower() for said in read.text)
    # Two outputs, two axes over seconds heard, and as many pieces as there are up to six.
    assert read.count("svg") == 2 + 2 + min(len(groups), 6)
