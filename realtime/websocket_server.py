"""A WebSocket server on a thread with an event loop of its own, which nothing outside it waits for.

The same port answers plain HTTP. The page for the projector and the list of OSC addresses are served by it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from realtime.ports import claimed

#: Connections that wait to be accepted.
_BACKLOG = 16

#: The longest message that is taken, in bytes.
LONGEST_MESSAGE = 1024

#: What the system may hold back for a slow client, in bytes: a few seconds of readings, so that it sees the present.
_HELD_BACK = 16384

#: How long a client may take to say what it wants, and to say goodbye, and ``close`` for all of it, in seconds.
_OPENING_S, _GOODBYE_S, _LAST_WAIT_S = 5.0, 0.3, 0.9

#: A server is no place for the words of strangers: what a client does wrong is counted, not logged.
_SILENT = logging.getLogger("moodring.websockets")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False
_SILENT.setLevel(logging.CRITICAL + 1)

#: Who is let in: None to go on to the WebSocket, or what is answered instead.
Admit = Callable[[Request], Response | None]

#: What is done for one connection, from its beginning to its end.
Attend = Callable[[ServerConnection], Awaitable[None]]


class WebSocketServer:
    """Serves on ``bound``, a listening socket of ``host``, until ``close``.

    Each request is put before ``admit``; ``attend`` runs for as long as a connection lasts. Both are called on the
    server's thread, which is called ``name``.
    """

    def __init__(self, bound: socket.socket, host: str, *, admit: Admit, attend: Attend, name: str) -> None:
        self._host, self.port = host, int(bound.getsockname()[1])
        self._socket = bound
        self._admit, self._attend = admit, attend
        self._lock = threading.Lock()
        self._is_closed = False
        self._loop = asyncio.new_event_loop()
        self._end = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it is, for a program on this machine, or on the network where ``host`` names an address of it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(self._host, self._host)
        return f"http://[{host}]:{self.port}/" if ":" in host else f"http://{host}:{self.port}/"

    def soon(self, do: Callable[..., object], *arguments: object) -> None:
        """Have ``do`` called on the server's thread. Neither waits nor raises; after the end nothing is done."""
        # A loop that has ended, for whatever reason, must not end the session.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(do, *arguments)

    def close(self) -> None:
        """End every connection and the thread, within a second. May be called twice."""
        with self._lock:
            first, self._is_closed = not self._is_closed, True
        if first:
            self.soon(self._end.set)
            self._thread.join(_LAST_WAIT_S)

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
            process_request=lambda connection, request: self._admit(request),
            compression=None,
            max_size=LONGEST_MESSAGE,
            open_timeout=_OPENING_S,
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


class Outbox:
    """What waits to be sent over one connection: messages in their order, and behind them the newest of a kind.

    At most ``length`` messages wait. On the server's thread alone.
    """

    def __init__(self, connection: ServerConnection, length: int) -> None:
        self._connection = connection
        held = connection.transport.get_extra_info("socket")
        held.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _HELD_BACK)
        self._messages: deque[str | bytes] = deque(maxlen=length)
        self._newest: str | None = None
        self._waits = asyncio.Event()

    def __len__(self) -> int:
        return len(self._messages)

    def put(self, messages: Sequence[str | bytes], newest: str | None = None) -> bool:
        """Have these sent; whether a ``newest`` that still waited gave way. Of too many messages the oldest do."""
        gave_way = newest is not None and self._newest is not None
        self._newest = newest or self._newest
        self._messages.extend(messages)
        self._waits.set()
        return gave_way

    async def send_all(self, first: Sequence[str] = ()) -> None:
        """Send ``first`` and then whatever is put in, for as long as the client takes it."""
        for text in first:
            await self._connection.send(text)
        while True:
            await self._waits.wait()
            self._waits.clear()
            messages, newest = list(self._messages), self._newest
            self._messages.clear()
            self._newest = None
            for message in [*messages, *([newest] if newest else [])]:
                await self._connection.send(message)


def listening_socket(host: str, port: int, *, name: str, cannot: str, instead: str) -> socket.socket:
    """A TCP socket that listens on ``port`` (0 for any that is free) of ``host``.

    The words, and what is raised, are those of ``claimed``.
    """
    with claimed(host, port, name=name, cannot=cannot, instead=instead):
        family = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)


def response(
    status: HTTPStatus, body: bytes, kind: str = "text/plain; charset=utf-8", more: Mapping[str, str] | None = None
) -> Response:
    """An answer over plain HTTP, which ends the connection: ``body`` of the content type ``kind``, ``more`` headers."""
    headers = Headers()
    headers["Content-Type"] = kind
    headers["Content-Length"] = str(len(body))
    headers["Connection"] = "close"
    headers["Cache-Control"] = "no-store"
    headers["X-Content-Type-Options"] = "nosniff"
    for name, value in (more or {}).items():
        headers[name] = value
    return Response(status.value, status.phrase, headers, body)
