"""What 'live' needs, tried one by one on this machine: inputs, models, the time that a hop takes, the terminal.

Nothing is recorded, and no port is kept. A *problem* would stop 'live' altogether; a *warning* takes something away.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Literal

from models.affect import Reading
from models.bundle import PREFERRED, installed_folder, load, load_for, shipped
from models.errors import MoodringError
from models.transcription import NETWORK, NOTES_NETWORK, open_transcription_network
from realtime.outputs.pen import Pen
from realtime.outputs.wording import count
from realtime.transcriber import StreamingTranscriber

if TYPE_CHECKING:
    from realtime.sources import Source

Verdict = Literal["ok", "warning", "problem"]

HOP_S = 0.1
#: CPU time of a hop, in ms, above which there is a warning, and above which 'live' cannot keep up.
HEAVY_MS, TOO_HEAVY_MS = 50.0, 100.0
#: What is run before the clock starts, since a first hop loads and warms what later ones use; and then for how long.
_WARM_UP_S, _MEASURED_S = 1.0, 5.0
_LEAST_COLUMNS, _LEAST_LINES = 40, 12


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check came to: ``message`` says what is there, ``remedy`` what to do unless the message says it too."""

    check: str
    verdict: Verdict
    message: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Cost:
    """What following a piece took: CPU time in ms for each hop of ``HOP_S``, and the readings' own latency in ms."""

    hop_ms: float
    latency_ms: float


def examine(*, rate_hz: float) -> Iterator[Finding]:
    """Every check in turn, at ``rate_hz`` readings a second; those of one thing do not hold up those of another."""
    sound, driver_latency_ms = check_sound()
    midi = check_midi()
    yield sound
    yield midi
    yield from check_inputs(sound, midi)
    yield from check_models()
    try:
        cost = sound_cost(rate_hz)
    except MoodringError as error:
        yield Finding("sound cost", "problem", str(error))
    else:
        yield judge_cost("sound cost", cost)
        yield report_latency(cost, driver_latency_ms)
    try:
        yield judge_cost("midi cost", midi_cost(rate_hz))
    except MoodringError as error:
        yield Finding("midi cost", "problem", str(error))
    yield from check_terminal()


def check_sound() -> tuple[Finding, float | None]:
    """The inputs and whether the default one opens as 'live' opens it; with that, the driver's latency in ms."""
    from realtime.sources.sound_inputs import MOST_CHANNELS, input_devices

    try:
        devices = input_devices()
    except MoodringError as error:
        return Finding("sound input", "warning", str(error)), None
    if not devices:
        return Finding("sound input", "warning", "none", "connect a microphone or a sound card"), None
    import sounddevice

    chosen = next((device for device in devices if device.is_default), devices[0])
    others = "".join(f', also "{device.name}"' for device in devices if device is not chosen)
    message = f'{"default" if chosen.is_default else "first"}: "{chosen.name}", {chosen.sample_rate} Hz{others}'
    try:
        sounddevice.check_input_settings(
            device=chosen.index,
            channels=min(chosen.channels, MOST_CHANNELS),
            dtype="float32",
            samplerate=chosen.sample_rate,
        )
    except sounddevice.PortAudioError as error:
        reason = " ".join(str(error).split())
        remedy = "close the programs that use it, or choose another with --mic"
        return Finding("sound input", "warning", f"{message}; it cannot be opened ({reason})", remedy), None
    return Finding("sound input", "ok", message), 1000.0 * chosen.latency_s


def check_midi() -> Finding:
    """The ports and whether the first that is no loopback opens."""
    from realtime.sources.midi_port import MidiPort, input_ports

    try:
        ports = input_ports()
        port = MidiPort()
    except MoodringError as error:
        return Finding("midi port", "warning", str(error))
    port.close()
    others = "".join(f', also "{name}"' for name in ports if name != port.name)
    return Finding("midi port", "ok", f'first: "{port.name}"{others}')


