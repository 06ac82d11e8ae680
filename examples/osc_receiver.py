"""Receive moods and notes over OSC: ``python examples/osc_receiver.py PORT``, beside ``--osc 127.0.0.1:PORT``."""

import contextlib
import sys

from pythonosc.dispatcher import Dispatcher
from pythonosc.osc_server import BlockingOSCUDPServer


def show_mood(address: str, *values: float | str) -> None:
    """The packed message: everything about one moment."""
    valence, arousal, *_, hue, confidence, state = values
    print(f"{state:8}  valence {valence:+.2f}  arousal {arousal:+.2f}  hue {hue:.2f}  confidence {confidence:.2f}")


def show_note(address: str, pitch: int, velocity: int) -> None:
    """A note as it begins."""
    print(f"note {pitch} at {velocity}")


dispatcher = Dispatcher()
dispatcher.map("/moodring/all", show_mood)
dispatcher.map("/moodring/note", show_note)
port = int(sys.argv[1]) if len(sys.argv) > 1 else 9000
with BlockingOSCUDPServer(("127.0.0.1", port), dispatcher) as server, contextlib.suppress(KeyboardInterrupt):
    server.serve_forever()
