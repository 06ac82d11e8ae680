"""Where OSC goes: targets as people write them, and the addresses behind a name, looked up without waiting."""

from __future__ import annotations

import contextlib
import math
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from models.errors import UsageError

#: How a target is reached: datagrams, a stream framed by SLIP (OSC 1.1), or one framed by lengths (OSC 1.0).
Transport = Literal["udp", "tcp", "tcp-1.0"]
_TRANSPORTS: tuple[Transport, ...] = ("udp", "tcp", "tcp-1.0")

#: How long to leave a name that did not resolve, or a network that is not there, before trying again.
RETRY_S = 3.0

#: For so long it is said what went wrong with a target: on UDP one hears of a refusal only now and then.
_SAID_S = 1.0

Endpoint = tuple[socket.AddressFamily, Any]


@dataclass(frozen=True, slots=True)
class Target:
    """A receiver: host name or IP address, port 1…65535, and how it is reached."""

    host: str
    port: int
    transport: Transport = "udp"

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        scheme = "" if self.transport == "udp" else f"{self.transport}://"
        return f"{scheme}{host}:{self.port}"


def parse_target(target: str) -> Target:
    """The target in ``HOST:PORT``, ``[IPv6]:PORT`` or a bare ``PORT`` on this machine, perhaps after a ``tcp://``.

    ``udp://`` is what is meant without one; ``tcp-1.0://`` is TCP for programs that expect lengths instead of SLIP.
    Raises UsageError, saying what was wrong and what was given.
    """
    scheme, slashes, place = target.rpartition("://")
    transport = next((known for known in _TRANSPORTS if known == scheme), None) if slashes else "udp"
    if transport is None:
        raise UsageError(f"OSC goes over udp://, tcp:// or tcp-1.0://, not {scheme!r} as in {target!r}")
    host, colon, port = place.rpartition(":")
    if not colon:
        if not place.isdecimal():
            raise UsageError(f"OSC target must be HOST:PORT or PORT, such as 127.0.0.1:9000, not {target!r}")
        host = "127.0.0.1"
    elif host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise UsageError(f"OSC host must be in brackets when it is an IPv6 address, such as [::1]:9000, not {target!r}")
    if not host:
        raise UsageError(f"OSC host must be a name or an address, such as 127.0.0.1:9000, not empty as in {target!r}")
    if not (port.isascii() and port.isdecimal() and 1 <= int(port) <= 65535):
        raise UsageError(f"OSC port must be a whole number in 1..65535, not {port!r} as in {target!r}")
    return Target(host, int(port), transport)


class Lookup:
    """The endpoints of a target, found on a thread of their own, at most every ``RETRY_S`` seconds of ``clock``.

    ``endpoints`` are in the order in which they are to be tried, and empty while the name does not resolve.
    """

    def __init__(self, target: Target, clock: Callable[[], float]) -> None:
        self.endpoints: list[Endpoint] = []
        self._target, self._clock = target, clock
        self._thread: threading.Thread | None = None
        self._next_attempt_s = -math.inf

    @property
    def is_under_way(self) -> bool:
        """Whether an answer is awaited."""
        return self._thread is not None and self._thread.is_alive()

    def ask(self, wait_s: float = 0.0) -> None:
        """Look the name up, unless that is under way or was tried a moment ago; wait up to ``wait_s`` for it."""
        now_s = self._clock()
        if now_s >= self._next_attempt_s and not self.is_under_way:
            self._next_attempt_s = now_s + RETRY_S
            self._thread = threading.Thread(target=self._resolve, name="osc-lookup", daemon=True)
            self._thread.start()
        if wait_s and self._thread is not None:
            self._thread.join(wait_s)

    def turn(self) -> None:
        """Put the first endpoint last: a name may stand for several, of which one is listened on."""
        self.endpoints = self.endpoints[1:] + self.endpoints[:1]

    def forget(self) -> None:
        """Start over: with the network that went away, the endpoint behind the name may have changed."""
        self.endpoints = []

    def _resolve(self) -> None:
        kind = socket.SOCK_DGRAM if self._target.transport == "udp" else socket.SOCK_STREAM
        # UnicodeError: a name that the international encoding of host names refuses.
        with contextlib.suppress(OSError, UnicodeError):
            found = socket.getaddrinfo(self._target.host, self._target.port, type=kind)
            # Most OSC receivers listen on IPv4 alone.
            found.sort(key=lambda entry: entry[0] != socket.AF_INET)
            self.endpoints = [(family, address) for family, _, _, _, address in found]


class Report:
    """What was last wrong with a target, until it is a moment ago."""

    def __init__(self, target: Target, lookup: Lookup, clock: Callable[[], float]) -> None:
        self._target, self._lookup, self._clock = target, lookup, clock
        self._trouble, self._until_s = "", -math.inf

    def trouble(self, what: str) -> None:
        """``what`` is wrong, as a part of a sentence about the target."""
        self._trouble, self._until_s = what, self._clock() + _SAID_S

    def clear(self) -> None:
        """All is well."""
        self._until_s = -math.inf

    @property
    def complaint(self) -> str:
        """What is wrong with the target, as a part of a sentence about it; empty while nothing is."""
        if self._clock() < self._until_s:
            return self._trouble
        if not self._lookup.endpoints:
            return "looking the name up" if self._lookup.is_under_way else "the name does not resolve"
        return ""

    def words(self, sent: int, failures: int) -> str:
        """The target and how it fares, in one phrase."""
        return f"{self._target} {self.complaint or f'{sent} sent'}{f' ({failures} failed)' if failures else ''}"


def reason(error: OSError) -> str:
    """What went wrong, in the words of the operating system or in ours."""
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens"
    if isinstance(error, ConnectionError):
        return "closed the connection"
    return (error.strerror or str(error)).lower()
