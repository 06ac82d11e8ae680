"""Following what the computer itself plays: which inputs give that, and how to have one."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

_KNOWN = re.compile(
    r"monitor of|\.monitor$|loopback|stereo mix|what u hear|blackhole|soundflower|vb-?cable|cable output",
    re.IGNORECASE,
)


def is_loopback(name: str) -> bool:
    """Whether a sound input called ``name`` gives what the computer plays, as far as names tell."""
    return bool(_KNOWN.search(name))


def monitors() -> list[str]:
    """The monitors that PulseAudio or PipeWire has, by name; none where neither answers or ``pactl`` is missing.

    They are sources of the sound server and not devices of PortAudio, which sees the server as one device.
    """
    if shutil.which("pactl") is None:
        return []
    try:
        listed = subprocess.run(
            ["pactl", "list", "short", "sources"], capture_output=True, text=True, timeout=3, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    rows = [line.split("\t") for line in listed.splitlines()]
    return [row[1] for row in rows if len(row) > 1 and is_loopback(row[1])]


def advice(names: list[str], platform: str = sys.platform) -> list[str]:
    """Lines that say how to follow what the computer plays, given the ``names`` of its sound inputs."""
    there = [name for name in names if is_loopback(name)]
    if there:
        return [f'to follow what this computer plays: moodring live --mic "{there[0]}"']
    if platform == "win32":
        return [
            "to follow what this computer plays: switch on 'Stereo Mix' under Sound settings, Recording, or install",
            "VB-CABLE (vb-audio.com) and play into it; then choose that input with --mic",
        ]
    if platform == "darwin":
        return [
            "to follow what this computer plays: install BlackHole (existential.audio/blackhole), make a multi-output",
            "device of it and your speakers in Audio MIDI Setup, and choose it with --mic BlackHole",
        ]
    found = monitors()
    if found:
        return [f"to follow what this computer plays: PULSE_SOURCE={found[0]} moodring live --mic pulse"]
    return ["to follow what this computer plays: choose a 'Monitor of …' input of PulseAudio or PipeWire (pavucontrol)"]