def check_inputs(sound: Finding, midi: Finding) -> Iterator[Finding]:
    """A problem where there is nothing to listen to; one of the two is enough."""
    if sound.verdict != "ok" and midi.verdict != "ok":
        message = "there is no sound input and no MIDI port that 'live' can listen to"
        yield Finding("inputs", "problem", message, 'connect one; "moodring demo" needs none')


def check_models() -> Iterator[Finding]:
    """Each bundle, and the network that hears notes: whether its files are what its card says, and can be run."""
    needed = {name for names in PREFERRED.values() for name in names}
    try:
        for network in (NETWORK, NOTES_NETWORK):
            open_transcription_network(network)
        StreamingTranscriber()  # opens the filters, which cannot be opened without their taps
    except MoodringError as error:
        yield Finding("model basic-pitch", "problem", str(error))
    else:
        yield Finding("model basic-pitch", "ok", "the network that hears notes, bundled")
    there = shipped()
    for name in sorted(needed - there.keys()):
        yield Finding(f"model {name}", "problem", "it should ship with moodring and is missing", "reinstall moodring")
    for name, path in sorted(there.items()):
        yield _check_bundle(name, path, "bundled", Finding(name, "problem", "", "reinstall moodring"))
    # Not installed(), which passes over folders that lack a file.
    home = installed_folder()
    for path in sorted(home.iterdir()) if home.is_dir() else ():
        if path.name.startswith(".") or not path.is_dir():
            continue
        # One of the user's own that goes by a name which 'live' takes by itself is taken though it is broken.
        verdict: Verdict = "problem" if path.name in needed else "warning"
        remedy = f"moodring models remove {path.name}, or install it again with --replace"
        yield _check_bundle(path.name, path, "user", Finding(path.name, verdict, "", remedy))


def _check_bundle(name: str, path: Path, origin: str, otherwise: Finding) -> Finding:
    try:
        load(path)
    except MoodringError as error:
        return replace(otherwise, check=f"model {name}", message=str(error))
    return Finding(f"model {name}", "ok", origin)


def sound_cost(rate_hz: float) -> Cost:
    """What it takes to follow some seconds of the built-in recording with the best bundle for sound."""
    from realtime.demo import RECORDING
    from realtime.sources.audio_file import AudioFile

    return _cost(AudioFile(RECORDING, block_s=HOP_S), rate_hz)


def midi_cost(rate_hz: float) -> Cost:
    """The same for the built-in score with the best bundle for notes."""
    from realtime.demo import SCORE
    from realtime.sources.midi_file import MidiFile

    return _cost(MidiFile(SCORE, block_s=HOP_S), rate_hz)


def judge_cost(check: str, cost: Cost) -> Finding:
    """What a hop costs, against what it may."""
    message = f"{cost.hop_ms:.1f} ms of CPU time for {1000 * HOP_S:.0f} ms, {cost.hop_ms / 10 / HOP_S:.0f} % of a core"
    remedy = "close other programs, or take a faster machine; --model seed-rnn needs less"
    if cost.hop_ms > TOO_HEAVY_MS:
        return Finding(check, "problem", f"{message}: 'live' would fall behind", remedy)
    if cost.hop_ms > HEAVY_MS:
        return Finding(check, "warning", f"{message}: little is left for other programs", remedy)
    return Finding(check, "ok", message)


def report_latency(cost: Cost, driver_ms: float | None) -> Finding:
    """How old sound is to be when a reading knows of it."""
    own = f"{cost.latency_ms:.0f} ms of the reading's own"
    if driver_ms is None:
        return Finding("latency", "ok", f"{own}, and what a sound input's driver adds")
    return Finding("latency", "ok", f"{cost.latency_ms + driver_ms:.0f} ms: {own} and {driver_ms:.0f} ms of the driver")


