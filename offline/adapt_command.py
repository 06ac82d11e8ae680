"""What ``adapt`` does: learn from ratings, judge, say so, and write the bundle if it is better. Without TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from models.agreement import AGREEMENT, Agreement, Examples, read_examples, verify_agreement
from models.bundle import SEQUENCE_NETWORK, STEP_NETWORK, Bundle, file_entry, load
from models.errors import MoodringError, UsageError
from models.transcription import open_network
from offline.adaptation import (
    FEATURE_CLIP,
    LEAST_SPREAD,
    Correction,
    Rated,
    Verdict,
    judge,
    learn,
    rated_pieces,
    reaction_delay_s,
    without_delay,
)
from offline.dataset import Dataset, read_dataset
from offline.placing import place_bundle, verify_output

_AFFECT = "affect"


@dataclass(frozen=True, slots=True)
class _Lesson:
    """What was learned from: ``raters`` by name where known, sessions by group, and how late the ratings came."""

    raters: list[str]
    sessions: list[str]
    minutes: float
    delay_s: float
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
    delay_s = reaction_delay_s(rated, bundle.hop_s)
    answered = [without_delay(one, round(delay_s / bundle.hop_s)) for one in rated]
    lesson = _lesson(opened, rated, answered, delay_s, bundle.hop_s)
    by = f" by {', '.join(lesson.raters)}" if lesson.raters else ""
    yield f"learned from    {lesson.minutes:.1f} rated minutes{by} in {_count(len(lesson.sessions), 'session')}"
    yield f"reaction delay  {delay_s:.1f} s"
    known = sorted(set(bundle.card.get("groups", ())) & set(lesson.sessions))
    if known:
        yield f"note            '{bundle.name}' was trained on {len(known)} of these groups, which flatters it"
    found = judge(answered, share, seed=seed)
    yield _figures(bundle.name, found.base)
    yield _figures("adapted", found.adapted)
    gain = f"{found.gain:+.3f} in agreement (95 % {found.interval[0]:+.3f} to {found.interval[1]:+.3f})"
    yield f"gain            {gain}, each of {found.groups} sessions left out in its turn"
    if not found.is_better:
        raise MoodringError(_refusal(bundle.name, found))
    correction = learn(answered, share)
    write_adapted(bundle, correction, output, about=_about(bundle, lesson, correction, found, output, rater, seed))
    yield f"better than '{bundle.name}'; 'moodring models install {output}' makes {output} known by its name"


def _count(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"


def _figures(name: str, figures: Mapping[str, float]) -> str:
    agreement, error = (
        f"{figures[f'{kind}_valence_mean']:.3f} valence, {figures[f'{kind}_arousal_mean']:.3f} arousal"
        for kind in ("ccc", "rmse")
    )
    return f"{name:15} agreement (CCC) {agreement}; error {error}"


def _refusal(name: str, found: Verdict) -> str:
    why = f"its gain could be chance ({found.interval[0]:+.3f} to {found.interval[1]:+.3f})"
    if found.interval[1] < 0:
        why = "it is worse"
    elif found.interval[0] > 0:
        why = "neither follows these ratings at all"
    return (
        f"not better than '{name}' on sessions left out: {why}; nothing was written; rate more sessions and try again"
    )


def verify_place(output: Path) -> None:
    """Raise ``UsageError`` where a bundle's name cannot be ``output``'s, or where something else would be replaced."""
    verify_output(output)
    if not output.absolute().parent.is_dir():
        raise UsageError(f"{output.parent} is not a folder; choose another place for the bundle")


def _lesson(
    dataset: Dataset, rated: Sequence[Rated], answered: Sequence[Rated], delay_s: float, hop_s: float
) -> _Lesson:
    names = {one.name for one in rated}
    raters = sorted({piece.cohort for piece in dataset.pieces if piece.cohort and piece.piece in names})
    minutes = sum(int(one.is_rated.sum()) for one in answered) * hop_s / 60
    corpus = str(dataset.provenance.get("corpus", "?"))
    return _Lesson(raters, sorted({one.group for one in rated}), minutes, delay_s, corpus)


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
    several = bool((correction.widths != 1).any())
    by = "" if rater is None else f" --rater {rater}"
    return {
        "name": output.name,
        "base": {"name": bundle.name, "files": bundle.card["files"]},
        "adaptation": {
            "raters": lesson.raters,
            "minutes": round(lesson.minutes, 2),
            "sessions": lesson.sessions,
            "corpus": lesson.corpus,
            "reaction_delay_s": lesson.delay_s,
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
            "groups": found.groups,
            "model": dict(found.adapted),
            "base": dict(found.base),
            "gain_ccc": found.gain,
            "gain_ccc_interval": list(found.interval),
        },
        "groups": sorted({*bundle.card.get("groups", ()), *lesson.sessions}),
    }


def write_adapted(bundle: Bundle, correction: Correction, output: Path, *, about: Mapping[str, Any]) -> Agreement:
    """Write ``bundle`` with the ``correction`` at the end of its networks as the bundle ``output``; ``about`` is what
    its card says otherwise than the base's.

    Raises ``MoodringError`` where the networks do not say what base and correction say, or nothing can be written.
    """
    carried = _examples(bundle, correction)
    files = {
        SEQUENCE_NETWORK: _network(bundle, SEQUENCE_NETWORK, correction),
        STEP_NETWORK: _network(bundle, STEP_NETWORK, correction),
        AGREEMENT: carried.as_file(),
    }
    card = {**bundle.card, **about, "files": {name: file_entry(content) for name, content in files.items()}}

    def check(folder: Path) -> Agreement:
        written = load(folder)
        return verify_agreement(written, read_examples(written))

    return place_bundle(output, files, card, check)


def _examples(bundle: Bundle, correction: Correction) -> Examples:
    """The base's examples, with what the base's network says of them, corrected here and not in ONNX."""
    examples = read_examples(bundle)
    verify_agreement(bundle, examples)
    said = np.asarray(open_network(bundle.path / SEQUENCE_NETWORK).run([_AFFECT], dict(examples.features))[0])
    features = np.concatenate([examples.features[known.name] for known in bundle.feature_sets], axis=-1)
    return Examples(examples.features, correction.apply(said, features).astype(np.float32))


def _network(bundle: Bundle, file: str, correction: Correction) -> bytes:
    """The base's network with the correction behind it; inputs and outputs keep their names."""
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.load(str(bundle.path / file))
    graph = model.graph
    taken = {name for node in graph.node for name in (*node.input, *node.output)}
    number = next(number for number in range(1, len(taken) + 2) if f"base_{number}/{_AFFECT}" not in taken)
    under = f"base_{number}/"
    for node in graph.node:
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                if name == _AFFECT:
                    names[place] = under + _AFFECT

    def constant(name: str, values: Any) -> str:
        graph.initializer.append(numpy_helper.from_array(np.asarray(values, np.float32), under + name))
        return under + name

    def add(kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        graph.node.append(helper.make_node(kind, inputs, [output], name=under + kind + output, **attributes))
        return output

    factors, shift = _beside(correction.stretch, correction.widths), _beside(correction.shift, np.zeros(2))
    said = add("Mul", [under + _AFFECT, constant("factors", factors)], under + "stretched")
    said = add("Add", [said, constant("shift", shift)], under + "shifted")
    if correction.weights is not None and correction.centre is not None and correction.scale is not None:
        features = add("Concat", [known.name for known in bundle.feature_sets], under + "features", axis=-1)
        middle = add("Sub", [features, constant("centre", correction.centre)], under + "centred")
        middle = add("Div", [middle, constant("scale", correction.scale)], under + "standardized")
        bounds = [constant("least", -FEATURE_CLIP), constant("most", FEATURE_CLIP)]
        middle = add("Clip", [middle, *bounds], under + "clipped")
        weights = np.zeros((len(correction.centre), 4))
        weights[:, [0, 2]] = correction.weights
        turn = add("MatMul", [middle, constant("weights", weights)], under + "turn")
        size = add("Abs", [features], under + "size")
        size = add("ReduceMax", [size], under + "largest", axes=[-1], keepdims=1)
        heard = add("Greater", [size, constant("nothing", 0.0)], under + "heard")
        heard = add("Cast", [heard], under + "heard_number", to=onnx.TensorProto.FLOAT)
        said = add("Add", [said, add("Mul", [turn, heard], under + "turn_heard")], under + "turned")
    said = add("Max", [said, constant("floor", [1.0, LEAST_SPREAD, 1.0, LEAST_SPREAD])], under + "floored")
    add("Min", [said, constant("ceiling", 9.0)], _AFFECT)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _beside(means: Any, spreads: Any) -> list[float]:
    """Two numbers of means and two of spreads in the order of the outputs."""
    return [float(means[0]), float(spreads[0]), float(means[1]), float(spreads[1])]
