"""Which announced note is which certain one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from realtime.note_ledger import NoteLedger, match_frames

MATCH_FRAMES = match_frames(60)


def test_a_certain_note_keeps_the_number_of_its_announcement() -> None:
    ledger = NoteLedger()
    number = ledger.announce(60, 100)
    assert ledger.begin(60, 100 + MATCH_FRAMES) == (number, False)
    assert ledger.end(60) == number


def test_a_certain_note_that_nobody_announced_is_new() -> None:
    ledger = NoteLedger()
    announced = ledger.announce(60, 100)
    for pitch, start in ((61, 100), (60, 101 + MATCH_FRAMES)):
        number, is_new = ledger.begin(pitch, start)
        assert is_new
        assert number != announced


def test_low_notes_are_matched_from_further_away() -> None:
    assert [match_frames(pitch) for pitch in (108, 60, 45, 36, 24)] == [9, 9, 9, 11, 23]


def test_of_several_announcements_the_nearest_one_counts() -> None:
    ledger = NoteLedger()
    numbers = [ledger.announce(60, start) for start in (94, 101, 105)]
    assert ledger.begin(60, 100) == (numbers[1], False)
    assert ledger.withdraw(200) == [(numbers[0], 60), (numbers[2], 60)]


def test_nothing_is_withdrawn_before_a_certain_note_could_still_match_it() -> None:
    ledger = NoteLedger()
    number = ledger.announce(60, 100)
    assert ledger.withdraw(100 + MATCH_FRAMES) == []
    assert ledger.withdraw(101 + MATCH_FRAMES) == [(number, 60)]
    assert ledger.withdraw() == []


def test_what_seems_over_is_the_note_announced_last() -> None:
    ledger = NoteLedger()
    ledger.announce(60, 100)
    second = ledger.announce(60, 150)
    assert ledger.release(60) == second
    assert ledger.release(60) is None


def test_a_note_that_is_certainly_over_cannot_seem_so_again() -> None:
    ledger = NoteLedger()
    ledger.announce(60, 100)
    ledger.begin(60, 100)
    ledger.end(60)
    assert ledger.release(60) is None
    ledger.announce(60, 300)
    ledger.withdraw()
    assert ledger.release(60) is None


@given(st.lists(st.tuples(st.sampled_from(["announce", "begin", "withdraw"]), st.integers(60, 62)), max_size=80))
def test_every_number_is_given_once_and_settled_once(actions: list[tuple[str, int]]) -> None:
    ledger = NoteLedger()
    known: set[int] = set()
    settled: list[int] = []
    sounding: set[int] = set()
    for time, (action, pitch) in enumerate(actions):
        start = 3 * time
        if action == "announce":
            number = ledger.announce(pitch, start)
            assert number not in known
            known.add(number)
        elif action == "begin":
            if pitch in sounding:
                settled.append(ledger.end(pitch))
            number, is_new = ledger.begin(pitch, start)
            assert is_new != (number in known)
            known.add(number)
            sounding.add(pitch)
        else:
            settled += [number for number, _ in ledger.withdraw(start)]
    settled += [ledger.end(pitch) for pitch in sounding] + [number for number, _ in ledger.withdraw()]
    assert sorted(settled) == sorted(known)
