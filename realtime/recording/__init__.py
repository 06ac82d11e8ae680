"""Recordings of sessions: ``Recorder`` writes them, ``realtime.sources.recorded`` plays them; see ``schema``."""

from realtime.recording.recorder import Recorder
from realtime.recording.schema import fingerprint, reproduces

__all__ = ["Recorder", "fingerprint", "reproduces"]
