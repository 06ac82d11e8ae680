"""Readings over OSC (Open Sound Control 1.0, UDP), for TouchDesigner, Max, Processing and their like.

One message an address and a reading: ``/moodring/state`` (a string), ``/moodring/valence`` and ``/moodring/arousal``
(a float in −1…1, 0 for neutral), ``/moodring/valence/std`` and ``/moodring/arousal/std`` (the spread, same scale).
Single messages rather than a bundle, because simple receivers know nothing of bundles.
"""

from __future__ import annotations

import contextlib
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from models.affect import HALF_RANGE, Reading
from models.errors import UsageError
from realtime.outputs import Status

#: How long to leave a name that did not resolve, or a network that is not there, before trying again.
RETRY_S = 3.0

#: How long the constructor waits for a name to resolve, so that a local name is there for the first reading.
FIRST_RESOLUTION_S = 0.5

_Address = tuple[socket.AddressFamily, Any]


def parse_target(target: str) -> tuple[str, int]:
    """The host and port in ``HOST:PORT``, ``[IPv6]:PORT`` or a bare ``PORT`` on this machine.

    Raises UsageError, saying what was wrong and what was given.
    """
    host, colon, port = target.rpartition(":")
    if not colon:
        if not target.isdecimal():
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
    return host, int(port)


class Osc:
    """Sends every reading to ``host`` and ``port``, and never stops the music for it.

    ``write`` neither blocks nor raises: while a name does not resolve, a network is away, nobody listens or the
    socket's buffer is full, readings go nowhere and ``failures`` counts them. A listener may come and go. Names are
    resolved on a thread of their own, and again at most every ``RETRY_S`` seconds of ``clock``.
    """

    def __init__(self, host: str, port: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        # Loading python-osc takes tens of milliseconds, which only those who ask for OSC should pay.
        from pythonosc.osc_message_builder import build_msg

        self.failures = 0
        self._encode: Callable[[str, str | float], bytes] = lambda address, value: build_msg(address, value).dgram
        self._host, self._port, self._clock = host, port, clock
        self._socket: socket.socket | None = None
        self._addresses: list[_Address] = []
        self._resolver: threading.Thread | None = None
        self._next_attempt_s = -math.inf
        self._closed = False
        self._look_up(wait_s=FIRST_RESOLUTION_S)

    def write(self, reading: Reading, status: Status) -> None:
        """Send one reading, or count it in ``failures``. After ``close`` it goes nowhere."""
        if self._closed:
            return
        if self._socket is None:
            self._connect()
        arrived = [self._send(self._encode(address, value)) for address, value in _messages(reading)]
        self.failures += not all(arrived)

    def close(self) -> None:
        """Close the socket. May be called twice."""
        self._closed = True
        self._disconnect()

    def _send(self, datagram: bytes) -> bool:
        if self._socket is None:
            return False
        try:
            self._socket.send(datagram)
        except BlockingIOError:
            return False
        except ConnectionRefusedError:
            # It is an earlier datagram that was refused; this one has not been sent. A name may stand for several
            # addresses (localhost for 127.0.0.1 and ::1) of which one is listened on: the next one gets this.
            self._addresses = self._addresses[1:] + self._addresses[:1]
            self._disconnect()
            self._connect()
            with contextlib.suppress(OSError):
                if self._socket is not None:
                    self._socket.send(datagram)
            return False
        except OSError:
            self._forget()
            return False
        return True

    def _connect(self) -> None:
        """Open a socket to the first address that can be reached; without one, look the name up again when due.

        Connected, because only a connected UDP socket learns that nobody listens.
        """
        if not self._addresses:
            self._look_up()
        for family, address in self._addresses:
            with contextlib.ExitStack() as undo, contextlib.suppress(OSError):
                candidate = undo.enter_context(socket.socket(family, socket.SOCK_DGRAM))
                candidate.setblocking(False)
                candidate.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
                candidate.connect(address)
                undo.pop_all()
                self._socket = candidate
                return
        self._forget()

    def _disconnect(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _forget(self) -> None:
        """Start over: with the network that went away, the address behind the name may have changed."""
        self._disconnect()
        self._addresses = []

    def _look_up(self, wait_s: float = 0.0) -> None:
        """Resolve the name on a thread, unless that is under way or was tried a moment ago; wait ``wait_s`` for it."""
        now_s = self._clock()
        if now_s < self._next_attempt_s or (self._resolver is not None and self._resolver.is_alive()):
            return
        self._next_attempt_s = now_s + RETRY_S
        self._resolver = threading.Thread(target=self._resolve, name="osc-resolver", daemon=True)
        self._resolver.start()
        self._resolver.join(wait_s)

    def _resolve(self) -> None:
        # UnicodeError: a name that the international encoding of host names refuses.
        with contextlib.suppress(OSError, UnicodeError):
            found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_DGRAM)
            # Most OSC receivers listen on IPv4 alone.
            found.sort(key=lambda entry: entry[0] != socket.AF_INET)
            self._addresses = [(family, address) for family, _, _, _, address in found]


def _messages(reading: Reading) -> Iterator[tuple[str, str | float]]:
    """Addresses and values, the state first so that a receiver knows what to make of the numbers.

    Native floats, since python-osc knows no others; values that are not finite are left out, since a picture that is
    driven by one breaks.
    """
    yield "/moodring/state", reading.state.value
    for address, value in (
        ("/moodring/valence", _within_one(reading.valence_norm)),
        ("/moodring/arousal", _within_one(reading.arousal_norm)),
        ("/moodring/valence/std", reading.valence_std / HALF_RANGE),
        ("/moodring/arousal/std", reading.arousal_std / HALF_RANGE),
    ):
        if math.isfinite(value):
            yield address, float(value)


def _within_one(value: float) -> float:
    """``value``, held to the −1…1 that receivers are promised: a network may overshoot its scale."""
    return value if math.isnan(value) else max(-1.0, min(1.0, value))
