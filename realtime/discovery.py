"""Found without typing addresses: the OSC port announced on the network, and its addresses listed over HTTP.

Announced by DNS-SD (RFC 6763 over multicast DNS) as ``_osc._udp`` and ``_oscjson._tcp``; the second is an OSCQuery
server (Vidvox, "OSC Query Proposal"), which a program such as a light desk or a visuals host asks for the tree of
addresses: a JSON object a node, with FULL_PATH, CONTENTS, TYPE, ACCESS, RANGE, UNIT, DESCRIPTION and VALUE.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import math
import socket
import socketserver
import threading
from collections.abc import Callable, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote

from realtime.ports import claimed

if TYPE_CHECKING:
    from zeroconf import ServiceInfo
    from zeroconf.asyncio import AsyncZeroconf

#: What may be asked of a node, whether or not it has it.
ATTRIBUTES = ("FULL_PATH", "CONTENTS", "TYPE", "ACCESS", "RANGE", "UNIT", "DESCRIPTION", "VALUE")

#: Who may ask at the same time, and how long one may take to say what, in seconds.
_MOST_ASKING, _PATIENCE_S = 16, 2.0

#: How long taking an announcement back may take, in seconds.
_LAST_WORDS_S = 0.9

#: How long the name of a service may be, in bytes (RFC 6763, 4.1.1).
_LONGEST_NAME = 63

_CONTAINER, _READ, _WRITE = 0, 1, 2


class Described(Protocol):
    """An OSC address and what is sent there.

    ``types`` has a letter an argument, as OSC tags them; ``low`` and ``high`` are the range of each, None where there
    is none.
    """

    @property
    def path(self) -> str: ...  # noqa: D102
    @property
    def types(self) -> str: ...  # noqa: D102
    @property
    def low(self) -> float | None: ...  # noqa: D102
    @property
    def high(self) -> float | None: ...  # noqa: D102
    @property
    def unit(self) -> str: ...  # noqa: D102
    @property
    def meaning(self) -> str: ...  # noqa: D102


#: The newest arguments sent to a path, None where there are none yet.
Values = Callable[[str], Sequence[float | int | str] | None]


class Announced:
    """Announces the OSC port ``osc_port`` and lists ``addresses`` (which are sent) and ``controls`` (which are taken).

    On this machine alone unless another ``host`` is given: an address of it, or 0.0.0.0 for all. The list is served on
    ``http_port``, any that is free for 0. ``osc_port`` is None where none is listened on. ``values`` is asked for what
    was last sent, on threads of the server. Announcing goes on behind the session's back, and what comes in its way is
    told by ``problem``: there may be no network, or none that carries multicast.

    Raises MoodringError where the HTTP port cannot be had, UsageError for one outside 0..65535.
    """

    def __init__(
        self,
        osc_port: int | None,
        *,
        addresses: Sequence[Described],
        controls: Sequence[Described] = (),
        host: str = "127.0.0.1",
        http_port: int = 0,
        values: Values = lambda path: None,
    ) -> None:
        self.problem = ""
        self.name = service_name(socket.gethostname())
        self._host, self._osc_port = host, osc_port
        self._root = tree([*((each, _READ) for each in addresses), *((each, _WRITE) for each in controls)])
        self._values = values
        self._server = _listening(host, http_port, self._answer)
        self.http_port = int(self._server.server_address[1])
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None
        self._lock = threading.Lock()
        self._is_closed = False
        self._threads = [
            threading.Thread(target=self._server.serve_forever, args=(0.1,), name="oscquery", daemon=True),
            threading.Thread(target=self._announce, name="announce", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def url(self) -> str:
        """Where the list is, for a program on this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(self._host, self._host)
        return f"http://[{host}]:{self.http_port}/" if ":" in host else f"http://{host}:{self.http_port}/"

    def close(self) -> None:
        """Take the announcement back and stop serving, within 2 s. May be called twice."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            if self._loop is not None and self._end is not None:
                with contextlib.suppress(RuntimeError):  # it has ended for want of a network
                    self._loop.call_soon_threadsafe(self._end.set)
        self._server.shutdown()
        self._server.server_close()
        for thread in self._threads:
            thread.join(_LAST_WORDS_S)

    def _announce(self) -> None:
        asyncio.run(self._announce_until_closed())

    async def _announce_until_closed(self) -> None:
        from zeroconf.asyncio import AsyncZeroconf

        with self._lock:
            if self._is_closed:
                return
            self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        try:
            addresses = _addresses(self._host)
            announcing = AsyncZeroconf(interfaces=addresses)
        except OSError as failure:
            self._complain(failure)
            return
        kinds = [("_oscjson._tcp.local.", self.http_port)]
        kinds += [("_osc._udp.local.", self._osc_port)] if self._osc_port is not None else []
        services = [self._service(kind, port, addresses) for kind, port in kinds]
        # At the same time, since each listens for others of its name for more than a second.
        registering = [asyncio.ensure_future(self._register(announcing, service)) for service in services]
        await self._end.wait()
        for task in registering:
            task.cancel()
        await asyncio.gather(*registering, return_exceptions=True)
        # The network may have gone since; then nobody is left to tell.
        with contextlib.suppress(OSError, TimeoutError):
            await asyncio.wait_for(announcing.async_close(), _LAST_WORDS_S)

    def _service(self, kind: str, port: int, addresses: Sequence[str]) -> ServiceInfo:
        from zeroconf import ServiceInfo

        host = socket.gethostname().partition(".")[0] or "moodring"
        packed = [socket.inet_pton(socket.AF_INET6 if ":" in each else socket.AF_INET, each) for each in addresses]
        # A name of our own, so that nothing is said of the addresses that the machine's own name stands for.
        server = f"moodring-{host[:40]}.local."
        return ServiceInfo(
            kind, f"{self.name}.{kind}", port=port, addresses=packed, properties={"txtvers": "1"}, server=server
        )

    async def _register(self, announcing: AsyncZeroconf, service: ServiceInfo) -> None:
        import zeroconf

        try:
            await (await announcing.async_register_service(service, allow_name_change=True))
        except (OSError, zeroconf.Error) as failure:
            self._complain(failure)
        else:
            self.name = service.name.removesuffix(f".{service.type}")

    def _complain(self, failure: Exception) -> None:
        reason = getattr(failure, "strerror", None) or str(failure) or type(failure).__name__
        with self._lock:
            if not self._is_closed:
                self.problem = f"not announced on the network: {' '.join(reason.split())}"

    def _answer(self, path: str, question: str) -> tuple[HTTPStatus, Any]:
        """What is answered to ``path?question``: a status, and a value for JSON."""
        if question == "HOST_INFO":
            return HTTPStatus.OK, self._host_info()
        node = find(self._root, path)
        if node is None:
            return HTTPStatus.NOT_FOUND, None
        node = self._with_values(node)
        if not question:
            return HTTPStatus.OK, node
        if question not in ATTRIBUTES:
            return HTTPStatus.BAD_REQUEST, None
        return (HTTPStatus.OK, {question: node[question]}) if question in node else (HTTPStatus.NO_CONTENT, None)

    def _host_info(self) -> dict[str, Any]:
        told: dict[str, Any] = {"NAME": self.name, "OSC_TRANSPORT": "UDP"}
        if self._osc_port is not None:
            told["OSC_PORT"] = self._osc_port
        if self._host not in ("", "0.0.0.0", "::"):
            told["OSC_IP"] = self._host
        return told | {"EXTENSIONS": dict.fromkeys(("ACCESS", "VALUE", "RANGE", "DESCRIPTION", "UNIT"), True)}

    def _with_values(self, node: dict[str, Any]) -> dict[str, Any]:
        if "CONTENTS" in node:
            node = node | {"CONTENTS": {name: self._with_values(each) for name, each in node["CONTENTS"].items()}}
        values = self._values(node["FULL_PATH"]) if node["ACCESS"] == _READ else None
        return node if values is None else node | {"VALUE": [_speakable(value) for value in values]}


def service_name(host: str) -> str:
    """What ``host`` is announced as: "moodring on HOST", cut to what DNS-SD lets a name be."""
    named = f"moodring on {host.partition('.')[0] or 'this machine'}"
    return named.encode()[:_LONGEST_NAME].decode(errors="ignore")


def tree(addresses: Sequence[tuple[Described, int]]) -> dict[str, Any]:
    """The OSCQuery node of the root, with every address below it; the number beside each is its ACCESS."""
    root = _container("/")
    for address, access in addresses:
        node, path = root, ""
        *parents, last = address.path.strip("/").split("/")
        for name in parents:
            path += f"/{name}"
            # A path may be both: valence, and below it its spread.
            node = node.setdefault("CONTENTS", {}).setdefault(name, _container(path))
        leaf = _leaf(address, access)
        known = node.setdefault("CONTENTS", {}).get(last, {})
        node["CONTENTS"][last] = leaf | {name: known[name] for name in ("CONTENTS",) if name in known}
    return root


def find(root: dict[str, Any], path: str) -> dict[str, Any] | None:
    """The node at ``path``; None where there is none."""
    node: dict[str, Any] | None = root
    for name in path.strip("/").split("/") if path.strip("/") else ():
        node = node.get("CONTENTS", {}).get(name) if node is not None else None
    return node


def _container(path: str) -> dict[str, Any]:
    return {"FULL_PATH": path, "ACCESS": _CONTAINER, "CONTENTS": {}}


def _leaf(address: Described, access: int) -> dict[str, Any]:
    arguments = len(address.types)
    leaf: dict[str, Any] = {
        "FULL_PATH": address.path,
        "TYPE": address.types,
        "ACCESS": access,
        "DESCRIPTION": address.meaning,
    }
    ends = {name: end for name, end in (("MIN", address.low), ("MAX", address.high)) if end is not None}
    if ends:
        leaf["RANGE"] = [ends] * arguments
    if address.unit:
        leaf["UNIT"] = [address.unit] * arguments
    return leaf


def _speakable(value: float | int | str) -> float | int | str | None:
    """``value``, or None for what JSON has no word for."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _addresses(host: str) -> list[str]:
    """The addresses of this machine that ``host`` stands for: all but those of loopback where it stands for all."""
    if host not in ("", "0.0.0.0", "::"):
        return [str(socket.getaddrinfo(host, None)[0][4][0])]
    import ifaddr

    found = [str(ip.ip) for adapter in ifaddr.get_adapters() for ip in adapter.ips if ip.is_IPv4]
    found = [address for address in found if not address.startswith("127.")]
    if not found:
        raise OSError(errno.ENETUNREACH, "this machine has no network")
    return found


