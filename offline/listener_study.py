"""How much a few minutes of one listener's ratings are worth, told with the raters of VGMIDI.

``python -m offline.listener_study VGMIDI_FOLDER DATASET`` prints the table of the README. ``DATASET`` is VGMIDI,
prepared with the features and the window of the bundle ``notes``.

Who is a listener: VGMIDI names no raters, and by what they wrote each of them rated two pieces, four minutes. No single
person in it rated for twenty. So a listener here is a profile (age, country, gender and musicianship, as the raters
gave them), which several people share: of each piece one of them, the first in the file, one rating at a time. People
of one profile agree with each other hardly more than with anyone else, so what is learned of such a listener is mostly
how a single person uses the scale, as opposed to the mean of thirty; a real listener has habits beyond that.

What the guard was chosen on: one half of the profiles, by a hash of their names (``chosen_on``). The table tells of
the other half.

What the base has seen: the bundle that ships was trained on the mean ratings of these very pieces. Beside it stands a
network of the same kind, trained anew on the mean ratings of the other series, in five folds of series. For each fold a
listener's minutes are drawn from the other folds, piece by piece, and the pieces in the fold are judged, so that with
the stand-in neither base nor correction has met the series that it is judged by.
"""

from __future__ import annotations

import argparse
import json
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from models.affect import from_normalized
from models.bundle import Bundle, load
from models.errors import MoodringError
from offline.adaptation.guard import FEWEST_GROUPS, Comparison, compare, judge
from offline.adaptation.learning import learn
from offline.adaptation.rated import Rated, rated_pieces
from offline.baselines import Fold
from offline.dataset import Dataset, read_dataset
from offline.metrics import Values, interval

PROFILE = ("age", "country", "gender", "musicianship")
MINUTES = (5.0, 10.0, 20.0, 60.0)
#: A listener is looked at who rated so many pieces that can be held out, beside the minutes to learn from.
FEWEST_HELD_OUT = 3
TRIALS = 40

#: The places of the rated pieces in the dataset, with the ratings of each step [shape=(n, 2)].
Listener = Mapping[int, Values]


@dataclass(frozen=True, slots=True, eq=False)
class Base:
    """A network, what it says of every piece of the dataset, and the folds of pieces on which it is judged."""

    name: str
    pieces: Sequence[Rated]
    folds: Sequence[Fold]


def listeners(folder: Path, dataset: Dataset) -> dict[str, Listener]:
    """Profiles and what they rated, from the raw annotations in VGMIDI's ``folder``."""
    places = {piece.piece: place for place, piece in enumerate(dataset.pieces)}
    found: dict[str, dict[int, Values]] = defaultdict(dict)
    for table in sorted((folder / "annotations").glob("vgmidi_raw_*.json")):
        content = json.loads(table.read_text(encoding="utf-8"))
        for key, annotation in content["annotations"].items():
            about = content["pieces"].get(key.rpartition("_")[0])
            place = None if about is None else places.get(Path(about["midi"]).stem)
            if place is None:
                continue
            profile = ", ".join(str(annotation.get(name, "?")).strip() for name in PROFILE)
            if place not in found[profile]:
                found[profile][place] = _in_time(annotation, about, dataset, place)
    return dict(found)


def chosen_on(profile: str) -> bool:
    """Whether the method's settings were chosen on this profile; such listeners are not reported on."""
    return zlib.crc32(f"half{profile}".encode()) % 2 == 0


def _in_time(annotation: Mapping[str, Any], about: Mapping[str, Any], dataset: Dataset, place: int) -> Values:
    """One annotation, a value a measure, at each step of its piece [shape=(n, 2)], as datasets have it."""
    measures = int(about["measures"])
    middle_s = dataset.pieces[place].times_s - dataset.hop_s / 2
    number = np.clip((middle_s * measures / about["duration"]).astype(int), 0, measures - 1)
    said = np.array([annotation[axis][:measures] for axis in ("valence", "arousal")], np.float64)
    return from_normalized(said.T[number])


def shipped(bundle: Bundle, dataset: Dataset) -> Base:
    """The bundle as it ships, in the folds of series that stand-ins are trained in."""
    from offline.crossvalidation import material
    from offline.recipe import Recipe

    folds = material(dataset, [known.name for known in bundle.feature_sets]).folds(Recipe("kernel"))
    return Base(f"{bundle.name}, as it ships", rated_pieces(bundle, dataset), folds)


