"""Pictures of readings: what is live is drawn, what is not is a gap, and any name can stand above them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from xml.etree import ElementTree

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from matplotlib.figure import Figure
from PIL import Image

from models.affect import Quadrant, Reading, State
from realtime.pictures.arc import NOTHING_KNOWN, arc_figure
from realtime.pictures.comparison import MOST_CURVES, Piece, comparison_figure
from realtime.pictures.curve import Section, curve
from realtime.pictures.style import colour_of, legible, png, svg

ODD_NAMES = (
    "$x^2$ & <b>",
    "夜想曲 – Ноктюрн.mid",
    "a_{b",
    "\x01\x1b[31m\n.wav",
    "\udcff.wav",
    "%s {0} \\alpha",
    "",
    "x" * 300,
)


def reading(time: float, valence: float = 6.0, arousal: float = 4.0, state: State = State.LIVE) -> Reading:
    return Reading(time, state, valence, 1.5, arousal, 1.0, 5, None, None, "some")


def steady(seconds: int, valence: float = 6.0, arousal: float = 4.0) -> list[Reading]:
    return [reading(0.5 * (step + 1), valence, arousal) for step in range(2 * seconds)]


def words(picture: bytes) -> list[str]:
    return [(text.text or "") for text in ElementTree.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")]


def lines(figure: Figure, panel: str) -> list[np.ndarray]:
    """The x of every curve in the panel whose label begins so."""
    (axes,) = [axes for axes in figure.axes if axes.get_ylabel().startswith(f"{panel}\n")]
    return [np.asarray(line.get_xdata()) for line in axes.lines if line.get_linewidth() in (1.8, 2.8)]


def test_the_png_is_a_slide_and_the_svg_is_xml_with_its_labels_as_text():
    figure = arc_figure(steady(20), "étude.mid", (6.0, 1.5, 4.0, 1.0))
    with Image.open(io.BytesIO(png(figure))) as picture:
        picture.load()
        assert picture.size == (2000, 1125)
        assert round(picture.info["dpi"][0]) == 150
    said = words(svg(figure))
    assert {"tense", "happy", "sad", "calm", "étude.mid", "time (minutes:seconds)"} <= set(said)
    assert any("valence 6.0 ± 1.5, arousal 4.0 ± 1.0" in line for line in said)


def test_the_same_readings_give_the_same_bytes_and_others_do_not():
    one, again, other = (arc_figure(steady(20, valence), "a") for valence in (6.0, 6.0, 6.5))
    assert (png(one), svg(one)) == (png(again), svg(again))
    assert png(one) != png(other)
    assert svg(one) != svg(other)


@pytest.mark.parametrize("state", [State.SILENCE, State.LOST, State.WARMING])
def test_what_is_not_live_is_a_gap_named_for_what_it_is(state: State):
    readings = [replace(each, state=state) if 10 < each.time <= 20 else each for each in steady(30)]
    figure = arc_figure(readings, "a")
    for panel in ("valence", "arousal"):
        before, after = lines(figure, panel)
        assert (before[0], before[-1], after[0], after[-1]) == (0.5, 10.0, 20.5, 30.0)
    assert state.value in words(svg(figure))


def test_one_live_reading_between_gaps_is_a_point():
    readings = [replace(each, state=State.SILENCE) if each.time != 5.0 else each for each in steady(10)]
    figure = arc_figure(readings, "a")
    assert lines(figure, "valence") == []
    assert png(figure) != png(arc_figure([replace(each, state=State.SILENCE) for each in readings], "a"))


@pytest.mark.parametrize(
    "readings",
    [[], [reading(1.0, state=State.SILENCE)], [reading(t, np.nan, np.nan) for t in (1.0, 2.0)]],
    ids=["none", "silence", "no numbers"],
)
def test_without_a_live_reading_the_picture_says_so(readings: list[Reading]):
    figure = arc_figure(readings, "silence.wav")
    png(figure)
    assert NOTHING_KNOWN in words(svg(figure))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ODD_NAMES)
def test_any_name_can_stand_above_a_picture(name: str):
    shown = "".join(words(svg(arc_figure(steady(3), name))))
    assert legible(name, 58)[:4].strip() in shown


@pytest.mark.filterwarnings("error")
def test_any_names_can_be_compared():
    figure = comparison_figure([Piece(name, steady(3), (6, 1, 4, 1)) for name in ODD_NAMES])
    png(figure)
    assert {"1  $x^2$ & <b>", "3  a_{b"} <= set(words(svg(figure)))


def test_a_long_name_keeps_its_start_and_its_end():
    short = legible("The Well-Tempered Clavier, Book One, Prelude in C major, second take.flac", 40)
    assert len(short) <= 40
    assert short.startswith("The Well-Tempered")
    assert short.endswith("take.flac")


def test_sections_change_with_the_quadrant_and_cover_every_reading():
    readings = [
        *steady(5, 6, 6),
        *(replace(r, time=r.time + 5) for r in steady(5, 4, 6)),
        reading(11, state=State.LOST),
    ]
    assert list(curve(readings, 100).sections()) == [
        Section(Quadrant.HAPPY, 0, 9),
        Section(Quadrant.TENSE, 10, 19),
        Section(State.LOST, 20, 20),
    ]


def test_a_long_curve_is_thinned_to_means_of_its_live_readings():
    readings = [reading(float(t), 4.0 + 2 * (t % 2)) for t in range(1000)]
    readings[1] = replace(readings[1], state=State.SILENCE)
    thinned = curve(readings, 500)
    assert len(thinned.times_s) == 500
    assert thinned.values[0, 0] == 4.0
    assert set(thinned.values[1:, 0]) == {5.0}
    assert set(thinned.states) == {State.LIVE}


def test_colour_blind_people_can_tell_the_quadrants_apart():
    """Seen without red or green cones (Machado, Oliveira and Fernandes, 2009), and without colour at all."""
    protan = [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    deutan = [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    for seen in (np.array(protan), np.array(deutan)):
        shown = {kind: _lab(seen @ _linear(colour_of(kind))) for kind in Quadrant}
        for one, other in combinations(Quadrant, 2):
            assert np.linalg.norm(shown[one] - shown[other]) > 15, (one, other)


def _linear(colour: str) -> np.ndarray:
    channels = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def _lab(linear: np.ndarray) -> np.ndarray:
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = np.cbrt(np.clip(to_xyz @ linear, 0, None) / (0.9505, 1.0, 1.089))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def numbers(figure: Figure) -> dict[str, tuple[float, float]]:
    """Where the numbers of the pieces stand on the plane."""
    plane = figure.axes[0]
    return {text.get_text(): text.get_position() for text in plane.texts if text.get_text().isdigit()}


def pieces(count: int, affect: Sequence[float] | None = (6.0, 1.5, 4.0, 1.0)) -> list[Piece]:
    return [Piece(f"take {number}.wav", steady(4), affect) for number in range(1, count + 1)]


def test_each_piece_has_its_number_and_its_curves():
    figure = comparison_figure(pieces(5))
    assert set(numbers(figure)) == {"1", "2", "3", "4", "5"}
    said = words(svg(figure))
    assert all(f"{number}  take {number}.wav" in said for number in range(1, 6))


def test_numbers_of_pieces_in_one_place_stand_apart():
    places = np.array(list(numbers(comparison_figure(pieces(12))).values()))
    distances = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1))[np.triu_indices(12, 1)]
    assert distances.min() > 0.35


def test_more_pieces_than_a_slide_has_room_for_are_said_to_be_left_out():
    said = words(svg(comparison_figure(pieces(MOST_CURVES + 1))))
    assert f"{MOST_CURVES + 1} pieces compared" in said
    assert any(f"the first {MOST_CURVES}" in line for line in said)


def test_pieces_of_very_different_lengths_share_an_axis_of_shares():
    short, long = Piece("a", steady(4), None), Piece("b", steady(60), None)
    assert "share of the piece (%)" in words(svg(comparison_figure([short, long])))
    assert "time (minutes:seconds)" in words(svg(comparison_figure([short, short])))


def test_pieces_without_a_live_reading_are_compared_too():
    silent = Piece("silent.wav", [reading(1.0, state=State.SILENCE)], None)
    for compared in ([silent, silent], [silent, *pieces(1)]):
        assert "no live reading" in words(svg(comparison_figure(compared)))
