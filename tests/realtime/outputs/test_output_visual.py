"""What the page for the projector is told, what it shows, and that it takes a listener's label and nothing else."""

from __future__ import annotations

import json
import math
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.browser import Page, channels, chromium
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from models.affect import Reading, State
from models.errors import MoodringError, UsageError
from realtime.admission import is_own_host
from realtime.controls import Controls, Label
from realtime.note_events import Struck
from realtime.outputs import NoteOutput, Status
from realtime.outputs.palette import mood_color
from realtime.outputs.visual import Visual
from realtime.outputs.visual.server import MOST_CLIENTS, MOST_NOTES, parse_label

READING = Reading(12.5, State.LIVE, 7.0, 1.42, 6.08, 1.3, 14, -23.1, 142.0, "audio")
STATUS = Status("test", sounding=(60, 64), message="tuned", label=(0.25, -0.5))


@contextmanager
def serving(**arguments: Any) -> Iterator[Visual]:
    visual = Visual(0, **arguments)
    try:
        yield visual
    finally:
        visual.close()


def opened(visual: Visual, **arguments: Any) -> ClientConnection:
    address = visual.url.replace("http", "ws") + "readings"
    return connect(address, proxy=None, compression=None, open_timeout=5, **arguments)


def told(page: ClientConnection) -> dict[str, Any]:
    return dict(json.loads(page.recv(timeout=5)))


def wait_for(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.01)


def request(visual: Visual, *lines: str, path: str = "/") -> tuple[int, dict[str, str], bytes]:
    """What is answered to a request with these header lines: status, headers and body."""
    with socket.create_connection(("127.0.0.1", port_of(visual)), timeout=5) as plain:
        plain.sendall("\r\n".join([f"GET {path} HTTP/1.1", *lines, "", ""]).encode())
        answer = b""
        while some := plain.recv(65536):
            answer += some
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    return int(first.split()[1]), dict(line.lower().split(": ", 1) for line in rest), body


