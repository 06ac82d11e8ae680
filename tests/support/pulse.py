"""A PulseAudio server of the test's own: what is played into it is what its microphone hears."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support import require, stop, wait_until

# PortAudio reaches PulseAudio through ALSA's plugin; with no real card, this is the only device and the default one.
_ASOUNDRC = """\
pcm.!default { type pulse server "%(server)s" }
ctl.!default { type pulse server "%(server)s" }
"""


@dataclass
class Pulse:
    """A running server: ``env`` is the environment for programs that shall hear it, ``server`` its process."""

    env: dict[str, str]
    command: list[str]
    server: subprocess.Popen[bytes]

    def play(self, path: Path) -> None:
        """Play the sound file at ``path`` (WAV, FLAC or Ogg) to its end."""
        subprocess.run(["paplay", str(path)], env=self.env, check=True, timeout=120)

    def stop(self) -> None:
        """Pull the plug: the server ends, and every microphone on it dies."""
        stop(self.server)

    def start(self) -> None:
        """Plug it in again, after ``stop``."""
        self.server = _start(self.command, self.env)


@contextmanager
def pulse_server() -> Iterator[Pulse]:
    """Start a server with one sink, whose monitor is the default input; skips where a program is missing."""
    require({"pulseaudio": "pulseaudio", "paplay": "pulseaudio-utils", "pactl": "pulseaudio-utils"})
    # Not pytest's own directory: its long names exceed what a socket's address may have (108 bytes).
    with tempfile.TemporaryDirectory(prefix="moodring-pulse-") as directory:
        home = Path(directory)
        socket = home / "socket"
        address = f"unix:{socket}"
        (home / ".asoundrc").write_text(_ASOUNDRC % {"server": address})
        env = {
            **os.environ,
            "HOME": directory,
            "XDG_RUNTIME_DIR": directory,
            "XDG_CONFIG_HOME": str(home / ".config"),
            "PULSE_RUNTIME_PATH": directory,
            "PULSE_SERVER": address,
            "JACK_NO_START_SERVER": "1",  # PortAudio asks JACK too, which would start a server of its own
        }
        command = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"]
        command += ["--disable-shm=yes", "--high-priority=no", "--realtime=no", "--log-level=error"]
        command += ["-L", "module-null-sink sink_name=stage rate=44100 channels=2"]
        command += ["-L", f"module-native-protocol-unix socket={socket} auth-anonymous=1"]
        pulse = Pulse(env, command, _start(command, env))
        try:
            yield pulse
        finally:
            pulse.stop()


def _start(command: list[str], env: dict[str, str]) -> subprocess.Popen[bytes]:
    server = subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: _answers(env), server)
    except BaseException:
        stop(server)
        raise
    return server


def _answers(env: dict[str, str]) -> bool:
    return subprocess.run(["pactl", "info"], env=env, capture_output=True, timeout=20).returncode == 0
