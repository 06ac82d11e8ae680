"""Which announced note is which certain one: every note has one number, from its announcement to its end."""

from __future__ import annotations

from functools import cache

from realtime.constant_q_filters import half_filter_frames


@cache
def match_frames(pitch: int) -> int:
    """An announced onset and a certain one this far apart or less are of one note.

    A tenth of a second; below E2, where filters are so long that onsets swim, a third of what they reach ahead.
    """
    return max(9, round(half_filter_frames(pitch) / 3))


class NoteLedger:
    """Keeps the notes that were announced and not yet decided, and those that are certain and still sound."""

    def __init__(self) -> None:
        self._count = 0
        # By pitch, where there are any: number and first frame.
        self._announced: dict[int, dict[int, int]] = {}
        self._certain: dict[int, int] = {}  # by pitch: the number of the note that sounds
        self._newest: dict[int, int] = {}  # by pitch: the number of the note announced last, until it is over

    def announce(self, pitch: int, start: int) -> int:
        """The number of a note that is heard for the first time."""
        number = self._count
        self._count += 1
        self._announced.setdefault(pitch, {})[number] = start
        self._newest[pitch] = number
        return number

    def release(self, pitch: int) -> int | None:
        """The number of the announced note that seems over now, or None where that is decided already."""
        return self._newest.pop(pitch, None)

    def begin(self, pitch: int, start: int) -> tuple[int, bool]:
        """The number of a note that is certain, and whether it is heard of for the first time with that."""
        announced = self._announced.get(pitch, {})
        near = [(abs(frame - start), number) for number, frame in announced.items()]
        nearest = match_frames(pitch)
        distance, number = min(near, default=(nearest + 1, -1))
        is_new = distance > nearest
        if is_new:
            number = self._count
            self._count += 1
        else:
            self._decide(pitch, number)
        self._certain[pitch] = number
        return number, is_new

    def end(self, pitch: int) -> int:
        """The number of the certain note that ends."""
        number = self._certain.pop(pitch)
        self._forget(pitch, number)
        return number

    def withdraw(self, decided: int | None = None) -> list[tuple[int, int]]:
        """Give up what nothing has made certain, though every frame before ``decided`` is; (number, pitch) of each.

        Without ``decided`` everything is.
        """
        over = [
            (number, pitch)
            for pitch, announced in self._announced.items()
            for number, frame in announced.items()
            if decided is None or frame + match_frames(pitch) < decided
        ]
        for number, pitch in over:
            self._decide(pitch, number)
            self._forget(pitch, number)
        return sorted(over)

    def _decide(self, pitch: int, number: int) -> None:
        announced = self._announced[pitch]
        del announced[number]
        if not announced:
            del self._announced[pitch]

    def _forget(self, pitch: int, number: int) -> None:
        if self._newest.get(pitch) == number:
            del self._newest[pitch]
