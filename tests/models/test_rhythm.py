"""Rhythm, velocity and register: numbers that can be told from the music as it is written here."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from support.windows import chords, heard, line, window, windows

from models.features import Window
from models.features.register import REGISTER
from models.features.rhythm import RHYTHM, event_starts
from models.features.velocity import VELOCITY
from models.notes import DRUM_CHANNEL
from models.tempo import CHORD_S

QUARTERS = line([60] * 20, 0.5)


def test_even_notes_have_one_gap_and_a_clear_pulse() -> None:
    even = heard(RHYTHM, window(QUARTERS, 10.0))
    assert (even["event_rate"], even["note_rate"], even["chord_size_mean"]) == (2.0, 2.0, 1.0)
    assert (even["gap_mean"], even["log_gap_median"], even["log_gap_std"]) == (0.5, -1.0, 0.0)
    assert (even["npvi"], even["gap_variation"], even["gap_entropy"], even["gap_peak"]) == (0.0, 0.0, 0.0, 1.0)
    assert even["beat_rate"] == pytest.approx(1.0, abs=0.02)  # 120 BPM
    assert even["pulse_at_beat"] == pytest.approx(1.0, abs=0.05)
    assert even["lock_beat"] == pytest.approx(1.0, abs=1e-3)
    assert even["off_beat_share"] == 0.0


def test_npvi_of_long_and_short_notes_is_grabe_and_lows() -> None:
    """Gaps of .6 and .2 s in turn: each pair differs by .4 about a mean of .4, so nPVI is 100."""
    onsets = np.cumsum([0.0, *[0.6, 0.2] * 8])
    dotted = heard(RHYTHM, window([(t, t + 0.1, 60, 80, 0) for t in onsets.tolist()], 10.0))
    assert dotted["npvi"] == pytest.approx(100.0, abs=1e-3)
    assert dotted["gap_entropy"] == pytest.approx(np.log(2))


def test_notes_after_the_beat_are_off_it() -> None:
    """A beat of .5 s and every fourth time a note a quarter of a beat late."""
    pushed = [(n / 2 + (0.125 if n % 4 == 3 else 0.0), n / 2 + 0.4, 60, 80, 0) for n in range(20)]
    off = heard(RHYTHM, window(pushed, 10.0))
    assert off["off_beat_share"] == pytest.approx(0.25)
    assert off["lock_beat"] < 0.9


def test_the_beat_need_not_fall_on_the_windows_end() -> None:
    assert heard(RHYTHM, window(QUARTERS, 10.2))["off_beat_share"] == 0.0


@pytest.mark.parametrize("since_s", [0.0, 0.3, 7.1, 1000.7, 3600.1])
def test_onsets_exactly_a_chord_apart_are_one_event_anywhere_in_the_stream(since_s: float) -> None:
    """Only 50 ms, though the difference of the two numbers may come out above or below."""
    spread = [(since_s + 1 + t, since_s + 2, 60, 80, 0) for t in (0.0, CHORD_S)]
    assert heard(RHYTHM, window(spread, since_s + 8, 8.0))["event_rate"] == pytest.approx(1 / 8)


@pytest.mark.parametrize(("sounding", "detached", "overlapping"), [(0.3, 1.0, 0.0), (1.0, 0.0, 0.0), (1.5, 0.0, 1.0)])
def test_articulation_is_sounding_time_over_the_gap(sounding: float, detached: float, overlapping: float) -> None:
    played = heard(RHYTHM, window(line([60, 62] * 10, 0.5, sounding), 11.0, 12.0))
    assert played["articulation_mean"] == pytest.approx(sounding)
    assert (played["detached_share"], played["overlapping_share"]) == (detached, overlapping)


def test_the_shortest_note_of_a_chord_counts_for_articulation_too() -> None:
    rows = [(n / 2, n / 2 + length, pitch, 80, 0) for n in range(8) for pitch, length in ((48, 0.5), (60, 0.1))]
    played = heard(RHYTHM, window(rows, 8.0, 8.0))
    assert (played["articulation_mean"], played["articulation_min"]) == (pytest.approx(1.0), pytest.approx(0.2))


def test_chords_are_one_event() -> None:
    triads = heard(RHYTHM, window(chords([[48, 64, 67], [50, 65, 69]] * 4), 8.0, 8.0))
    assert (triads["event_rate"], triads["note_rate"], triads["chord_size_mean"]) == (1.0, 3.0, 3.0)
    assert (triads["rate_low"], triads["rate_mid"], triads["rate_high"]) == (0.0, 3.0, 0.0)
    np.testing.assert_array_equal(event_starts(np.array([0.0, 0.04, 0.05, 0.06, 0.2])), [0, 3, 4])


def test_melody_and_bass_are_the_outer_notes() -> None:
    steps = heard(RHYTHM, window(chords([[40, 60], [40, 62], [40, 63], [40, 70], [40, 70]]), 8.0, 8.0))
    assert (steps["melody_mean"], steps["melody_range"], steps["bass_range"]) == (65.0, 10.0, 0.0)
    assert (steps["melody_interval"], steps["melody_motion"]) == (2.5, 2.5)
    assert (steps["melody_step_share"], steps["melody_semitone_share"], steps["melody_leap_share"]) == (0.5, 0.25, 0.25)
    assert (steps["melody_repeat_share"], steps["bass_repeat_share"], steps["melody_up_share"]) == (0.25, 1.0, 0.75)


def test_durations_are_those_inside_the_window() -> None:
    lasting = heard(RHYTHM, window([(0.0, 30.0, 60, 80, 0), (29.9, 30.0, 64, 80, 0)], 30.0, 8.0))
    assert lasting["duration_mean"] == pytest.approx(4.05)
    assert (lasting["short_share"], lasting["long_share"]) == (0.5, 0.5)


def test_drums_make_the_pulse_under_held_notes() -> None:
    held = [(0.0, 10.0, 48, 80, 0), (0.0, 10.0, 55, 80, 0)]
    drums = [(n / 2, n / 2 + 0.1, 36, 100, DRUM_CHANNEL) for n in range(20)]
    alone, driven = heard(RHYTHM, window(held, 10.0)), heard(RHYTHM, window(held + drums, 10.0))
    assert alone["pulse_max"] == alone["beat_rate"] == 0.0
    assert driven["beat_rate"] == pytest.approx(1.0, abs=0.02)
    for name in ("duration_mean", "bass_mean", "melody_range", "rate_low", "rate_mid"):
        assert driven[name] == alone[name]


def test_held_notes_without_an_onset_are_as_slow_as_the_window_is_long() -> None:
    still = heard(RHYTHM, window([(0.0, 20.0, 60, 80, 0), (0.0, 20.0, 64, 80, 0)], 20.0, 8.0))
    assert (still["event_rate"], still["gap_mean"], still["chord_size_mean"]) == (0.0, 8.0, 0.0)
    assert (still["melody_mean"], still["bass_mean"]) == (64.0, 60.0)


@given(windows(channels=(0,)))
def test_the_pulse_does_not_ask_for_pitches(given_window: Window) -> None:
    moved = given_window.notes.copy()
    moved["pitch"] = 127 - moved["pitch"]
    times = [n for n, name in enumerate(RHYTHM.names) if not name.startswith(("rate_", "melody_", "bass_"))]
    turned = RHYTHM.compute(Window(moved, given_window.end_s, given_window.length_s))
    np.testing.assert_allclose(turned[times], RHYTHM.compute(given_window)[times], atol=1e-4)


def test_velocity_statistics_are_those_of_the_notes() -> None:
    rising = [(n / 2, n / 2 + 0.5, pitch, 40 + 4 * n, 0) for n, pitch in enumerate([40, 80] * 8)]
    played = heard(VELOCITY, window(rising, 8.0, 8.0))
    assert (played["mean"], played["min"], played["max"]) == (70.0, 40.0, 100.0)
    assert played["std"] == pytest.approx(np.std(np.arange(40, 101, 4)))
    assert (played["high"], played["low"]) == (72.0, 68.0)
    assert played["slope"] == pytest.approx(8.0)
    assert (played["constant"], played["sustained"]) == (0.0, pytest.approx(70.0))


def test_a_keyboard_without_dynamics_is_told() -> None:
    flat = heard(VELOCITY, window(line([60] * 16, velocity=127), 8.0, 8.0))
    assert (flat["constant"], flat["std"], flat["slope"]) == (1.0, 0.0, 0.0)
    assert flat["power"] == pytest.approx(np.log(2.0), abs=1e-3)


def test_long_notes_weigh_more_in_what_is_sustained() -> None:
    both = heard(VELOCITY, window([(0.0, 1.5, 60, 100, 0), (0.0, 0.5, 64, 20, 0)], 2.0))
    assert (both["mean"], both["sustained"]) == (60.0, 80.0)


def test_register_tells_height_width_and_thickness() -> None:
    """Four seconds of an octave and a fifth, two of one note, two of silence."""
    rows = [*chords([[48, 67]] * 4), (4.0, 6.0, 72, 80, 0)]
    texture = heard(REGISTER, window(rows, 8.0, 8.0))
    assert texture["sounding"] == 0.75
    assert texture["single"] == pytest.approx(1 / 3)
    assert (texture["polyphony_mean"], texture["polyphony_max"]) == (pytest.approx(5 / 3), 2.0)
    assert (texture["bass_mean"], texture["top_mean"]) == (56.0, pytest.approx((4 * 67 + 2 * 72) / 6, abs=1e-4))
    assert texture["width"] == pytest.approx(19 * 4 / 6)
    assert (texture["from_48"], texture["from_66"], texture["from_72"]) == pytest.approx((0.4, 0.4, 0.2))
    assert texture["pitch_mean"] == pytest.approx((4 * 48 + 4 * 67 + 2 * 72) / 10)


def test_register_moves_with_transposition() -> None:
    low, high = (heard(REGISTER, window(line([p, p + 7, p + 4] * 4), 8.0, 8.0)) for p in (48, 60))
    for name in ("pitch_mean", "bass_mean", "top_mean"):
        assert high[name] == pytest.approx(low[name] + 12)
    for name in ("pitch_std", "width", "top_motion", "polyphony_mean"):
        assert high[name] == pytest.approx(low[name], abs=1e-4)
