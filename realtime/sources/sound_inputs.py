"""The inputs of sound that PortAudio knows, and which of them is meant. PortAudio is loaded when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from models.errors import MoodringError, UsageError

#: How many channels are taken where none are named.
MOST_CHANNELS = 2


@dataclass(frozen=True, slots=True)
class Device:
    """An input device: its number and name, how many channels it has, and its own sample rate in Hz.

    ``host_api`` is the system that it is reached through (ALSA, Core Audio, WASAPI); ``is_default`` says whether it is
    the one taken when none is named. ``latency_s`` is the driver's own guess of how old sound is when it hands it over,
    in seconds, where no more is asked for.
    """

    index: int
    name: str
    channels: int
    sample_rate: int
    host_api: str
    is_default: bool
    latency_s: float


def input_devices() -> list[Device]:
    """The devices that sound can be recorded from, those of the system's own host API first.

    Raises ``MoodringError`` where PortAudio is not installed or does not answer.
    """
    sounddevice = portaudio()
    try:
        host_apis = sounddevice.query_hostapis()
        own = sounddevice.default.hostapi
        devices = sounddevice.query_devices()
    except sounddevice.PortAudioError as error:
        raise MoodringError(f"the sound system does not answer ({error}): start it, and try again") from error
    default = host_apis[own]["default_input_device"] if 0 <= own < len(host_apis) else -1
    inputs = [
        (found["hostapi"] != own, index, found)
        for index, found in enumerate(devices)
        if found["max_input_channels"] > 0
    ]
    return [
        Device(
            index=index,
            name=found["name"],
            channels=found["max_input_channels"],
            sample_rate=round(found["default_samplerate"]),
            host_api=host_apis[found["hostapi"]]["name"],
            is_default=index == default,
            latency_s=found["default_high_input_latency"],
        )
        for _, index, found in sorted(inputs, key=lambda entry: entry[:2])
    ]


def columns(wanted: Sequence[int], device: Device) -> list[int]:
    """The columns of the device's sound to take: the channels ``wanted``, counted from 1, or the first ones.

    Raises ``UsageError`` for a channel that is not there.
    """
    for channel in wanted:
        if not 1 <= channel <= device.channels:
            has = "only channel 1" if device.channels == 1 else f"channels 1 to {device.channels}"
            raise UsageError(f'"{device.name}" has {has}, not {channel}')
    return [channel - 1 for channel in wanted] or list(range(min(device.channels, MOST_CHANNELS)))


def choose(devices: list[Device], wanted: int | str | None) -> Device:
    """The device that has the number or the name ``wanted``, or any part of that; the default one for None.

    Of several that a name fits, the one called exactly so is chosen, else the first. Raises ``UsageError`` where none
    fits and ``MoodringError`` where there is none at all.
    """
    if not devices:
        raise MoodringError("no microphone and no other sound input was found: connect one and try again")
    if wanted is None:
        return next((device for device in devices if device.is_default), devices[0])
    there_is = "; ".join(f'{device.index} "{device.name}"' for device in devices)
    if isinstance(wanted, int) or wanted.isdecimal():
        for device in devices:
            if device.index == int(wanted):
                return device
        raise UsageError(f"no input device has the number {wanted}: choose one of {there_is}")
    exact = [device for device in devices if device.name.casefold() == wanted.casefold()]
    fitting = exact or [device for device in devices if wanted.casefold() in device.name.casefold()]
    if not fitting:
        raise UsageError(f'no input device is called "{wanted}": choose one of {there_is}')
    return fitting[0]


def portaudio() -> Any:
    """The sounddevice module; raises ``MoodringError`` where PortAudio is not installed."""
    try:
        import sounddevice
    except OSError as error:
        raise MoodringError(
            "sound input needs the PortAudio library: install it "
            "(Debian, Ubuntu: apt install libportaudio2; macOS: brew install portaudio)"
        ) from error
    return sounddevice
