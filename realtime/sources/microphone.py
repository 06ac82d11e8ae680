"""A microphone, or any other input that PortAudio knows, as a source. PortAudio is loaded when one is asked for."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from models.errors import MoodringError
from realtime.events import Event, Lost, Sound
from realtime.sources.sound_inputs import choose, columns, input_devices, portaudio

#: How much sound the driver hands over at once. Left to itself it cuts it into ever other bits, some of a few samples,
#: each of which costs a way through the program.
_BLOCK_S = 0.015
#: The driver has room for as many blocks at least. Of four, PulseAudio hands over two at a time, and so wakes all that
#: takes part half as often, at the same age of the sound.
_ROOM_BLOCKS = 4
#: Blocks that the driver hands over together follow one another within this: they are taken as one.
_TOGETHER_S = 0.001
#: A device that gives nothing while it is waited for this long is gone: silence is samples too.
_SILENT_S = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class _Block:
    """Samples as they came: when, by the clock, and whether some before them were refused."""

    samples: NDArray[np.float32]
    arrived_s: float
    follows_gap: bool


class Microphone:
    """The sound of an input ``device``: its number, its name or any part of that, or ``None`` for the default one.

    Of several devices that a name fits, the one called exactly so is taken, else the first. Sound comes at the device's
    own ``sample_rate`` (Hz) as float32 [shape=(n, channels)]: of its ``channels`` those that are named, counted from 1
    as on the device, else the first two. ``latency_s`` is how old a sample is when the driver hands it over, in
    seconds, as the driver says.

    Up to ``queue_s`` seconds wait to be read; blocks beyond that are left out and counted in ``dropped``, and a
    ``Lost`` stands before what follows them. For a reader that is as far behind the next time everything that waits is
    left out, so that it is not late for good. What the driver lost is counted in ``overflows``. A device that stops, or
    gives nothing in two seconds of waiting, gives a last ``Lost``. ``clock`` gives seconds.

    Raises ``UsageError`` for a device or channel that is not there and ``MoodringError`` where PortAudio is missing,
    there is no input at all, or the device cannot be opened.
    """

    kind: Literal["sound", "notes"] = "sound"
    is_live = True

    def __init__(
        self,
        device: int | str | None = None,
        queue_s: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
        channels: Sequence[int] = (),
    ) -> None:
        sounddevice = portaudio()
        chosen = choose(input_devices(), device)
        self.name = self._sought = chosen.name
        self.sample_rate = chosen.sample_rate
        self._wanted = tuple(channels)
        self._columns = columns(self._wanted, chosen)
        self.channels = len(self._columns)
        self.ended = False
        self.overflows = 0
        self.arrived_s: float | None = None
        self._was_behind = False
        self._clock = clock
        self.started_at = clock()
        self._queue_s = queue_s
        self._queue_length = round(queue_s * self.sample_rate)
        # None in the queue wakes a reader that waits. The queue bounds itself by sample counts, each written by one
        # thread alone: the callback must never wait for a lock that a reader might hold.
        self._blocks: queue.SimpleQueue[_Block | None] = queue.SimpleQueue()
        self._queued = 0
        self._taken = 0
        self._given = 0
        self._refused = 0
        self._skipped = 0
        self._is_gap = False
        self._refuses = False
        self._silent_s = 0.0
        self._has_stopped = False
        self._said_lost = False
        more_room_s = max(_ROOM_BLOCKS * _BLOCK_S - chosen.latency_s, 0.0)
        try:
            self._stream = sounddevice.InputStream(
                device=chosen.index,
                samplerate=self.sample_rate,
                channels=max(self._columns) + 1,
                dtype="float32",
                blocksize=round(_BLOCK_S * self.sample_rate),
                latency=chosen.latency_s + more_room_s,
                callback=self._hear,
                finished_callback=self._stop,
            )
            self._stream.start()
        except sounddevice.PortAudioError as error:
            self.close()
            raise MoodringError(
                f'cannot record from "{self.name}" ({error}): close the programs that use it, or choose another device'
            ) from error
        # The driver takes its room for latency, but no sound waits for more of it to fill.
        self.latency_s: float = max(self._stream.latency - more_room_s, 0.0)

    @property
    def dropped(self) -> int:
        """How many blocks were left out because the reader was too far behind."""
        return self._refused + self._skipped

    def read(self, timeout_s: float) -> Sequence[Event]:
        """The blocks that have come since the last time; waits up to ``timeout_s`` seconds for the first of them."""
        if self.ended:
            return []
        blocks = self._wait(timeout_s)
        if blocks and timeout_s > 0.0:
            time.sleep(_TOGETHER_S)
        # Looked at before the queue is emptied: what a dying stream still gave comes before the news of its death.
        # One that gives sound is at work, and need not be asked.
        is_dead = self._has_stopped or not (blocks or self._is_active())
        blocks += self._waiting()
        self._taken += sum(len(block.samples) for block in blocks)
        # Waiting is counted rather than the clock looked at: a program that was stopped has not waited.
        self._silent_s = 0.0 if blocks else self._silent_s + timeout_s
        events = list(self._heard(self._unless_hopeless(blocks)))
        if (is_dead or self._silent_s >= _SILENT_S) and not self._said_lost:
            self._said_lost = True
            events.append(Lost(self._given / self.sample_rate))
        return events

    def _unless_hopeless(self, blocks: list[_Block]) -> list[_Block]:
        """All ``blocks`` after one stall, since they are soon caught up; none where the reader stays behind."""
        if not blocks:
            return blocks
        # What the driver hands over has been sound for a while.
        self.arrived_s = blocks[-1].arrived_s - self.latency_s
        was_behind, self._was_behind = self._was_behind, any(block.follows_gap for block in blocks)
        if not (was_behind and self._was_behind):
            return blocks
        self._was_behind = False
        self._skipped += len(blocks)
        self._is_gap = True
        return []

    def _heard(self, blocks: Iterable[_Block]) -> Iterator[Event]:
        for block in blocks:
            if block.follows_gap or self._is_gap:
                self._is_gap = False
                yield Lost(self._given / self.sample_rate)
            self._given += len(block.samples)
            yield Sound(block.samples, self.sample_rate)

    def reopen(self) -> Microphone:
        """The same device by its name, which may have another number now. PortAudio is started anew to see it.

        Raises ``MoodringError`` while it is not there. Every other stream of PortAudio in this program ends.
        """
        sounddevice = portaudio()
        # The list of devices is that of PortAudio's start; there is no public way to have it look again.
        with suppress(sounddevice.PortAudioError):  # where it did not start the last time either
            sounddevice._terminate()
        try:
            sounddevice._initialize()
            found = Microphone(self._sought, self._queue_s, self._clock, self._wanted)
        except sounddevice.PortAudioError as error:
            raise MoodringError(f"PortAudio does not start ({error})") from error
        # It may be called a little otherwise now, "2- Scarlett", and another time as at first.
        found._sought = self._sought
        return found

    def close(self) -> None:
        """Let go of the device; nothing follows."""
        if self.ended:
            return
        self.ended = True  # and with that the callback lets sound pass by, before the stream goes
        self._blocks.put(None)
        stream = getattr(self, "_stream", None)  # not there when opening failed
        if stream is not None:
            stream.close()

    def _hear(self, samples: NDArray[np.float32], count: int, time_info: Any, status: Any) -> None:
        if self.ended:
            return
        if status and status.input_overflow:
            self.overflows += 1
        if self._queued - self._taken + count > self._queue_length:
            self._refused += 1
            self._refuses = True
            return
        self._queued += count
        # Choosing columns copies, and it must: the driver uses its buffer again.
        self._blocks.put(_Block(samples[:, self._columns], self._clock(), self._refuses))
        self._refuses = False

    def _is_active(self) -> bool:
        try:
            return bool(self._stream.active)
        except portaudio().PortAudioError:  # it knows the stream no longer
            return False

    def _stop(self) -> None:
        self._has_stopped = True
        self._blocks.put(None)

    def _wait(self, timeout_s: float) -> list[_Block]:
        try:
            block = self._blocks.get(timeout=max(0.0, timeout_s))
        except queue.Empty:
            return []
        return [] if block is None else [block]

    def _waiting(self) -> list[_Block]:
        blocks = [self._blocks.get_nowait() for _ in range(self._blocks.qsize())]
        return [block for block in blocks if block is not None]
