"""Where a bundle is written: checked before the work, and moved into place after it. Without TensorFlow."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from models.agreement import Agreement
from models.atomic import replace_folder
from models.bundle import CARD
from models.errors import MoodringError, UsageError
from models.installing import verify_name


def verify_output(output: Path) -> None:
    """Raise ``UsageError`` where a bundle's name cannot be ``output``'s, or where something else would be replaced."""
    verify_name(output.name)
    is_bundle = (output / CARD).is_file()
    is_empty = output.is_dir() and not any(output.iterdir())
    if output.exists() and not is_bundle and not is_empty:
        raise UsageError(f"{output} is there and is no bundle, it would be lost; choose another place")


def place_bundle(
    output: Path, files: Mapping[str, bytes], card: Mapping[str, Any], check: Callable[[Path], Agreement]
) -> Agreement:
    """Write ``files`` and ``card`` beside ``output``, ``check`` the folder, and move it there; what ``check`` found.

    Raises what ``check`` raises, and ``MoodringError`` where nothing can be written; ``output`` is as it was then.
    """
    try:
        with tempfile.TemporaryDirectory(
            dir=output.parent, prefix=f".{output.name}.", ignore_cleanup_errors=True
        ) as beside:
            folder = Path(beside) / output.name
            folder.mkdir()
            for name, content in files.items():
                (folder / name).write_bytes(content)
            (folder / CARD).write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
            agreement = check(folder)
            replace_folder(folder, output)
    except OSError as error:
        raise MoodringError(f"{output} cannot be written ({error.strerror or error}); choose another place") from None
    return agreement
