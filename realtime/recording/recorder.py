"""Writes a session down: what was heard, what was asked, what was read. ``schema`` says how."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from models.affect import Reading
from models.bundle import Bundle
from models.errors import UsageError
from realtime.controls import Control
from realtime.events import Advance, Event, KeyEvent, Lost, Sound, SoundLost, Tempo
from realtime.note_events import Struck
from realtime.recording.disk import Chunk, Disk
from realtime.recording.schema import (
    FORMAT,
    FULL_SCALE,
    Header,
    as_line,
    control_record,
    event_record,
    fingerprint,
    header_record,
    reading_record,
)
from realtime.recording.sound import Levels, Track, joined, rounded

#: While nothing happens, time is written down so often.
_MARK_S = 0.5


def _now() -> datetime:
    return datetime.now().astimezone()


class Recorder:
    """Records one session into the new file ``path``, its sound as FLAC beside it if ``with_sound``.

    Never waits for the disk: a thread writes, behind it up to ``queue_s`` seconds of sound can wait, and what is beyond
    that is left out, marked in the file and counted in ``lost``. If writing fails, ``problem`` says so in one line
    (empty while all is well) and the session goes on without it. ``began_s`` is the stream time at which recording
    begins, ``rate_hz`` the readings a second that were asked for, ``settings`` whatever else was set, as JSON can hold
    it.

    Raises ``UsageError`` where ``path`` or the sound file exists, the folder is missing or the name ends in ``.flac``;
    ``MoodringError`` where ``path`` cannot be written.
    """

    def __init__(
        self,
        path: Path,
        *,
        source: str,
        kind: Literal["sound", "notes"],
        model: Bundle,
        rate_hz: float | None,
        settings: Mapping[str, Any],
        with_sound: bool,
        began_s: float = 0.0,
        version: str,
        queue_s: float = 60.0,
        now: Callable[[], datetime] = _now,
    ) -> None:
        self.path = path
        self.lost = 0
        self._with_sound = with_sound
        sound_path = path.with_suffix(".flac")
        if sound_path == path:
            raise UsageError(f"{path} is the name of the sound beside a recording: take one that ends in .jsonl")
        if with_sound and sound_path.exists():
            raise UsageError(f"{sound_path} exists already, and is never overwritten: take another name")
        has_sound = with_sound and kind == "sound"
        began = now().isoformat(timespec="milliseconds")
        name = sound_path.name if has_sound else None
        header = Header(
            FORMAT, version, began, source, kind, model.name, fingerprint(model), rate_hz, began_s, name, settings
        )
        self._disk = Disk(path, as_line(header_record(header)), queue_s)
        self._clock = _StreamClock(began_s)
        self._track = Track(path)
        self._levels: Levels | None = None
        self._advance: Advance | None = None
        self._marked_s = began_s
        self._gap_s: float | None = None
        self._gap_lost = 0
        self._readings = 0
        self._closed = False

    @property
    def problem(self) -> str:
        """Why nothing is written any more, in one line; empty while all is well."""
        return self._disk.problem

    def hear(self, events: Sequence[Event]) -> Sequence[Event]:
        """Record ``events``, in order; gives those that the tracker must be given for a replay to be exact.

        They are the same, but where sound is recorded it is rounded to 24 bits and clipped to full scale, samples that
        are no numbers are 0, and blocks that follow each other are one.
        """
        if self._closed:
            return events
        heard: list[Event] = []
        for event in joined(events) if self._with_sound else events:
            if isinstance(event, Sound):
                heard.append(self._hear_sound(event))
            else:
                self._hear_key(event)
                heard.append(event)
        return heard if self._with_sound else events

    def control(self, time_s: float, control: Control, said: str) -> None:
        """Record what a person asked for and what was said to it; done at ``time_s``, after what has been heard."""
        self._mark()
        self._put(time_s, control_record(time_s, control, said))

    def write(self, reading: Reading) -> None:
        """Record a reading as the tracker gave it."""
        self._readings += 1
        self._put(reading.time, reading_record(reading))

    def play(self, notes: Sequence[Struck]) -> None:
        """Record the notes that have begun, for those who look at the session; a replay finds them anew."""
        for note in notes:
            fields = {"pitch": note.pitch, "velocity": note.velocity, "channel": note.channel}
            self._put(note.time_s, {"type": "note", "time": note.time_s, **fields})

    def close(self) -> None:
        """Write the last line and let go of the files. May be called twice."""
        if not self._closed:
            self._closed = True
            self._mark()
            time_s = self._clock.reached_s
            last = {"type": "end", "time": time_s, "readings": self._readings, "lost": self.lost}
            self._disk.put([*self._gap(time_s), as_line(last)], is_last=True)
        self._disk.close()

    def _hear_key(self, event: KeyEvent) -> None:
        self._clock.hear_key(event)
        if isinstance(event, Advance):
            # Of steps without an event between them only the last one counts.
            self._advance = event
            if event.time_s - self._marked_s >= _MARK_S:
                self._mark()
            return
        if self._advance is not None and event.time_s < self._advance.time_s:
            self._mark()
        self._advance = None
        if isinstance(event, Lost):
            self._track = replace(self._track, is_open=False)
        self._put(event.time_s, event_record(event))

    def _mark(self) -> None:
        """Write down how far time has come."""
        advance, self._advance = self._advance, None
        if advance is not None:
            self._marked_s = advance.time_s
            self._put(advance.time_s, event_record(advance))

    def _hear_sound(self, sound: Sound) -> Sound:
        self._mark()
        began_s = self._clock.reached_s
        if self._levels is None or self._clock.begins_anew(sound):
            self._levels = Levels(sound.sample_rate, began_s)
        self._clock.hear_sound(sound)
        if self._with_sound:
            whole = rounded(sound.samples)
            sound = Sound((whole / np.float32(FULL_SCALE)).astype(np.float32), sound.sample_rate)
            self._keep(whole, sound.sample_rate, began_s)
        for time_s, level_db in self._levels.push(sound.samples):
            self._put(time_s, {"type": "level", "time": time_s, "level_db": round(level_db, 1)})
        return sound

    def _keep(self, whole: NDArray[np.int32], rate: int, began_s: float) -> None:
        """Put a block in the sound file, and say where it is."""
        samples = whole[:, None] if whole.ndim == 1 else whole
        track = self._track
        items: list[bytes | Chunk] = []
        if self._gap_s is not None or not track.takes(rate, samples.shape[1]):
            track = track.segment(rate, samples.shape[1])
            items.append(as_line(track.record(began_s)))
        track = replace(track, frames=track.frames + len(samples))
        mark = {"type": "sound_to", "time": self._clock.reached_s, "frames": track.frames}
        items += [Chunk(track.path, rate, samples << 8), as_line(mark)]
        if self._offer(began_s, items, len(samples) / rate):
            self._track = track

    def _put(self, time_s: float, record: Mapping[str, Any]) -> None:
        self._offer(time_s, [as_line(record)])

    def _offer(self, time_s: float, items: Sequence[bytes | Chunk], sound_s: float = 0.0) -> bool:
        if self._closed:
            return False
        if self._disk.put([*self._gap(time_s), *items], sound_s):
            if self._gap_s is not None:
                self._track = replace(self._track, is_open=False)
            self._gap_s, self._gap_lost = None, 0
            return True
        self.lost += 1
        self._gap_lost += 1
        self._gap_s = time_s if self._gap_s is None else self._gap_s
        return False

    def _gap(self, to_s: float) -> list[bytes]:
        if self._gap_s is None:
            return []
        return [as_line({"type": "gap", "time": self._gap_s, "to": to_s, "lost": self._gap_lost})]


class _StreamClock:
    """How far stream time has come: it runs with the samples while there are any, else with the events' own times."""

    def __init__(self, began_s: float) -> None:
        self.reached_s = began_s
        self._origin_s = began_s
        self._rate: int | None = None
        self._frames = 0
        self._is_lost = False

    def begins_anew(self, sound: Sound) -> bool:
        """Whether ``sound`` does not go on with the samples before it."""
        return self._is_lost or sound.sample_rate != self._rate

    def hear_sound(self, sound: Sound) -> None:
        if self.begins_anew(sound):
            self._origin_s, self._rate, self._frames, self._is_lost = self.reached_s, sound.sample_rate, 0, False
        self._frames += len(sound.samples)
        self.reached_s = self._origin_s + self._frames / sound.sample_rate

    def hear_key(self, event: KeyEvent) -> None:
        if self._rate is None or self._is_lost:
            self.reached_s = max(self.reached_s, event.time_s)
        if isinstance(event, Lost | SoundLost):
            self._rate = None
        # That time goes on, or that the clock has ceased, is no sign of life.
        if not isinstance(event, Advance) and not (isinstance(event, Tempo) and event.bpm is None):
            self._is_lost = isinstance(event, Lost)