def upgrade(visual: Visual) -> bytes:
    """How a WebSocket begins, for a page that then does not do its part."""
    return (
        f"GET /readings HTTP/1.1\r\nHost: 127.0.0.1:{port_of(visual)}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


def port_of(visual: Visual) -> int:
    return int(visual.url.rstrip("/").rpartition(":")[2])


def test_it_takes_readings_and_notes():
    with serving() as visual:
        assert isinstance(visual, NoteOutput)


def test_a_page_is_greeted_and_told_every_reading_with_its_colour():
    with serving() as visual, opened(visual) as page:
        hello = told(page)
        visual.write(READING, STATUS)
        reading = told(page)
    assert hello["type"] == "hello"
    assert hello["takes_labels"] is False
    assert [len(row) for row in hello["field"]] == [41] * 41
    colors = [color for row in hello["field"] for color in row]
    assert all(re.fullmatch("#[0-9a-f]{6}", color) for color in [*colors, hello["neutral"], reading["color"]])
    assert reading.items() >= READING.as_json().items()
    assert reading["sounding"] == [60, 64]
    assert reading["message"] == "tuned"
    assert reading["label"] == [0.25, -0.5]


def test_a_page_that_comes_later_sees_the_present_at_once():
    with serving() as visual:
        visual.write(READING, STATUS)
        visual.write(replace(READING, time=13.0), STATUS)
        with opened(visual) as page:
            assert told(page)["type"] == "hello"
            assert told(page)["time"] == 13.0


def test_notes_are_told_as_they_begin_and_before_their_reading():
    with serving() as visual, opened(visual) as page:
        told(page)
        visual.play([Struck(1.0, 60, 90), Struck(1.25, 38, 127, 9)])
        notes = [told(page), told(page)]
        visual.write(READING, STATUS)
        assert told(page)["type"] == "reading"
    assert notes == [
        {"type": "note", "time": 1.0, "pitch": 60, "velocity": 90, "channel": 0},
        {"type": "note", "time": 1.25, "pitch": 38, "velocity": 127, "channel": 9},
    ]


def test_what_is_not_a_number_is_null_and_has_no_colour():
    with serving() as visual, opened(visual) as page:
        told(page)
        visual.write(replace(READING, valence=math.nan, level_db=-math.inf), STATUS)
        reading = told(page)
    assert reading["valence"] is None
    assert reading["level_db"] is None
    assert reading["color"] is None


def test_a_label_is_asked_of_the_session_and_its_answer_told():
    controls = Controls()
    with serving(controls=controls) as visual, opened(visual) as page:
        assert told(page)["takes_labels"] is True
        page.send(json.dumps({"type": "label", "valence": -0.5, "arousal": 1}))
        wait_for(lambda: controls._waiting)
        ((label, answer),) = controls.take()
        assert label == Label(-0.5, 1.0)
        answer("labelled", True)
        assert told(page) == {"type": "answer", "text": "labelled", "done": True}


def test_while_a_label_waits_only_the_newest_follows_it():
    controls = Controls()
    with serving(controls=controls) as visual, opened(visual) as page:
        told(page)
        for tenth in range(10):
            page.send(json.dumps({"type": "label", "valence": tenth / 10, "arousal": 0}))
        page.send("not a label")
        wait_for(lambda: visual.malformed)
        ((first, answer),) = controls.take()
        answer("", True)
        wait_for(lambda: controls._waiting)
        ((second, _),) = controls.take()
    assert (first, second) == (Label(0.0, 0.0), Label(0.9, 0.0))


def test_a_session_that_is_asked_too_much_refuses_and_the_page_is_told():
    controls = Controls()
    while controls.ask(Label(0.0, 0.0)):
        pass
    with serving(controls=controls) as visual, opened(visual) as page:
        told(page)
        page.send(json.dumps({"type": "label", "valence": 0, "arousal": 0}))
        assert told(page)["done"] is False


@pytest.mark.parametrize(
    "message",
    [
        "",
        "{",
        "[]",
        "null",
        "[" * 1000,
        '{"type": "label"}',
        '{"type": "label", "valence": 0.5}',
        '{"type": "label", "valence": NaN, "arousal": 0}',
        '{"type": "label", "valence": Infinity, "arousal": 0}',
        '{"type": "label", "valence": 1e999, "arousal": 0}',
        '{"type": "label", "valence": 1.01, "arousal": 0}',
        '{"type": "label", "valence": "0.5", "arousal": 0}',
        '{"type": "label", "valence": true, "arousal": 0}',
        '{"type": "label", "valence": null, "arousal": 0}',
        '{"type": "quit", "valence": 0, "arousal": 0}',
        '{"type": ["label"], "valence": 0, "arousal": 0}',
        '{"type": "label", "valence": 0, "arousal": 0, "rater": "x"}',
        b'{"type": "label", "valence": 0, "arousal": 0}',
    ],
)
def test_a_message_that_is_no_label_is_none(message):
    assert parse_label(message) is None


def test_what_is_no_label_is_counted_and_dropped_and_the_page_goes_on():
    controls = Controls()
    with serving(controls=controls) as visual, opened(visual) as page:
        told(page)
        for message in ("nonsense", b"\xff\x00", '{"type": "label", "valence": 2, "arousal": 0}'):
            page.send(message)
        wait_for(lambda: visual.malformed == 3)
        visual.write(READING, STATUS)
        assert told(page)["type"] == "reading"
        assert not controls.take()


def test_a_message_above_a_kilobyte_ends_its_connection_alone_and_is_counted():
    with serving() as visual, opened(visual) as page, opened(visual) as other:
        told(page)
        told(other)
        page.send("x" * 1025)
        with pytest.raises(ConnectionClosed):
            page.recv(timeout=5)
        wait_for(lambda: visual.malformed == 1)
        visual.write(READING, STATUS)
        assert told(other)["type"] == "reading"


def test_a_slow_page_is_skipped_to_the_newest_and_nobody_waits_for_it():
    # The session's thread writes on while one page reads nothing; the other one sees the last reading all the same.
    with serving() as visual:
        slow = socket.socket()
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", port_of(visual)))
        slow.sendall(upgrade(visual))
        with slow, opened(visual) as page:
            told(page)
            wait_for(lambda: visual.clients == 2)
            long = replace(STATUS, message="m" * 2000)
            for step in range(2000):
                visual.write(replace(READING, time=float(step)), long)
                if step % 20 == 0:
                    time.sleep(0.001)
            while told(page)["time"] != 1999.0:
                pass
            assert visual.skipped > 100
            assert max(len(client.outbox) for client in visual._server._clients) <= MOST_NOTES


def test_a_flood_of_notes_keeps_the_newest():
    with serving() as visual, opened(visual) as page:
        told(page)
        visual.play([Struck(float(step), 60, 90) for step in range(1000)])
        notes = [told(page) for _ in range(MOST_NOTES)]
    assert notes[-1]["time"] == 999.0


def test_sixteen_pages_are_served_and_one_more_is_told_that_it_is_too_many():
    with serving() as visual, ExitStack() as pages:
        first = pages.enter_context(opened(visual))
        for _ in range(MOST_CLIENTS - 1):
            pages.enter_context(opened(visual))
        wait_for(lambda: visual.clients == MOST_CLIENTS)
        with pytest.raises(InvalidStatus) as refusal:
            opened(visual)
        assert refusal.value.response.status_code == 503
        first.close()
        wait_for(lambda: visual.clients == MOST_CLIENTS - 1)
        with opened(visual) as page:
            assert told(page)["type"] == "hello"


def test_the_page_is_one_file_that_names_no_other_address():
    with serving() as visual:
        status, headers, body = request(visual, f"Host: 127.0.0.1:{port_of(visual)}")
    assert status == 200
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert int(headers["content-length"]) == len(body)
    assert not re.findall(rb"https?://|@import|url\(|src=", body)


def test_other_paths_are_not_found():
    with serving() as visual:
        for path in ("/favicon.ico", "/../server.py", "/readings/x"):
            assert request(visual, f"Host: 127.0.0.1:{port_of(visual)}", path=path)[0] == 404


def test_a_page_of_ones_own_is_served_anew_each_time_with_what_lies_beside_it(tmp_path: Path):
    page = tmp_path / "mine.html"
    page.write_text("first")
    (tmp_path / "sketch.js").write_text("draw()")
    with serving(page=page) as visual:
        host = f"Host: 127.0.0.1:{port_of(visual)}"
        assert request(visual, host)[2] == b"first"
        page.write_text("second")
        status, headers, body = request(visual, host)
        assert (status, headers["content-type"], body) == (200, "text/html; charset=utf-8", b"second")
        status, headers, body = request(visual, host, path="/sketch.js")
        assert (status, headers["content-type"], body) == (200, "text/javascript; charset=utf-8", b"draw()")
        with opened(visual, origin=visual.url.rstrip("/")) as client:
            assert told(client)["type"] == "hello"


def test_nothing_else_of_the_folder_is_served(tmp_path: Path):
    folder = tmp_path / "page"
    folder.mkdir()
    (folder / "mine.html").write_text("mine")
    for name in ("secret.txt", ".hidden.js", "other.html"):
        (folder / name).write_text("private")
    (tmp_path / "above.js").write_text("private")
    with serving(page=folder / "mine.html") as visual:
        host = f"Host: 127.0.0.1:{port_of(visual)}"
        for path in (
            "/secret.txt",
            "/.hidden.js",
            "/other.html",
            "/../above.js",
            "/..%2Fabove.js",
            "/absent.js",
            "//x.js",
        ):
            assert request(visual, host, path=path)[0] == 404
        assert request(visual, "Host: evil.example", path="/mine.js")[0] == 403


def test_a_page_that_is_not_there_is_wrong_use(tmp_path: Path):
    with pytest.raises(UsageError, match=r"mine\.html is not"):
        Visual(0, page=tmp_path / "mine.html")


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost", "https://127.0.0.1:{port}", ""])
def test_another_page_cannot_open_the_socket(origin):
    controls = Controls()
    with serving(controls=controls) as visual:
        with pytest.raises(InvalidStatus) as refusal:
            opened(visual, additional_headers={"Origin": origin.format(port=port_of(visual))})
        assert refusal.value.response.status_code == 403
        with opened(visual, origin=visual.url.rstrip("/")) as page:
            assert told(page)["type"] == "hello"


@pytest.mark.parametrize(
    "host", ["evil.example:{port}", "127.0.0.1.evil.example", "192.168.1.2", "", "[::1", "localhost:x"]
)
def test_a_name_that_was_made_to_resolve_here_is_refused(host):
    with serving() as visual:
        host = host.format(port=port_of(visual))
        assert request(visual, f"Host: {host}", f"Origin: http://{host}")[0] == 403
        assert request(visual)[0] == 403
        assert request(visual, "Host: localhost", "Host: evil.example")[0] == 403


@pytest.mark.parametrize(
    ("header", "bound_to", "is_own"),
    [
        ("localhost:8765", "127.0.0.1", True),
        ("LOCALHOST", "127.0.0.1", True),
        ("127.0.0.1:9999", "127.0.0.1", True),
        ("[::1]:8765", "::1", True),
        ("192.168.1.2:8765", "0.0.0.0", True),
        (f"{socket.gethostname()}:8765", "0.0.0.0", True),
        (f"{socket.gethostname()}:8765", "127.0.0.1", False),
        ("evil.example", "0.0.0.0", False),
    ],
)
def test_on_the_network_addresses_and_the_own_name_are_taken(header, bound_to, is_own):
    assert is_own_host(header, bound_to) is is_own


def test_a_port_in_use_is_named_with_what_to_do():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(MoodringError, match=rf"port {port} is in use.*--visual"):
            Visual(port)


def test_an_address_of_another_machine_is_named():
    with pytest.raises(MoodringError, match=r"cannot be served on 192\.0\.2\.1"):
        Visual(0, host="192.0.2.1")


def test_a_port_that_is_none_is_wrong_use():
    with pytest.raises(UsageError, match="70000"):
        Visual(70000)


def test_close_twice_is_fine_ends_the_thread_and_whoever_is_connected_and_frees_the_port():
    visual = Visual(0)
    port = port_of(visual)
    stalled = socket.create_connection(("127.0.0.1", port))  # never says what it wants
    with opened(visual) as page:
        told(page)
        visual.close()
        visual.close()
        assert not [thread for thread in threading.enumerate() if thread.name == "visual-server"]
        with pytest.raises(ConnectionClosed):
            page.recv(timeout=5)
    stalled.close()
    visual.write(READING, STATUS)
    visual.play([Struck(0.0, 60, 90)])
    Visual(port).close()


def test_a_page_that_does_not_say_goodbye_does_not_hold_up_the_end():
    visual = Visual(0)
    page = socket.create_connection(("127.0.0.1", port_of(visual)))
    page.sendall(upgrade(visual))
    wait_for(lambda: visual.clients == 1)
    visual.close()
    wait_for(lambda: not [thread for thread in threading.enumerate() if thread.name == "visual-server"])
    page.close()


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with chromium(tmp_path_factory.mktemp("chromium")) as page:
        yield page


@pytest.fixture
def browser(tab: Page) -> Page:
    """The tab with nothing in it, and nothing to complain of."""
    tab.open("about:blank")
    tab.errors.clear()
    return tab


def color_at(page: Page, valence: float, arousal: float) -> tuple[int, ...]:
    """What the screen shows at a point of the plane, red, green and blue."""
    return page.pixel(*page.at(valence, arousal))


def shown(page: Page, visual: Visual, reading: Reading, status: Status = STATUS) -> None:
    """Have the page show ``reading``, all the way."""
    page.wait_for("isOpen")
    visual.write(reading, status)
    target = f"Math.hypot(shown.v.at - {reading.valence_norm}, shown.a.at - {reading.arousal_norm})"
    page.wait_for(f"reading !== null && reading.time === {reading.time} && {target} < 0.005 && shown.strength.at > 0.9")


def test_the_page_shows_the_point_in_its_colour_where_it_is(browser):
    quiet = replace(STATUS, label=None)
    with serving() as visual:
        browser.open(visual.url)
        shown(browser, visual, replace(READING, valence=7.4, arousal=7.4), quiet)
        happy = color_at(browser, 0.6, 0.6)
        elsewhere = color_at(browser, -0.6, -0.6)
        shown(browser, visual, replace(READING, time=13.0, valence=2.6, arousal=2.6), quiet)
        sad = color_at(browser, -0.6, -0.6)
    assert happy == pytest.approx(channels(mood_color(0.6, 0.6)), abs=6)
    assert sad == pytest.approx(channels(mood_color(-0.6, -0.6)), abs=6)
    assert max(elsewhere) < 100
    assert not browser.errors


@pytest.mark.parametrize(
    ("state", "words"), [(State.WARMING, "warming up"), (State.SILENCE, "silence"), (State.LOST, "input lost")]
)
def test_the_page_says_what_the_state_is(browser, state, words):
    with serving() as visual:
        browser.open(visual.url)
        browser.wait_for("isOpen")
        visual.write(replace(READING, state=state), STATUS)
        browser.wait_for(f"document.getElementById('state').innerText.startsWith('{words}')")
        assert "tuned" in browser.evaluate("document.getElementById('state').innerText")


def test_notes_spark(browser):
    with serving() as visual:
        browser.open(visual.url)
        browser.wait_for("isOpen")
        visual.play([Struck(0.0, 60, 90), Struck(0.0, 64, 90)])
        browser.wait_for("sparks.length === 2")
        browser.wait_for("sparks.length === 0")


def test_a_press_on_the_plane_is_a_label_of_that_place_and_shows_the_listeners_point(browser):
    controls, labels = Controls(), []

    def take() -> None:
        for label, answer in controls.take():
            labels.append(label)
            answer("labelled", True)

    with serving(controls=controls) as visual:
        browser.open(visual.url)
        browser.wait_for("isOpen && takesLabels")
        browser.mouse("mousePressed", *browser.at(-0.5, 0.25))
        wait_for(lambda: take() or labels)
        browser.mouse("mouseMoved", *browser.at(0.1, 0.1))
        wait_for(lambda: take() or (labels[-1].valence > 0.0))
        browser.mouse("mouseMoved", *browser.at(0.2, -0.7))
        browser.mouse("mouseReleased", *browser.at(0.2, -0.7))
        wait_for(lambda: take() or (labels[-1].valence > 0.15))
        browser.mouse("mouseMoved", *browser.at(0.9, 0.9))
        assert browser.evaluate("own") == pytest.approx([0.2, -0.7], abs=0.01)
    for label, (valence, arousal) in zip((labels[0], labels[-1]), ((-0.5, 0.25), (0.2, -0.7)), strict=True):
        assert label.valence == pytest.approx(valence, abs=0.01)
        assert label.arousal == pytest.approx(arousal, abs=0.01)
    assert not browser.errors


def test_a_press_shows_and_sends_nothing_where_no_ratings_are_taken(browser):
    with serving() as visual:
        browser.open(visual.url)
        browser.wait_for("isOpen")
        browser.mouse("mousePressed", *browser.at(-0.5, 0.25))
        browser.mouse("mouseReleased", *browser.at(-0.5, 0.25))
        assert browser.evaluate("own") is None


def test_b_hides_the_prediction_and_shows_it_again(browser):
    quiet = replace(STATUS, label=None)
    with serving(controls=Controls()) as visual:
        browser.open(visual.url)
        shown(browser, visual, replace(READING, valence=7.4, arousal=7.4), quiet)
        open_color = color_at(browser, 0.6, 0.6)
        browser.press("b")
        browser.wait_for("document.getElementById('state').innerText.startsWith('prediction hidden')")
        assert max(color_at(browser, 0.6, 0.6)) < 100 < max(open_color)
        browser.press("b")
        browser.wait_for("!isBlind()")
        visual.write(replace(READING, time=14.0), replace(quiet, is_blind=True))
        browser.wait_for("isBlind()")


def test_the_page_comes_back_by_itself_when_the_server_does(browser):
    visual = Visual(0)
    port = port_of(visual)
    browser.open(visual.url)
    browser.wait_for("isOpen")
    assert not browser.errors
    visual.close()
    browser.wait_for("document.getElementById('state').innerText.startsWith('no connection')")
    browser.wait_for("retryMs > 500")
    again = Visual(port)
    try:
        shown(browser, again, READING)
        assert browser.evaluate("retryMs") == 250
    finally:
        again.close()
    # That nobody answered is all that a browser has complained of.
    assert all("ERR_CONNECTION_REFUSED" in error for error in browser.errors)


def test_the_page_asks_no_other_address_for_anything(browser, tmp_path: Path):
    with serving() as visual:
        browser.open(visual.url)
        browser.wait_for("isOpen")
        asked = browser.evaluate("performance.getEntriesByType('resource').map(entry => entry.name)")
        assert all(address.startswith((visual.url, "data:")) for address in asked)
