"""Recording: every line can be read again, a killed program loses less than a second, a full disk stops no session."""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
import time
import warnings
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from support.listening import ROOT
from support.recording import lines, reads_of, recorder

from models.affect import Reading, State
from models.bundle import BUNDLED, Bundle, load
from models.errors import MoodringError, UsageError
from realtime.controls import Calibrate, Control, Label, MoveLabel
from realtime.events import Advance, Event, KeyEvent, NoteOff, NoteOn, Sound
from realtime.note_events import Struck
from realtime.recording import fingerprint, reproduces
from realtime.recording.schema import as_line, control_record, event_record, from_line, input_of, reading_record
from realtime.recording.sound import Levels
from realtime.sources.recorded import Recorded

READING = Reading(0.5, State.LIVE, 5.123456789, 1.1, 6.2, 1.3, 14, -math.inf, 190.5, "audio")


@pytest.fixture(scope="module")
def model() -> Bundle:
    return load(BUNDLED / "seed-rnn")


FINITE = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e299, max_value=1e299)
BY_NAME = {
    "pitch": st.integers(0, 127),
    "velocity": st.integers(1, 127),
    "channel": st.integers(0, 15),
}
BY_ANNOTATION = {
    "float": FINITE,
    "float | None": st.none() | FINITE,
    "int": st.integers(-1, 1),
    "int | None": st.none() | st.integers(0, 15),
    "bool": st.booleans(),
    "bool | None": st.none() | st.booleans(),
    "str": st.text(),
    "str | None": st.none() | st.text(),
}


def any_of(kind: type) -> st.SearchStrategy[object]:
    fields = kind.__dataclass_fields__
    chosen = {
        name: BY_ANNOTATION[field.type] if "None" in field.type else BY_NAME.get(name, BY_ANNOTATION[field.type])
        for name, field in fields.items()
    }
    return st.builds(kind, **chosen)


def again(record: object) -> object:
    line = as_line(record)  # type: ignore[arg-type]
    assert line.count(b"\n") == 1
    return input_of(from_line(line))


@given(st.one_of([any_of(kind) for kind in get_args(KeyEvent)]))
def test_every_event_can_be_read_again(event: KeyEvent) -> None:
    assert again(event_record(event)) == event


@given(st.one_of([any_of(kind) for kind in get_args(Control)]), FINITE, st.text())
def test_every_control_can_be_read_again(control: Control, time_s: float, said: str) -> None:
    record = control_record(time_s, control, said)
    assert again(record) == control
    assert (record["time"], record["said"]) == (time_s, said)
    if isinstance(control, Label | MoveLabel):
        # In the same table as readings, whose valence is on another scale.
        assert record["valence_norm"] == control.valence
        assert "valence" not in record


def test_names_of_another_encoding_can_be_written() -> None:
    record = {"type": "header", "time": 0.0, "source": "Flügel\u2028 \udce9.mid"}
    assert from_line(as_line(record)) == record


@given(st.floats(1, 9, width=32), st.floats(0, 3, width=32))
def test_readings_are_told_apart_by_the_last_bit(value: float, spread: float) -> None:
    reading = replace(READING, valence=value, arousal_std=spread)
    record = from_line(as_line(reading_record(reading)))
    assert record["level_db"] is None
    assert record["exact"] == [value, 1.1, 6.2, spread]
    assert reproduces(replace(reading, latency_ms=3.0), record)
    for name in ("valence", "valence_std", "arousal", "arousal_std"):
        assert not reproduces(replace(reading, **{name: math.nextafter(getattr(reading, name), 10.0)}), record)
    assert not reproduces(replace(reading, state=State.SILENCE), record)


