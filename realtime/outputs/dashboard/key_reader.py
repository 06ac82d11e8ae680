"""What a terminal sends for a key, as a control."""

from __future__ import annotations

import re

from realtime.controls import Calibrate, Control, Freeze, Learn, MoveLabel, Quit, Record, SetRate, Smooth, UseModel

#: How far an arrow moves the listener's point on −1…1, and how far with shift.
STEP, LONG_STEP = 0.05, 0.2

#: So many characters that come at once are not typed: a paste, and nothing that was asked for.
MOST_TYPED = 8

#: How long the rest of an escape sequence, and that of a paste, is waited for.
_SEQUENCE_S, _PASTE_S = 0.1, 1.0

_CONTROLS: dict[str, Control] = {
    "q": Quit(),
    " ": Freeze(),
    "r": Record(),
    "c": Calibrate(),
    "s": Smooth(),
    "m": UseModel(),
    "l": Learn(),
    "+": SetRate(step=1),
    "=": SetRate(step=1),  # plus without shift
    "-": SetRate(step=-1),
    "_": SetRate(step=-1),
}

_ARROWS = {"A": (0.0, 1.0), "B": (0.0, -1.0), "C": (1.0, 0.0), "D": (-1.0, 0.0)}

#: An escape sequence: a function key of the Linux console, CSI or SS3 with its parameters and its last character, or
#: another key with Alt.
_SEQUENCE = re.compile(
    r"\x1b(?:\[\[[A-E]|\[(?P<csi>[0-?]*)[ -/]*(?P<last>[@-Z\\-~])|O(?P<ss3>[0-?]*)(?P<ss3_last>[@-~])|[^\[O\x1b])",
    re.DOTALL,
)

#: One that may still become one.
_BEGUN = re.compile(r"\x1b(?:\[\[|\[[0-?]*[ -/]*|O[0-?]*)?")

_PASTE_BEGINS, _PASTE_ENDS = "\x1b[200~", "\x1b[201~"


class KeyReader:
    """Turns what a terminal sends into controls, and ``?`` into True. Pure: no terminal, no clock.

    Unknown keys and sequences are nothing; so is what is pasted, whether the terminal brackets it or not.
    """

    def __init__(self) -> None:
        self._begun = ""
        self._is_pasting = False

    @property
    def patience_s(self) -> float | None:
        """How long to wait for the rest before ``give_up``; None while nothing has begun."""
        if self._is_pasting:
            return _PASTE_S
        return _SEQUENCE_S if self._begun else None

    def give_up(self) -> None:
        """The rest of what has begun does not come."""
        self._begun = ""
        self._is_pasting = False

    def feed(self, text: str) -> list[Control | bool]:
        """What the next characters ask for."""
        text = self._begun + text
        self._begun = ""
        asked: list[Control | bool] = []
        typed = 0
        at = 0
        while at < len(text):
            if self._is_pasting:
                end = text.find(_PASTE_ENDS, at)
                if end < 0:
                    self._begun = text[max(at, len(text) - len(_PASTE_ENDS) + 1) :]
                    break
                at, self._is_pasting = end + len(_PASTE_ENDS), False
            elif text[at] != "\x1b":
                typed += 1
                asked += _key(text[at])
                at += 1
            elif text.startswith(_PASTE_BEGINS, at):
                at, self._is_pasting = at + len(_PASTE_BEGINS), True
            elif sequence := _SEQUENCE.match(text, at):
                asked += _moves(sequence)
                at = sequence.end()
            else:
                rest = _BEGUN.match(text, at)
                if rest is not None and rest.end() == len(text):
                    self._begun = text[at:]
                    break
                at += 1  # an escape sequence that breaks off
        return [each for each in asked if isinstance(each, MoveLabel)] if typed > MOST_TYPED else asked


def _key(character: str) -> list[Control | bool]:
    if character == "?":
        return [True]
    control = _CONTROLS.get(character.lower())
    return [] if control is None else [control]


def _moves(sequence: re.Match[str]) -> list[Control | bool]:
    """The move that an arrow asks for, none for any other sequence."""
    parameters = sequence["csi"] or sequence["ss3"] or ""
    last = sequence["last"] or sequence["ss3_last"] or ""
    arrow = _ARROWS.get(last.upper())
    # No parameters, or as in CSI 1 ; 2 A, where the second is 1 more than the bits of the modifiers; shift is the first
    # of them. Others (rxvt) say shift by a small letter.
    modifier = re.fullmatch(r"(?:1?;?)(\d?)", parameters)
    if arrow is None or modifier is None:
        return []
    is_shifted = (modifier[1] or "1") in "2468" or last.islower()
    step = LONG_STEP if is_shifted else STEP
    return [MoveLabel(step * arrow[0], step * arrow[1])]
