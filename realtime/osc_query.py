"""The tree of OSC addresses as OSCQuery has it (Vidvox, "OSCQuery Proposal"): a JSON object a node.

A node has FULL_PATH and ACCESS; one with addresses below it CONTENTS; one that something is sent to or from TYPE,
DESCRIPTION, and RANGE, UNIT and VALUE where it has them, each an array with an item an argument.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Protocol

#: What may be asked of a node, whether or not it has it.
ATTRIBUTES = ("FULL_PATH", "CONTENTS", "TYPE", "ACCESS", "RANGE", "UNIT", "DESCRIPTION", "VALUE")

#: What there is of what the proposal leaves to choice: attributes, and the commands of the WebSocket.
EXTENSIONS = ("ACCESS", "VALUE", "RANGE", "DESCRIPTION", "UNIT", "LISTEN")

_CONTAINER, _READ, _WRITE = 0, 1, 2

#: The least and the greatest that an argument may be, None where there is no bound.
Bounds = tuple[float | None, float | None]


class Described(Protocol):
    """An OSC address and what is sent there.

    ``types`` has a letter an argument, as OSC tags them; ``bounds`` has the bounds of each; ``choices`` are the words
    that it may be, none where it may be any.
    """

    @property
    def path(self) -> str: ...  # noqa: D102
    @property
    def types(self) -> str: ...  # noqa: D102
    @property
    def bounds(self) -> Sequence[Bounds]: ...  # noqa: D102
    @property
    def choices(self) -> Sequence[str]: ...  # noqa: D102
    @property
    def unit(self) -> str: ...  # noqa: D102
    @property
    def meaning(self) -> str: ...  # noqa: D102


#: The newest arguments at a path, None where there are none yet.
Values = Callable[[str], Sequence[float | int | str] | None]


class Tree:
    """Every address: ``sent``, of which ``values`` gives the newest, and ``taken``."""

    def __init__(self, sent: Sequence[Described], taken: Sequence[Described], values: Values) -> None:
        self._values = values
        self._root = _container("/")
        for address in sent:
            self._add(address, _READ)
        for address in taken:
            self._add(address, _WRITE)

    def answer(self, path: str, attribute: str = "") -> tuple[HTTPStatus, dict[str, Any] | None]:
        """What is answered to the request for ``path``, or for one ``attribute`` of it: a status, and JSON.

        What a node could have but has not is an empty object; the value of what is only taken is no content.
        """
        node = self._find(path)
        if node is None:
            return HTTPStatus.NOT_FOUND, None
        if attribute and attribute not in ATTRIBUTES:
            return HTTPStatus.BAD_REQUEST, None
        if attribute == "VALUE" and node["ACCESS"] != _READ:
            return HTTPStatus.NO_CONTENT, None
        node = self._with_values(node)
        if not attribute:
            return HTTPStatus.OK, node
        return HTTPStatus.OK, {attribute: node[attribute]} if attribute in node else {}

    def is_sent(self, path: str) -> bool:
        """Whether something is sent to ``path``."""
        node = self._find(path)
        return node is not None and node["ACCESS"] == _READ and node["FULL_PATH"] == path

    def _add(self, address: Described, access: int) -> None:
        node, path = self._root, ""
        *parents, last = address.path.strip("/").split("/")
        for name in parents:
            path += f"/{name}"
            # A path may be both: valence, and below it its spread.
            node = node.setdefault("CONTENTS", {}).setdefault(name, _container(path))
        contents = node.setdefault("CONTENTS", {})
        below = contents.get(last, {}).get("CONTENTS")
        contents[last] = _leaf(address, access) | ({"CONTENTS": below} if below else {})

    def _find(self, path: str) -> dict[str, Any] | None:
        node: dict[str, Any] | None = self._root
        for name in path.strip("/").split("/") if path.strip("/") else ():
            node = node.get("CONTENTS", {}).get(name) if node is not None else None
        return node

    def _with_values(self, node: dict[str, Any]) -> dict[str, Any]:
        if "CONTENTS" in node:
            node = node | {"CONTENTS": {name: self._with_values(each) for name, each in node["CONTENTS"].items()}}
        values = self._values(node["FULL_PATH"]) if node["ACCESS"] == _READ else None
        return node if values is None else node | {"VALUE": [_speakable(value) for value in values]}


def host_info(name: str, host: str, osc_port: int | None) -> dict[str, Any]:
    """Who is asked, where OSC is taken (at ``osc_port`` of ``host``; None for nowhere), and what is supported.

    The WebSocket is where the list is, which is what it means that nothing is said of it.
    """
    told: dict[str, Any] = {"NAME": name, "EXTENSIONS": dict.fromkeys(EXTENSIONS, True)}
    if osc_port is not None:
        told |= {"OSC_PORT": osc_port, "OSC_TRANSPORT": "UDP"}
    if host not in ("", "0.0.0.0", "::"):
        told["OSC_IP"] = host
    return told


def _container(path: str) -> dict[str, Any]:
    return {"FULL_PATH": path, "ACCESS": _CONTAINER, "CONTENTS": {}}


def _leaf(address: Described, access: int) -> dict[str, Any]:
    leaf: dict[str, Any] = {
        "FULL_PATH": address.path,
        "TYPE": address.types,
        "ACCESS": access,
        "DESCRIPTION": address.meaning,
    }
    ranges = [_range(bounds, address.choices) for bounds in address.bounds]
    if any(ranges):
        leaf["RANGE"] = ranges
    if address.unit:
        leaf["UNIT"] = [address.unit] * len(address.types)
    return leaf


def _range(bounds: Bounds, choices: Sequence[str]) -> Mapping[str, object]:
    if choices:
        return {"VALS": list(choices)}
    return {name: end for name, end in zip(("MIN", "MAX"), bounds, strict=True) if end is not None}


def _speakable(value: float | int | str) -> float | int | str | None:
    """``value``, or None for what JSON has no word for."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
