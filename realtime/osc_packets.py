"""OSC packets from strangers, taken apart: nothing but messages or ``MalformedError`` comes of them."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

#: How deep bundles may be in bundles.
_DEEPEST = 8

#: What a type tag may hold behind its comma: the types that python-osc knows.
_KNOWN_TYPES = set("ihfdsbrmtTFN[]")

_BUNDLE = b"#bundle\0"


@dataclass(frozen=True, slots=True)
class Message:
    """One OSC message: its address, and its arguments as Python values."""

    address: str
    arguments: Sequence[Any]


class MalformedError(Exception):
    """A packet that is no OSC."""


def messages_in(packet: bytes, longest: int, depth: int = 0) -> Iterator[Message]:
    """The messages of an OSC packet, those of bundles in their order.

    Bundles are taken apart here because python-osc does not end on one whose sizes are negative. Raises MalformedError
    for what is no OSC, is longer than ``longest`` bytes or nested too deep, and for types that python-osc does not
    know.
    """
    if len(packet) > longest or len(packet) % 4 or not packet:
        raise MalformedError("not the length of an OSC packet")
    if not packet.startswith(_BUNDLE):
        yield _message(packet)
        return
    if depth == _DEEPEST or len(packet) < 16:
        raise MalformedError("not a bundle")
    place = 16  # after the name and the time tag
    while place < len(packet):
        (size,) = struct.unpack_from(">i", packet, place)
        place += 4
        if not 0 < size <= len(packet) - place:
            raise MalformedError("an element that is not in its bundle")
        yield from messages_in(packet[place : place + size], longest, depth + 1)
        place += size


def _message(packet: bytes) -> Message:
    from pythonosc.osc_message import OscMessage

    if not packet.startswith(b"/"):
        raise MalformedError("no address")
    # python-osc says on standard error, over the dashboard, that it does not know a type.
    tags = packet[4 * (packet.find(b"\0") // 4 + 1) :].partition(b"\0")[0]
    if not set(tags.decode("latin-1").removeprefix(",")) <= _KNOWN_TYPES:
        raise MalformedError("a type that is none")
    try:
        message = OscMessage(packet)
        return Message(str(message.address), list(message.params))
    except Exception as failure:  # whatever a stranger's bytes make a parser raise
        raise MalformedError(str(failure)) from failure
