"""What may be a name of a model or a rater, wherever it comes from."""

from __future__ import annotations

#: The longest name, in characters.
LONGEST_NAME = 64


def is_name(value: object) -> bool:
    """Whether ``value`` is fit to be shown and written: neither empty nor long, and no control characters."""
    return isinstance(value, str) and 0 < len(value) <= LONGEST_NAME and value.isprintable()