def stand_ins(bundle: Bundle, dataset: Dataset) -> list[Base]:
    """Networks like ``bundle``'s, each fold trained on the other series, on the scale of the corpus and on that of the
    bundle, which was trained on the scale of another."""
    from offline.crossvalidation import Task, fold_key, material, train_fold
    from offline.kept import Kept
    from offline.recipe import Recipe

    inputs = [known.name for known in bundle.feature_sets]
    recipe = Recipe("kernel")
    everything = material(dataset, inputs)
    folds, digest = everything.folds(recipe), everything.digest()
    pieces = rated_pieces(bundle, dataset)
    with Kept("trained") as kept:
        for number, (_, test) in enumerate(folds):
            key = fold_key(digest, Task(recipe, number))
            fitted = kept.get(key) or train_fold(Task(recipe, number), everything)
            kept.set(key, fitted)
            network = fitted.network()
            for place in test:
                said = np.asarray(network(pieces[place].features[None], training=False))[0]
                pieces[place] = replace(pieces[place], affect=said.astype(np.float64))
    own = Base("stand-in, the corpus's scale", pieces, folds)
    scale = bundle.card["training"].get("scales", {}).get("vgmidi")
    if scale is None:
        return [own]
    factor, shift = np.array(scale["factor"]), np.array(scale["shift"])
    moved = [replace(one, affect=_moved(one.affect, factor, shift)) for one in pieces]
    return [own, Base(f"stand-in, the scale of {bundle.name}", moved, folds)]


def _moved(affect: Values, factor: Values, shift: Values) -> Values:
    moved = affect.copy()
    moved[:, [0, 2]] = factor * affect[:, [0, 2]] + shift
    moved[:, [1, 3]] = factor * affect[:, [1, 3]]
    return moved


def lessons(
    base: Base, listener: Listener, minutes: float, hop_s: float, rng: np.random.Generator
) -> Iterator[tuple[list[Rated], list[Rated]]]:
    """What is learned from, so many minutes, and what is held out, for each fold that has any of the listener's.

    Nothing for a listener who has not rated enough.
    """
    wanted = round(minutes * 60 / hop_s)
    folds = [[[place for place in side if place in listener] for side in fold] for fold in base.folds]
    folds = [fold for fold in folds if fold[1]]
    enough = all(sum(len(listener[place]) for place in training) >= wanted for training, _ in folds)
    if not enough or len(listener) < FEWEST_HELD_OUT + 2:
        return
    for training, test in folds:
        left, learned = wanted, []
        for place in rng.permutation(training).tolist():
            if left > 0:
                learned.append(_heard_by(base.pieces[place], listener[place], left))
                left -= len(learned[-1].affect)
        yield learned, [_heard_by(base.pieces[place], listener[place]) for place in test]


def _heard_by(piece: Rated, said: Values, steps: int | None = None) -> Rated:
    """A piece, or its first steps, with a listener's ratings; a group of its own."""
    ratings = np.full((len(said), 4), np.nan)
    ratings[:, [0, 2]] = said
    return Rated(piece.name, piece.name, piece.affect[:steps], piece.features[:steps], ratings[:steps])


def study(
    base: Base, people: Mapping[str, Listener], minutes: float, dataset: Dataset, *, seed: int
) -> list[tuple[Comparison, bool | None]]:
    """For each listener with enough material how base and adapted bundle do on held-out pieces, and whether ``adapt``
    would have installed what it learned in the first fold, None where it could not tell."""
    share = dataset.hop_s / dataset.window_s
    found = []
    for profile, listener in sorted(people.items()):
        rng = np.random.default_rng([seed, zlib.crc32(profile.encode())])
        parts: list[tuple[Any, ...]] = []
        installs = None
        for learned, held_out in lessons(base, listener, minutes, dataset.hop_s, rng):
            correction = learn(learned, share)
            if not parts and len(learned) >= FEWEST_GROUPS:
                installs = judge(learned, share, seed=seed).is_better
            for one in held_out:
                adapted = correction.apply(one.affect, one.features)
                parts.append((one.affect, adapted, one.ratings, np.full(len(adapted), one.name)))
        if len(parts) >= FEWEST_HELD_OUT:
            affect, adapted, ratings, names = (np.concatenate(columns) for columns in zip(*parts, strict=True))
            found.append((compare(affect, adapted, ratings, names, seed=seed), installs))
    return found


