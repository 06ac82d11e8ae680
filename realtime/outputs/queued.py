"""Any output on a thread of its own, so that a slow terminal, pipe or disk is skipped and never waited for."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence

from models.affect import Reading
from realtime.note_events import Struck
from realtime.outputs import NoteOutput, Output, Status

#: How long ``close`` lets the readings that wait be written.
DRAIN_S = 2.0

#: How long ``close`` then waits for the output to be closed, before it is taken for stuck.
LAST_WAIT_S = 0.5


class Queued:
    """Hands readings to ``output`` on a thread of its own; nothing else touches ``output`` from then on.

    At most ``length`` readings wait. When one more comes, the oldest of them is left out and counted in ``skipped``:
    what is shown late should at least be recent. What ``output`` raises is raised again, once, by the next ``write``,
    or by ``close`` if none follows; ``output`` has then been closed, and later readings go nowhere. Raises ValueError
    for a ``length`` below 1.
    """

    def __init__(self, output: Output, length: int = 200) -> None:
        if length < 1:
            raise ValueError(f"length must be at least 1, not {length}")
        self.skipped = 0
        self._output = output
        self._length = length
        self._waiting: deque[tuple[Reading, Status] | tuple[Sequence[Struck]]] = deque()
        self._takes_notes = isinstance(output, NoteOutput)
        self._changed = threading.Condition()
        self._ending = False
        self._closed = False
        self._failure: Exception | None = None
        # A daemon, since a thread that is stuck in a write cannot be ended and must not keep the program alive.
        self._thread = threading.Thread(target=self._run, name="queued-output", daemon=True)
        self._thread.start()

    @property
    def stuck(self) -> bool:
        """Whether ``close`` gave up on an output that neither wrote nor failed.

        Its thread may still hold the lock of a stream. Python flushes standard output at its end, and would wait for
        that lock for ever, so a program whose standard output is stuck has to end with ``os._exit``.
        """
        return self._closed and self._thread.is_alive()

    def write(self, reading: Reading, status: Status) -> None:
        """Put one reading in the queue, without waiting. Raises what ``output`` raised since. Silent once closed."""
        self._put((reading, status))

    def play(self, notes: Sequence[Struck]) -> None:
        """Put notes in the queue, as ``write`` does a reading; an ``output`` that takes none is not given any."""
        if self._takes_notes:
            self._put((notes,))

    def _put(self, item: tuple[Reading, Status] | tuple[Sequence[Struck]]) -> None:
        self._raise_failure()
        with self._changed:
            if self._ending:
                return
            if len(self._waiting) >= self._length:
                self.skipped += len(self._waiting.popleft()) == 2
            self._waiting.append(item)
            self._changed.notify()

    def close(self) -> None:
        """Write what waits, for at most ``DRAIN_S`` seconds, close ``output`` and end its thread. May be called twice.

        What is not written by then is counted in ``skipped``; an output that hangs is left behind (see ``stuck``).
        Raises what ``output`` raised, unless a ``write`` has.
        """
        with self._changed:
            first, self._closed, self._ending = not self._closed, True, True
            self._changed.notify()
        if first:
            self._thread.join(DRAIN_S)
            with self._changed:
                self.skipped += sum(len(item) == 2 for item in self._waiting)
                self._waiting.clear()
            self._thread.join(LAST_WAIT_S)
        self._raise_failure()

    def _run(self) -> None:
        failed = False
        try:
            while (following := self._next()) is not None:
                if len(following) == 2:
                    self._output.write(*following)
                elif isinstance(self._output, NoteOutput):
                    self._output.play(*following)
        except Exception as failure:
            failed = True
            self._fail(failure)
        try:
            self._output.close()
        except Exception as failure:
            if not failed:  # what has failed in writing fails in closing for the same cause
                self._fail(failure)

    def _next(self) -> tuple[Reading, Status] | tuple[Sequence[Struck]] | None:
        """The oldest reading, or notes, that wait, once there is one; None when none will come."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ending)
            return self._waiting.popleft() if self._waiting else None

    def _fail(self, failure: Exception) -> None:
        with self._changed:
            self._failure = failure
            self._ending = True
            self._waiting.clear()

    def _raise_failure(self) -> None:
        with self._changed:
            failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
