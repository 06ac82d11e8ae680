"""What the card of a taught bundle says, beside its base: as lines of at most 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from models.affect import NEUTRAL
from models.card_parts import is_number, section

_AXES = ("valence", "arousal")
#: The figures of ``evaluation``, what each is called, and the one that tells how sure its difference is.
_FIGURES = tuple(
    (f"{kind}_{axis}_mean", f"{called}, {axis}")
    for kind, called in (("ccc", "agreement (CCC)"), ("rmse", "error (RMSE, 1–9)"))
    for axis in _AXES
)


def is_taught(card: Mapping[str, Any]) -> bool:
    """Whether ``card`` is of a bundle that ``adapt`` made of another."""
    return bool(section(card, "base").get("name")) and bool(section(card, "adaptation"))


def beside_base(card: Mapping[str, Any]) -> Iterator[str]:
    """What was learned from, what it changed, and base and taught bundle on the same sessions."""
    adaptation, evaluation = section(card, "adaptation"), section(card, "evaluation")
    base = str(section(card, "base").get("name"))
    taught_on = f" on {adaptation['date']}" if adaptation.get("date") else ""
    yield ""
    yield f"taught, from '{base}'{taught_on}"
    yield from _fact("learned from", _lesson(adaptation))
    yield from _fact("reaction delay", _delay(adaptation))
    for number, axis in enumerate(_AXES):
        yield from _fact(axis, _change(adaptation, number))
    if adaptation.get("chosen"):
        yield from _fact("what is learned", str(adaptation["chosen"]))
    if adaptation.get("spread"):
        yield from _fact("spread", str(adaptation["spread"]))
    before, after = section(evaluation, "base"), section(evaluation, "model")
    intervals = section(evaluation, "difference_intervals")
    rows = [
        (called, before[key], after[key], intervals.get(key))
        for key, called in _FIGURES
        if is_number(before.get(key)) and is_number(after.get(key))
    ]
    if not rows:
        return
    yield ""
    groups = evaluation.get("groups", "?")
    yield f"judged on {groups} sessions, each left out of what is learned from in its turn"
    level = evaluation["interval_level"] if is_number(evaluation.get("interval_level")) else 0.95
    width = max(8, *(min(len(name), 12) for name in (base, str(card["name"]))))
    heads = (f"{name[:width]:>{width}}" for name in (base, str(card["name"])))
    yield f"  {'':26}{'  '.join(heads)}  difference ({level:.0%})"
    for called, was, now, interval in rows:
        yield f"  {called:26}{was:>{width}.3f}  {now:>{width}.3f}  {now - was:+.3f}{_between(interval)}"
    if is_number(gain := evaluation.get("gain_ccc")):
        blank = " " * (2 * width + 2)
        yield f"  {'agreement, mean of both':26}{blank}  {gain:+.3f}{_between(evaluation.get('gain_ccc_interval'))}"


def _fact(name: str, text: str) -> Iterator[str]:
    yield from textwrap.wrap(text, 80, initial_indent=f"  {name:16}", subsequent_indent=" " * 18)


def _lesson(adaptation: Mapping[str, Any]) -> str:
    sessions, raters = adaptation.get("sessions"), adaptation.get("raters")
    by = f" by {', '.join(map(str, raters))}" if isinstance(raters, list) and raters else ""
    count = len(sessions) if isinstance(sessions, list) else "?"
    minutes = adaptation.get("minutes")
    return f"{f'{minutes:.1f}' if is_number(minutes) else '?'} rated minutes{by} in {count} sessions"


def _delay(adaptation: Mapping[str, Any]) -> str:
    seconds, within = adaptation.get("reaction_delay_s"), adaptation.get("reaction_delay_within_s")
    if not is_number(seconds):
        return "?"
    if "reaction_delay_within_s" in adaptation and within is None:
        return "the ratings do not tell; none was assumed"
    return f"{seconds:.1f} s{f' (± {within:.1f})' if is_number(within) else ''}"


def _change(adaptation: Mapping[str, Any], number: int) -> str:
    """What an axis was stretched by, and where its neutral middle went."""
    try:
        stretch, shift = (float(adaptation[name][number]) for name in ("stretch", "shift"))
    except (KeyError, IndexError, TypeError, ValueError):
        return "?"
    return f"stretched × {stretch:.2f}; {NEUTRAL:.1f} has become {stretch * NEUTRAL + shift:.2f}"


def _between(interval: Any) -> str:
    if not isinstance(interval, list) or len(interval) != 2 or not all(map(is_number, interval)):
        return ""
    return f" ({interval[0]:+.3f} to {interval[1]:+.3f})"
