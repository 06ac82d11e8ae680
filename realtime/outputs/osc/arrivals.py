"""What has arrived over OSC, address by address, for whoever looks at it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from realtime.osc_packets import MalformedError, messages_in

#: The longest packet that UDP carries, in bytes.
LONGEST_PACKET = 65_535

#: Rates are those of the last two seconds.
RATE_S = 2.0
#: So many addresses are told apart; what comes to others is counted.
MOST_ADDRESSES = 500
_MOST_TIMES = 4096
_LONGEST_VALUES = 60


@dataclass(slots=True)
class Arrived:
    """What has come to one address: the newest values as text, their type tags, and how many messages."""

    address: str
    types: str = ""
    values: str = ""
    count: int = 0
    _first_s: float = math.inf
    _times: deque[float] = field(default_factory=lambda: deque(maxlen=_MOST_TIMES))

    def rate_hz(self, now_s: float) -> float:
        """Messages a second over the last ``RATE_S``, or over the last second where it is no longer that they come."""
        while self._times and self._times[0] <= now_s - RATE_S:
            self._times.popleft()
        return len(self._times) / max(1.0, min(RATE_S, now_s - self._first_s))

    def take(self, values: Sequence[Any], now_s: float) -> None:
        """One more message."""
        self.types = "".join(_tag(value) for value in values)
        words = " ".join(_words(value) for value in values)
        self.values = words if len(words) <= _LONGEST_VALUES else words[: _LONGEST_VALUES - 1] + "…"
        self._first_s = min(self._first_s, now_s)
        self.count += 1
        self._times.append(now_s)


class Arrivals:
    """Every address that messages have come to.

    ``malformed`` counts packets that are no OSC or have unknown types, ``untold`` messages to more addresses than
    ``MOST_ADDRESSES``.
    """

    def __init__(self) -> None:
        self.malformed = self.untold = 0
        self._by_address: dict[str, Arrived] = {}

    def take(self, packet: bytes, now_s: float) -> None:
        """One packet, a message or a bundle, whatever is in it."""
        try:
            messages = list(messages_in(packet, LONGEST_PACKET))
        except MalformedError:
            self.malformed += 1
            return
        for message in messages:
            if message.address not in self._by_address and len(self._by_address) >= MOST_ADDRESSES:
                self.untold += 1
                continue
            arrived = self._by_address.setdefault(message.address, Arrived(_printable(message.address)))
            arrived.take(message.arguments, now_s)

    def __iter__(self) -> Iterator[Arrived]:
        return iter([arrived for _, arrived in sorted(self._by_address.items())])

    def notes(self) -> str:
        """What else there is to say, empty when there is nothing."""
        parts = [f"{self.malformed} malformed packets"] if self.malformed else []
        parts += [f"{self.untold} messages to more addresses"] if self.untold else []
        return ", ".join(parts)


def _tag(value: Any) -> str:
    if isinstance(value, bool):
        return "T" if value else "F"
    known = {int: "i", float: "f", str: "s", bytes: "b", type(None): "N"}
    return f"[{''.join(map(_tag, value))}]" if isinstance(value, list) else known.get(type(value), "?")


def _words(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else _printable(str(value))


def _printable(text: str) -> str:
    """``text`` without what would steer a terminal."""
    return "".join(sign if sign.isprintable() else "�" for sign in text)
