"""What ``adapt`` does: learn from ratings, judge, say so, and write the bundle if it is better. Without TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from models.bundle import Bundle, load
from models.errors import MoodringError, UsageError
from offline.adaptation.correction import Correction
from offline.adaptation.delay import Delay, reaction_delay
from offline.adaptation.graph import write_adapted
from offline.adaptation.guard import LEVEL, Verdict, judge
from offline.adaptation.learning import learn
from offline.adaptation.rated import Rated, rated_pieces, without_delay
from offline.dataset import Dataset, read_dataset
from offline.placing import verify_output
from realtime.outputs.wording import count


@dataclass(frozen=True, slots=True)
class _Lesson:
    """What was learned from: ``raters`` by name where known, sessions by group, and how late the ratings came."""

    raters: list[str]
    sessions: list[str]
    minutes: float
    delay: Delay
    corpus: str


def adapt(base: str, dataset: Path, output: Path, *, rater: str | None, seed: int) -> Iterator[str]:
    """Teach the bundle ``base`` the ratings in ``dataset``, those of one ``rater`` if named, and write ``output``.

    Yields a line for each thing there is to say. Raises ``MoodringError`` where the result is not better than the base
    on sessions that were left out, by more than its interval, or where there are too few of them; nothing is written
    then. ``seed`` is that of the bootstrap.
    """
    verify_place(output)
    bundle = load(base)
    opened = read_dataset(dataset)
    rated = rated_pieces(bundle, opened, rater)
    share = bundle.hop_s / bundle.window_s
    delay = reaction_delay(rated, bundle.hop_s)
    answered = [without_delay(one, round(delay.seconds / bundle.hop_s)) for one in rated]
    lesson = _lesson(opened, rated, answered, delay, bundle.hop_s)
    by = f" by {', '.join(lesson.raters)}" if lesson.raters else ""
    yield f"learned from    {lesson.minutes:.1f} rated minutes{by} in {count(len(lesson.sessions), 'session')}"
    yield f"reaction delay  {delay}"
    known = sorted(set(bundle.card.get("groups", ())) & set(lesson.sessions))
    if known:
        yield f"note            '{bundle.name}' was trained on {len(known)} of these groups, which flatters it"
    found = judge(answered, share, seed=seed)
    compared = found.compared
    yield _figures(bundle.name, compared.base)
    yield _figures("adapted", compared.adapted)
    low, high = compared.interval
    gain = f"{compared.gain:+.3f} in agreement ({100 * LEVEL:.0f} % {low:+.3f} to {high:+.3f})"
    yield f"gain            {gain}, each of {compared.groups} sessions left out in its turn"
    if not found.is_better:
        raise MoodringError(_refusal(bundle.name, found))
    correction = learn(answered, share)
    write_adapted(bundle, correction, output, about=_about(bundle, lesson, correction, found, output, rater, seed))
    yield f"better than '{bundle.name}'; 'moodring models install {output}' makes {output} known by its name"


def _figures(name: str, figures: Mapping[str, float]) -> str:
    agreement, error = (
        f"{figures[f'{kind}_valence_mean']:.3f} valence, {figures[f'{kind}_arousal_mean']:.3f} arousal"
        for kind in ("ccc", "rmse")
    )
    return f"{name:15} agreement (CCC) {agreement}; error {error}"


def _refusal(name: str, found: Verdict) -> str:
    low, high = found.compared.interval
    why = f"its gain could be chance ({low:+.3f} to {high:+.3f})"
    if high < 0:
        why = "it is worse"
    elif not found.follows:
        why = f"it follows these ratings no better than ratings of other music (by chance in {found.chance:.0%})"
    return (
        f"not better than '{name}' on sessions left out: {why}; nothing was written; rate more sessions and try again"
    )


def verify_place(output: Path) -> None:
    """Raise ``UsageError`` where a bundle's name cannot be ``output``'s, or where something else would be replaced."""
    verify_output(output)
    if not output.absolute().parent.is_dir():
        raise UsageError(f"{output.parent} is not a folder; choose another place for the bundle")


def _lesson(dataset: Dataset, rated: Sequence[Rated], answered: Sequence[Rated], delay: Delay, hop_s: float) -> _Lesson:
    names = {one.name for one in rated}
    raters = sorted({piece.cohort for piece in dataset.pieces if piece.cohort and piece.piece in names})
    minutes = sum(int(one.is_rated.sum()) for one in answered) * hop_s / 60
    corpus = str(dataset.provenance.get("corpus", "?"))
    return _Lesson(raters, sorted({one.group for one in rated}), minutes, delay, corpus)


def _about(
    bundle: Bundle,
    lesson: _Lesson,
    correction: Correction,
    found: Verdict,
    output: Path,
    rater: str | None,
    seed: int,
) -> dict[str, Any]:
    """What the card says beside what the base's card says."""
    compared = found.compared
    several = bool((correction.widths != 1).any())
    by = "" if rater is None else f" --rater {rater}"
    return {
        "name": output.name,
        "base": {"name": bundle.name, "files": bundle.card["files"]},
        "adaptation": {
            "date": datetime.now().astimezone().date().isoformat(),
            "raters": lesson.raters,
            "minutes": round(lesson.minutes, 2),
            "sessions": lesson.sessions,
            "corpus": lesson.corpus,
            "reaction_delay_s": lesson.delay.seconds,
            "reaction_delay_within_s": lesson.delay.within,
            "chosen": "shift and stretch" if correction.weights is None else "shift, stretch and features",
            "stretch": correction.stretch.tolist(),
            "shift": correction.shift.tolist(),
            "spread": "of the raters, as far as they tell it"
            if several
            else "the base's: one listener does not tell it",
            "moodring": metadata.version("moodring"),
        },
        "evaluation": {
            "what": "one row a step, each session left out of what is learned from in its turn",
            "command": f"moodring adapt {bundle.name} DATASET{by} --seed {seed} -o {output.name}",
            "groups": compared.groups,
            "model": dict(compared.adapted),
            "base": dict(compared.base),
            "by_chance": round(found.chance, 4),
            "gain_ccc": compared.gain,
            "interval_level": LEVEL,
            "gain_ccc_interval": list(compared.interval),
            "difference_intervals": {name: list(bounds) for name, bounds in compared.differences.items()},
        },
        "groups": sorted({*bundle.card.get("groups", ()), *lesson.sessions}),
    }