def test_lines_say_what_was_heard_asked_and_read(model: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "take.jsonl"
    now = datetime.fromisoformat("2031-05-01T20:00:00+02:00")
    settings = {"smoothing": "calm"}
    recording = recorder(path, model, source="Scarlett", settings=settings, rate_hz=4.0, now=lambda: now)
    tone = np.sin(2 * np.pi * 441 * np.arange(8_000) / 8_000).astype(np.float32)
    recording.hear([Sound(tone[:3_000], 8_000), Sound(tone[3_000:], 8_000), NoteOn(0.9, 60, 90)])
    recording.control(1.0, Label(0.25, -0.5, "Ana"), "noted")
    recording.play([Struck(0.75, 69, 80)])
    recording.write(READING)
    recording.close()
    written = lines(path)
    assert all(isinstance(line["time"], float) for line in written)
    assert written[0] == {
        "type": "header",
        "time": 0.0,
        "format": 1,
        "moodring": "1.2.3",
        "began": "2031-05-01T20:00:00.000+02:00",
        "source": "Scarlett",
        "kind": "sound",
        "model": "seed-rnn",
        "fingerprint": fingerprint(model),
        "rate_hz": 4.0,
        "began_s": 0.0,
        "sound": "take.flac",
        "settings": settings,
    }
    sound = {"type": "sound", "time": 0.0, "file": "take.flac", "rate": 8_000, "channels": 1, "start_frame": 0}
    levels = [{"type": "level", "time": pytest.approx(0.1 * n), "level_db": -3.0} for n in range(1, 11)]
    assert written[1:3] == [sound, {"type": "sound_to", "time": 1.0, "frames": 8_000}]
    assert written[3:13] == levels
    label = {"type": "label", "time": 1.0, "valence_norm": 0.25, "arousal_norm": -0.5, "rater": "Ana", "said": "noted"}
    note = {"pitch": 69, "velocity": 80, "channel": 0}
    assert written[13:] == [
        {"type": "note_on", "time": 0.9, "pitch": 60, "velocity": 90, "channel": 0},
        label,
        {"type": "note", "time": 0.75, **note},
        reading_record(READING),
        {"type": "end", "time": 1.0, "readings": 1, "lost": 0},
    ]


def test_sound_is_given_back_as_it_is_in_the_file(model: Bundle, tmp_path: Path) -> None:
    recording = recorder(tmp_path / "take.jsonl", model)
    samples = np.random.default_rng(0).uniform(-1.1, 1.1, (9_000, 2)).astype(np.float32)
    samples[:4, 0] = np.nan, np.inf, 3e38, -3e38
    given, after = recording.hear([Sound(samples, 44_100), NoteOff(0.2, 60)])
    recording.close()
    assert isinstance(given, Sound)
    assert after == NoteOff(0.2, 60)
    kept, rate = soundfile.read(tmp_path / "take.flac", dtype="float32")
    assert rate == 44_100
    assert given.samples.dtype == np.float32
    assert given.samples.tobytes() == kept.tobytes()
    assert list(kept[:4, 0]) == [0.0, 0.0, 1.0 - 2.0**-23, -1.0]
    np.testing.assert_allclose(kept[4:], np.clip(samples[4:], -1, 1), atol=2.0**-23)


def test_without_sound_events_are_left_as_they_are(model: Bundle, tmp_path: Path) -> None:
    recording = recorder(tmp_path / "take.jsonl", model, with_sound=False)
    events = [Sound(np.full(1_000, 1e-9, np.float32), 8_000), NoteOff(0.2, 60)]
    assert recording.hear(events) is events
    recording.close()
    assert [line["level_db"] for line in lines(tmp_path / "take.jsonl", "level")] == [-120.0]


def test_a_fingerprint_is_that_of_the_networks(model: Bundle) -> None:
    assert fingerprint(model) == fingerprint(load(BUNDLED / "seed-rnn"))
    assert fingerprint(model) != fingerprint(load(BUNDLED / "seed-dense"))
    assert fingerprint(replace(model, card={**model.card, "notes": "…"})) == fingerprint(model)


def test_nothing_is_overwritten(model: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "take.jsonl"
    for taken in (path, path.with_suffix(".flac")):
        taken.write_text("mine")
        with pytest.raises(UsageError, match=f"{taken.name} exists already"):
            recorder(path, model)
        assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [(taken.name, "mine")]
        taken.unlink()
    with pytest.raises(UsageError, match="is the name of the sound"):
        recorder(path.with_suffix(".flac"), model)
    with pytest.raises(UsageError, match="is not there: make that folder"):
        recorder(tmp_path / "none" / "take.jsonl", model)
    (tmp_path / "file").write_text("")
    with pytest.raises(MoodringError, match="cannot be written: Not a directory"):
        recorder(tmp_path / "file" / "take.jsonl", model)


def test_closing_twice_is_fine_and_nothing_follows(model: Bundle, tmp_path: Path) -> None:
    recording = recorder(tmp_path / "take.jsonl", model)
    recording.close()
    content = recording.path.read_bytes()
    recording.close()
    recording.write(READING)
    recording.control(1.0, Calibrate(), "")
    events = [NoteOn(1.0, 60, 90)]
    assert recording.hear(events) is events
    assert recording.path.read_bytes() == content
    assert not recording.problem


def test_what_the_disk_is_too_slow_for_is_left_out_and_marked(model: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "take.jsonl"
    second = Sound(np.full(8_000, 0.25, np.float32), 8_000)
    recording = recorder(path, model, queue_s=2.0)
    recording.hear([second])

    def wait_for_the_disk() -> None:
        while recording._disk._waiting or not path.with_suffix(".flac").exists():
            time.sleep(0.01)

    wait_for_the_disk()
    with recording._disk._changed:  # as if the disk did not answer
        for _ in range(5):
            recording.hear([second])
    wait_for_the_disk()
    recording.hear([second, NoteOn(7.0, 60, 90)])
    recording.close()
    assert recording.lost == 3 + 3 * 10  # blocks of sound and their levels
    assert lines(path)[-1] == {"type": "end", "time": 7.0, "readings": 0, "lost": recording.lost}
    played: list[Event] = [item for items in reads_of(Recorded(path)) for item in items]
    kinds = [type(item).__name__ for item in played]
    assert kinds.index("Lost") == 3
    gap = lines(path, "gap")
    assert [(line["time"], line["lost"]) for line in gap] == [(3.0, recording.lost)]
    assert played[4] == Advance(gap[0]["to"])
    assert sum(len(item.samples) for item in played if isinstance(item, Sound)) == 4 * 8_000


FULL = """
import resource, sys
from pathlib import Path
import numpy as np
sys.path.insert(0, "tests")
from support.recording import recorder
from models.bundle import BUNDLED, load
from realtime.events import NoteOn, Sound
recording = recorder(Path(sys.argv[1]), load(BUNDLED / "seed-rnn"), with_sound=sys.argv[2] == "sound")
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
noise = np.random.default_rng(0).uniform(-1, 1, 44_100).astype(np.float32)
given = 0
for step in range(1_000_000):
    given += len(recording.hear([Sound(noise, 44_100), NoteOn(step + 1.0, 60, 90)]))
    if recording.problem:
        break
given += len(recording.hear([NoteOn(step + 1.5, 60, 90)]))
recording.close()
recording.close()
print(given == 2 * step + 3, recording.lost > 0, recording.problem)
"""


@pytest.mark.parametrize(("what", "reason"), [("keys", "File too large"), ("sound", "as if the disk were full")])
def test_a_full_disk_ends_the_recording_and_not_the_session(tmp_path: Path, what: str, reason: str) -> None:
    path = tmp_path / "take.jsonl"
    ran = subprocess.run([sys.executable, "-c", FULL, path, what], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ran.stdout.startswith("True True the recording take.jsonl has stopped: "), ran.stderr
    assert reason in ran.stdout
    assert not ran.stderr
    assert path.read_bytes().endswith(b"}\n")
    assert len(lines(path)) > (100 if what == "keys" else 1)
    if what == "sound":
        source = Recorded(path)
        heard = [item for items in reads_of(source) for item in items if isinstance(item, Sound)]
        assert not source.is_whole
        assert sum(len(sound.samples) for sound in heard) >= 4_096


#: Hears a tenth of a second every tenth of a second, and says so.
KILLED = """
import sys, time
from pathlib import Path
from types import SimpleNamespace
import numpy as np
from models.bundle import BUNDLED, read_card
from realtime.events import Advance, NoteOff, NoteOn, Sound
from realtime.recording import Recorder
kind = sys.argv[2]
model = SimpleNamespace(name="seed-rnn", card=read_card(BUNDLED / "seed-rnn"))
asked = dict(source="test", kind=kind, model=model, rate_hz=None, settings={}, with_sound=True, version="1.2.3")
recording = Recorder(Path(sys.argv[1]), **asked)
noise = np.random.default_rng(0).uniform(-1, 1, (4_410, 2)).astype(np.float32)
began = time.monotonic()
print("ready", flush=True)
for step in range(1, 1_000):
    time.sleep(max(0.0, began + 0.1 * step - time.monotonic()))
    end_s = 0.1 * step
    sound = [Sound(noise, 44_100)] if kind == "sound" else []
    keys = [NoteOn(end_s - 0.01, 60, 90), NoteOff(end_s - 0.005, 60)] if step % 10 == 1 else []
    recording.hear([*sound, *keys, Advance(end_s)])
    print(end_s, flush=True)
"""


@pytest.mark.parametrize("kind", ["sound", "notes"])
def test_a_killed_program_loses_less_than_a_second(tmp_path: Path, kind: str) -> None:
    chance = random.Random(kind)
    running = []
    for number in range(10):
        path = tmp_path / f"take{number}.jsonl"
        command = [sys.executable, "-c", KILLED, str(path), kind]
        running.append((path, subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)))
    for _, process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for path, process in sorted(running, key=lambda _: chance.random()):
        time.sleep(chance.uniform(0.0, 0.5))
        process.kill()
        heard = process.communicate()[0].split()
        last_s = float(heard[-1]) if heard else 0.0
        source = Recorded(path)
        assert not source.is_whole
        reached_s = 0.0
        for items in reads_of(source):
            for item in items:
                if isinstance(item, Sound):
                    reached_s += len(item.samples) / item.sample_rate
                elif kind == "notes":
                    reached_s = item.time_s
        assert last_s - 1.0 < reached_s < last_s + 0.2
        assert all(json.loads(line) for line in path.read_bytes().splitlines())


def test_levels_of_channels_that_are_infinite_against_each_other_bring_no_warning() -> None:
    samples = np.tile(np.array([[np.inf, -np.inf]], np.float32), (10, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Levels(100, 0.0).push(samples) == [(0.1, -120.0)]


def test_a_block_without_samples_is_no_end_of_the_recording(tmp_path: Path) -> None:
    recording = recorder(tmp_path / "take.jsonl", load(BUNDLED / "seed-rnn"))
    empty, block = (Sound(np.zeros((length, 2), np.float32), 8_000) for length in (0, 800))
    recording.hear([empty])
    recording.hear([block, empty])
    recording.hear([empty])
    recording.close()
    assert not recording.problem
    assert soundfile.info(tmp_path / "take.flac").frames == 800
