"""An hour on stage, as often as one likes: sound, keys, silence, and all that goes wrong, each at a random moment.

Every round is made of the same parts in the same order, so that rounds can be compared; when in them what goes wrong
is drawn from a seed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import mido
import numpy as np

from realtime.controls import Calibrate, Controls, Freeze, Record, Reset, SetRate, Smooth
from tests.benchmarks.music import FloatArray
from tests.support.world import KEYBOARD, World

STEP_S = 0.1
#: How long a reading may still be late after a stall, or after a driver that gave less than there was.
SETTLED_S = 2.0
#: The minutes of an hour. A fault may make its part a little longer.
PARTS = (
    ("sound", 14.0),
    ("sound and keys", 2.0),
    ("silence on the microphone", 4.0),
    ("keys", 30.0),
    ("keyboard at rest", 6.0),
    ("both away", 2.0),
    ("sound again", 2.0),
)
RATES = ((44_100, 2), (48_000, 1), (96_000, 2), (22_050, 1), (32_000, 2))
#: Of each part so much has ten readings a second, the rest two.
FAST_SHARE = 0.3
FAST_HZ, SLOW_HZ = 10.0, 2.0

Steps = Iterator[float]


@dataclass(frozen=True, slots=True)
class Played:
    """A piece of MIDI as messages with the second of each, and how long it is."""

    messages: tuple[tuple[float, mido.Message], ...]
    length_s: float


def piece(path: Path) -> Played:
    """The messages of a MIDI file, without those that are about the file."""
    time_s, messages = 0.0, []
    for message in mido.MidiFile(path):
        time_s += message.time
        if not message.is_meta:
            messages.append((time_s, message))
    return Played(tuple(messages), time_s + 1.0)


class Evening:
    """Lets ``world`` go through ``rounds`` rounds of ``round_s`` seconds; what is to be checked is asked of ``expect``.

    ``music`` [shape=(n,)] and ``pieces`` go round and round. ``spent_s`` holds the seconds of each part so far,
    ``faults`` how often each fault was, ``part`` the part that runs; ``ends`` is called with the number of each round
    that is over.
    """

    def __init__(
        self,
        world: World,
        music: FloatArray,
        pieces: Sequence[Played],
        *,
        rounds: int,
        round_s: float,
        seed: int,
        controls: Controls,
        expect: Callable[[str], None],
        ends: Callable[[int], None],
    ) -> None:
        self.spent_s: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.part = ""
        self._world, self._music, self._controls = world, music, controls
        self._rounds, self._round_s = rounds, round_s
        self._expect, self._ends = expect, ends
        self._rng = np.random.default_rng(seed)
        self._at = 0
        self._pieces = cycle(pieces)
        self._piece, self._next, self._began_s = next(self._pieces), 0, world.clock()
        self._round = 0
        self._plays_sound = self._plays_keys = False
        self._sensed_s = 0.0
        self._stalled_s = -SETTLED_S
        self._held: set[tuple[int, int]] = set()

    @property
    def is_settled(self) -> bool:
        """Whether nothing has held sound back for so long that readings should come as early as ever."""
        return self._world.clock() - self._stalled_s >= SETTLED_S

    def steps(self) -> Steps:
        """The whole of it; each step gives how long the listener may wait."""
        for number in range(self._rounds):
            self._round = number
            yield from self._whole_round()
            self._ends(number)

    def _whole_round(self) -> Steps:
        yield from self._run("sound", self._sound_faults(), sound=True, expects="sound", is_recorded=True)
        yield from self._run("sound and keys", [self.pull_microphone], sound=True, keys=True, expects="sound")
        faults = [self.only_offset, self.only_nan, self.hiss, self.calibrate]
        yield from self._run("silence on the microphone", faults, sound=True, is_quiet=True, expects="quiet")
        self._world.pull_microphone()
        yield from self._run("keys", self._key_faults(), keys=True, expects="notes", is_recorded=True)
        yield from self._run("keyboard at rest", [self.flood], expects="at rest")
        self._world.pull_keyboard()
        yield from self._run("both away", [self.no_system], expects="lost")
        yield from self._keyboard_returns()
        yield from self._microphone_returns()
        yield from self._run("sound again", [self.stall], sound=True, expects="sound")

    def _sound_faults(self) -> list[Callable[[], Steps]]:
        faults = [self.stall, self.stay_behind, self.not_numbers, self.clipping, self.offset, self.huge, self.tiny]
        faults += [self.overflow, self.pull_microphone, self.refused, self.settings, self.odd_blocks]
        # The one fault that takes as long as it takes.
        return [*faults, self.fall_silent] if self._round % 6 == 5 else faults

    def _key_faults(self) -> list[Callable[[], Steps]]:
        faults = [self.pull_keyboard, self.pull_keyboard, self.flood, self.too_many, self.stuck, self.panic]
        return [*faults, self.key_stall, self.ticks, self.dump, self.no_midi_system, self.settings]

    def _run(
        self,
        part: str,
        faults: Sequence[Callable[[], Steps]],
        *,
        expects: str,
        sound: bool = False,
        keys: bool = False,
        is_quiet: bool = False,
        is_recorded: bool = False,
    ) -> Steps:
        """One part to its end, the ``faults`` at random moments of its middle; a quarter is recorded if anything is."""
        now_s = self._world.clock()
        length_s = dict(PARTS)[part] / sum(minutes for _, minutes in PARTS) * self._round_s
        self.part = part
        self._plays_sound, self._plays_keys = sound and not is_quiet, keys
        self._controls.ask(SetRate(FAST_HZ))
        due = sorted(
            ((now_s + self._rng.uniform(0.05, 0.8) * length_s, fault) for fault in faults), key=lambda entry: entry[0]
        )
        if is_recorded:
            due = [(now_s, self._record(True)), *due, (now_s + 0.25 * length_s, self._record(False))]
        due.append((now_s + FAST_SHARE * length_s, self._slow_down))
        due.sort(key=lambda entry: entry[0])
        while due or self._world.clock() < now_s + length_s:
            if due and due[0][0] <= self._world.clock():
                fault = due.pop(0)[1]
                if not fault.__name__.startswith("_"):
                    self.faults[fault.__name__.replace("_", " ")] += 1
                yield from fault()
            else:
                yield self._step()
        self._lift_all()
        # What is expected is so once the part has been heard for a while.
        yield from self._for(6.0)
        self._expect(expects)

    def _record(self, on: bool) -> Callable[[], Steps]:
        def _switch() -> Steps:
            self._controls.ask(Record(on))
            yield self._step()

        return _switch

    def _slow_down(self) -> Steps:
        self._controls.ask(SetRate(SLOW_HZ))
        yield self._step()

    def _for(self, seconds: float) -> Steps:
        for _ in range(round(seconds / STEP_S)):
            yield self._step()

    def _step(self, change: Callable[[FloatArray], FloatArray] = lambda block: block, **flags: bool) -> float:
        """A tenth of a second goes by, with what is played in it; the sound of it as ``change`` makes it."""
        self._world.clock.now_s += STEP_S
        self.spent_s[self.part] += STEP_S
        if self._world.has_microphone:
            assert self._world.portaudio.stream is not None
            count = round(STEP_S * self._world.portaudio.stream.settings["samplerate"])
            block = self._block(count) if self._plays_sound else np.zeros((count, self._world.channels), np.float32)
            self._world.sound(change(block), **flags)
        if self._plays_keys:
            self._play_on()
        elif self._world.clock() - self._sensed_s >= 0.3:
            self._sensed_s = self._world.clock()
            self._world.play(mido.Message("active_sensing"))
        return 0.0

    def _block(self, count: int) -> FloatArray:
        taken = np.take(self._music, range(self._at, self._at + count), mode="wrap")
        self._at = (self._at + count) % len(self._music)
        return np.repeat(taken[:, None], self._world.channels, axis=1)

    def _play_on(self) -> None:
        now_s = self._world.clock()
        while True:
            while self._next < len(self._piece.messages):
                time_s, message = self._piece.messages[self._next]
                if self._began_s + time_s > now_s:
                    return
                self._next += 1
                self._world.play(message)
                if message.type in ("note_on", "note_off"):
                    is_down = message.type == "note_on" and message.velocity > 0
                    (self._held.add if is_down else self._held.discard)((message.channel, message.note))
            if now_s < self._began_s + self._piece.length_s:
                return
            self._piece, self._next, self._began_s = next(self._pieces), 0, now_s

    def _lift_all(self) -> None:
        """Whoever played takes the hands and feet off, and begins with another piece the next time."""
        if not self._plays_keys:
            return
        for channel, pitch in sorted(self._held):
            self._world.play(mido.Message("note_off", note=pitch, channel=channel))
        for channel in range(16):
            for pedal in (64, 66):
                self._world.play(mido.Message("control_change", control=pedal, value=0, channel=channel))
        self._held.clear()
        self._next = len(self._piece.messages)
        self._plays_keys = False

    # What goes wrong with sound

    def stall(self) -> Steps:
        """The program is stopped for eight seconds, and the queue is full after five."""
        for _ in range(80):
            self._step()
        self._stalled_s = self._world.clock()
        yield self._step()

    def stay_behind(self) -> Steps:
        """One stall after another."""
        for _ in range(3):
            yield from self.stall()

    def not_numbers(self) -> Steps:
        """A driver that gives NaN and infinities, here and there and then for a second."""
        for share in (0.01, *(1.0,) * 10, 0.3):
            yield self._step(lambda block, share=share: self._spoiled(block, share))

    def _spoiled(self, block: FloatArray, share: float) -> FloatArray:
        spoiled = self._rng.random(block.shape) < share
        wrong = self._rng.choice(np.array([np.nan, np.inf, -np.inf], np.float32), block.shape)
        return np.where(spoiled, wrong, block).astype(np.float32)

    def clipping(self) -> Steps:
        """Far too much gain."""
        for _ in range(30):
            yield self._step(lambda block: np.clip(50 * block, -1, 1).astype(np.float32))

    def offset(self) -> Steps:
        """A direct current below the music."""
        for _ in range(30):
            yield self._step(lambda block: (block + 0.5).astype(np.float32))

    def huge(self) -> Steps:
        """Samples that are no sound."""
        for _ in range(3):
            yield self._step(lambda block: (block * np.float32(1e30)).astype(np.float32))

    def tiny(self) -> Steps:
        """Samples that a processor may take long over."""
        for _ in range(10):
            yield self._step(lambda block: (block * np.float32(1e-39)).astype(np.float32))

    def overflow(self) -> Steps:
        """The driver says that it has lost sound."""
        for _ in range(20):
            yield self._step(overflow=True)

    def odd_blocks(self) -> Steps:
        """Blocks of every length."""
        for _ in range(50):
            length = int(self._rng.integers(1, 4_000))
            self._stalled_s = self._world.clock()
            yield self._step(lambda block, length=length: block[:length])

    def only_offset(self) -> Steps:
        """Silence that is not 0."""
        for _ in range(50):
            yield self._step(lambda block: np.full_like(block, 0.2))

    def only_nan(self) -> Steps:
        """Silence that is no number."""
        for _ in range(20):
            yield self._step(lambda block: np.full_like(block, np.nan))

    def hiss(self) -> Steps:
        """A quiet room."""
        for _ in range(50):
            yield self._step(lambda block: (1e-4 * self._rng.standard_normal(block.shape)).astype(np.float32))

    def calibrate(self) -> Steps:
        """The room is learned."""
        self._controls.ask(Calibrate())
        yield from self.hiss()
        yield from self._for(2.0)

    def pull_microphone(self) -> Steps:
        """The cable comes out, and the interface comes back with another rate, number and number of channels."""
        self._world.pull_microphone()
        yield from self._for(5.0)
        yield from self._microphone_returns()

    def refused(self) -> Steps:
        """It comes back, and something else has it for a while."""
        self._world.pull_microphone()
        yield from self._for(2.0)
        before = self._world.portaudio.opened
        self._world.portaudio.cannot_start = "Device unavailable"
        self._world.plug_microphone(44_100, 1)
        self._world.wait(lambda: self._world.portaudio.opened >= before + 3, "that the microphone is there")
        yield from self._for(1.0)
        # While it is looked for nobody may change what is found there.
        self._world.portaudio.cannot_start = ""
        self._world.wait(lambda: self._world.has_microphone, "that the microphone can be had")
        # What is next finds it listened to.
        yield self._step()

    def no_system(self) -> Steps:
        """The sound system itself does not start."""
        before = self._world.portaudio.refused
        self._world.portaudio.cannot_initialize = "no server"
        self._world.wait(lambda: self._world.portaudio.refused >= before + 2, "that the sound system is gone")
        yield from self._for(1.0)
        self._world.portaudio.cannot_initialize = ""

    def fall_silent(self) -> Steps:
        """The device is there and gives nothing any more."""
        before = self._world.portaudio.opened
        with self._world.clock.running():
            for _ in range(5):
                self.spent_s[self.part] += 0.5
                yield 0.5
        self._world.wait(lambda: self._world.portaudio.opened > before, "that the microphone gives nothing")

    def _microphone_returns(self) -> Steps:
        before = self._world.portaudio.opened
        rate, channels = RATES[int(self._rng.integers(len(RATES)))]
        self._world.plug_microphone(rate, channels, int(self._rng.integers(3)))
        self._world.wait(
            lambda: self._world.portaudio.opened > before and self._world.has_microphone, "the microphone's return"
        )
        yield self._step()

    # What goes wrong with keys

    def pull_keyboard(self) -> Steps:
        """The cable comes out while keys and pedal are held, and the keyboard comes back under another number."""
        for pitch in (36, 43, 48, 60, 64, 67):
            self._world.play(mido.Message("note_on", note=pitch, velocity=90))
        self._world.play(mido.Message("control_change", control=64, value=127))
        yield from self._for(2.0)
        self._world.pull_keyboard()
        yield from self._for(3.0)
        self._expect("nothing sounds")
        yield from self._keyboard_returns()

    def no_midi_system(self) -> Steps:
        """The MIDI system itself does not answer."""
        self._world.midi.fails = OSError("no server")
        self._world.pull_keyboard()
        yield from self._for(3.0)
        self._expect("nothing sounds")
        self._world.midi.fails = None
        yield from self._keyboard_returns()

    def _keyboard_returns(self) -> Steps:
        before = len(self._world.midi.opened)
        self._world.plug_keyboard(int(self._rng.integers(20, 40)))
        self._world.wait(lambda: len(self._world.midi.opened) > before, f"the return of {KEYBOARD}")
        # Nobody plays until it is listened to.
        self._world.midi.forget_closed()
        yield self._step()

    def flood(self) -> Steps:
        """A fader that flutters: twenty thousand messages at once."""
        for number in range(20_000):
            kind = number % 3
            if kind == 0:
                message = mido.Message("control_change", control=1 + number % 60, value=number % 128)
            elif kind == 1:
                message = mido.Message("pitchwheel", pitch=number % 8192)
            else:
                message = mido.Message("aftertouch", value=number % 128)
            self._world.play(message)
        yield self._step()

    def too_many(self) -> Steps:
        """A pedal that flutters, more than can wait; what is left out is counted."""
        for number in range(12_000):
            self._world.play(mido.Message("control_change", control=64, value=127 * (number % 2)))
        yield self._step()

    def stuck(self) -> Steps:
        """Keys that never come up, until everything is ended."""
        self._world.play(mido.Message("control_change", control=64, value=127))
        for pitch in range(40, 80, 3):
            self._world.play(mido.Message("note_on", note=pitch, velocity=90, channel=pitch % 16))
        yield from self._for(15.0)
        self._world.play(mido.Message("reset"))
        yield self._step()

    def panic(self) -> Steps:
        """What a panic button sends."""
        for channel in range(16):
            for control in (121, 123, 120):
                self._world.play(mido.Message("control_change", control=control, channel=channel))
        yield self._step()

    def key_stall(self) -> Steps:
        """The program is stopped for four seconds while keys are played."""
        for _ in range(40):
            self._step()
        self._stalled_s = self._world.clock()
        yield self._step()

    def ticks(self) -> Steps:
        """A clock of 120 beats a minute for ten seconds, which then ceases."""
        for number in range(100):
            for _ in range(5 if number % 5 else 4):
                self._world.play(mido.Message("clock"))
            yield self._step()

    def dump(self) -> Steps:
        """An instrument that sends its memory."""
        for _ in range(20):
            self._world.play(mido.Message("sysex", data=self._rng.integers(0, 128, 10_000).tolist()))
        yield self._step()

    # What people do

    def settings(self) -> Steps:
        """The performer plays with the settings."""
        for control in (Smooth("calm"), Freeze(True), Freeze(False), Reset(), Smooth("off")):
            self._controls.ask(control)
            yield from self._for(2.0)
