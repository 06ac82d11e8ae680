"""Packets to one target, never waiting and never raising: what does not arrive is counted.

While a name does not resolve, a network is away, nobody listens or a buffer is full, packets go nowhere. A listener may
come and go.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from realtime.outputs.osc.datagrams import Datagrams
from realtime.outputs.osc.stream import Stream
from realtime.outputs.osc.targets import Target


class Sender(Protocol):
    """Sends to one target. ``sent`` and ``failures`` count packets."""

    sent: int
    failures: int

    @property
    def complaint(self) -> str:
        """What is wrong with the target, such as ``nobody listens``; empty while nothing is."""

    def find(self, wait_s: float) -> None:
        """Look the target's name up, and wait up to ``wait_s`` for it."""

    def send(self, packets: Sequence[bytes]) -> None:
        """Send the packets in order, or count those that do not go out."""

    def describe(self) -> str:
        """The target and how it fares, for people: ``127.0.0.1:9000 nobody listens (312 failed)``."""

    def close(self) -> None:
        """Let go of the socket. May be called twice; nothing is to be sent after it."""


def open_sender(target: Target, clock: Callable[[], float]) -> Sender:
    """A sender for the target's transport."""
    return Datagrams(target, clock) if target.transport == "udp" else Stream(target, clock)
