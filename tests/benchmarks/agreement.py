"""How good the streaming notes are: ``python -m tests.benchmarks.agreement [--deam FOLDER] [--vgmidi FOLDER]``.

Three comparisons from one run. On excerpts of DEAM: our whole notes against those of offline basic-pitch 0.4.0, beside
what that makes of the same sound when it comes a little later, and what we make of it. On pieces of VGMIDI, which
FluidSynth plays on three instruments, dry and in a simulated room: both against the notes that were played. On the dry
ones: how long after its onset a note is announced, octave by octave. Needs the extras ``basic-pitch`` and ``offline``,
mir_eval, FluidSynth and a General MIDI SoundFont.
"""

from __future__ import annotations

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import numpy as np

from models.errors import MoodringError
from offline.conditions import under
from offline.recut import source_network
from offline.synthesizer import soundfont
from realtime.transcriber import NoteBegan, NoteEnded, StreamingTranscriber
from tests.benchmarks.delays import Heard, follow, octave_table, together
from tests.benchmarks.music import FloatArray, read_mono, shared_data, spread
from tests.benchmarks.note_scores import Notes, Score, as_notes, mean_score, moved_back, score
from tests.benchmarks.reference import reference_notes
from tests.benchmarks.rendering import SAMPLE_RATE, beginning, render

DELAYS_S = (0.1, 0.5, 0.8)
#: General MIDI programs, counted from 0: struck, plucked and blown. Strings begin too slowly for a tolerance of 50 ms.
INSTRUMENTS = {0: "acoustic grand", 24: "nylon guitar", 73: "flute"}
CONDITIONS = {"clean": "dry", "room": "room"}
PIECE_S = 30.0
#: A block as a sound card gives it.
BLOCK_SAMPLES = 1024
#: What is asked of us.
BELOW_SELF_AGREEMENT, SHIFT_INVARIANCE = 0.02, 0.95

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Excerpt:
    """F1 of our notes against the reference's, and of each with itself, a value a delay."""

    agreement: float
    of_reference: tuple[float, ...]
    of_ours: tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Rendered:
    """A piece on one instrument: scores against the true notes by condition, and what was announced of the dry one."""

    program: int
    ours: dict[str, Score]
    reference: dict[str, Score]
    heard: Heard


def our_notes(samples: FloatArray, rate: int) -> Notes:
    """The whole notes, and when each was announced [shape=(n, 3)]."""
    transcriber = StreamingTranscriber(rate)
    events = []
    for start in range(0, len(samples), BLOCK_SAMPLES):
        events += transcriber.push(samples[start : start + BLOCK_SAMPLES])
    events += transcriber.flush()
    announced_s = {event.number: event.certain_s for event in events if isinstance(event, NoteBegan)}
    whole = [(e.onset_s, float(e.pitch), announced_s[e.number]) for e in events if isinstance(e, NoteEnded)]
    return as_notes(whole, columns=3)


def compare_excerpt(path: Path) -> Excerpt:
    """Our notes and the reference's of a recording, as it is and after some silence."""
    samples, rate = read_mono(path)
    reference, ours = reference_notes(samples, rate), our_notes(samples, rate)
    of_reference, of_ours = [], []
    for delay_s in DELAYS_S:
        late = np.concatenate([np.zeros(round(delay_s * rate), np.float32), samples])
        of_reference.append(score(reference, moved_back(reference_notes(late, rate), delay_s)).f1)
        of_ours.append(score(ours, moved_back(our_notes(late, rate), delay_s)).f1)
    return Excerpt(score(reference, ours).f1, tuple(of_reference), tuple(of_ours))


def compare_piece(path: Path, program: int, seed: int) -> Rendered:
    """Our notes and the reference's of a piece whose notes are known; the room is the ``seed``'s."""
    midi, true = beginning(path, PIECE_S, program)
    dry = render(midi)
    ours, reference = {}, {}
    for condition in CONDITIONS:
        samples = under(condition, dry, SAMPLE_RATE, seed=seed)
        whole = our_notes(samples, SAMPLE_RATE)
        ours[condition] = score(true, whole)
        reference[condition] = score(true, reference_notes(samples, SAMPLE_RATE))
        if condition == "clean":
            heard = follow(true, whole)
    return Rendered(program, ours, reference, heard)


def counted(results: Iterable[T], total: int, what: str) -> Iterator[T]:
    """``results``, counted on standard error."""
    for number, result in enumerate(results, start=1):
        print(f"\r{number} of {total} {what}", end="", file=sys.stderr, flush=True)
        yield result
    print(file=sys.stderr)


