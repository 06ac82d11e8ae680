"""An evening of rating by one simulated listener, through the commands that a person would type.

``python -m tests.benchmarks.evening VGMIDI_FOLDER DATASET FOLDER`` plays pieces of VGMIDI with ``live --record``, then
each of them again in real time with ``replay --blind``, several at once, while one profile's ratings (see
``offline.listener_study``) come in over OSC, late by ``--delay`` seconds. What is left in ``FOLDER`` is for ``prepare
sessions`` and ``adapt``. ``DATASET`` is VGMIDI, prepared; it says which pieces there are and when they are stepped.
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from pythonosc.udp_client import SimpleUDPClient

from models.affect import normalized
from offline.adaptation.rated import MEANS
from offline.dataset import Dataset, read_dataset
from offline.listener_study import Listener, listeners

MOODRING = (sys.executable, "-c", "import cli; cli.main()")


def heard(piece: str, folder: Path, take: Path) -> None:
    """Record the MIDI file of ``piece`` as a session that nobody has rated."""
    source = folder / "midi" / f"{piece}.mid"
    told = (*MOODRING, "live", "--file", str(source), "--fast", "--json", "--record", str(take))
    subprocess.run(told, check=True, stdout=subprocess.DEVNULL)


def rated(take: Path, session: Path, points: Sequence[tuple[float, float, float]]) -> None:
    """Play ``take`` in real time and rate it over OSC: ``points`` are a time in seconds, valence and arousal (1–9)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    told = (*MOODRING, "replay", str(take), "--blind", "--json", "--osc-in", str(port), "--record", str(session))
    client, left = SimpleUDPClient("127.0.0.1", port), list(points)
    with subprocess.Popen(told, stdout=subprocess.PIPE, text=True) as playing:
        assert playing.stdout is not None
        for line in playing.stdout:
            while left and json.loads(line)["time"] >= left[0][0]:
                _, valence, arousal = left.pop(0)
                client.send_message("/moodring/control/label", [normalized(valence), normalized(arousal)])


def points(listener: Listener, place: int, dataset: Dataset, delay_s: float) -> list[tuple[float, float, float]]:
    """When the listener moves the point, and where to, so late as he answers."""
    said, times_s = listener[place], dataset.pieces[place].times_s - dataset.hop_s
    moved = np.flatnonzero(np.any(np.diff(said, axis=0, prepend=np.nan) != 0, axis=1))
    return [(float(times_s[step]) + delay_s, float(said[step, 0]), float(said[step, 1])) for step in moved]


def main() -> None:
    """Record the evening."""
    parser = argparse.ArgumentParser(description="A simulated listener's evening, by the real commands.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("evening", type=Path)
    parser.add_argument("--listener", type=int, default=0, help="by how much they rated, 0 is the one with the most")
    parser.add_argument("--everyone", action="store_true", help="rate as the mean of all raters did, a clear listener")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--delay", type=float, default=2.5)
    parser.add_argument("--at-once", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    dataset = read_dataset(asked.dataset)
    people = sorted(listeners(asked.folder, dataset).items(), key=lambda one: -sum(map(len, one[1].values())))
    profile, listener = people[asked.listener]
    if asked.everyone:
        profile = "the mean of all raters"
        listener = {place: piece.labels[:, MEANS].astype(float) for place, piece in enumerate(dataset.pieces)}
    print(profile)
    takes = asked.evening / "takes"
    takes.mkdir(parents=True)
    chosen, left_s = [], asked.minutes * 60
    for place in np.random.default_rng(asked.seed).permutation(sorted(listener)).tolist():
        if left_s > 0:
            chosen.append(place)
            left_s -= len(listener[place]) * dataset.hop_s

    def one(place: int) -> None:
        name = dataset.pieces[place].piece
        take, session = takes / f"{name}.jsonl", asked.evening / f"{name}.jsonl"
        heard(name, asked.folder, take)
        rated(take, session, points(listener, place, dataset, asked.delay))
        print(name, flush=True)

    with ThreadPoolExecutor(asked.at_once) as pool:
        list(pool.map(one, chosen))


if __name__ == "__main__":
    main()
