"""Parts of a card that may be missing, or be anything where the card was made by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def section(card: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The part ``key`` of a card, empty where it is none."""
    found = card.get(key)
    return found if isinstance(found, Mapping) else {}


def is_number(value: Any) -> bool:
    """Whether ``value`` is a number, which true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)
