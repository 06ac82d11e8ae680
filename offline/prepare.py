"""From a corpus to a dataset, through the very code that listens live."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib import metadata
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from models.errors import MoodringError
from models.features import feature_set
from offline.corpora import Corpus, Piece
from offline.dataset import PieceSteps, write_dataset
from realtime.listener import Listener
from realtime.sources import Source
from realtime.sources.audio_file import AudioFile
from realtime.sources.midi_file import MidiFile

log = logging.getLogger(__name__)

HOP_S = 0.5
WINDOW_S = 10.0
FEATURE_SETS = ("notes22",)


def open_source(piece: Piece) -> Source:
    """The source that plays the piece's file."""
    if piece.path.suffix.lower() in (".mid", ".midi"):
        return MidiFile(piece.path)
    return AudioFile(piece.path)


def prepare_piece(piece: Piece, feature_sets: Sequence[str] = FEATURE_SETS) -> PieceSteps | MoodringError:
    """The steps of one piece, as the tracker would have seen them live; the error where the file cannot be read."""
    listener = Listener(tuple(feature_set(name) for name in feature_sets), window_s=WINDOW_S, rate_hz=1 / HOP_S)
    moments = []
    try:
        source = open_source(piece)
        while not source.ended:
            moments += listener.push(source.read(0.0))
            # A file that runs on past its labels is left where they end.
            if piece.end_s is not None and listener.time_s > piece.end_s:
                break
        source.close()
    except MoodringError as error:
        return error
    moments += listener.finish()
    moments = [m for m in moments if piece.end_s is None or m.time <= piece.end_s]
    if not moments:
        return MoodringError(f"{piece.path} is shorter than one step of {HOP_S} s")
    return PieceSteps(
        piece.name,
        piece.group,
        np.array([moment.time for moment in moments]),
        {name: np.stack([moment.features[name] for moment in moments]) for name in feature_sets},
        # A reading at the end of a measure is about that measure, not the one that begins there.
        np.stack([piece.labels.at(moment.time - HOP_S / 2) for moment in moments]),
    )


def prepare(
    corpus: Corpus,
    output: Path,
    *,
    feature_sets: Sequence[str] = FEATURE_SETS,
    jobs: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[MoodringError]:
    """Prepare the whole ``corpus`` on ``jobs`` processes and write it to ``output``; the files that were left out."""
    for correction in corpus.corrections:
        log.warning("%s: %s", corpus.name, correction)
    ready: list[PieceSteps] = []
    failed: list[MoodringError] = []
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        work = partial(prepare_piece, feature_sets=tuple(feature_sets))
        for done, steps in enumerate(pool.map(work, corpus, chunksize=4), start=1):
            if isinstance(steps, MoodringError):
                failed.append(steps)
            else:
                ready.append(steps)
            progress(done, len(corpus))
    if not ready:
        raise MoodringError(f"no piece of {corpus.name} could be read; the first: {failed[0] if failed else 'none'}")
    write_dataset(output, ready, provenance(corpus, feature_sets))
    return failed


def provenance(corpus: Corpus, feature_sets: Sequence[str]) -> dict[str, Any]:
    """What a dataset says of where it comes from."""
    return {
        "corpus": corpus.name,
        "kind": corpus.kind,
        "terms": corpus.terms,
        "corrections": list(corpus.corrections),
        "feature_sets": list(feature_sets),
        "hop_s": HOP_S,
        "window_s": WINDOW_S,
        "moodring": metadata.version("moodring"),
    }
