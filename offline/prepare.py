"""From a corpus to a dataset, through the very code that listens live.

Each piece is heard once: what was heard is kept in a cache on disk by the file's content, the settings and the code
that listens, so that an interrupted preparation goes on where it was and new labels cost nothing.
"""

from __future__ import annotations

import glob
import hashlib
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import MoodringError
from models.features import feature_set
from offline.conditions import under
from offline.corpora import Corpus, Labels, Piece
from offline.dataset import PieceSteps, write_dataset
from offline.kept import Kept
from offline.synthesizer import synthesize
from offline.workers import workers
from realtime.events import Event, Sound
from realtime.listener import Listener
from realtime.sources import Source
from realtime.sources.files import LONG_BLOCK_S, open_file

log = logging.getLogger(__name__)

HOP_S = 0.5
WINDOW_S = 10.0
FEATURE_SETS = ("notes22",)
#: The rate at which MIDI is played: all that the transcription hears.
_PLAYED_HZ = 22_050
#: What the file of a recorded session ends in.
SESSION_SUFFIX = ".jsonl"


@dataclass(frozen=True, slots=True)
class Hearing:
    """How pieces are heard: which feature sets are computed, how many seconds their windows look back, and under which
    of ``offline.conditions``; ``draw`` numbers what is drawn for one condition. ``is_played``: MIDI files are heard as
    the sound that a synthesizer makes of them."""

    feature_sets: tuple[str, ...] = FEATURE_SETS
    window_s: float = WINDOW_S
    condition: str = "clean"
    draw: int = 1
    is_played: bool = False


#: What the study's networks take.
STUDY = Hearing()


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """A piece as the tracker hears it: times [shape=(n,)] and features by set [shape=(n, features)]."""

    times_s: NDArray[np.float64]
    features: Mapping[str, NDArray[np.float32]]


def hear(piece: Piece, hearing: Hearing = STUDY) -> Heard | MoodringError:
    """What the tracker would have made of the piece live; the error where the file cannot be read."""
    sets = tuple(feature_set(name) for name in hearing.feature_sets)
    listener = Listener(sets, window_s=hearing.window_s, rate_hz=1 / HOP_S)
    moments = []
    try:
        for events in _events(piece, hearing):
            moments += listener.push(events)
            # A file that runs on past its labels is left where they end.
            if piece.end_s is not None and listener.time_s > piece.end_s:
                break
    except MoodringError as error:
        return error
    moments += listener.finish()
    moments = [m for m in moments if piece.end_s is None or m.time <= piece.end_s]
    if not moments:
        return MoodringError(f"{piece.path} is shorter than one step of {HOP_S} s")
    times_s = np.array([moment.time for moment in moments])
    return Heard(times_s, {known.name: np.stack([moment.features[known.name] for moment in moments]) for known in sets})


def open_piece(path: Path) -> Source:
    """The source that gives what a piece sounds like: a sound or MIDI file, or a recorded session."""
    if path.suffix.lower() != SESSION_SUFFIX:
        return open_file(path, LONG_BLOCK_S)
    from offline.corpora.sessions import SessionEvents

    return SessionEvents(path, LONG_BLOCK_S)


def _events(piece: Piece, hearing: Hearing) -> Iterator[Sequence[Event]]:
    if hearing.condition == "clean" and not hearing.is_played:
        source = open_piece(piece.path)
        while not source.ended:
            yield source.read(0.0)
        source.close()
        return
    samples, rate = _sound(piece, hearing)
    seed = int.from_bytes(
        hashlib.sha256(f"{hearing.condition} {hearing.draw} {piece.name}".encode()).digest()[:8], "big"
    )
    heard, block = under(hearing.condition, samples, rate, seed=seed), round(LONG_BLOCK_S * rate)
    for start in range(0, len(heard), block):
        yield [Sound(heard[start : start + block], rate)]


def _sound(piece: Piece, hearing: Hearing) -> tuple[NDArray[np.float32], int]:
    """The whole of a piece's sound, and its rate in Hz."""
    if hearing.is_played:
        return synthesize(piece.path.read_bytes(), _PLAYED_HZ, ["-g", "0.5"]), _PLAYED_HZ
    source = open_piece(piece.path)
    sounds: list[Sound] = []
    while not source.ended:
        sounds += [event for event in source.read(0.0) if isinstance(event, Sound)]
    source.close()
    return np.concatenate([sound.samples for sound in sounds]), sounds[0].sample_rate


def prepare_piece(piece: Piece, hearing: Hearing = STUDY) -> PieceSteps | MoodringError:
    """The steps of one piece with their labels; the error where the file cannot be read."""
    heard = hear(piece, hearing)
    return heard if isinstance(heard, MoodringError) else _labelled(piece, heard)


def _labelled(piece: Piece, heard: Heard) -> PieceSteps:
    def rows(labels: Labels) -> NDArray[np.float32]:
        # A reading at the end of a measure is about that measure, not the one that begins there.
        return np.stack([labels.at(time_s - HOP_S / 2) for time_s in heard.times_s])

    dynamic = np.full((len(heard.times_s), 4), np.nan, np.float32) if piece.dynamic is None else rows(piece.dynamic)
    about = (piece.name, piece.group, heard.times_s, heard.features)
    return PieceSteps(*about, rows(piece.labels), dynamic, piece.genre, piece.cohort)


