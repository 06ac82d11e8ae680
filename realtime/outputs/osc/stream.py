"""OSC over TCP: packets framed by SLIP (OSC 1.1) or by their lengths (OSC 1.0)."""

from __future__ import annotations

import errno
import math
import os
import select
import socket
import struct
from collections import deque
from collections.abc import Callable, Sequence

from realtime.outputs.osc.targets import Lookup, Report, Target, reason

#: How long a target is left alone after a connection that was refused or lost.
RECONNECT_S = 1.0

#: How long a connection may take to come about before the next endpoint is tried.
CONNECT_S = 5.0

#: So many packets may wait for a receiver that does not read. Then all are left out: they would be shown late.
MOST_WAITING = 256

#: What the system itself may hold back for such a receiver, in bytes; left alone, some systems take megabytes.
_BUFFER = 32768

_IN_PROGRESS = (0, errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EAGAIN)


class Stream:
    """Sends to a target over a TCP connection that is made anew when it is lost; see ``Sender``."""

    def __init__(self, target: Target, clock: Callable[[], float]) -> None:
        # Loading python-osc takes tens of milliseconds, which only those who ask for OSC should pay.
        from pythonosc import slip

        self.sent = self.failures = 0
        self._frame: Callable[[bytes], bytes] = slip.encode if target.transport == "tcp" else _with_length
        self._clock = clock
        self._lookup = Lookup(target, clock)
        self._report = Report(target, self._lookup, clock)
        self._socket: socket.socket | None = None
        self._is_connected = False
        #: Endpoints in a row that could not be reached at all.
        self._misses = 0
        self._deadline_s = self._rests_until_s = -math.inf
        self._waiting: deque[bytes] = deque()
        #: How much of the first packet that waits has gone out.
        self._gone = 0

    def find(self, wait_s: float) -> None:
        """Look the target's name up, and wait up to ``wait_s`` for it; then begin to connect."""
        self._lookup.ask(wait_s)
        self._connect()

    def send(self, packets: Sequence[bytes]) -> None:
        """Send the packets in order, or count those that do not go out; those that wait go first."""
        self._connect()
        if not self._is_connected:
            self.failures += len(packets)
            return
        self._waiting.extend(map(self._frame, packets))
        self._flush()
        if len(self._waiting) > MOST_WAITING:
            self._report.trouble("does not read what it is sent")
            begun = 1 if self._gone else 0  # the rest of a packet must follow, or the framing is lost
            self.failures += len(self._waiting) - begun
            self._waiting = deque(list(self._waiting)[:begun])

    @property
    def complaint(self) -> str:
        """What is wrong with the target, empty while nothing is."""
        return self._report.complaint

    def describe(self) -> str:
        """The target and how it fares."""
        return self._report.words(self.sent, self.failures)

    def close(self) -> None:
        """Close the connection; what still waits counts as failed."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._is_connected = False
        self.failures += len(self._waiting)
        self._waiting.clear()
        self._gone = 0

    def _flush(self) -> None:
        assert self._socket is not None
        try:
            while self._waiting:
                block = b"".join(self._waiting)[self._gone :]
                self._account(self._socket.send(block))
        except BlockingIOError:
            pass
        except OSError as error:
            self._lost(error)

    def _account(self, length: int) -> None:
        """So many bytes have gone out."""
        self._gone += length
        while self._waiting and self._gone >= len(self._waiting[0]):
            self._gone -= len(self._waiting.popleft())
            self.sent += 1

    def _connect(self) -> None:
        """A step towards a connection, or a look whether it is still there."""
        if self._socket is None:
            self._begin()
        try:
            if self._socket is not None and not self._is_connected:
                self._end()
            if self._is_connected and self._socket is not None and self._socket.recv(4096) == b"":
                raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
        except BlockingIOError:
            pass
        except OSError as error:
            self._lost(error)

    def _begin(self) -> None:
        now_s = self._clock()
        if now_s < self._rests_until_s:
            return
        if not self._lookup.endpoints:
            self._lookup.ask()
        if not self._lookup.endpoints:
            return
        family, address = self._lookup.endpoints[0]
        try:
            self._socket = socket.socket(family, socket.SOCK_STREAM)
            self._socket.setblocking(False)
            # A value is worth most when it is new: nothing is held back to fill a segment.
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
            self._deadline_s = now_s + CONNECT_S
            self._report.trouble("connecting")
            code = self._socket.connect_ex(address)
            if code not in _IN_PROGRESS:
                raise OSError(code, os.strerror(code))
        except OSError as error:
            self._lost(error)

    def _end(self) -> None:
        """See whether the connection has come about. Raises OSError if it has failed."""
        assert self._socket is not None
        _, writable, failed = select.select([], [self._socket], [self._socket], 0.0)
        if writable or failed:
            code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                raise OSError(code, os.strerror(code))
            self._is_connected = True
            self._misses = 0
            self._report.clear()
        elif self._clock() >= self._deadline_s:
            raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))

    def _lost(self, error: OSError) -> None:
        self._report.trouble(reason(error))
        self.close()
        self._lookup.turn()
        self._rests_until_s = self._clock() + RECONNECT_S
        self._misses += not isinstance(error, ConnectionError)
        if self._misses >= len(self._lookup.endpoints):
            self._misses = 0
            self._lookup.forget()


def _with_length(packet: bytes) -> bytes:
    return struct.pack("!I", len(packet)) + packet
