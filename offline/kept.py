"""What long work has finished already, on disk, so that a second run goes on where the first was killed."""

from __future__ import annotations

import pickle
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import platformdirs

#: What one store may grow to, in bytes; the oldest goes first.
_SIZE = 4 * 2**30


class Kept:
    """Results by key, in the user's cache folder or in ``folder``. Results of ``kind`` stand apart from others."""

    def __init__(self, kind: str, folder: Path | None = None) -> None:
        import diskcache

        self._results = diskcache.Cache(str(folder or _folder() / kind), size_limit=_SIZE)

    def get(self, key: str) -> Any:
        """What was kept under ``key``; None where nothing was."""
        found = self._results.get(key)
        return None if found is None else pickle.loads(found)

    def set(self, key: str, result: Any) -> None:
        """Keep ``result``; it is whole on disk when this returns."""
        self._results.set(key, pickle.dumps(result))

    def close(self) -> None:
        """Let go of the files; a second time does nothing."""
        self._results.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _folder() -> Path:
    return platformdirs.user_cache_path("moodring", appauthor=False)
