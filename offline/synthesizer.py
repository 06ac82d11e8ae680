"""MIDI as sound: played by FluidSynth with General MIDI sounds, both of which must be installed.

On Debian: ``apt-get install fluidsynth fluid-soundfont-gm``. The Fluid (R3) soundfont is by Frank Wen, under the MIT
licence.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from models.errors import MoodringError

SOUNDFONTS = tuple(Path("/usr/share/sounds/sf2") / name for name in ("FluidR3_GM.sf2", "default-GM.sf2"))


def soundfont() -> Path:
    """The General MIDI sounds; raises ``MoodringError`` where they or FluidSynth are not installed."""
    found = next((path for path in SOUNDFONTS if path.is_file()), None)
    if found is None or shutil.which("fluidsynth") is None:
        raise MoodringError("fluidsynth or its sounds are missing: apt-get install fluidsynth fluid-soundfont-gm")
    return found


def synthesize(midi: bytes, sample_rate: int, options: Sequence[str] = ()) -> NDArray[np.float32]:
    """A MIDI file as FluidSynth plays it with ``options`` of its own [shape=(n, 2)], at ``sample_rate`` Hz.

    Without options it adds a little reverberation and chorus. Raises ``MoodringError`` where FluidSynth is not
    installed or cannot play the file.
    """
    sounds = soundfont()
    with tempfile.TemporaryDirectory() as folder:
        score, sound = Path(folder, "score.mid"), Path(folder, "sound.wav")
        score.write_bytes(midi)
        command = ["fluidsynth", "-n", "-i", "-q", "-r", str(sample_rate), *options]
        command += ["-T", "wav", "-O", "float", "-F", str(sound), str(sounds), str(score)]
        played = subprocess.run(command, capture_output=True, text=True, check=False)
        if played.returncode != 0 or not sound.is_file():
            raise MoodringError(f"fluidsynth could not play the file: {played.stderr.strip()}")
        samples, _ = soundfile.read(sound, dtype="float32", always_2d=True)
    return np.asarray(samples, np.float32)
