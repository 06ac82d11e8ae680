"""The core's promise: the same events give the same readings, bit for bit, however they come."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from models.affect import Reading, State
from models.bundle import BUNDLED, Bundle, load
from models.errors import UsageError
from realtime.events import Advance, Event, Lost, NoteOn, Sound
from realtime.sources.midi_file import MidiFile
from realtime.tracker import EmotionTracker

EXCERPTS = ["1000.opus", "1500.opus"]


@pytest.fixture(scope="module")
def rnn() -> Bundle:
    return load(BUNDLED / "seed-rnn")


@pytest.fixture(scope="module")
def excerpts(shared_data: Path) -> list[tuple[np.ndarray, int]]:
    return [soundfile.read(shared_data / "deam" / "audio" / name, dtype="float32") for name in EXCERPTS]


@pytest.fixture(scope="module")
def pieces(shared_data: Path) -> list[Path]:
    return sorted((shared_data / "vgmidi" / "midi").glob("*.mid"))[20:120:99]


def sounds(samples: np.ndarray, rate: int, block: int) -> Iterator[Sound]:
    for start in range(0, len(samples), block):
        yield Sound(samples[start : start + block], rate)


def keys(path: Path, block_s: float = 0.1) -> list[Event]:
    source = MidiFile(path, block_s)
    events: list[Event] = []
    while not source.ended:
        events += source.read(0.0)
    return events


def one_by_one(tracker: EmotionTracker, events: Iterator[Event] | list[Event]) -> list[Reading]:
    readings = [reading for event in events for reading in tracker.push([event])]
    return readings + tracker.finish()


def at_once(tracker: EmotionTracker, events: list[Event]) -> list[Reading]:
    return tracker.push(events) + tracker.finish()


@pytest.fixture(scope="module")
def whole(rnn: Bundle, excerpts: list[tuple[np.ndarray, int]]) -> list[list[Reading]]:
    """The readings of each excerpt, pushed in one piece."""
    return [at_once(EmotionTracker(rnn), [Sound(*excerpt)]) for excerpt in excerpts]


@pytest.mark.parametrize("block", [64, 441, 4096])
def test_blocks_of_sound_do_not_matter(
    rnn: Bundle, excerpts: list[tuple[np.ndarray, int]], whole: list[list[Reading]], block: int
) -> None:
    for (samples, rate), expected in zip(excerpts, whole, strict=True):
        assert len(expected) == 20
        assert one_by_one(EmotionTracker(rnn), sounds(samples, rate, block)) == expected


@pytest.mark.parametrize("block_s", [64 / 44_100, 441 / 44_100, 4096 / 44_100, 1e9])
def test_blocks_of_keys_do_not_matter(rnn: Bundle, pieces: list[Path], block_s: float) -> None:
    assert len(pieces) == 2
    for piece in pieces:
        expected = at_once(EmotionTracker(rnn), keys(piece))
        assert len(expected) > 40
        assert one_by_one(EmotionTracker(rnn), keys(piece, block_s)) == expected


def test_a_dense_network_does_not_mind_either(excerpts: list[tuple[np.ndarray, int]]) -> None:
    bundle = load(BUNDLED / "seed-dense")
    samples, rate = excerpts[0]
    expected = at_once(EmotionTracker(bundle), [Sound(samples, rate)])
    assert one_by_one(EmotionTracker(bundle), sounds(samples, rate, 1_000)) == expected


def test_music_moves_the_readings(whole: list[list[Reading]]) -> None:
    for readings in whole:
        live = [reading for reading in readings if reading.state is State.LIVE]
        assert len(live) > 10
        assert len({reading.valence for reading in live}) > 5
    assert whole[0][-1].valence != whole[1][-1].valence


def test_every_number_of_a_reading_is_one(whole: list[list[Reading]], rnn: Bundle) -> None:
    silent = at_once(EmotionTracker(rnn), [Sound(np.zeros(66_150, np.float32), 22_050)])
    broken = at_once(EmotionTracker(rnn), [Sound(np.full(66_150, np.nan, np.float32), 22_050)])
    assert len(silent) == len(broken) == 6
    for reading in [*whole[0], *whole[1], *silent, *broken]:
        for name, value in reading.as_json().items():
            assert not isinstance(value, float) or math.isfinite(value), name
        assert reading.model == "seed-rnn"


def test_readings_come_at_the_networks_own_rate(whole: list[list[Reading]]) -> None:
    assert [reading.time for reading in whole[0]] == [number / 2 for number in range(1, 21)]


@pytest.mark.parametrize("rate_hz", [4.0, 10.0])
def test_faster_readings_of_sound_hold_the_slower_ones(
    rnn: Bundle, excerpts: list[tuple[np.ndarray, int]], whole: list[list[Reading]], rate_hz: float
) -> None:
    faster = at_once(EmotionTracker(rnn, rate_hz=rate_hz), [Sound(*excerpts[0])])
    assert [reading.time for reading in faster] == [number / rate_hz for number in range(1, round(10 * rate_hz) + 1)]
    assert [reading for reading in faster if (2 * reading.time).is_integer()] == whole[0]


def test_faster_readings_of_keys_hold_the_slower_ones(rnn: Bundle, pieces: list[Path]) -> None:
    for piece in pieces:
        faster = at_once(EmotionTracker(rnn, rate_hz=10.0), keys(piece))
        slower = at_once(EmotionTracker(rnn), keys(piece))
        assert [reading for reading in faster if (2 * reading.time).is_integer()] == slower


def test_the_readings_in_between_lie_between(rnn: Bundle, pieces: list[Path]) -> None:
    """Each phase sees nearly the same music, so that readings 0.1 s apart do not jump about."""
    faster = at_once(EmotionTracker(rnn, rate_hz=10.0), keys(pieces[0]))[100:]
    step = np.abs(np.diff([reading.arousal for reading in faster]))
    travel = np.ptp([reading.arousal for reading in faster])
    assert np.median(step) < 0.25 * travel


@pytest.mark.parametrize("rate_hz", [1.0, 0.5, 0.1])
def test_slower_readings_are_some_of_the_networks_own(rnn: Bundle, pieces: list[Path], rate_hz: float) -> None:
    own = at_once(EmotionTracker(rnn), keys(pieces[0]))
    slower = at_once(EmotionTracker(rnn, rate_hz=rate_hz), keys(pieces[0]))
    every = round(2 / rate_hz)
    assert slower == own[every - 1 :: every]


@pytest.mark.parametrize("rate_hz", [3.0, 0.3, 2.5, 0.0, -2.0, 0.05, 52.0, math.nan, math.inf])
def test_a_rate_that_cannot_be_had_is_wrong_use(rnn: Bundle, rate_hz: float) -> None:
    with pytest.raises(UsageError) as caught:
        EmotionTracker(rnn, rate_hz=rate_hz)
    message = str(caught.value)
    assert message.startswith("rate must be 2 Hz times or divided by a whole number, 0.1 to 50 ")
    assert message.endswith(f"not {rate_hz:g}")
    assert "\n" not in message


def test_no_moment_comes_twice_however_often_the_rate_is_changed(rnn: Bundle) -> None:
    tracker = EmotionTracker(rnn, rate_hz=50.0)
    tracker.push([NoteOn(0.1, 60, 80), Advance(1.69)])
    tracker.use(rnn, rate_hz=30.0)
    tracker.use(rnn, rate_hz=50.0)
    assert [reading.time for reading in tracker.push([Advance(1.75)])] == [1.7, 1.72, 1.74]


def test_an_unknown_model_is_wrong_use() -> None:
    with pytest.raises(UsageError, match=r"^no model 'seed-cnn'; there are "):
        EmotionTracker("seed-cnn")


def test_a_model_is_known_by_name_by_folder_and_as_it_is(rnn: Bundle) -> None:
    assert EmotionTracker(rnn).bundle is rnn
    assert EmotionTracker(BUNDLED / "seed-dense").bundle.name == "seed-dense"
    assert EmotionTracker("seed-dense").bundle.name == "seed-dense"


def test_finishing_gives_the_reading_that_was_still_due(rnn: Bundle) -> None:
    tracker = EmotionTracker(rnn)
    pushed = tracker.push([NoteOn(0.1, 60, 80), NoteOn(0.2, 64, 80), Advance(1.0)])
    assert [reading.time for reading in pushed] == [0.5]
    assert [reading.time for reading in tracker.finish()] == [1.0]


@pytest.mark.parametrize(
    "event",
    [
        Advance(2.95),
        Sound(np.zeros(65_000, np.float32), 22_050),
    ],
    ids=["keys", "sound"],
)
def test_finishing_twice_gives_nothing_more(rnn: Bundle, event: Event) -> None:
    tracker = EmotionTracker(rnn)
    readings = at_once(tracker, [event])
    assert [reading.time for reading in readings] == [0.5, 1.0, 1.5, 2.0, 2.5]
    assert tracker.finish() == []


def test_a_tracker_says_where_it_is(rnn: Bundle) -> None:
    tracker = EmotionTracker(rnn)
    tracker.push([NoteOn(0.1, 64, 80), NoteOn(0.2, 60, 80), Advance(3.25)])
    assert (tracker.sounding, tracker.notes_heard, tracker.time_s) == ((60, 64), 2, 3.25)
    assert tracker.nonfinite == 0


def test_silence_keeps_the_last_estimate_of_a_recurrent_network(rnn: Bundle) -> None:
    """Once the window is empty its features are the mask, which changes no state."""
    held: list[Event] = [NoteOn(0.1, 60, 80), NoteOn(0.2, 64, 80), Lost(3.0), Advance(20.0)]
    readings = at_once(EmotionTracker(rnn), held)
    empty = [reading for reading in readings if reading.time >= 13.0]
    assert len(empty) > 10
    assert {reading.state for reading in empty} == {State.LOST}
    assert len({(reading.valence, reading.arousal) for reading in empty}) == 1


def test_two_trackers_do_not_disturb_each_other(rnn: Bundle, pieces: list[Path]) -> None:
    streams = [keys(piece) for piece in pieces]
    alone = [at_once(EmotionTracker(rnn), stream) for stream in streams]
    trackers = [EmotionTracker(rnn) for _ in streams]
    readings: list[list[Reading]] = [[], []]
    for start in range(0, max(map(len, streams)), 50):
        for number, stream in enumerate(streams):
            readings[number] += trackers[number].push(stream[start : start + 50])
    for number, tracker in enumerate(trackers):
        readings[number] += tracker.finish()
    assert readings == alone


def test_no_reading_leaves_the_scale_whatever_the_network_makes_of_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "realtime.tracker.Predictor.follow", lambda self, features, state: (np.array([[0.37, 1.0, 9.4, 2.0]]), state)
    )
    (reading,) = EmotionTracker("notes").push([NoteOn(0.1, 60, 80), Advance(0.6)])
    assert (reading.valence, reading.valence_std, reading.arousal, reading.arousal_std) == (1.0, 1.0, 9.0, 2.0)
