"""What is wrong with labels: raised at once where one trains on them, gathered where one looks for all of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from models.errors import MoodringError


class Problems:
    """The problems met so far, a line each in ``found``; when ``strict``, the first one is raised instead."""

    def __init__(self, *, strict: bool) -> None:
        self._strict = strict
        self.found: list[str] = []

    @contextmanager
    def gathered(self) -> Iterator[None]:
        """What is raised inside, as ``MoodringError``, leaves out what was being read there and no more."""
        try:
            yield
        except MoodringError as error:
            if self._strict:
                raise
            self.found.append(str(error))
