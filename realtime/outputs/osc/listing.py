"""The list of OSC addresses as JSON and as the table of the documentation."""

from __future__ import annotations

import json
from typing import Any

from realtime.outputs.osc.addresses import ADDRESSES, HEARTBEAT, ONSET, PACKED, PREFIX, Address

_TYPE_NAMES = {"f": "float", "i": "int", "s": "string"}
_WHEN_WORDS = {"tick": "", "note": ", as notes begin", "second": ", once a second"}


def addresses_json(prefix: str = PREFIX) -> str:
    """``ADDRESSES`` as a JSON array of objects: address, types, arguments, low, high, ranges, choices, unit,
    when, meaning."""
    return json.dumps([_as_json(address, prefix) for address in ADDRESSES], indent=1, ensure_ascii=False)


def _as_json(address: Address, prefix: str) -> dict[str, Any]:
    names = {"all": PACKED, "note": ("pitch", "velocity")}.get(address.path, (address.path,))
    return {
        "address": f"{prefix}/{address.path}",
        "types": address.types,
        "arguments": list(names),
        "low": address.low,
        "high": address.high,
        "ranges": [list(bounds) for bounds in address.bounds],
        "choices": list(address.choices),
        "unit": address.unit,
        "when": address.when,
        "meaning": address.meaning,
    }


def addresses_markdown(prefix: str = PREFIX) -> str:
    """``ADDRESSES`` as the table of the documentation, a line each, ending in a line break."""
    lines = ["| address | value | meaning |", "|---|---|---|"]
    for address in ADDRESSES:
        value = " ".join(part for part in (_kind(address), _range(address), address.unit) if part)
        lines.append(f"| `{prefix}/{address.path}` | {value}{_WHEN_WORDS[address.when]} | {address.meaning} |")
    return "\n".join(lines) + "\n"


def _kind(address: Address) -> str:
    kinds = [_TYPE_NAMES[tag] for tag in address.types]
    runs = [(kind, kinds.count(kind)) for kind in dict.fromkeys(kinds)]
    return " and ".join(kind if number == 1 else f"{number} {kind}s" for kind, number in runs)


def _range(address: Address) -> str:
    if address.low is None or address.high is None or address is HEARTBEAT or address is ONSET:
        return ""
    low, high = (f"{bound:.4g}".replace("-", "−").replace("3.142", "π") for bound in (address.low, address.high))
    return f"{low}…{high}"