def check_terminal() -> Iterator[Finding]:
    """Whether the dashboard has its room, its colours and its characters."""
    if not sys.stdout.isatty():
        yield Finding("terminal", "ok", "the output is no terminal: 'live' prints plain lines there")
        return
    from rich.console import Console

    columns, lines = shutil.get_terminal_size()
    yield judge_size(columns, lines)
    yield judge_colours(Console().color_system, no_color=bool(os.environ.get("NO_COLOR")))
    yield judge_encoding(sys.stdout.encoding or "")


def judge_size(columns: int, lines: int) -> Finding:
    """Whether the dashboard fits."""
    size = f"{columns} columns, {lines} lines"
    if columns >= _LEAST_COLUMNS and lines >= _LEAST_LINES:
        return Finding("terminal", "ok", size)
    least = f"make it at least {_LEAST_COLUMNS} by {_LEAST_LINES}, or use --plain"
    return Finding("terminal", "warning", f"{size}: too small for the dashboard", least)


def judge_colours(system: str | None, *, no_color: bool) -> Finding:
    """How many colours there are; having none because one wants none is as it should be."""
    if no_color:
        return Finding("colours", "ok", "none, since NO_COLOR is set")
    if system is None:
        return Finding("colours", "warning", "none", "set TERM, for example to xterm-256color")
    return Finding("colours", "ok", system)


def judge_encoding(encoding: str) -> Finding:
    """Whether the dashboard's characters can be shown."""
    if "utf" in encoding.lower():
        return Finding("encoding", "ok", encoding)
    message = f"{encoding or 'unknown'}: without UTF-8 'live' prints plain lines"
    return Finding("encoding", "warning", message, "set LANG to one with UTF-8, such as C.UTF-8, or PYTHONUTF8=1")


def report(findings: Sequence[Finding], *, as_json: bool) -> Iterator[str]:
    """A line for each finding, its remedy below it, and the verdict; as JSON Lines, the findings alone."""
    if as_json:
        for finding in findings:
            yield json.dumps({"type": "finding", **asdict(finding)})
        return
    pen = Pen(sys.stdout)
    inks = {"ok": pen.theme.mood(1.0, -1.0), "warning": pen.theme.warning, "problem": pen.theme.alert}
    width = max((len(finding.check) for finding in findings), default=0)
    for finding in findings:
        verdict = pen(f"{finding.verdict:8}", inks[finding.verdict])
        yield _printable(f"{verdict} {finding.check:{width}}   {finding.message}")
        if finding.remedy:
            yield _printable(f"{'':{8 + 1 + width + 3}}{finding.remedy}")
    counts = [
        count(number, word)
        for word in ("problem", "warning")
        if (number := sum(finding.verdict == word for finding in findings))
    ]
    yield f"moodring: {', '.join(counts) or 'ready'}"


def _printable(line: str) -> str:
    """The line as the output can take it: an encoding that lacks a device's letters is found, not stumbled over."""
    encoding = sys.stdout.encoding or "utf-8"
    return line.encode(encoding, "backslashreplace").decode(encoding)


def is_fit(findings: Sequence[Finding]) -> bool:
    """Whether 'live' can run."""
    return all(finding.verdict != "problem" for finding in findings)


def _cost(source: Source, rate_hz: float) -> Cost:
    from realtime.tracker import EmotionTracker

    tracker = EmotionTracker(load_for(source.kind), rate_hz=rate_hz)
    hops = round(_MEASURED_S / HOP_S)
    readings: list[Reading] = []
    try:
        for _ in range(round(_WARM_UP_S / HOP_S)):
            tracker.push(source.read(0.0))
        blocks = [source.read(0.0) for _ in range(hops)]
        start_s = time.process_time()
        for block in blocks:
            readings += tracker.push(block)
        spent_s = time.process_time() - start_s
    finally:
        source.close()
    latencies = (reading.latency_ms for reading in readings)
    return Cost(1000.0 * spent_s / hops, median(latency for latency in latencies if latency is not None))
