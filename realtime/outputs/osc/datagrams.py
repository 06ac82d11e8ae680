"""OSC over UDP: one packet a datagram."""

from __future__ import annotations

import contextlib
import math
import socket
from collections.abc import Callable, Sequence

from realtime.outputs.osc.targets import Lookup, Report, Target, reason

#: How long a target is left alone once every endpoint behind its name has refused.
REFUSED_S = 0.25


class Datagrams:
    """Sends to a target over UDP; see ``Sender``."""

    def __init__(self, target: Target, clock: Callable[[], float]) -> None:
        self.sent = self.failures = 0
        self._clock = clock
        self._lookup = Lookup(target, clock)
        self._report = Report(target, self._lookup, clock)
        self._socket: socket.socket | None = None
        self._refusals = 0
        self._rests_until_s = -math.inf

    def find(self, wait_s: float) -> None:
        """Look the target's name up, and wait up to ``wait_s`` for it."""
        self._lookup.ask(wait_s)

    def send(self, packets: Sequence[bytes]) -> None:
        """Send the packets in order, or count those that do not go out."""
        refusals = self._refusals
        went = 0
        while went < len(packets) and self._put(packets[went]):
            went += 1
        self.sent += went
        self.failures += len(packets) - went
        if went and refusals == self._refusals:
            self._refusals = 0

    @property
    def complaint(self) -> str:
        """What is wrong with the target, empty while nothing is."""
        return self._report.complaint

    def describe(self) -> str:
        """The target and how it fares."""
        return self._report.words(self.sent, self.failures)

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _put(self, packet: bytes) -> bool:
        """Whether the packet went out: if refused at one endpoint, perhaps at the next."""
        while self._connect() is not None:
            try:
                self._socket.send(packet)  # type: ignore[union-attr]
            except BlockingIOError:
                self._report.trouble("its buffer is full")
                return False
            except ConnectionRefusedError:
                self._refused()
            except OSError as error:
                self._lost(error)
            else:
                return True
        return False

    def _refused(self) -> None:
        """An earlier datagram was refused, so that this one was not sent. Rest once every endpoint has refused."""
        self._report.trouble("nobody listens")
        self.close()
        self._lookup.turn()
        self._refusals += 1
        if self._refusals >= len(self._lookup.endpoints):
            self._refusals = 0
            self._rests_until_s = self._clock() + REFUSED_S

    def _lost(self, error: OSError) -> None:
        self._report.trouble(reason(error))
        self.close()
        self._lookup.forget()

    def _connect(self) -> socket.socket | None:
        """The socket, connected, because only a connected UDP socket learns that nobody listens; None while resting."""
        if self._socket is not None or self._clock() < self._rests_until_s:
            return self._socket
        if not self._lookup.endpoints:
            self._lookup.ask()
        for family, address in self._lookup.endpoints:
            with contextlib.ExitStack() as undo:
                try:
                    candidate = undo.enter_context(socket.socket(family, socket.SOCK_DGRAM))
                    candidate.setblocking(False)
                    candidate.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
                    candidate.connect(address)
                except OSError as error:
                    self._report.trouble(reason(error))
                    continue
                undo.pop_all()
                self._socket = candidate
                return candidate
        self._lookup.forget()
        return None
