"""Random bytes into a MIDI port: as messages that the driver cut, and as a stream that mido's parser cuts."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator

import mido
import numpy as np

from realtime.controls import Controls
from realtime.sources.returning import Returning
from tests.fuzz.session import hear, some_control
from tests.support.watched import Watched
from tests.support.world import World

#: Bytes that begin something: of channels, of the system, in real time.
_STATUS = (*range(0x80, 0x100),)
_REAL_TIME = (0xF8, 0xFA, 0xFB, 0xFC, 0xFE, 0xFF)


def case(rng: np.random.Generator, done: Counter[str]) -> None:
    """A session with one keyboard that sends anything."""
    world = World()
    with world.installed():
        world.plug_keyboard(20)
        source = world.keyboard()

        def steps(controls: Controls, tracker: Watched) -> Iterator[float]:
            return _steps(world, source, controls, tracker, rng, done)

        hear(world, source, steps, rng, done)
        handed, heard = world.handed["keys"], world.heard["keys"]
        assert heard <= handed <= heard + source.dropped, f"handed {handed}, heard {heard}, dropped {source.dropped}"


def _steps(
    world: World,
    source: Returning,
    controls: Controls,
    tracker: Watched,
    rng: np.random.Generator,
    done: Counter[str],
) -> Iterator[float]:
    parser = mido.Parser()
    for _ in range(int(rng.integers(5, 60))):
        for _ in range(int(rng.integers(1, 6))):
            sent = _bytes(rng)
            done["bytes"] += len(sent)
            if rng.random() < 0.4:
                world.play(*_whole(sent, rng))
            else:
                # What the parser has not understood by the end stays in it, as in a driver.
                parser.feed(sent)
                world.play(*parser)
            world.clock.now_s += float(rng.choice([0.0, 1e-6, 0.003, 0.05]))
        if rng.random() < 0.02:
            world.play(*[mido.Message("control_change", control=64, value=127)] * 10_500)
        if rng.random() < 0.1:
            controls.ask(some_control(rng))
        if rng.random() < 0.04:
            world.pull_keyboard()
            yield 0.0
            yield 0.0
            assert not tracker.sounding, f"{tracker.sounding} hang"
            before = len(world.midi.opened)
            world.plug_keyboard(int(rng.integers(16, 200)))
            world.wait(lambda before=before: len(world.midi.opened) > before, "the keyboard's return")
            yield from world.until_heard(source)
        world.clock.now_s += float(rng.exponential(rng.choice([0.001, 0.1, 1.0])))
        if rng.random() < 0.01:
            world.clock.now_s += 60.0
        yield 0.0
    world.play(mido.Message("reset"))
    yield 0.0
    assert not tracker.sounding, f"{tracker.sounding} hang"


def _bytes(rng: np.random.Generator) -> bytes:
    """Noise; or what looks like MIDI: statuses with too few, enough or too many bytes, running status, real time in
    between; or a dump without an end."""
    kind = rng.random()
    if kind < 0.3:
        return rng.bytes(int(rng.integers(0, 400)))
    if kind < 0.33:
        return b"\xf0" + bytes(rng.integers(0, 128, int(rng.integers(0, 60_000))).tolist())
    sent = bytearray()
    for _ in range(int(rng.integers(1, 60))):
        if rng.random() < 0.7:
            is_usual = rng.random() < 0.8
            usual = int(rng.choice([0x80, 0x90, 0x90, 0xB0]) + rng.integers(16))
            sent.append(usual if is_usual else int(rng.choice(_STATUS)))
        pairs = int(rng.choice([1, 1, 1, 2, 5]))
        for number in range(2 * pairs + int(rng.random() < 0.1)):
            if rng.random() < 0.05:
                sent.append(int(rng.choice(_REAL_TIME)))
            # Controllers that mean something, and pitches, are both often the first of two.
            is_control = number % 2 == 0 and rng.random() < 0.3
            sent.append(int(rng.choice([64, 66, 120, 121, 123, 126])) if is_control else int(rng.integers(128)))
    return bytes(sent)


def _whole(sent: bytes, rng: np.random.Generator) -> Iterator[mido.Message]:
    """The bytes cut anywhere; what is no message is passed over, as mido does for python-rtmidi."""
    at = 0
    while at < len(sent):
        length = int(rng.choice([1, 2, 3, 3, 3, 4, 40]))
        # IndexError is what mido raises for a pitch wheel without its value; its driver's thread swallows that.
        with contextlib.suppress(ValueError, IndexError):
            yield mido.Message.from_bytes(sent[at : at + length])
        at += length
