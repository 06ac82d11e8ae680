"""Ports of the network that this program listens at: what is said where one cannot be had."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from models.errors import MoodringError, UsageError


@contextmanager
def claimed(host: str, port: int, *, name: str, cannot: str, instead: str, protocol: str = "") -> Iterator[None]:
    """Within this, ``port`` of ``host`` is bound; what goes wrong is told in the words for it.

    ``name`` is what the port is of, ``cannot`` what does not happen without it, ``instead`` what to do where it is in
    use, ``protocol`` a word before it such as UDP. Raises UsageError for a port outside 0..65535 and MoodringError for
    one that cannot be had.
    """
    if not 0 <= port <= 65535:
        raise UsageError(f"the port {name} must be in 1..65535, not {port}")
    try:
        yield
    except (OSError, UnicodeError) as failure:
        if isinstance(failure, OSError) and failure.errno == errno.EADDRINUSE:
            which = f"{protocol} port".lstrip()
            raise MoodringError(
                f"{which} {port} is in use, so {cannot} there: end what uses it, or {instead}"
            ) from None
        reason = failure.strerror if isinstance(failure, OSError) and failure.strerror else str(failure)
        raise MoodringError(f"{cannot} on {host} port {port}: {reason}") from None


def udp_socket(host: str, port: int, *, name: str, cannot: str, instead: str) -> socket.socket:
    """A UDP socket that is bound to ``port`` (0 for any that is free) of ``host``.

    The words, and what is raised, are those of ``claimed``.
    """
    with claimed(host, port, name=name, cannot=cannot, instead=instead, protocol="UDP"):
        family, *_, address = socket.getaddrinfo(host or None, port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE)[0]
        bound = socket.socket(family, socket.SOCK_DGRAM)
        try:
            bound.bind(address)
        except OSError:
            bound.close()
            raise
        return bound
