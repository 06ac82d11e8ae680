"""The page's server: what the session shows goes to every page, and what a page says to the session.

What comes from the session is kept as the newest reading and a few notes, and the server is woken at most once for it,
so that neither a flood of readings nor a slow browser takes memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import threading
from collections import deque
from collections.abc import Sequence
from http import HTTPStatus

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.http11 import Request, Response

from realtime.admission import is_own_host, is_own_origin
from realtime.controls import Controls, Label
from realtime.outputs.visual.pages import Pages
from realtime.websocket_server import Outbox, WebSocketServer, listening_socket, response

#: Pages at a time, and notes that wait to be sent to each.
MOST_CLIENTS = 16
MOST_NOTES = 64


class Server:
    """Serves ``pages`` and their WebSocket on ``host`` and ``port``; ``hello`` is the first that each page is told.

    Raises MoodringError where the port cannot be had, UsageError for one outside 0..65535.
    """

    def __init__(self, host: str, port: int, hello: str, controls: Controls | None, pages: Pages) -> None:
        self.skipped = 0
        self.malformed = 0
        self._host = host
        self._hello, self._controls, self._pages = hello, controls, pages
        self._clients: set[_Client] = set()
        self._connections = 0
        self._lock = threading.Lock()
        self._newest: str | None = None
        self._shown: str | None = None
        self._notes: deque[str] = deque(maxlen=MOST_NOTES)
        self._is_woken = False
        bound = listening_socket(
            host,
            port,
            name="of the visual page",
            cannot="the visual page cannot be served",
            instead=f"give another port (--visual {port + 1 if port < 65535 else 8765})",
        )
        self._server = WebSocketServer(bound, host, admit=self._admit, attend=self._attend, name="visual-server")

    @property
    def url(self) -> str:
        """Where the page is."""
        return self._server.url

    @property
    def clients(self) -> int:
        """How many pages are connected."""
        return len(self._clients)

    def show(self, text: str) -> None:
        """Send ``text`` to every page, in place of what waits."""
        with self._lock:
            self._newest = text
        self._wake()

    def strike(self, texts: Sequence[str]) -> None:
        """Send ``texts``, a note each, to every page."""
        with self._lock:
            self._notes.extend(texts)
        self._wake()

    def close(self) -> None:
        """End every connection and the thread, within a second. May be called twice."""
        self._server.close()

    def answer(self, client: _Client, text: str, is_done: bool) -> None:
        """Tell ``client`` what came of its label; called on the session's thread."""
        self._server.soon(client.answered, text, is_done)

    def _wake(self) -> None:
        with self._lock:
            if self._is_woken:
                return
            self._is_woken = True
        self._server.soon(self._spread)

    def _spread(self) -> None:
        with self._lock:
            newest, self._newest = self._newest, None
            notes = list(self._notes)
            self._notes.clear()
            self._is_woken = False
        self._shown = newest or self._shown
        for client in self._clients:
            self.skipped += client.outbox.put(notes, newest)

    def _admit(self, request: Request) -> Response | None:
        """The page, a refusal, or None to go on to the WebSocket."""
        hosts = request.headers.get_all("Host")
        if len(hosts) != 1 or not is_own_host(hosts[0], self._host):
            return response(HTTPStatus.FORBIDDEN, b"moodring answers to its own address alone\n")
        if not is_own_origin(request.headers.get_all("Origin"), hosts[0]):
            return response(HTTPStatus.FORBIDDEN, b"moodring does not take requests from other pages\n")
        path = request.path.partition("?")[0]
        if path != "/readings":
            return self._pages.answer(path, hosts[0])
        if self._connections >= MOST_CLIENTS:
            return response(HTTPStatus.SERVICE_UNAVAILABLE, b"too many pages are open\n")
        return None

    async def _attend(self, connection: ServerConnection) -> None:
        """One page, from its hello to its end."""
        if self._connections >= MOST_CLIENTS:  # it shook hands while others did
            await connection.close(CloseCode.TRY_AGAIN_LATER)
            return
        self._connections += 1
        client = _Client(self, connection, self._controls)
        sending = asyncio.ensure_future(client.outbox.send_all([self._hello, *([self._shown] if self._shown else [])]))
        self._clients.add(client)
        try:
            async for message in connection:
                self.malformed += not client.take(message)
        except ConnectionClosed as closed:
            self.malformed += closed.sent is not None and closed.sent.code == CloseCode.MESSAGE_TOO_BIG
        finally:
            self._clients.discard(client)
            self._connections -= 1
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionClosed):
                await sending


class _Client:
    """A page: what waits to be sent to it, and the label that waits to be asked for. On the loop's thread alone."""

    def __init__(self, server: Server, connection: ServerConnection, controls: Controls | None) -> None:
        self._server, self._controls = server, controls
        self.outbox = Outbox(connection, MOST_NOTES)
        self._is_asking = False
        self._next_label: Label | None = None

    def take(self, message: str | bytes) -> bool:
        """Ask for the label that ``message`` is; False where it is none.

        One at a time: while the session has not done the last, only the newest waits, so that a page cannot crowd out
        what others ask.
        """
        label = parse_label(message)
        if label is None:
            return False
        self._next_label = label
        self._ask()
        return True

    def answered(self, text: str, is_done: bool) -> None:
        """The session has done what was asked, or not."""
        self._is_asking = False
        self._tell(text, is_done)
        self._ask()

    def _ask(self) -> None:
        if self._is_asking or self._next_label is None:
            return
        label, self._next_label = self._next_label, None
        if self._controls is None:
            self._tell("ratings are not taken here", False)
            return
        self._is_asking = self._controls.ask(label, lambda text, is_done: self._server.answer(self, text, is_done))
        if not self._is_asking:
            self._tell("too much is asked at once: try again", False)

    def _tell(self, text: str, is_done: bool) -> None:
        self.outbox.put([json.dumps({"type": "answer", "text": text, "done": is_done})])


def parse_label(message: str | bytes) -> Label | None:
    """The label in a page's ``message``, None for anything else: valence and arousal are numbers on −1…1."""
    if isinstance(message, bytes):
        return None
    try:
        fields = json.loads(message)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict) or fields.keys() != {"type", "valence", "arousal"} or fields["type"] != "label":
        return None
    place = fields["valence"], fields["arousal"]
    if not all(type(value) in (int, float) and -1.0 <= value <= 1.0 and math.isfinite(value) for value in place):
        return None
    return Label(float(place[0]), float(place[1]))
