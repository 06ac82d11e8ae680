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

    logging.basicConfig(format="%(message)s", stream=sys.stderr, level=logging.INFO)
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
