"""Who may open the page and its WebSocket: nobody whom another web page sends.

A browser lets any page open a WebSocket to this machine, and says in ``Origin`` which page it was: only our own is let
in. A page may also have its own name resolve to this machine (DNS rebinding), and then both headers agree; but they
agree on a name that is not ours. A program that is no browser sends no ``Origin``, and may come.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence


def is_own_host(header: str, bound_to: str) -> bool:
    """Whether a ``Host`` header names this machine, for a server that is bound to ``bound_to``.

    On loopback that is ``localhost`` or an address of loopback. Elsewhere it may be any address, since none can be
    rebound, or this machine's name, alone or with ``.local``. The port is free: it may have been forwarded.
    """
    name = _name(header)
    if name is None:
        return False
    if name == "localhost" or name == bound_to.lower():
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        own = socket.gethostname().lower()
        return not is_loopback(bound_to) and name in (own, f"{own.partition('.')[0]}.local")
    return address.is_loopback or not is_loopback(bound_to)


def is_own_origin(origins: Sequence[str], host_header: str) -> bool:
    """Whether the ``Origin`` headers of a request allow it: none at all, or the page that ``Host`` asks for."""
    return all(origin.lower() == f"http://{host_header.lower()}" for origin in origins)


def is_loopback(host: str) -> bool:
    """Whether a server that is bound to ``host`` can be reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _name(header: str) -> str | None:
    """The name or address of a ``Host`` header, in small letters and without brackets; None where it is none."""
    name, port = header, ""
    if header.startswith("["):
        name, bracket, port = header[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            return None
        port = port[1:]
    elif ":" in header:
        name, _, port = header.partition(":")
    if not name or (port and not (port.isascii() and port.isdecimal())):
        return None
    return name.lower().rstrip(".")
