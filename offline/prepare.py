"""From a corpus to a dataset, through the very code that listens live.

Each piece is heard once: what was heard is kept in a cache on disk by the file's content, the settings and the code
that listens, so that an interrupted preparation goes on where it was and new labels cost nothing.
"""

from __future__ import annotations

import hashlib
import logging
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from numpy.typing import NDArray

from models.errors import MoodringError, UsageError
from models.features import feature_set
from offline.corpora import Corpus, Labels, Piece
from offline.dataset import PieceSteps, write_dataset
from realtime.listener import Listener
from realtime.sources.files import open_file

log = logging.getLogger(__name__)

HOP_S = 0.5
WINDOW_S = 10.0
FEATURE_SETS = ("notes22",)

#: What a cache may grow to, in bytes; the oldest pieces go first.
_CACHE_SIZE = 4 * 2**30


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """A piece as the tracker hears it: times [shape=(n,)] and features by set [shape=(n, features)]."""

    times_s: NDArray[np.float64]
    features: Mapping[str, NDArray[np.float32]]


def hear(piece: Piece, feature_sets: Sequence[str] = FEATURE_SETS) -> Heard | MoodringError:
    """What the tracker would have made of the piece live; the error where the file cannot be read."""
    listener = Listener(tuple(feature_set(name) for name in feature_sets), window_s=WINDOW_S, rate_hz=1 / HOP_S)
    moments = []
    try:
        source = open_file(piece.path)
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
    times_s = np.array([moment.time for moment in moments])
    return Heard(times_s, {name: np.stack([moment.features[name] for moment in moments]) for name in feature_sets})


def prepare_piece(piece: Piece, feature_sets: Sequence[str] = FEATURE_SETS) -> PieceSteps | MoodringError:
    """The steps of one piece with their labels; the error where the file cannot be read."""
    heard = hear(piece, feature_sets)
    return heard if isinstance(heard, MoodringError) else _labelled(piece, heard)


def _labelled(piece: Piece, heard: Heard) -> PieceSteps:
    def rows(labels: Labels) -> NDArray[np.float32]:
        # A reading at the end of a measure is about that measure, not the one that begins there.
        return np.stack([labels.at(time_s - HOP_S / 2) for time_s in heard.times_s])

    dynamic = np.full((len(heard.times_s), 4), np.nan, np.float32) if piece.dynamic is None else rows(piece.dynamic)
    return PieceSteps(piece.name, piece.group, heard.times_s, heard.features, rows(piece.labels), dynamic)


def prepare(
    corpus: Corpus,
    output: Path,
    *,
    feature_sets: Sequence[str] = FEATURE_SETS,
    jobs: int = 1,
    scheduler: str | None = None,
    cache_folder: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[MoodringError]:
    """Prepare the whole ``corpus`` and write it to ``output``; the errors of the files that were left out.

    The work is shared among ``jobs`` processes of this machine or the workers of the Dask cluster at ``scheduler``
    (``tcp://…``), which need to see the corpus's files under the same paths. Raises ``MoodringError`` where no piece
    could be read or no cluster answers; nothing is written then.
    """
    import diskcache

    for correction in corpus.corrections:
        log.warning("%s: %s", corpus.name, correction)
    pieces = list(corpus)
    keys = [_key(piece, feature_sets) or f"no file: {piece.path}" for piece in pieces]
    heard: dict[str, Heard | MoodringError] = {}
    folder = cache_folder or platformdirs.user_cache_path("moodring", appauthor=False) / "heard"
    with diskcache.Cache(str(folder), size_limit=_CACHE_SIZE) as kept:
        for key in keys:
            if (found := kept.get(key)) is not None:
                heard[key] = pickle.loads(found)
        missing = {key: piece for key, piece in zip(keys, pieces, strict=True) if key not in heard}
        total = len(heard) + len(missing)
        with _workers(min(jobs, max(len(missing), 1)), scheduler) as share:
            progress(len(heard), total)
            for key, result in share(partial(_hear_keyed, feature_sets=tuple(feature_sets)), missing):
                heard[key] = result
                if isinstance(result, Heard):
                    kept.set(key, pickle.dumps(result))
                progress(len(heard), total)
    both = [(piece, heard[key]) for key, piece in zip(keys, pieces, strict=True)]
    ready = [_labelled(piece, result) for piece, result in both if isinstance(result, Heard)]
    failed = [result for _, result in both if isinstance(result, MoodringError)]
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
        "code": listening_code(),
    }


@cache
def listening_code() -> str:
    """A hash of everything that decides what is heard: the code of both live packages and the network that ships."""
    root = Path(__file__).parent.parent
    files = [*root.glob("models/**/*.py"), *root.glob("realtime/*.py"), *root.glob("realtime/sources/*file*.py")]
    files += root.glob("models/bundled/basic-pitch/*.onnx")
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(str(file.relative_to(root)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def _key(piece: Piece, feature_sets: Sequence[str]) -> str | None:
    """What the cache knows a heard piece by; None where there is no file."""
    try:
        content = hashlib.sha256(piece.path.read_bytes()).hexdigest()
    except OSError:
        return None
    settings = (tuple(feature_sets), HOP_S, WINDOW_S, piece.end_s, listening_code(), piece.path.suffix.lower())
    return hashlib.sha256(repr((content, *settings)).encode()).hexdigest()


def _hear_keyed(item: tuple[str, Piece], feature_sets: Sequence[str]) -> tuple[str, Heard | MoodringError]:
    key, piece = item
    return key, hear(piece, feature_sets)


_Result = tuple[str, Heard | MoodringError]
_Share = Callable[[Callable[[tuple[str, Piece]], _Result], Mapping[str, Piece]], Iterator[_Result]]


@contextmanager
def _workers(jobs: int, scheduler: str | None) -> Iterator[_Share]:
    """A way to run a function over pieces that gives results as they come."""
    if scheduler is None and jobs == 1:
        yield lambda function, pieces: map(function, pieces.items())
        return
    from distributed import Client, LocalCluster, as_completed

    cluster = None
    if scheduler is None:
        cluster = LocalCluster(
            n_workers=jobs, threads_per_worker=1, dashboard_address=None, host="127.0.0.1", silence_logs=logging.ERROR
        )
    try:
        client = Client(cluster or scheduler, timeout=10)
    except (OSError, ValueError) as error:
        raise UsageError(f"no Dask scheduler answers at {scheduler} ({type(error).__name__}); start one") from None

    def share(function: Callable[[tuple[str, Piece]], _Result], pieces: Mapping[str, Piece]) -> Iterator[_Result]:
        # A worker that dies takes its piece with it; another one tries again.
        futures = client.map(function, list(pieces.items()), retries=2, pure=False)
        for _, result in as_completed(futures, with_results=True):
            yield result

    try:
        yield share
    finally:
        client.close()
        if cluster is not None:
            cluster.close()