def print_excerpts(excerpts: list[Excerpt], folder: Path) -> None:
    """The first comparison."""
    print(f"{len(excerpts)} excerpts of {folder}, mean F1:")
    print(f"ours against the reference: {np.mean([one.agreement for one in excerpts]):.3f}")
    for name, values in (
        ("the reference", np.array([one.of_reference for one in excerpts])),
        ("ours", np.array([one.of_ours for one in excerpts])),
    ):
        each = ", ".join(f"{mean:.3f} at {s} s" for s, mean in zip(DELAYS_S, values.mean(axis=0), strict=True))
        print(f"{name} with itself when the sound is delayed: {each}; mean {values.mean():.3f}")


def print_pieces(rendered: list[Rendered], folder: Path) -> None:
    """The second and the third."""
    print(f"\n{len(rendered) // len(INSTRUMENTS)} pieces of {folder}, {PIECE_S:.0f} s of each, F1 (precision, recall):")
    print("| Instrument | Heard | Ours | Basic Pitch |")
    print("|---|---|---|---|")

    def row(instrument: str, heard: str, programs: Iterable[int], conditions: Iterable[str]) -> None:
        chosen = [(one, condition) for one in rendered if one.program in programs for condition in conditions]
        ours = mean_score(one.ours[condition] for one, condition in chosen)
        reference = mean_score(one.reference[condition] for one, condition in chosen)
        columns = (f"{s.f1:.3f} ({s.precision:.3f}, {s.recall:.3f})" for s in (ours, reference))
        print(f"| {instrument} | {heard} | {' | '.join(columns)} |")

    for program, instrument in INSTRUMENTS.items():
        for condition, heard in CONDITIONS.items():
            row(instrument, heard, (program,), (condition,))
    for condition, heard in CONDITIONS.items():
        row("all", heard, INSTRUMENTS, (condition,))
    row("all", "both", INSTRUMENTS, CONDITIONS)
    print("\nFrom the onset of a dry note until it is announced, and what the network and a centred filter look ahead:")
    print(octave_table(together([one.heard for one in rendered])))


def print_summary(excerpts: list[Excerpt], rendered: list[Rendered]) -> None:
    """What was found beside what is asked."""
    self_agreement = np.mean([one.of_reference for one in excerpts])
    agreement = np.mean([one.agreement for one in excerpts])
    invariance = np.mean([one.of_ours for one in excerpts])
    ours = mean_score(found for one in rendered for found in one.ours.values()).f1
    reference = mean_score(found for one in rendered for found in one.reference.values()).f1
    print("\nSummary (mean F1)")
    least = self_agreement - BELOW_SELF_AGREEMENT
    print(f"agreement with the reference: {agreement:.3f}; required at least {least:.3f}", end=" ")
    print(f"(its self-agreement {self_agreement:.3f} less {BELOW_SELF_AGREEMENT})")
    print(f"shift invariance: {invariance:.3f}; required at least {SHIFT_INVARIANCE}")
    print(f"true notes: {ours:.3f}; required at least {reference:.3f} (the reference's)")


def main() -> int:
    """Measure and print; 1 where something that is needed is missing."""
    parser = argparse.ArgumentParser(description="How good the streaming notes are, beside offline Basic Pitch.")
    parser.add_argument("--deam", type=Path, default=shared_data() / "deam" / "audio", help="a folder of sound")
    parser.add_argument("--vgmidi", type=Path, default=shared_data() / "vgmidi" / "midi", help="a folder of MIDI files")
    parser.add_argument("--excerpts", type=int, default=40, help="how many, spread through the folder of sound")
    parser.add_argument("--pieces", type=int, default=12, help="how many, spread through the folder of MIDI files")
    parser.add_argument("--jobs", type=int, default=2, help="processes to share the work")
    arguments = parser.parse_args()
    try:
        soundfont()
        source_network()
        excerpts = spread(arguments.deam, arguments.excerpts)
        pieces = spread(arguments.vgmidi, arguments.pieces, "*.mid")
    except MoodringError as error:
        print(f"agreement: {error}", file=sys.stderr)
        return 1
    tasks = [(path, program, seed) for seed, path in enumerate(pieces) for program in INSTRUMENTS]
    with ProcessPoolExecutor(arguments.jobs, mp_context=get_context("spawn")) as pool:
        compared = list(counted(pool.map(compare_excerpt, excerpts), len(excerpts), "excerpts"))
        played = pool.map(compare_piece, *zip(*tasks, strict=True))
        rendered = list(counted(played, len(tasks), "pieces on an instrument"))
    print_excerpts(compared, arguments.deam)
    print_pieces(rendered, arguments.vgmidi)
    print_summary(compared, rendered)
    return 0


if __name__ == "__main__":
    sys.exit(main())
