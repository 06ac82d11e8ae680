"""The examples of receivers: what they ask for is what is sent, and what can be run here runs."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.browser import Page, channels, chromium
from support.listening import ROOT

from models.affect import Reading, State
from realtime.osc_control import CONTROL_ADDRESSES
from realtime.outputs import Status
from realtime.outputs.osc import ADDRESSES, listed
from realtime.outputs.palette import mood_color
from realtime.outputs.visual import Visual

EXAMPLES = ROOT / "examples"
RECEIVERS = (
    "processing_circumplex/processing_circumplex.pde",
    "pure_data.pd",
    "max.maxpat",
    "touchdesigner.md",
    "p5_circumplex.html",
    "osc_receiver.py",
)
SENT = {address.path: address for address in listed()}


def text(name: str) -> str:
    return (EXAMPLES / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", RECEIVERS)
def test_readme_says_how_each_is_started(name: str):
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("### OSC\n")[2].partition("\n## ")[0]
    assert f"(examples/{name})" in section


def test_every_address_in_the_folder_is_one_that_is_sent_or_taken():
    known = {*SENT, *(address.path for address in CONTROL_ADDRESSES)}
    found = {
        (path.name, address)
        for path in EXAMPLES.rglob("*")
        if path.suffix in {".pde", ".pd", ".maxpat", ".md", ".html", ".py"}
        for address in re.findall(r"/moodring/[\w/]*\w", path.read_text(encoding="utf-8"))
    }
    assert {name for name, _ in found} >= {"processing_circumplex.pde", "max.maxpat", "touchdesigner.md"}
    assert {address for _, address in found} <= known


def test_the_pure_data_patch_takes_addresses_apart_into_parts_that_there_are():
    routes = [line.split()[5:] for line in text("pure_data.pd").replace(";", "").splitlines() if " route " in line]
    assert routes[0] == ["moodring"]
    assert {f"/moodring/{part}" for part in routes[1]} <= set(SENT)
    # The parts that have a value of their own besides others below them.
    assert routes[2:] == [["float"], ["float"]]


def test_the_processing_sketch_takes_each_argument_as_the_type_that_is_sent():
    taken = re.findall(r'equals\("([^"]+)"\)\) (?:\w+ = message\.get\(0\)\.)?(\w+)', text(RECEIVERS[0]))
    assert len(taken) >= 8
    kinds = {"floatValue": "f", "intValue": "i", "stringValue": "s"}
    for address, value in taken:
        assert SENT[address].types == kinds.get(value, "i")
    # Processing opens a sketch only from a folder of its name.
    assert Path(RECEIVERS[0]).stem == Path(RECEIVERS[0]).parent.name


def test_the_max_patch_is_whole_and_every_cord_fits():
    patcher = json.loads(text("max.maxpat"))["patcher"]
    boxes: dict[str, dict[str, Any]] = {box["box"]["id"]: box["box"] for box in patcher["boxes"]}
    assert len(boxes) == len(patcher["boxes"])
    cords = [(line["patchline"]["source"], line["patchline"]["destination"]) for line in patcher["lines"]]
    for (source, outlet), (destination, inlet) in cords:
        assert outlet < boxes[source]["numoutlets"]
        assert inlet < boxes[destination]["numinlets"]
    joined = {end for cord in cords for end, _ in cord}
    assert joined == {name for name, box in boxes.items() if box["maxclass"] != "comment"}
    (route,) = [box for box in boxes.values() if box.get("text", "").startswith("route ")]
    addresses = route["text"].split()[1:]
    assert set(addresses) <= set(SENT)
    assert route["numoutlets"] == len(addresses) + 1
    assert {outlet for (source, outlet), _ in cords if source == route["id"]} == set(range(len(addresses)))
    # A number box takes a number, and words are set in a message box.
    for (source, outlet), (destination, _) in cords:
        if source == route["id"]:
            types = SENT[addresses[outlet]].types
            assert (boxes[destination]["maxclass"] == "flonum") == (types == "f")
            assert boxes[destination].get("text", "").startswith("prepend set") == (types == "s")


def test_the_code_in_the_touchdesigner_note_is_python():
    (code,) = re.findall(r"```python\n(.*?)```", text("touchdesigner.md"), re.DOTALL)
    (function,) = ast.parse(code).body
    assert isinstance(function, ast.FunctionDef)
    assert function.name == "onReceiveOSC"


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    with chromium(tmp_path) as page:
        yield page


def test_the_p5_page_draws_the_mood_in_its_colour_hides_it_from_a_rater_and_comes_back(page, tmp_path: Path):
    """With the p5.js that ``P5_JS`` names, or else a stand-in that has what the page calls."""
    p5 = os.environ.get("P5_JS", Path(__file__).with_name("support") / "p5_stand_in.js")
    shutil.copy(EXAMPLES / "p5_circumplex.html", tmp_path)
    shutil.copy(p5, tmp_path / "p5.min.js")
    reading = Reading(1.0, State.LIVE, 7.4, 1.0, 7.4, 1.0, 14, -23.1, 142.0, "audio")
    visual = Visual(0, page=tmp_path / "p5_circumplex.html")
    try:
        page.open(visual.url)
        page.wait_for("reading === null && words === 'connecting'")
        visual.write(reading, Status("test"))
        page.wait_for("trail.length > 5")
        assert happy(page) == pytest.approx(channels(mood_color(0.6, 0.6)), abs=6)
        visual.write(replace(reading, time=2.0), Status("test", is_blind=True))
        page.wait_for("words === 'prediction hidden'")
        page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        assert max(happy(page)) < 60
        assert not page.errors
        asked = page.evaluate("performance.getEntriesByType('resource').map(entry => entry.name)")
        assert all(address.startswith(visual.url) for address in asked)
    finally:
        visual.close()
    page.wait_for("words.startsWith('no connection')")
    again = Visual(int(visual.url.rstrip("/").rpartition(":")[2]), page=tmp_path / "p5_circumplex.html")
    try:
        again.write(replace(reading, time=3.0), Status("test"))
        page.wait_for("trail.length > 5")
    finally:
        again.close()


def happy(page: Page) -> tuple[int, ...]:
    """What is drawn at 0.6, 0.6 of the plane."""
    x, y = page.evaluate("[width / 2 + .6 * .42 * min(width, height), height / 2 - .6 * .42 * min(width, height)]")
    return page.pixel(x, y)


def test_the_list_of_examples_above_is_that_of_the_folder():
    receiving = {
        str(path.relative_to(EXAMPLES))
        for path in EXAMPLES.rglob("*")
        if path.suffix in {".pde", ".pd", ".maxpat", ".md", ".html"} or path.name.startswith("osc_")
    }
    assert receiving == set(RECEIVERS)
    assert len(ADDRESSES) == len(SENT)
