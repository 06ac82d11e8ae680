"""Feed a tracker MIDI messages, wherever they come from: ``python examples/follow_midi_messages.py FILE``."""

import sys

import mido

from realtime.demo import SCORE
from realtime.sources.midi_messages import events
from realtime.tracker import EmotionTracker

path = sys.argv[1] if len(sys.argv) > 1 else SCORE
tracker = EmotionTracker("notes")
time_s = 0.0
for message in mido.MidiFile(path):
    time_s += message.time
    for reading in tracker.push(events(message, time_s)):
        print(f"{reading.time:6.1f} s  {reading.quadrant:6}  {reading.valence:.2f}  {reading.arousal:.2f}")
