"""Random blocks into a microphone's callback and into the tracker: any length, rate, number of channels and value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from realtime.controls import Controls
from realtime.events import Advance, Event, Lost, Sound, SoundLost
from realtime.sources.returning import Returning
from tests.fuzz.session import RATES_HZ, bundle, check, hear, some_control
from tests.support.watched import Watched
from tests.support.world import World

USUAL = (8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000)
LONGEST = 100_000
#: So much sound is enough for one case.
MOST_S = 20.0


def case(rng: np.random.Generator, done: Counter[str]) -> None:
    """A session with one microphone that gives anything; or a tracker that is given arrays as programs have them."""
    if rng.random() < 0.3:
        _embedded(rng, done)
        return
    world = World()
    with world.installed():
        world.plug_microphone(_rate(rng), _channels(rng))
        source = world.microphone()

        def steps(controls: Controls, tracker: Watched) -> Iterator[float]:
            return _steps(world, source, controls, rng, done)

        hear(world, source, steps, rng, done)
        handed, heard = world.handed["blocks"], world.heard["blocks"]
        assert handed == heard + source.dropped, f"handed {handed}, heard {heard}, dropped {source.dropped}"


def _steps(
    world: World, source: Returning, controls: Controls, rng: np.random.Generator, done: Counter[str]
) -> Iterator[float]:
    given_s = 0.0
    while given_s < MOST_S:
        assert world.portaudio.stream is not None
        rate = world.portaudio.stream.settings["samplerate"]
        for _ in range(int(rng.choice([0, 1, 1, 1, 2, 8]))):
            length = _length(rng)
            given_s += length / rate
            world.clock.now_s += length / rate
            done["samples"] += length
            world.sound(_values(rng, (length, world.channels)), overflow=bool(rng.random() < 0.05))
        given_s += 0.02
        world.clock.now_s += 0.02
        if rng.random() < 0.05:
            controls.ask(some_control(rng))
        if rng.random() < 0.03:
            world.pull_microphone()
            yield 0.0
            world.clock.now_s += float(rng.exponential(1.0))
            yield 0.0
            before = world.portaudio.opened
            world.plug_microphone(_rate(rng), _channels(rng), int(rng.integers(3)))
            world.wait(
                lambda before=before: world.portaudio.opened > before and world.has_microphone,
                "the microphone's return",
            )
        yield 0.0


def _embedded(rng: np.random.Generator, done: Counter[str]) -> None:
    tracker = Watched(bundle("sound" if rng.random() < 0.7 else "notes"), rate_hz=float(rng.choice(RATES_HZ)))
    rate, channels, given_s = _rate(rng), _channels(rng), 0.0
    while given_s < MOST_S / 2:
        length = _length(rng)
        given_s += length / rate + 0.02
        done["samples"] += length
        events: list[Event] = [Sound(_as_programs_have_it(rng, _values(rng, (length, channels))), rate)]
        if rng.random() < 0.05:
            rate, channels = _rate(rng), _channels(rng)
            events.append(rng.choice([Lost(tracker.time_s), SoundLost(tracker.time_s)]))
            events.append(Advance(tracker.time_s + float(rng.exponential(2.0))))
        tracker.push(events)
    tracker.finish()
    check(tracker)
    done["readings"] += tracker.given


def _rate(rng: np.random.Generator) -> int:
    return int(rng.choice(USUAL)) if rng.random() < 0.7 else int(rng.integers(4_000, 384_001))


def _channels(rng: np.random.Generator) -> int:
    return int(rng.choice([1, 1, 2, 2, 3, 18]))


def _length(rng: np.random.Generator) -> int:
    most = int(rng.choice([1, 64, 2_048, 20_000, LONGEST]))
    return int(rng.integers(0, most + 1))


def _as_programs_have_it(rng: np.random.Generator, samples: np.ndarray) -> np.ndarray:
    """The same in other types, layouts and shapes."""
    with np.errstate(all="ignore"):
        samples = samples.astype(rng.choice(np.array(["float16", "float32", "float64", ">f4"])))
    layout = int(rng.integers(5))
    if layout == 0:
        return samples[:, 0]
    if layout == 1:
        return np.asfortranarray(samples)
    if layout == 2:
        return samples[::-1]
    if layout == 3:
        samples.setflags(write=False)
    return samples


def _values(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Music of a kind, and what no music is: noise at any level, DC, clicks, NaN, infinities, subnormals, huge values,
    all of them in one block at times."""
    time = np.arange(shape[0])[:, None] / 44_100
    tone = np.sin(2 * np.pi * float(rng.uniform(20, 15_000)) * time) * float(10 ** rng.uniform(-6, 0.5))
    kinds = {
        "tone": np.broadcast_to(tone, shape),
        "noise": rng.standard_normal(shape) * 10 ** rng.uniform(-8, 1),
        "nothing": np.zeros(shape),
        "offset": np.full(shape, rng.uniform(-2, 2)),
        "clipped": np.clip(50 * np.broadcast_to(tone, shape), -1, 1),
        "subnormal": rng.standard_normal(shape) * 1e-40,
        "huge": rng.standard_normal(shape) * 10 ** rng.uniform(2, 38),
        "nan": np.full(shape, np.nan),
        "infinite": np.full(shape, rng.choice([np.inf, -np.inf])),
        "bits": rng.integers(0, 2**32, shape, dtype=np.uint32).view(np.float32),
    }
    names = list(kinds)
    odds = np.array([5, 4, 2, 1, 1, 1, 1, 1, 1, 1], float)
    with np.errstate(all="ignore"):
        samples = kinds[str(rng.choice(names, p=odds / odds.sum()))].astype(np.float32)
        if rng.random() < 0.2:
            other = kinds[str(rng.choice(names))].astype(np.float32)
            samples = np.where(rng.random(shape) < 10 ** rng.uniform(-4, 0), other, samples)
    return samples
