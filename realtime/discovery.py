"""Found without typing addresses: the OSC port announced on the network, and its addresses listed.

Announced by DNS-SD (RFC 6763 over multicast DNS) as ``_osc._udp`` and ``_oscjson._tcp``; the second is an OSCQuery
server (``osc_query_server``), which a program such as a light desk or a visuals host asks for the tree of addresses.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from realtime.osc_query import Described, host_info

if TYPE_CHECKING:
    from pythonosc.osc_message import OscMessage
    from zeroconf import ServiceInfo
    from zeroconf.asyncio import AsyncZeroconf

#: How long taking an announcement back may take, in seconds.
_LAST_WORDS_S = 0.9

#: How long the name of a service may be, in bytes (RFC 6763, 4.1.1).
_LONGEST_NAME = 63


class Announced:
    """Announces the OSC port ``osc_port`` and lists ``addresses`` (which are sent) and ``controls`` (which are taken).

    On this machine alone unless another ``host`` is given: an address of it, or 0.0.0.0 for all. The list is served on
    ``http_port``, any that is free for 0. ``osc_port`` is None where none is listened on. ``hear`` is to be given what
    is sent. Announcing goes on behind the session's back, and what comes in its way is told by ``problem``: there may
    be no network, or none that carries multicast.

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
    ) -> None:
        # Loading websockets takes a tenth of a second, which only those who want to be found should pay.
        from realtime.osc_query_server import OscQueryServer

        self.problem = ""
        self.name = service_name(socket.gethostname())
        self._host, self._osc_port = host, osc_port
        self._server = OscQueryServer(
            host,
            http_port,
            sent=addresses,
            taken=controls,
            info=lambda: host_info(self.name, self._host, self._osc_port),
        )
        self.http_port, self.url = self._server.port, self._server.url
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None
        self._lock = threading.Lock()
        self._is_closed = False
        self._thread = threading.Thread(target=self._announce, name="announce", daemon=True)
        self._thread.start()

    @property
    def malformed(self) -> int:
        """What clients of the list said that is no command, and was dropped."""
        return self._server.malformed

    def hear(self, messages: Sequence[OscMessage]) -> None:
        """Have what is sent known as values, and passed on to those who listen. Neither waits nor raises."""
        self._server.hear(messages)

    def close(self) -> None:
        """Take the announcement back and stop serving, within 2 s. May be called twice."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            if self._loop is not None and self._end is not None:
                with contextlib.suppress(RuntimeError):  # it has ended for want of a network
                    self._loop.call_soon_threadsafe(self._end.set)
        self._server.close()
        self._thread.join(_LAST_WORDS_S)

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


def service_name(host: str) -> str:
    """What ``host`` is announced as: "moodring on HOST", cut to what DNS-SD lets a name be."""
    named = f"moodring on {host.partition('.')[0] or 'this machine'}"
    return named.encode()[:_LONGEST_NAME].decode(errors="ignore")


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
