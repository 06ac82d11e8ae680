"""What the offline commands do between the command line and the library: progress on stderr, results on stdout."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from models.errors import MoodringError, UsageError

if TYPE_CHECKING:
    from offline.corpora import Corpus
    from offline.rater_agreement import Agreement


def prepare_corpus(
    corpus: str,
    path: Path,
    output: Path,
    *,
    jobs: int,
    scheduler: str | None,
    audio_offset_s: float,
    as_published: bool,
    features: str,
    window_s: float,
    condition: str,
    draw: int,
    every: int,
    is_played: bool = False,
    excerpt_s: float | None = None,
    rater: str | None = None,
) -> list[MoodringError]:
    """Prepare a corpus and show how far it has got; the files that could not be read."""
    from offline.conditions import verify_condition
    from offline.corpora import open_corpus
    from offline.prepare import Hearing, prepare
    from offline.progress import shown

    logging.basicConfig(format="%(message)s", stream=sys.stderr, level=logging.WARNING)
    verify_condition(condition)
    opened = open_corpus(corpus, path, audio_offset_s=audio_offset_s, as_published=as_published, rater=rater)
    if is_played and opened.kind != "notes":
        raise UsageError(f"--played is for MIDI, and {corpus} is sound already; leave it out")
    kind = "sound" if is_played else opened.kind
    if condition != "clean" and kind != "sound":
        raise UsageError(
            f"--condition {condition} is for sound, and {corpus} has only notes; leave it out or add --played"
        )
    hearing = Hearing(feature_sets(features, kind), window_s, condition, draw, is_played)
    if not output.parent.is_dir():
        raise UsageError(f"{output.parent} is not a folder; choose another place for the dataset")
    with shown(corpus, sys.stderr) as progress:
        failed = prepare(
            opened,
            output,
            hearing=hearing,
            every=every,
            excerpt_s=excerpt_s,
            jobs=jobs,
            scheduler=scheduler,
            progress=progress,
        )
    print(f"{output}: {-(-len(opened) // every) - len(failed)} pieces")
    for found in _agreements(opened):
        print(found)
    return failed


def audit_corpus(corpus: str, path: Path, *, audio_offset_s: float, as_json: bool) -> Iterator[str]:
    """A line for each thing that is wrong, how far those agree who rated the same sessions, and what it came to."""
    from offline.audit import audit
    from offline.corpora import open_corpus

    opened = open_corpus(corpus, path, audio_offset_s=audio_offset_s, strict=False)
    findings = audit(opened)
    for finding in findings:
        if as_json:
            yield json.dumps({"type": "finding", **asdict(finding)})
        else:
            yield f"{finding.kind}: {finding.message}"
    for found in _agreements(opened):
        yield json.dumps({"type": "agreement", **asdict(found)}) if as_json else f"raters: {found}"
    if not as_json:
        yield f"{corpus}: {len(opened)} rated pieces, {len(findings) or 'no'} findings"


def _agreements(corpus: Corpus) -> list[Agreement]:
    """How far the raters of recorded sessions agree, two at a time; other corpora do not say who rated what."""
    from offline.corpora.sessions import Sessions
    from offline.rater_agreement import agreements

    return agreements(corpus.passes.values()) if isinstance(corpus, Sessions) else []


def feature_sets(asked: str, kind: Literal["sound", "notes"]) -> tuple[str, ...]:
    """The names in ``asked``, or every set that a corpus of this kind can give for ``all``.

    Sets that need sound are all zeros where there are notes alone, for a model that learns from corpora of both kinds.
    Raises ``UsageError`` for a name that is not known, or where nothing but such zeros would be prepared.
    """
    from models.features import FEATURE_SETS, feature_set

    if asked == "all":
        return tuple(name for name in FEATURE_SETS if kind == "sound" or not feature_set(name).needs_sound)
    names = tuple(name.strip() for name in asked.split(","))
    if kind != "sound" and all(feature_set(name).needs_sound for name in names):
        raise UsageError(f"the features '{asked}' need sound, and this corpus has only notes; take others")
    return names
