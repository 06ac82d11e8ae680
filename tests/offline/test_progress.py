"""Whoever waits is told how far it has got, how fast it goes and how long it will take, in a terminal or out of one."""

from __future__ import annotations

import io

import pytest

from offline.progress import shown


class Clock:
    """Stands still unless it is put forward."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Terminal(io.StringIO):
    """Says that it is one."""

    def isatty(self) -> bool:
        return True


def told(pieces: int, each_s: float, known: int = 0) -> list[str]:
    """The lines where there is no terminal, when ``known`` of the pieces are done already."""
    stream, clock = io.StringIO(), Clock()
    with shown("deam", stream, clock) as tell:
        for done in range(known, pieces + 1):
            tell(done, pieces)
            clock.now_s += each_s
    return stream.getvalue().splitlines()


def test_without_a_terminal_there_is_a_line_every_ten_seconds_and_one_at_the_end() -> None:
    assert told(120, 0.25) == [
        "deam: 40 of 120, 4.0 pieces a second, 20 s left",
        "deam: 80 of 120, 4.0 pieces a second, 10 s left",
        "deam: 120 of 120, 4.0 pieces a second",
    ]


def test_pieces_that_take_longer_than_that_have_a_line_each() -> None:
    assert told(3, 40.0) == [
        "deam: 1 of 3, 1.5 pieces a minute, 1 min left",
        "deam: 2 of 3, 1.5 pieces a minute, 40 s left",
        "deam: 3 of 3, 1.5 pieces a minute",
    ]


def test_what_was_known_before_does_not_make_it_look_fast() -> None:
    assert told(1802, 1.0, known=1700)[0] == "deam: 1710 of 1802, 1.0 pieces a second, 2 min left"


def test_hours_are_said_as_hours() -> None:
    assert told(20_000, 1.0)[0] == "deam: 10 of 20000, 1.0 pieces a second, 5 h 33 min left"


def test_where_all_was_known_there_is_nothing_to_say() -> None:
    assert told(12, 1.0, known=12) == []


def test_a_terminal_has_a_bar_with_rate_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    terminal, clock = Terminal(), Clock()
    with shown("deam", terminal, clock) as tell:
        for done in range(600, 1202):
            tell(done, 1802)
            clock.now_s += 0.2
    *_, last, _ = terminal.getvalue().splitlines()
    assert "1201/1802" in last
    assert "5.0 pieces a second, 2 min left" in last
    assert "━" in last


def test_a_terminal_of_which_nothing_was_told_stays_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the corpus cannot be read."""
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    with shown("deam", terminal):
        pass
    assert "━" not in terminal.getvalue()
    assert not terminal.getvalue().strip()
