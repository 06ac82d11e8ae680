"""What the offline commands do between the command line and the library: progress on stderr, results on stdout."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from models.affect import OUTPUTS
from models.errors import MoodringError, UsageError

_console = Console(file=sys.stderr)


def prepare_corpus(
    corpus: str,
    path: Path,
    output: Path,
    *,
    jobs: int,
    scheduler: str | None,
    audio_offset_s: float,
    as_published: bool,
) -> list[MoodringError]:
    """Prepare a corpus with a progress bar; the files that could not be read."""
    from offline.corpora import open_corpus
    from offline.prepare import prepare

    logging.basicConfig(format="%(message)s", stream=sys.stderr, level=logging.WARNING)
    # What workers say of their coming and going is not for the person who waits.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    opened = open_corpus(corpus, path, audio_offset_s=audio_offset_s, as_published=as_published)
    if not output.parent.is_dir():
        raise UsageError(f"{output.parent} is not a folder; choose another place for the dataset")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=_console) as bar:
        task = bar.add_task(corpus, total=len(opened))
        failed = prepare(
            opened,
            output,
            jobs=jobs,
            scheduler=scheduler,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    print(f"{output}: {len(opened) - len(failed)} pieces")
    return failed


def audit_corpus(corpus: str, path: Path, *, audio_offset_s: float, as_json: bool) -> Iterator[str]:
    """A line for each thing that is wrong, and one that says so where nothing is."""
    from offline.audit import audit
    from offline.corpora import open_corpus

    opened = open_corpus(corpus, path, audio_offset_s=audio_offset_s)
    findings = audit(opened)
    for finding in findings:
        if as_json:
            yield json.dumps({"type": "finding", **asdict(finding)})
        else:
            yield f"{finding.kind}: {finding.message}"
    if not as_json:
        yield f"{corpus}: {len(opened)} rated pieces, {len(findings) or 'no'} findings"


def evaluate_bundle(bundle: str, dataset: Path, *, as_json: bool) -> Iterator[str]:
    """The figures of a bundle on a dataset: a table, or everything as one JSON object."""
    from models.bundle import load
    from offline.dataset import read_dataset
    from offline.evaluation import evaluate

    report = evaluate(load(bundle), read_dataset(dataset))
    if as_json:
        yield json.dumps(report)
        return
    counted = f"{report['pieces']} pieces, {report['groups']} groups, a row a piece"
    yield f"{report['model']} on {report['corpus']}: {counted}"
    yield f"{'':16}{'R²':>8}{'95 % interval':>20}{'r':>8}{'CCC':>8}{'RMSE':>8}{'ridge R²':>10}{'mean R²':>10}"
    own, interval = report["per_piece"], report["per_piece_interval"]
    for name in OUTPUTS:
        low, high = interval[f"r2_{name}"]
        yield (
            f"{name:16}{own[f'r2_{name}']:8.3f}{f'{low:.3f} to {high:.3f}':>20}{own[f'r_{name}']:8.3f}"
            f"{own[f'ccc_{name}']:8.3f}{own[f'rmse_{name}']:8.3f}{report['ridge'][f'r2_{name}']:10.3f}"
            f"{report['mean_predictor'][f'r2_{name}']:10.3f}"
        )
    spread, constant = report["spread"], report["spread_constant"]
    for axis in ("valence", "arousal"):
        covered = ", ".join(f"{spread[f'coverage_{p}_{axis}']:.0%} of nominal {p} %" for p in (50, 80, 90))
        nats, at_best = spread[f"nll_{axis}"], constant[f"nll_{axis}"]
        yield f"{axis}: {covered}; {nats:.3f} nats a rating ({at_best:.3f} if constant)"
        if report["within_piece_r"][axis] is not None:
            yield f"{axis}: follows the ratings within a piece at r {report['within_piece_r'][axis]:.2f}"
    if report["reliability_r2"]:
        yield "the raters themselves: R² {:.2f} valence, {:.2f} arousal".format(*report["reliability_r2"])


def train_bundle(dataset: Path, output: Path, *, arch: str, seed: int) -> None:
    """Train with a line a fold; prints the cross-validated scores beside the mean predictor's."""
    from offline.dataset import read_dataset

    data = read_dataset(dataset)
    from offline.networks import architecture
    from offline.training import Recipe, train

    architecture(arch)
    evaluation = train(
        data, output, Recipe(arch, seed=seed), progress=lambda line: _console.print(line, highlight=False)
    )
    for name, scores in (("model", evaluation.model), ("mean predictor", evaluation.mean_predictor)):
        print(
            f"{name:15} squared error {scores['mse']:.3f}, R² {scores['r2_valence_mean']:.3f} valence, "
            f"{scores['r2_arousal_mean']:.3f} arousal"
        )
    print(f"{output}")
