"""Files that are either as they were or wholly new."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    """Write ``content`` beside ``path`` and move it into place, so that no reader ever sees half of it."""
    descriptor, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(beside).chmod(0o644)
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


def replace_folder(folder: Path, target: Path) -> None:
    """Move the finished ``folder`` to ``target``; what was there goes only once its successor is in its place.

    ``folder`` lies in a temporary folder of its own on ``target``'s file system, which is where the old one ends up.
    """
    if not target.exists():
        folder.rename(target)
        return
    old = folder.with_name("replaced")
    target.rename(old)
    try:
        folder.rename(target)
    except BaseException:
        old.rename(target)
        raise
