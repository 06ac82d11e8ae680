"""Bundles that a test may spoil, with a card to match where only what is beyond the card should be wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from models.bundle import CARD, file_entry, installed_folder
from models.errors import MoodringError
from models.installing import install


def change_card(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Let ``change`` work on the card in ``folder``."""
    card = json.loads((folder / CARD).read_text())
    change(card)
    (folder / CARD).write_text(json.dumps(card, indent=2) + "\n")


def put(folder: Path, file: str, content: bytes) -> None:
    """Put ``content`` into a bundle with the size and hash to match."""
    (folder / file).write_bytes(content)
    change_card(folder, lambda card: card["files"].update({file: file_entry(content)}))


def content(folder: Path) -> dict[str, bytes]:
    """What is in a folder, by file name."""
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def refusal(path: Path, kind: type[MoodringError] = MoodringError, **settings: Any) -> str:
    """The one line that installing ends in; nothing is installed, and nothing is left lying about."""
    before = sorted(installed_folder().rglob("*"))
    with pytest.raises(MoodringError) as caught:
        install(path, **settings)
    assert type(caught.value) is kind
    message = str(caught.value)
    assert "\n" not in message
    assert ".installing" not in message
    assert sorted(installed_folder().rglob("*")) == before
    return message
