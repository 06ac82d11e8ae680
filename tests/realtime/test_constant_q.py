"""The streaming constant-Q spectrum against the front end inside Basic Pitch's own network."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from models.transcription import FRAME_SAMPLES, SAMPLE_RATE
from realtime.constant_q import ConstantQ, LaterConstantQ
from realtime.constant_q_filters import BINS

LOOKAHEAD = 16
#: Samples and frames of one window of Basic Pitch.
WINDOW_SAMPLES, WINDOW_FRAMES = 43844, 172
#: The first bin above middle C (261.6 Hz): from there on no filter reaches beyond the look-ahead.
ABOVE_C4 = 118


@pytest.fixture(scope="module")
def music(shared_data: Path) -> np.ndarray:
    """Two seconds of a real recording at 22,050 Hz, the length of one window of Basic Pitch."""
    samples, rate = soundfile.read(shared_data / "deam" / "audio" / "1000.opus", dtype="float32")
    return soxr.resample(samples, rate, SAMPLE_RATE).astype(np.float32)[:WINDOW_SAMPLES]


def frames(samples: np.ndarray, hop_frames: int = 4, phases: int = 1) -> np.ndarray:
    """The frames centred on samples 0, 256, 512 and so on, as many as fit [shape=(n, 309)]."""
    wanted = len(samples) // FRAME_SAMPLES + 1
    hop = hop_frames * FRAME_SAMPLES
    hops = -(-(wanted + LOOKAHEAD) // hop_frames)
    padded = np.concatenate([samples, np.zeros(hops * hop - len(samples), np.float32)])
    constant_q = ConstantQ(hop_frames=hop_frames, lookahead_frames=LOOKAHEAD, phases=phases)
    blocks = [constant_q.push(padded[start : start + hop]).decibels for start in range(0, len(padded), hop)]
    return np.concatenate(blocks)[LOOKAHEAD : LOOKAHEAD + wanted]


def tone(frequency: float, length_s: float = 2.5) -> np.ndarray:
    time_s = np.arange(round(length_s * SAMPLE_RATE)) / SAMPLE_RATE
    return (0.5 * np.sin(2 * np.pi * frequency * time_s)).astype(np.float32)


def test_it_agrees_with_the_front_end_of_basic_pitch(music: np.ndarray) -> None:
    # Looked for, not imported: importing basic_pitch would load TensorFlow.
    if find_spec("basic_pitch") is None or find_spec("onnx") is None:
        pytest.skip("basic-pitch is not installed (extra 'basic-pitch')")
    import onnx
    import onnxruntime

    from offline.recut import source_network

    model = onnx.load(source_network())
    (decibels,) = (name for node in model.graph.node for name in node.output if name.endswith("normalized_log_1/mul"))
    model.graph.output.append(onnx.helper.make_empty_tensor_value_info(decibels))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (reference,) = session.run([decibels], {session.get_inputs()[0].name: music[None, :, None]})
    reference = reference.reshape(WINDOW_FRAMES, BINS)

    inside = slice(40, 130)
    difference = np.abs(frames(music)[:WINDOW_FRAMES] - reference)[inside, ABOVE_C4:]
    assert np.median(difference) < 0.1
    # Nulls between partials are as deep as rounding makes them; where there is sound, the two agree.
    loud = reference[inside, ABOVE_C4:] > reference.max() - 40
    assert np.quantile(difference[loud], 0.95) < 0.3


@pytest.mark.parametrize("hop_frames", [2, 4, 8])
def test_frames_do_not_depend_on_how_many_come_at_once(music: np.ndarray, hop_frames: int) -> None:
    one = frames(music, hop_frames=1)
    # As amplitudes: a thousandth of a decibel, or what a few roundings beside full scale come to.
    amplitudes = (10 ** (decibels / 20) for decibels in (frames(music, hop_frames=hop_frames), one))
    np.testing.assert_allclose(*amplitudes, rtol=1.15e-4, atol=5e-7)


@pytest.mark.parametrize("phases", [1, 4])
@pytest.mark.parametrize(("hop_frames", "hops"), [(4, 2), (4, 3), (4, 16), (4, 40), (16, 2), (16, 10)])
def test_hops_that_come_together_give_the_same_to_the_last_bit(
    music: np.ndarray, hop_frames: int, hops: int, phases: int
) -> None:
    hop = hop_frames * FRAME_SAMPLES
    samples = music[: len(music) // hop * hop]

    def pushed(block: int) -> np.ndarray:
        constant_q = ConstantQ(hop_frames=hop_frames, lookahead_frames=LOOKAHEAD, phases=phases)
        return np.concatenate([constant_q.push(samples[i : i + block]).decibels for i in range(0, len(samples), block)])

    np.testing.assert_array_equal(pushed(hops * hop), pushed(hop))


def test_four_phases_are_the_mean_of_the_frames_a_quarter_of_a_hop_apart(music: np.ndarray) -> None:
    centred = frames(music, phases=4)
    shifted = [frames(np.concatenate([np.zeros(FRAME_SAMPLES - by, np.float32), music])) for by in (-96, -32, 32, 96)]
    expected = np.mean([some[1 : len(centred)] for some in shifted], axis=0)
    heard = slice(8, len(expected) - 8)
    difference = (centred[: len(expected)] - expected)[heard]
    every_phase = 129  # From here on four are computed; below, fewer say nearly the same.
    assert np.abs(difference[:, every_phase:]).max() < 0.01
    assert np.sqrt(np.mean(difference[:, :every_phase] ** 2)) < 0.3
    one = (frames(music)[: len(expected)] - expected)[heard]
    assert np.sqrt(np.mean(one[:, every_phase:] ** 2)) > 1.0  # The phases differ, so there is something to agree on.


@pytest.mark.parametrize("phases", [0, 2, 8])
def test_other_numbers_of_phases_are_refused(phases: int) -> None:
    with pytest.raises(ValueError, match=rf"^phases must be 1 or 4, not {phases}$"):
        ConstantQ(hop_frames=4, lookahead_frames=LOOKAHEAD, phases=phases)


@pytest.mark.parametrize("pitch", [33, 45, 57, 60, 69, 81, 93, 105])
def test_a_tone_peaks_at_the_bin_of_its_pitch(pitch: int) -> None:
    spectrum = frames(tone(440.0 * 2 ** ((pitch - 69) / 12)))
    middle = spectrum[len(spectrum) // 2]
    assert int(np.argmax(middle)) == 3 * (pitch - 21)


def test_a_tone_begins_at_its_own_frame() -> None:
    """At A5 a filter is 58 ms long: half power lies within a frame or two of the true onset."""
    silence = np.zeros(50 * FRAME_SAMPLES, np.float32)
    level = frames(np.concatenate([silence, tone(880.0)]))[:, 3 * (81 - 21)]
    first = int(np.argmax(level > level.max() - 6))
    assert abs(first - 50) <= 2


@pytest.mark.parametrize("phases", [1, 4])
@pytest.mark.parametrize("hops", [4, 8, 20])
def test_a_later_one_goes_on_from_the_first_and_gives_what_it_would_by_itself(
    music: np.ndarray, hops: int, phases: int
) -> None:
    before = ConstantQ(hop_frames=4, lookahead_frames=5, phases=phases)
    later = LaterConstantQ(before, hop_frames=16, lookahead_frames=40)
    alone = ConstantQ(hop_frames=16, lookahead_frames=40, phases=phases)
    together = hops * 4 * FRAME_SAMPLES
    blocks = [music[i : i + together] for i in range(0, len(music) - together, together)]
    found = np.concatenate([later.push(before.push(block)) for block in blocks])
    expected = np.concatenate([alone.push(block).decibels for block in blocks])
    amplitudes = (10 ** (decibels / 20) for decibels in (found, expected))
    np.testing.assert_allclose(*amplitudes, rtol=1.15e-4, atol=5e-7)


@pytest.mark.parametrize("phases", [1, 4])
def test_before_the_stream_a_later_one_hears_silence_alone(phases: int) -> None:
    before = ConstantQ(hop_frames=4, lookahead_frames=5, phases=phases)
    later = LaterConstantQ(before, hop_frames=16, lookahead_frames=40)
    heard = later.push(before.push(np.zeros(64 * FRAME_SAMPLES, np.float32)))
    # All bins alike to the last bit, or a normaliser would find a difference.
    assert heard.min() == heard.max() == pytest.approx(-100.0, abs=1e-4)


@pytest.mark.parametrize("phases", [1, 4])
def test_digital_silence_is_the_floor(phases: int) -> None:
    np.testing.assert_allclose(frames(np.zeros(SAMPLE_RATE, np.float32), phases=phases), -100.0, atol=1e-4)


def test_ten_times_the_amplitude_is_twenty_decibels_more(music: np.ndarray) -> None:
    quiet, loud = frames(music), frames(10 * music)
    heard = quiet > -60
    np.testing.assert_allclose(loud[heard] - quiet[heard], 20.0, atol=0.01)


def test_reset_is_as_good_as_new(music: np.ndarray) -> None:
    hop = 4 * FRAME_SAMPLES
    constant_q = ConstantQ(hop_frames=4, lookahead_frames=LOOKAHEAD)
    new = [constant_q.push(music[start : start + hop]).decibels for start in range(0, 20 * hop, hop)]
    constant_q.reset()
    again = [constant_q.push(music[start : start + hop]).decibels for start in range(0, 20 * hop, hop)]
    np.testing.assert_array_equal(again, new)


@pytest.mark.parametrize("lookahead", [3, 41])
def test_a_look_ahead_that_the_filters_cannot_have_is_refused(lookahead: int) -> None:
    """Less leaves the lowest octave nothing; with more the filters outgrow their matrices."""
    with pytest.raises(ValueError, match=rf"^lookahead_frames must be from 4 to 40, not {lookahead}$"):
        ConstantQ(hop_frames=4, lookahead_frames=lookahead)


@pytest.mark.parametrize("lookahead", [4, 40])
def test_the_least_and_the_most_look_ahead_are_taken(lookahead: int) -> None:
    ConstantQ(hop_frames=4, lookahead_frames=lookahead)
