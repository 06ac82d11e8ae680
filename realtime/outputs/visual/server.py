"""The page's server: one thread with an event loop of its own, which nothing outside it waits for.

What comes from the session is kept as the newest reading and a few notes, and the loop is woken at most once for it,
so that neither a flood of readings nor a slow browser takes memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import math
import socket
import threading
from collections import deque
from collections.abc import Callable, Sequence
from http import HTTPStatus
from pathlib import Path

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.http11 import Request, Response

from realtime.controls import Controls, Label
from realtime.outputs.visual.admission import is_own_host, is_own_origin
from realtime.outputs.visual.responses import response
from realtime.ports import claimed

#: Pages at a time, and notes that wait to be sent to each.
MOST_CLIENTS = 16
MOST_NOTES = 64

#: The longest message that a page may send, in bytes; a label has sixty.
LONGEST_MESSAGE = 1024

#: What the system may hold back for a slow page, in bytes: a few seconds of readings, so that it sees the present soon.
_HELD_BACK = 16384

#: How long a page may take to say goodbye, and ``close`` for all of it, in seconds.
_GOODBYE_S, _LAST_WAIT_S = 0.3, 0.9

#: A server is no place for the words of strangers: what a client does wrong is counted, not logged.
_SILENT = logging.getLogger("moodring.visual")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False
_SILENT.setLevel(logging.CRITICAL + 1)


class Server:
    """Serves the page and its WebSocket on ``host`` and ``port``; ``hello`` is the first that each page is told.

    Raises MoodringError where the port cannot be had, UsageError for one outside 0..65535.
    """

    def __init__(self, host: str, port: int, hello: str, controls: Controls | None) -> None:
        self.skipped = 0
        self.malformed = 0
        self._socket = listening_socket(host, port)
        self._host, self._port = host, int(self._socket.getsockname()[1])
        self._hello, self._controls = hello, controls
        self._page = Path(__file__).with_name("page.html").read_bytes()
        self._clients: set[_Client] = set()
        self._connections = 0
        self._lock = threading.Lock()
        self._newest: str | None = None
        self._shown: str | None = None
        self._notes: deque[str] = deque(maxlen=MOST_NOTES)
        self._is_woken = False
        self._is_closed = False
        self._loop = asyncio.new_event_loop()
        self._end = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="visual-server", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where the page is."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(self._host, self._host)
        return f"http://[{host}]:{self._port}/" if ":" in host else f"http://{host}:{self._port}/"

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
        with self._lock:
            first, self._is_closed = not self._is_closed, True
        if first:
            self._on_loop(self._end.set)
            self._thread.join(_LAST_WAIT_S)

    def answer(self, client: _Client, text: str, is_done: bool) -> None:
        """Tell ``client`` what came of its label; called on the session's thread."""
        with self._lock:
            if not self._is_closed:
                self._on_loop(client.answered, text, is_done)

    def _wake(self) -> None:
        with self._lock:
            if self._is_woken or self._is_closed:
                return
            self._is_woken = True
            self._on_loop(self._spread)

    def _on_loop(self, do: Callable[..., object], *arguments: object) -> None:
        # A loop that has ended, for whatever reason, must not end the session.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(do, *arguments)

    def _spread(self) -> None:
        with self._lock:
            newest, self._newest = self._newest, None
            notes = list(self._notes)
            self._notes.clear()
            self._is_woken = False
        self._shown = newest or self._shown
        for client in self._clients:
            self.skipped += client.offer(newest, notes)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        server = await serve(
            self._attend,
            sock=self._socket,
            process_request=self._admit,
            compression=None,
            max_size=LONGEST_MESSAGE,
            open_timeout=5.0,
            close_timeout=_GOODBYE_S,
            server_header=None,
            logger=_SILENT,
        )
        await self._end.wait()
        server.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(server.wait_closed(), _GOODBYE_S + 0.1)
        # Whoever has not finished shaking hands is not waited for.
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.wait(others, timeout=0.1) if others else None

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """The page, a refusal, or None to go on to the WebSocket."""
        hosts = request.headers.get_all("Host")
        if len(hosts) != 1 or not is_own_host(hosts[0], self._host):
            return response(HTTPStatus.FORBIDDEN, b"moodring answers to its own address alone\n")
        if not is_own_origin(request.headers.get_all("Origin"), hosts[0]):
            return response(HTTPStatus.FORBIDDEN, b"moodring does not take requests from other pages\n")
        path = request.path.partition("?")[0]
        if path == "/":
            return response(HTTPStatus.OK, self._page, hosts[0])
        if path != "/readings":
            return response(HTTPStatus.NOT_FOUND, b"there is one page here: /\n")
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
        sending = asyncio.ensure_future(client.send_all([self._hello, *([self._shown] if self._shown else [])]))
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
        self._server, self._connection, self._controls = server, connection, controls
        held = connection.transport.get_extra_info("socket")
        held.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _HELD_BACK)
        self._reading: str | None = None
        self._texts: deque[str] = deque(maxlen=MOST_NOTES)
        self._waits = asyncio.Event()
        self._is_asking = False
        self._next_label: Label | None = None

    def offer(self, reading: str | None, notes: Sequence[str]) -> bool:
        """Have these sent; whether a reading that still waited gave way."""
        gave_way = reading is not None and self._reading is not None
        self._reading = reading or self._reading
        self._texts.extend(notes)
        self._waits.set()
        return gave_way

    async def send_all(self, first: Sequence[str]) -> None:
        """Send ``first`` and then whatever is offered, for as long as the page takes it."""
        for text in first:
            await self._connection.send(text)
        while True:
            await self._waits.wait()
            self._waits.clear()
            texts, reading = list(self._texts), self._reading
            self._texts.clear()
            self._reading = None
            for text in [*texts, *([reading] if reading else [])]:
                await self._connection.send(text)

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
        self._texts.append(json.dumps({"type": "answer", "text": text, "done": is_done}))
        self._waits.set()


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


def listening_socket(host: str, port: int) -> socket.socket:
    """A TCP socket that listens on ``host`` and ``port``. Raises as ``Server`` does."""
    instead = f"give another port (--visual {port + 1 if port < 65535 else 8765})"
    with claimed(host, port, name="of the visual page", cannot="the visual page cannot be served", instead=instead):
        family = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        return socket.create_server((host, port), family=family, backlog=MOST_CLIENTS)
