"""Processor time of each 100 ms hop of a stream: ours, and Basic Pitch's own network run anew over the last 2 s."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import soxr

from models.transcription import SAMPLE_RATE, open_network
from offline.recut import source_network
from realtime.transcriber import StreamingTranscriber
from tests.benchmarks.music import FloatArray

HOP_S = 0.1
#: The window that Basic Pitch's network takes: 2 s less a frame.
WINDOW_SAMPLES = 43_844


@dataclass(frozen=True, slots=True)
class HopCosts:
    """Seconds of processor time of all threads, a value a hop."""

    ours: list[float]
    reference: list[float]


def measure(samples: FloatArray, rate: int) -> HopCosts:
    """Push mono ``samples`` [shape=(n,)] hop by hop into both, in turn, so that both see the machine alike."""
    at_network = soxr.resample(samples, rate, SAMPLE_RATE).astype(np.float32)
    network = open_network(source_network())
    (name,) = (wanted.name for wanted in network.get_inputs())
    transcriber = StreamingTranscriber(rate)
    hop, network_hop = round(HOP_S * rate), round(HOP_S * SAMPLE_RATE)
    window = np.zeros(WINDOW_SAMPLES, np.float32)
    network.run(None, {name: window[None, :, None]})
    ours, reference = [], []
    for number in range(len(samples) // hop):
        block = samples[number * hop : (number + 1) * hop]
        start_s = time.process_time()
        transcriber.push(block)
        pushed_s = time.process_time()
        window = np.concatenate([window, at_network[number * network_hop : (number + 1) * network_hop]])
        window = window[-WINDOW_SAMPLES:]
        network.run(None, {name: window[None, :, None]})
        ours.append(pushed_s - start_s)
        reference.append(time.process_time() - pushed_s)
    return HopCosts(ours, reference)
