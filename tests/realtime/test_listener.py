"""Moments come at a steady pace and hold what was certain by then, whatever the calls they came in."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from models.affect import State
from models.features import feature_set
from realtime.events import (
    Advance,
    AllNotesOff,
    AllSoundOff,
    Event,
    Lost,
    NoteOff,
    NoteOn,
    Pedal,
    Sostenuto,
    Sound,
    Tempo,
)
from realtime.listener import Listener, Moment
from realtime.note_events import NoteEnded
from realtime.transcriber import StreamingTranscriber

RATE = 22050
OF_SOUND = ("level", "intensity", "timbre", "mel", "loudness", "modulation", "pulse", "activity", "harmony", "chords")


def listener(rate_hz: float = 2.0) -> Listener:
    return Listener((feature_set("notes22"),), window_s=10.0, rate_hz=rate_hz)


def moments(events: Iterable[Event], rate_hz: float = 2.0) -> list[Moment]:
    hears = listener(rate_hz)
    return hears.push(events) + hears.finish()


def facts(found: Iterable[Moment]) -> list[tuple[object, ...]]:
    """Everything that a moment says, comparable bit for bit."""
    return [
        (m.time, m.state, m.notes, m.level_db, m.latency_ms, {name: v.tobytes() for name, v in m.features.items()})
        for m in found
    ]


def states(found: Iterable[Moment]) -> dict[float, str]:
    return {m.time: m.state.value for m in found}


def silence(length_s: float) -> Sound:
    return Sound(np.zeros(round(length_s * RATE), np.float32), RATE)


def chord(length_s: float, rate: int = RATE) -> Sound:
    """A loud, steady C major chord."""
    time_s = np.arange(round(length_s * rate)) / rate
    tones = [np.sin(2 * np.pi * f * h * time_s) / h for f in (261.63, 329.63, 392.0) for h in (1, 2, 3)]
    return Sound((0.1 * np.sum(tones, axis=0)).astype(np.float32), rate)


def melody(seconds: int, start_s: float = 0.0) -> list[Event]:
    """Two keys a second, each down for a quarter of one."""
    keys: list[Event] = []
    for number in range(2 * seconds):
        time_s = start_s + number / 2
        keys += [NoteOn(time_s, 60 + number % 7, 80), NoteOff(time_s + 0.25, 60 + number % 7)]
    return keys


@pytest.mark.parametrize("rate_hz", [1.0, 2.0, 10.0, 7.0])
def test_moments_come_at_the_rate_and_never_twice(rate_hz: float) -> None:
    times = [m.time for m in moments([*melody(5), Advance(5.0)], rate_hz)]
    assert times == [number / rate_hz for number in range(1, round(5 * rate_hz) + 1)]


def test_the_last_moment_of_sound_is_its_end() -> None:
    """At 24 kHz the resampler holds back a little until it knows that the sound is over."""
    hears = listener()
    sound = chord(2.0, 24_000)
    pushed = [m.time for m in hears.push([sound])]
    assert pushed + [m.time for m in hears.finish()] == [0.5, 1.0, 1.5, 2.0]
    assert hears.time_s == pytest.approx(2.0, abs=1e-3)


def test_a_moment_waits_until_nothing_earlier_can_come() -> None:
    hears = listener()
    assert hears.push([NoteOn(0.1, 60, 80), NoteOn(0.5, 64, 80)]) == []
    (first,) = hears.push([NoteOn(0.6, 67, 80)])
    assert (first.time, first.notes) == (0.5, 2)


def test_a_moment_knows_nothing_later() -> None:
    one, two = moments([NoteOn(0.1, 60, 80), NoteOn(0.6, 64, 80), Advance(1.0)])
    assert (one.notes, two.notes) == (1, 2)


@pytest.mark.parametrize("block_s", [0.05, 0.3, 1.0, 1000.0])
def test_how_often_time_is_announced_does_not_matter(block_s: float) -> None:
    keys = melody(6)
    steady: list[Event] = []
    for number in range(1, int(6 / block_s) + 2):
        low, high = (number - 1) * block_s, number * block_s
        steady += [k for k in keys if low <= k.time_s < high]  # type: ignore[union-attr]
        steady.append(Advance(min(high, 6.0)))
    assert facts(moments(steady)) == facts(moments([*keys, Advance(6.0)]))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 15), min_size=1, max_size=8))
def test_how_keys_are_grouped_into_calls_does_not_matter(groups: list[int]) -> None:
    events: list[Event] = [Pedal(0.0, True), *melody(4), Pedal(4.0, False), AllNotesOff(4.2), Advance(9.0)]
    hears = listener()
    found, start, number = [], 0, 0
    while start < len(events):
        size = groups[number % len(groups)]
        found += hears.push(events[start : start + size])
        start, number = start + size, number + 1
    assert facts(found + hears.finish()) == facts(moments(events))


@pytest.mark.parametrize("block", [100, 1024, 2205, 10**9])
def test_how_sound_is_cut_into_blocks_does_not_matter(block: int) -> None:
    """Down to level and state between two hops: the gate closes in the rest, and opens again."""
    samples = np.concatenate([s.samples for s in (chord(1.5), silence(3.5), chord(1.2))])
    cut = [Sound(samples[start : start + block], RATE) for start in range(0, len(samples), block)]
    whole = moments([Sound(samples, RATE)], 20.0)
    assert {m.state.value for m in whole} == {"warming", "live", "silence"}
    assert len({m.level_db for m in whole}) > 50
    assert facts(moments(cut, 20.0)) == facts(whole)


def hears_sound(samples: np.ndarray, rate: int, block: int = 10**9) -> list[Moment]:
    hears = Listener(tuple(feature_set(name) for name in OF_SOUND), window_s=3.0, rate_hz=2.0)
    cut = [Sound(samples[start : start + block], rate) for start in range(0, len(samples), block)]
    return [moment for sound in cut for moment in hears.push([sound])] + hears.finish()


@pytest.fixture(scope="module")
def song(shared_data: Path) -> tuple[np.ndarray, int]:
    """Five seconds in which there is a rest."""
    samples, rate = soundfile.read(shared_data / "deam" / "audio" / "1001.opus", dtype="float32")
    samples = samples[: 5 * rate].copy()
    samples[2 * rate : 3 * rate] = 0
    return samples, rate


@pytest.mark.parametrize("block", [777, 1024, 5000, 44_100])
def test_what_is_known_of_the_sound_does_not_depend_on_blocks(song: tuple[np.ndarray, int], block: int) -> None:
    whole = hears_sound(*song)
    assert all(whole[-1].features[name].any() for name in OF_SOUND)
    assert facts(hears_sound(*song, block)) == facts(whole)


def test_a_moment_knows_nothing_of_the_sound_after_it(song: tuple[np.ndarray, int]) -> None:
    samples, rate = song
    # What a resampler looks ahead is less than this.
    changed = samples.copy()
    changed[3 * rate + rate // 20 :] *= -0.3
    assert facts(hears_sound(changed, rate))[:6] == facts(hears_sound(samples, rate))[:6]
    assert facts(hears_sound(changed, rate)) != facts(hears_sound(samples, rate))


def test_keys_have_no_sound() -> None:
    hears = Listener(tuple(feature_set(name) for name in OF_SOUND), window_s=10.0, rate_hz=2.0)
    for moment in hears.push([*melody(2), Advance(2.0)]) + hears.finish():
        assert not any(vector.any() for vector in moment.features.values())


def test_sound_that_was_lost_is_not_heard_on() -> None:
    hears = Listener((feature_set("mel"),), window_s=10.0, rate_hz=2.0)
    found = hears.push([chord(2.0), Lost(2.0), Advance(4.0), chord(3.0)]) + hears.finish()
    heard = {moment.time: bool(moment.features["mel"].any()) for moment in found}
    assert heard[1.5]
    assert not heard[3.0]
    assert heard[7.0]


def test_spectra_are_computed_for_those_who_need_them_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(length_s: float) -> None:
        raise AssertionError("nothing here needs sound")

    monkeypatch.setattr("realtime.listener.SoundMemory", refuses)
    assert moments([chord(1.0)])


def test_a_stream_that_starts_silent_warms_up_and_then_is_silent() -> None:
    found = states(moments([silence(4.0)]))
    assert [time for time, state in found.items() if state == "warming"] == [0.5, 1.0, 1.5, 2.0]
    assert [time for time, state in found.items() if state == "silence"] == [2.5, 3.0, 3.5, 4.0]


def test_silence_has_the_mask_and_the_lowest_level() -> None:
    for moment in moments([silence(3.0)]):
        assert not moment.features["notes22"].any()
        assert (moment.notes, moment.level_db) == (0, -120.0)


def test_one_note_is_too_little_to_be_live() -> None:
    found = states(moments([NoteOn(0.1, 60, 80), NoteOn(1.1, 64, 80), Advance(1.5)]))
    assert found == {0.5: "warming", 1.0: "warming", 1.5: "live"}


def test_two_seconds_after_the_last_sound_the_state_is_silence() -> None:
    """The gate holds for half a second more, and a hop is 46 ms."""
    found = states(moments([chord(3.0), silence(5.0)]))
    assert set(found.values()) == {"live", "silence"}
    assert found[3.0] == "live"
    silent = [time for time, state in found.items() if state == "silence"]
    assert min(silent) == pytest.approx(5.5, abs=0.5)
    assert silent == [time for time in found if time >= min(silent)]


def test_sound_that_comes_back_ends_the_silence() -> None:
    found = states(moments([chord(2.0), silence(4.0), chord(3.0)]))
    assert found[6.0] == "silence"
    assert found[7.0] == found[9.0] == "live"


def test_two_seconds_after_the_last_key_came_up_the_state_is_silence() -> None:
    found = states(moments([*melody(3), Advance(8.0)]))
    assert found[4.5] == "live"
    assert [time for time, state in found.items() if state == "silence"] == [5.0, 5.5, 6.0, 6.5, 7.0, 7.5, 8.0]


def test_keys_held_down_are_not_silence() -> None:
    found = states(moments([NoteOn(0.1, 60, 80), NoteOn(0.1, 64, 80), Advance(9.0)]))
    assert set(found.values()) == {"live"}


def test_an_instrument_that_went_away_is_lost_until_it_plays_again() -> None:
    keys = [*melody(2), NoteOn(1.9, 40, 80), Lost(2.2), Advance(5.0), *melody(2, start_s=5.1), Advance(7.0)]
    hears = listener()
    found = hears.push(keys)
    assert hears.sounding == ()  # what was held when it went has ended
    by_time = states(found + hears.finish())
    assert by_time[2.0] == "live"
    assert {by_time[time] for time in (2.5, 3.0, 4.5, 5.0)} == {"lost"}
    assert by_time[5.5] == "live"


def test_notes_end_where_the_instrument_went_away() -> None:
    hears = listener()
    hears.push([NoteOn(0.1, 60, 80), NoteOn(0.2, 64, 80), Lost(1.0), Advance(11.5)])
    assert hears.sounding == ()
    (last,) = hears.finish()
    assert (last.time, last.notes) == (11.5, 0)


def test_a_microphone_that_went_away_is_lost_and_comes_back_where_time_has_got_to() -> None:
    found = moments([chord(2.0), Lost(2.0), Advance(4.0), chord(3.0)])
    by_time = states(found)
    assert by_time[1.5] == "live"
    assert {by_time[time] for time in (2.5, 3.0, 3.5)} == {"lost"}
    assert by_time[7.0] == "live"
    assert max(by_time) == 7.0


def test_a_sample_rate_that_changes_begins_a_new_stream_of_samples() -> None:
    found = moments([chord(2.0), chord(2.0, 44_100)])
    assert found[-1].time == pytest.approx(4.0)
    assert {m.state for m in found[1:]} == {State.LIVE}


def test_the_pitches_that_sound_are_said_in_order() -> None:
    hears = listener()
    hears.push([NoteOn(0.1, 67, 80), NoteOn(0.1, 60, 80), NoteOn(0.2, 64, 80), NoteOff(0.3, 67)])
    assert hears.sounding == (60, 64)
    assert hears.heard == 3


def test_sostenuto_and_the_ends_of_one_channel_reach_the_notes() -> None:
    hears = listener()
    hears.push([NoteOn(0.1, 60, 80, 0), NoteOn(0.1, 64, 80, 1), NoteOn(0.1, 67, 80, 2)])
    hears.push([Sostenuto(0.2, True, 0), AllNotesOff(0.3, 0), AllNotesOff(0.3, 1)])
    assert hears.sounding == (60, 67)
    hears.push([AllSoundOff(0.4, 0)])
    assert hears.sounding == (67,)
    hears.push([Sostenuto(0.5, True, 2), NoteOff(0.6, 67, 2), Sostenuto(0.7, False, 2)])
    assert hears.sounding == ()


def test_a_drum_that_is_held_is_not_silence_and_no_pitch() -> None:
    hears = listener()
    found = hears.push([NoteOn(0.1, 36, 80, 9), Advance(9.0)]) + hears.finish()
    assert hears.sounding == ()
    assert set(states(found).values()) == {"warming"}


def tempi(events: Iterable[Event]) -> dict[float, float]:
    """The feature ``tempo`` by time."""
    names = [feature.name for feature in feature_set("notes22").features]
    return {m.time: float(m.features["notes22"][names.index("tempo")]) for m in moments(events, 1.0)}


@pytest.mark.parametrize("end", [Tempo(5.5, None), Lost(5.5), AllNotesOff(5.5)], ids=lambda event: type(event).__name__)
def test_an_exact_tempo_holds_from_when_it_is_told_until_it_is_not_known_any_more(end: Event) -> None:
    keys = melody(8)
    estimated = tempi([*keys, Advance(8.0)])
    told = tempi(sorted([*keys, Tempo(3.5, 97.5), end, Advance(8.0)], key=lambda event: event.time_s))
    assert all(told[time_s] == estimated[time_s] for time_s in (2.0, 3.0))
    assert told[4.0] == told[5.0] == 97.5
    assert all(told[time_s] != 97.5 for time_s in (6.0, 7.0, 8.0))


def test_the_end_of_one_channel_does_not_end_the_tempo() -> None:
    keys: list[Event] = [Tempo(0.0, 97.5), *melody(2), AllNotesOff(1.9, 0), AllSoundOff(1.9, 0), Advance(2.0)]
    assert tempi(keys)[2.0] == 97.5


@pytest.mark.parametrize(("bpm", "felt"), [(20.0, 40.0), (30.0, 30.0), (300.0, 300.0), (390.0, 195.0)])
def test_tempi_that_no_model_has_met_are_told_an_octave_nearer(bpm: float, felt: float) -> None:
    assert tempi([Tempo(0.0, bpm), *melody(2), Advance(2.0)])[2.0] == felt


def test_a_clock_that_ceases_is_no_sign_of_life() -> None:
    found = states(moments([*melody(1), Lost(1.0), Tempo(1.2, None), Advance(2.0), Tempo(2.2, 120.0), Advance(3.0)]))
    assert found[1.5] == found[2.0] == "lost"
    assert found[2.5] == "live"


def test_notes_still_on_their_way_at_the_end_are_counted() -> None:
    """Nothing has been announced yet when the sound ends."""
    transcriber = StreamingTranscriber()
    sound = chord(0.2)
    began = sum(isinstance(e, NoteEnded) for e in transcriber.push(sound.samples) + transcriber.flush())
    hears = listener()
    hears.push([sound])
    assert hears.heard == 0
    hears.finish()
    assert hears.heard == began > 0


def test_keys_have_no_level_and_no_delay() -> None:
    for moment in moments([*melody(2), Advance(2.0)]):
        assert moment.level_db is None
        assert moment.latency_ms == 0.0


def test_the_latency_of_sound_is_the_age_of_what_was_transcribed() -> None:
    """Between the transcriber's look-ahead and that plus one hop."""
    delay_ms = 1000 * StreamingTranscriber().delay_s
    for moment in moments([chord(5.0)]):
        assert delay_ms <= moment.latency_ms <= delay_ms + 1000 * 1024 / RATE + 1e-6


def test_samples_that_are_no_numbers_are_counted_and_no_moment_holds_one(shared_data: Path) -> None:
    samples, rate = soundfile.read(shared_data / "deam" / "audio" / "1001.opus", dtype="float32")
    broken = samples[: 3 * rate].copy()
    broken[rate : rate + 100] = np.nan
    broken[2 * rate] = np.inf
    hears = listener()
    found = hears.push([Sound(broken, rate)]) + hears.finish()
    assert hears.nonfinite == 101
    for moment in found:
        assert np.isfinite(moment.features["notes22"]).all()
        assert np.isfinite([moment.level_db, moment.latency_ms]).all()
