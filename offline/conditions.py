"""The same music as a microphone elsewhere would hear it: turned down, in noise, through a telephone, in a room.

``quiet``, ``noise``, ``band`` and ``room`` are fixed, to judge by; ``varied`` draws all of them anew for each piece, to
learn from. A recording that was mastered is not what a laptop hears on a stage, and a model should know both.

The room is Polack's statistical model (Moorer, "About this reverberation business", Computer Music Journal 1979;
Jot, Cerveau and Warusfel, "Analysis and synthesis of room reverberation based on a statistical time-frequency model",
AES 1997): a direct sound and noise that fades exponentially, high bands sooner than low ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import signal
from scipy.fft import next_fast_len

from models.errors import UsageError

Samples = NDArray[np.float64]

#: What sound can be heard under; ``clean`` is as it is.
CONDITIONS = ("clean", "quiet", "noise", "band", "room", "varied")

_QUIET_DB = -20.0
_NOISE_SNR_DB = 20.0
_BAND_HZ = (300.0, 3400.0)
#: Reverberation time at low frequencies in seconds, and the direct sound over the reverberation in dB.
_ROOM_RT60_S, _ROOM_DIRECT_DB = 0.7, 0.0
_PINK_FROM_HZ = 20.0
#: Where one band of the room ends and the next begins, and the share of the reverberation time that is left in each.
_ROOM_EDGES_HZ = (500.0, 2000.0, 6000.0)
_ROOM_SHARES = (1.0, 0.85, 0.6, 0.35)
#: Reverberation begins this long after the direct sound.
_ROOM_GAP_S = 0.008


def verify_condition(name: str) -> None:
    """Raise ``UsageError`` for a condition that is not known."""
    if name not in CONDITIONS:
        raise UsageError(f"condition must be one of {', '.join(CONDITIONS)}, not '{name}'")


def under(condition: str, samples: NDArray[np.float32], sample_rate: int, *, seed: int) -> NDArray[np.float32]:
    """``samples`` [shape=(n,) or (n, channels)] as heard under ``condition``, mono unless it is ``clean``.

    The same ``seed`` gives the same noise, room and draws. Raises ``UsageError`` for a condition that is not known.
    """
    verify_condition(condition)
    if condition == "clean" or not len(samples):
        return samples
    mono = samples.astype(np.float64) if samples.ndim == 1 else samples.mean(axis=1, dtype=np.float64)
    rng = np.random.default_rng(seed)
    if condition == "quiet":
        heard = mono * 10 ** (_QUIET_DB / 20)
    elif condition == "noise":
        heard = _in_noise(mono, sample_rate, _NOISE_SNR_DB, 1.0, rng)
    elif condition == "band":
        heard = _band(mono, sample_rate, *_BAND_HZ)
    elif condition == "room":
        heard = _in_room(mono, sample_rate, _ROOM_RT60_S, _ROOM_DIRECT_DB, rng)
    else:
        heard = _varied(mono, sample_rate, rng)
    return heard.astype(np.float32)


def _varied(mono: Samples, sample_rate: int, rng: np.random.Generator) -> Samples:
    """Room, then what the microphone and its cable do, then noise: half of the time one of them, else each now and
    then, and by as much as comes."""
    in_room, is_narrow, is_noisy = rng.random(3) < (0.5, 0.5, 0.6)
    # What always comes with something else cannot be told from it.
    if rng.random() < 0.5:
        in_room, is_narrow, is_noisy = np.arange(3) == rng.choice(3, p=(0.4, 0.3, 0.3))
    if in_room:
        mono = _in_room(mono, sample_rate, float(rng.uniform(0.2, 1.2)), float(rng.uniform(-4, 10)), rng)
    if is_narrow:
        low, high = np.exp(rng.uniform(np.log((40, 2500)), np.log((450, 10000))))
        mono = _band(mono, sample_rate, float(low), float(high))
    if is_noisy:
        mono = _in_noise(mono, sample_rate, float(rng.uniform(12, 40)), float(rng.uniform(0, 1.5)), rng)
    return mono * 10 ** (rng.uniform(-30, 0) / 20)


def _in_noise(mono: Samples, sample_rate: int, snr_db: float, slope: float, rng: np.random.Generator) -> Samples:
    """With noise ``snr_db`` below the music, whose power falls with frequency by ``slope`` (0 white, 1 pink)."""
    length = next_fast_len(len(mono), real=True)
    spectrum = np.fft.rfft(rng.standard_normal(length))
    hz = np.maximum(np.fft.rfftfreq(length, 1 / sample_rate), _PINK_FROM_HZ)
    noise = np.fft.irfft(spectrum * hz ** (-slope / 2), length)[: len(mono)]
    power = np.mean(noise**2)
    wanted = np.mean(mono**2) * 10 ** (-snr_db / 10)
    noisy: Samples = mono + noise * np.sqrt(wanted / power)
    return noisy


def _band(mono: Samples, sample_rate: int, low_hz: float, high_hz: float) -> Samples:
    """Only what lies between two frequencies, 24 dB an octave beyond them (Butterworth, fourth order)."""
    nyquist = sample_rate / 2
    sections = signal.butter(4, low_hz, "highpass", fs=sample_rate, output="sos")
    if high_hz < 0.95 * nyquist:
        sections = np.concatenate([sections, signal.butter(4, high_hz, "lowpass", fs=sample_rate, output="sos")])
    passed: Samples = signal.sosfilt(sections, mono)
    return passed


def _in_room(mono: Samples, sample_rate: int, rt60_s: float, direct_db: float, rng: np.random.Generator) -> Samples:
    """The direct sound and, after a gap, what the room adds to it; as loud as before."""
    count = max(int(rt60_s * sample_rate), 2)
    time_s = np.arange(count) / sample_rate
    noise = rng.standard_normal(count)
    edges = [edge for edge in _ROOM_EDGES_HZ if edge < 0.95 * sample_rate / 2]
    tail = np.zeros(count)
    for number in range(len(edges) + 1):
        part = noise
        if number > 0:
            part = signal.sosfilt(signal.butter(2, edges[number - 1], "highpass", fs=sample_rate, output="sos"), part)
        if number < len(edges):
            part = signal.sosfilt(signal.butter(2, edges[number], "lowpass", fs=sample_rate, output="sos"), part)
        # 60 dB down after the reverberation time of the band.
        tail += part * 10 ** (-3 * time_s / (rt60_s * _ROOM_SHARES[number]))
    tail *= 10 ** (-direct_db / 20) / np.sqrt(np.sum(tail**2))
    response = np.concatenate([[1.0], np.zeros(int(_ROOM_GAP_S * sample_rate)), tail])
    heard = signal.oaconvolve(mono, response)[: len(mono)]
    power = np.mean(heard**2)
    loud: Samples = heard * np.sqrt(np.mean(mono**2) / power) if power > 0 else heard
    return loud
