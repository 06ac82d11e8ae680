"""The OSCQuery server: the tree of OSC addresses over HTTP, and what is sent to them over a WebSocket at the same port.

A client sends ``{"COMMAND": "LISTEN", "DATA": "/moodring/valence"}`` as text, and from then on is sent each OSC message
to that address as it goes out, a packet a binary message; ``IGNORE`` ends that. What a client sends as binary is
dropped: controls are taken over UDP.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections import deque
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.http11 import Request, Response

from realtime.admission import is_own_host, is_own_origin
from realtime.osc_query import Described, Tree
from realtime.websocket_server import Outbox, WebSocketServer, listening_socket, response

if TYPE_CHECKING:
    from pythonosc.osc_message import OscMessage

#: Clients with a WebSocket at a time, and messages that wait to be handed to them.
MOST_CLIENTS = 16
_MOST_WAITING = 256

_KIND = "application/json"


class OscQueryServer:
    """Lists ``sent`` and ``taken`` addresses on ``host`` and ``port`` (0 for any that is free).

    ``info`` is asked for what HOST_INFO says; ``hear`` is to be given every message that is sent. ``malformed`` counts
    what clients said that is no command.

    Raises MoodringError where the port cannot be had, UsageError for one outside 0..65535.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        sent: Sequence[Described],
        taken: Sequence[Described],
        info: Callable[[], dict[str, Any]],
    ) -> None:
        self.malformed = 0
        self._host, self._info = host, info
        self._newest: dict[str, Sequence[Any]] = {}
        self._tree = Tree(sent, taken, self._newest.get)
        self._clients: dict[Outbox, set[str]] = {}
        #: What any client listens to: replaced as a whole, since the sender's thread looks at it.
        self._listened: frozenset[str] = frozenset()
        self._lock = threading.Lock()
        self._waiting: deque[tuple[str, bytes]] = deque(maxlen=_MOST_WAITING)
        self._is_woken = False
        bound = listening_socket(
            host,
            port,
            name="of the OSCQuery server",
            cannot="the OSC addresses cannot be listed",
            instead="leave the port to chance",
        )
        self._server = WebSocketServer(bound, host, admit=self._admit, attend=self._attend, name="oscquery")
        self.port, self.url = self._server.port, self._server.url

    def hear(self, messages: Sequence[OscMessage]) -> None:
        """Keep what has been sent, and pass it on to those who listen. Neither waits nor raises."""
        for message in messages:
            self._newest[message.address] = message.params
        listened = self._listened
        wanted = [(message.address, message.dgram) for message in messages if message.address in listened]
        if not wanted:
            return
        with self._lock:
            self._waiting.extend(wanted)
            if self._is_woken:
                return
            self._is_woken = True
        self._server.soon(self._spread)

    def close(self) -> None:
        """End every connection and the thread, within a second. May be called twice."""
        self._server.close()

    def _spread(self) -> None:
        with self._lock:
            waiting = list(self._waiting)
            self._waiting.clear()
            self._is_woken = False
        for outbox, paths in self._clients.items():
            if packets := [packet for address, packet in waiting if address in paths]:
                outbox.put(packets)

    def _admit(self, request: Request) -> Response | None:
        """The answer to a question, or None to go on to the WebSocket."""
        origins = request.headers.get_all("Origin")
        host = (request.headers.get_all("Host") or [""])[0]
        # A program that is no browser sends no Origin, and may call this machine what it was announced as.
        if origins and not (is_own_host(host, self._host) and is_own_origin(origins, host)):
            return response(HTTPStatus.FORBIDDEN, b"")
        if request.headers.get("Upgrade", "").lower() == "websocket":
            if len(self._clients) >= MOST_CLIENTS:
                return response(HTTPStatus.SERVICE_UNAVAILABLE, b"")
            return None
        path, _, question = request.path.partition("?")
        if question == "HOST_INFO":
            status, told = HTTPStatus.OK, self._info()
        else:
            status, answer = self._tree.answer(unquote(path), unquote(question))
            if answer is None:
                return response(status, b"", _KIND)
            told = answer
        return response(status, json.dumps(told, allow_nan=False).encode(), _KIND)

    async def _attend(self, connection: ServerConnection) -> None:
        """One client, from its first command to its end."""
        if len(self._clients) >= MOST_CLIENTS:  # it shook hands while others did
            await connection.close(CloseCode.TRY_AGAIN_LATER)
            return
        outbox = Outbox(connection, _MOST_WAITING)
        paths = self._clients[outbox] = set()
        sending = asyncio.ensure_future(outbox.send_all())
        try:
            async for message in connection:
                self.malformed += not self._take(message, paths)
        except ConnectionClosed as closed:
            self.malformed += closed.sent is not None and closed.sent.code == CloseCode.MESSAGE_TOO_BIG
        finally:
            del self._clients[outbox]
            self._listen()
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionClosed):
                await sending

    def _take(self, message: str | bytes, paths: set[str]) -> bool:
        """Do what a client says; False where it is no command, or is about what is not sent."""
        command, path = _command(message)
        if command == "LISTEN" and self._tree.is_sent(path):
            paths.add(path)
        elif command == "IGNORE" and path in paths:
            paths.discard(path)
        else:
            return False
        self._listen()
        return True

    def _listen(self) -> None:
        self._listened = frozenset().union(*self._clients.values())


def _command(message: str | bytes) -> tuple[str, str]:
    """A client's command and what it is about; two empty strings for what is none."""
    try:
        said = json.loads(message) if isinstance(message, str) else None
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        return "", ""
    command, about = said.get("COMMAND"), said.get("DATA")
    return (command, about) if isinstance(command, str) and isinstance(about, str) else ("", "")