def refused(base: Base, people: Mapping[str, Listener], minutes: float, dataset: Dataset, *, seed: int) -> int:
    """How many of ``TRIALS`` listeners whose ratings are drawn at random the guard refuses.

    Ratings of one kind in each of four: a walk, one value a piece, a new value each ten seconds, and real ratings of
    the same listener for other pieces than they are given for.
    """
    share, count = dataset.hop_s / dataset.window_s, 0
    rng = np.random.default_rng(seed)
    enough = [
        learned
        for _, listener in sorted(people.items())
        for learned, _ in lessons(base, listener, minutes, dataset.hop_s, rng)
        if len(learned) >= FEWEST_GROUPS
    ]
    for trial, place in enumerate(rng.choice(len(enough), TRIALS, replace=len(enough) < TRIALS).tolist()):
        drawn = [replace(one, ratings=said) for one, said in _drawn(enough[place], trial % 4, dataset.hop_s, rng)]
        count += not judge(drawn, share, seed=seed).is_better
    return count


def _drawn(
    learned: Sequence[Rated], kind: int, hop_s: float, rng: np.random.Generator
) -> Iterator[tuple[Rated, Values]]:
    others = np.concatenate([learned[place].ratings for place in rng.permutation(len(learned))])
    for one in learned:
        steps = len(one.affect)
        ratings = np.full((steps, 4), np.nan)
        if kind == 0:
            said = np.clip(rng.uniform(2, 8, 2) + np.cumsum(rng.normal(0, 0.25, (steps, 2)), axis=0), 1, 9)
        elif kind == 1:
            said = np.repeat(rng.uniform(1, 9, (1, 2)), steps, axis=0)
        elif kind == 2:
            every = round(10 / hop_s)
            said = np.repeat(rng.uniform(1, 9, (-(-steps // every), 2)), every, axis=0)[:steps]
        else:
            start = int(rng.integers(len(others)))
            said = np.take(others, np.arange(start, start + steps), axis=0, mode="wrap")[:, [0, 2]]
        ratings[:, [0, 2]] = said
        yield one, ratings


def row(base: Base, minutes: float, found: Sequence[tuple[Comparison, bool | None]], refusals: int, seed: int) -> str:
    """A line of the table; the interval of the mean gain is over listeners."""
    gains = np.array([one.gain for one, _ in found])
    draws = np.random.default_rng(seed).choice(gains, (2000, len(gains))).mean(axis=1)
    low, high = interval(draws) or (np.nan, np.nan)
    before, after = (_mean([getattr(one, name) for one, _ in found], "ccc") for name in ("base", "adapted"))
    error, error_after = (_mean([getattr(one, name) for one, _ in found], "rmse") for name in ("base", "adapted"))
    told = [installs for _, installs in found if installs is not None]
    cells = [
        base.name,
        f"{minutes:g}",
        str(len(found)),
        f"{100 * (gains > 0).mean():.0f} %",
        f"{before:.3f} → {after:.3f}",
        f"{gains.mean():+.3f} ({low:+.3f} to {high:+.3f})",
        f"{error:.2f} → {error_after:.2f}",
        f"{100 * np.mean(told):.0f} %" if told else "–",
        f"{refusals} of {TRIALS}",
    ]
    return f"| {' | '.join(cells)} |"


def _mean(figures: Sequence[Mapping[str, float]], kind: str) -> float:
    return float(np.mean([[one[f"{kind}_{axis}_mean"] for axis in ("valence", "arousal")] for one in figures]))


HEAD = (
    "| base | minutes | listeners | improved | CCC | gain | error | installed | random ratings refused |",
    "|---|---|---|---|---|---|---|---|---|",
)


def _bases(bundle: Bundle, dataset: Dataset) -> Iterator[Base]:
    yield shipped(bundle, dataset)
    yield from stand_ins(bundle, dataset)[::-1]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="What one listener's minutes are worth, told with VGMIDI's raters.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--base", default="notes")
    parser.add_argument("--minutes", type=float, nargs="+", default=list(MINUTES))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--choosing", action="store_true", help="the half that settings were chosen on")
    asked = parser.parse_args()
    try:
        bundle, dataset = load(asked.base), read_dataset(asked.dataset)
        everyone = listeners(asked.folder, dataset)
        people = {name: said for name, said in everyone.items() if chosen_on(name) == asked.choosing}
        for line in HEAD:
            print(line)
        for base in _bases(bundle, dataset):
            for minutes in asked.minutes:
                found = study(base, people, minutes, dataset, seed=asked.seed)
                refusals = refused(base, people, minutes, dataset, seed=asked.seed)
                print(row(base, minutes, found, refusals, asked.seed), flush=True)
    except MoodringError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
