"""Draw the dashboard as it looks in the middle of the demo: ``python examples/dashboard_picture.py``."""

from pathlib import Path

from realtime.demo import RECORDING
from realtime.outputs import Status
from realtime.outputs.dashboard import View, export_svg
from realtime.sources.audio_file import AudioFile
from realtime.tracker import EmotionTracker

tracker = EmotionTracker("audio", rate_hz=10)
source = AudioFile(RECORDING)
readings = []
while tracker.time_s < 22.0:
    readings += tracker.push(source.read(0.0))
view = View(tuple(readings), Status("demo", tracker.sounding, message="this part is meant to be happy"))
picture = Path(__file__).with_name("dashboard.svg")
picture.write_text(export_svg(view, 80, 24), encoding="utf-8")
print(picture)