class _Server(socketserver.ThreadingTCPServer):
    """Plain TCP below HTTP, since ``http.server`` looks its own name up, which can take seconds without a network."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = _MOST_ASKING

    def __init__(self, *arguments: Any) -> None:
        self._asking = threading.BoundedSemaphore(_MOST_ASKING)
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._asking.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._asking.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: whoever asked has gone, and standard error is under the dashboard."""


def _listening(host: str, port: int, answer: Callable[[str, str], tuple[HTTPStatus, Any]]) -> _Server:
    """An OSCQuery server that is not yet running. Raises as ``Announced`` does."""

    class Handler(BaseHTTPRequestHandler):
        timeout = _PATIENCE_S
        server_version, sys_version = "moodring", ""

        def do_GET(self) -> None:
            path, _, question = self.path.partition("?")
            status, told = answer(unquote(path), unquote(question))
            body = b"" if told is None else json.dumps(told, allow_nan=False).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:
            """Nothing: standard error is under the dashboard."""

    with claimed(
        host,
        port,
        name="of the OSCQuery server",
        cannot="the OSC addresses cannot be listed",
        instead="leave the port to chance",
    ):
        family, *_, address = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
            0
        ]
        kind = type("_ServerOfFamily", (_Server,), {"address_family": family})
        return kind(address, Handler)  # type: ignore[no-any-return]
