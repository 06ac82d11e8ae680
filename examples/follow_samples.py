"""Feed a tracker samples, as a program would that has sound of its own: ``python examples/follow_samples.py FILE``."""

import sys

import soundfile

from realtime.demo import RECORDING
from realtime.events import Sound
from realtime.tracker import EmotionTracker

path = sys.argv[1] if len(sys.argv) > 1 else RECORDING
tracker = EmotionTracker("audio")
with soundfile.SoundFile(path) as sound:
    for block in sound.blocks(blocksize=4096, dtype="float32", always_2d=True):
        for reading in tracker.push([Sound(block, sound.samplerate)]):
            print(f"{reading.time:6.1f} s  {reading.quadrant:6}  {reading.valence:.2f}  {reading.arousal:.2f}")