def prepare(
    corpus: Corpus,
    output: Path,
    *,
    hearing: Hearing = STUDY,
    every: int = 1,
    excerpt_s: float | None = None,
    jobs: int = 1,
    scheduler: str | None = None,
    cache_folder: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[MoodringError]:
    """Prepare the ``corpus``, or ``every`` so many of its pieces, and write it to ``output``; the errors of the files
    that were left out. Pieces longer than ``excerpt_s`` seconds are heard whole and come as excerpts of that length.

    The work is shared among ``jobs`` processes of this machine or the workers of the Dask cluster at ``scheduler``
    (``tcp://…``), which need to see the corpus's files under the same paths. Raises ``MoodringError`` where no piece
    could be read or no cluster answers; nothing is written then.
    """
    _sweep(output)
    for correction in corpus.corrections:
        log.warning("%s: %s", corpus.name, correction)
    pieces = list(corpus)[::every]
    code = listening_code() + _changing_code(hearing)
    keys = [_key(piece, hearing, code) or f"no file: {piece.path}" for piece in pieces]
    heard: dict[str, Heard | MoodringError] = {}
    with Kept("heard", cache_folder) as kept:
        heard |= {key: found for key in keys if (found := kept.get(key)) is not None}
        missing = {key: piece for key, piece in zip(keys, pieces, strict=True) if key not in heard}
        total = len(heard) + len(missing)
        with workers(min(jobs, max(len(missing), 1)), scheduler) as share:
            progress(len(heard), total)
            waiting = list(missing)
            for place, result in share(hear, list(missing.values()), hearing):
                heard[waiting[place]] = result
                if isinstance(result, Heard):
                    kept.set(waiting[place], result)
                progress(len(heard), total)
    both = [(piece, heard[key]) for key, piece in zip(keys, pieces, strict=True)]
    ready = [_labelled(piece, result) for piece, result in both if isinstance(result, Heard)]
    failed = [result for _, result in both if isinstance(result, MoodringError)]
    if not ready:
        raise MoodringError(f"no piece of {corpus.name} could be read; the first: {failed[0] if failed else 'none'}")
    if excerpt_s is not None:
        ready = [part for steps in ready for part in excerpts(steps, round(excerpt_s / HOP_S))]
    write_dataset(output, ready, provenance(corpus, hearing, excerpt_s))
    return failed


def excerpts(steps: PieceSteps, length: int) -> Iterator[PieceSteps]:
    """A piece longer than ``length`` steps in parts of so many, numbered from 1; the last may be shorter."""
    if len(steps.times_s) <= length:
        yield steps
        return
    for number, start in enumerate(range(0, len(steps.times_s), length), start=1):
        part = slice(start, start + length)
        yield replace(
            steps,
            piece=f"{steps.piece} {number}",
            times_s=steps.times_s[part],
            features={name: values[part] for name, values in steps.features.items()},
            labels=steps.labels[part],
            dynamic=None if steps.dynamic is None else steps.dynamic[part],
        )


def _sweep(output: Path) -> None:
    """Remove what runs that were killed while they wrote ``output`` left beside it under a passing name."""
    for left in output.parent.glob(f".{glob.escape(output.name)}.*"):
        if re.fullmatch(r"[a-z0-9_]{8}", left.suffix[1:]):
            left.unlink(missing_ok=True)


def provenance(corpus: Corpus, hearing: Hearing = STUDY, excerpt_s: float | None = None) -> dict[str, Any]:
    """What a dataset says of where it comes from."""
    return {
        "corpus": f"{corpus.name} played" if hearing.is_played else corpus.name,
        "kind": "sound" if hearing.is_played else corpus.kind,
        "terms": corpus.terms,
        "corrections": list(corpus.corrections),
        "feature_sets": list(hearing.feature_sets),
        "hop_s": HOP_S,
        "window_s": hearing.window_s,
        "condition": hearing.condition,
        "draw": hearing.draw,
        **({} if excerpt_s is None else {"excerpt_s": excerpt_s}),
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


def _changing_code(hearing: Hearing) -> str:
    """A hash of the code that makes of a piece what is listened to; pieces that are heard as they are need none."""
    made_by = {"conditions.py": hearing.condition != "clean", "synthesizer.py": hearing.is_played}
    here = Path(__file__).parent
    return hashlib.sha256(b"".join((here / name).read_bytes() for name, is_so in made_by.items() if is_so)).hexdigest()


def _key(piece: Piece, hearing: Hearing, code: str) -> str | None:
    """What the cache knows a piece by that ``code`` hears; None where there is no file."""
    try:
        # The sound of a recorded session lies beside it, in files of its own.
        beside = sorted(piece.path.parent.glob(f"{glob.escape(piece.path.stem)}*.flac"))
        files = [piece.path, *(beside if piece.path.suffix.lower() == SESSION_SUFFIX else [])]
        content = " ".join(hashlib.sha256(file.read_bytes()).hexdigest() for file in files)
    except OSError:
        return None
    settings = (hearing, HOP_S, piece.end_s, code, piece.path.suffix.lower())
    return hashlib.sha256(repr((content, *settings)).encode()).hexdigest()
