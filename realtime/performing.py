"""From what was asked on the command line to a session that runs: its outputs, its controls, its recording."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from functools import partial
from importlib import metadata
from pathlib import Path
from threading import Event as Flag
from typing import TYPE_CHECKING

from models.bundle import Bundle, load_for
from models.errors import UsageError
from realtime.allocation import return_large_blocks
from realtime.controls import Calibrate, Control, Controls
from realtime.desk import Desk, Recording
from realtime.outlets import Outlets
from realtime.outputs import Output
from realtime.outputs.palette import find_theme
from realtime.session import Session
from realtime.sources import Played
from realtime.tracker import EmotionTracker

if TYPE_CHECKING:
    from realtime.discovery import Announced
    from realtime.outputs.dashboard import Dashboard
    from realtime.outputs.osc import Osc
    from realtime.recording.ratings import RatingPass

#: For how long after trouble with an OSC target it is told of.
TROUBLE_S = 3.0


def perform(
    source: Played,
    *,
    model: str | None,
    rate_hz: float | None,
    outlets: Outlets,
    stop: Flag,
    announce: Callable[[float], str] = lambda time_s: "",
    calibrates: bool = False,
    is_blind: bool = False,
    is_replay: bool = False,
    overruled: tuple[type[Control], ...] = (),
    ratings: RatingPass | None = None,
    began_s: float = 0.0,
    bundle: Bundle | None = None,
) -> None:
    """Follow ``source`` to its end or until ``stop``, and say on standard error what it came to.

    ``calibrates`` begins with the noise of the room; ``is_blind`` hides predictions from whoever rates, and leaves OSC
    as it is, which others see; ``is_replay``, ``overruled`` and ``ratings`` are those of ``Desk``, ``began_s`` that of
    ``Session``; ``bundle`` is ``model`` where that is loaded already. Closes ``source``, whatever happens. Raises
    ``MoodringError`` for what cannot be opened.
    """
    if source.is_live:
        return_large_blocks()
    controls = Controls()
    with ExitStack() as ends:
        ends.callback(source.close)
        outputs, dashboard, troubles = _outputs(outlets, controls, ends)
        if is_blind and (outlets.osc or outlets.announce):
            hidden = "--blind hides predictions where a rater looks (dashboard, lines, page); OSC still has them"
            print(f"moodring: {hidden}", file=sys.stderr)
        tracker = EmotionTracker(bundle or load_for(source.kind, model), rate_hz=rate_hz)
        if ratings is not None:
            ends.callback(lambda: ratings.close(tracker.time_s))
        learn = _label_midi(outlets, source, controls, ends, troubles)
        recorded: list[Recording] = []

        def record(path: Path | None = None) -> Recording:
            recorded.append(_recorder(path, source, tracker, outlets))
            return recorded[-1]

        desk = Desk(
            tracker,
            source.kind,
            model=model,
            smoothing=outlets.smoothing,
            record=record,
            end=stop.set,
            loads_at_once=is_replay,
            overruled=overruled,
            is_blind=is_blind,
            rater=outlets.rater,
            ratings=ratings,
            learn=learn,
        )
        if outlets.record is not None:
            desk.recording = record(outlets.record)
            ends.callback(desk.close)
        if calibrates:
            controls.ask(Calibrate())
        if dashboard is not None:
            _take_keys(dashboard, controls, ends)

        def said(time_s: float) -> str:
            return announce(time_s) or next((text for trouble in troubles if (text := trouble())), "")

        session = Session(
            source, tracker, outputs, stop=stop, announce=said, controls=controls, desk=desk, began_s=began_s
        )
        tally = session.run()
    print(f"moodring: {tally}", file=sys.stderr)
    for recording in recorded:
        print(f"moodring: {_told(recording, source, outlets)}", file=sys.stderr)
    if ratings is not None and ratings.told:
        print(f"moodring: {ratings.told}", file=sys.stderr)
    if session.is_stuck:
        # Python would wait for, and abort at, the standard output that a stuck thread holds.
        sys.stderr.flush()
        os._exit(0)


def _outputs(
    outlets: Outlets, controls: Controls, ends: ExitStack
) -> tuple[list[Output], Dashboard | None, list[Callable[[], str]]]:
    """What was asked for, of it the dashboard, and what tells of trouble; ``ends`` gets what must be closed."""
    if outlets.plain and outlets.as_json:
        raise UsageError("--plain and --json exclude each other; choose one")
    find_theme(outlets.theme, os.environ)  # a wrong one is wrong whatever is shown
    outputs: list[Output] = []
    troubles: list[Callable[[], str]] = []
    announced = None
    if outlets.announce:
        announced = _announced(outlets)
        ends.callback(announced.close)
        troubles.append(lambda: announced.problem)
    if outlets.osc or announced is not None:
        osc = _osc(outlets, announced)
        outputs.append(osc)
        trouble = _OscTrouble(osc)
        troubles.append(trouble)
        ends.callback(trouble.sum_up)
        ends.callback(osc.close)
    if outlets.osc_in is not None:
        from realtime.osc_control import OscControl

        ends.callback(OscControl(controls, outlets.osc_in, outlets.osc_in_host, outlets.osc_prefix).close)
    if outlets.visual is not None or outlets.visual_page is not None:
        from realtime.outputs.visual import PORT, Visual

        visual = Visual(PORT if outlets.visual is None else outlets.visual, controls=controls, page=outlets.visual_page)
        ends.callback(visual.close)
        outputs.append(visual)
        print(f"moodring: open {visual.url} in a browser", file=sys.stderr)
    if outlets.as_json:
        from realtime.outputs.json_lines import JsonLines

        return [*outputs, JsonLines(sys.stdout)], None, troubles
    if outlets.plain or not sys.stdout.isatty() or "utf" not in (sys.stdout.encoding or "").lower():
        from realtime.outputs.plain import Plain

        return [*outputs, Plain(sys.stdout, outlets.theme)], None, troubles
    from realtime.outputs.dashboard import Dashboard

    dashboard = Dashboard(theme=outlets.theme)
    return [*outputs, dashboard], dashboard, troubles


def _announced(outlets: Outlets) -> Announced:
    from realtime.discovery import Announced
    from realtime.osc_control import CONTROL_ADDRESSES
    from realtime.outputs.osc import PREFIX, listed

    prefix = outlets.osc_prefix.rstrip("/")
    taken = [replace(each, path=each.path.replace(PREFIX, prefix, 1)) for each in CONTROL_ADDRESSES]
    return Announced(
        outlets.osc_in,
        addresses=listed(outlets.osc_prefix, outlets.osc_template, outlets.osc_only),
        controls=[] if outlets.osc_in is None else taken,
        host=outlets.osc_in_host,
    )


class _OscTrouble:
    """Says what is wrong with OSC's targets, and for a while after; the numbers are told at the end."""

    def __init__(self, osc: Osc, clock: Callable[[], float] = time.monotonic) -> None:
        self._osc, self._clock = osc, clock
        self._said, self._until_s = "", -math.inf

    def __call__(self) -> str:
        complaint = self._osc.complaint
        if complaint:
            self._said, self._until_s = complaint, self._clock() + TROUBLE_S
        return f"OSC: {self._said}" if self._clock() < self._until_s else ""

    def sum_up(self) -> None:
        """How each target fared, on standard error, if not all that was sent arrived."""
        if self._osc.failures:
            print(f"moodring: OSC: {self._osc.describe()}", file=sys.stderr)


def _osc(outlets: Outlets, announced: Announced | None) -> Osc:
    """What sends to the targets, and to whoever asks the list that is ``announced``."""
    from realtime.outputs.osc import Osc, parse_target

    is_on_change = outlets.osc_rate == "change"
    try:
        rate_hz = 60.0 if is_on_change else float(outlets.osc_rate)
    except ValueError:
        raise UsageError(f"--osc-rate takes messages a second, or change, not '{outlets.osc_rate}'") from None
    return Osc(
        [parse_target(target) for target in outlets.osc],
        rate_hz=rate_hz,
        on_change=is_on_change,
        prefix=outlets.osc_prefix,
        template=outlets.osc_template,
        only=outlets.osc_only,
        bundles=outlets.osc_bundles,
        heard_by=None if announced is None else announced.hear,
    )


def _label_midi(
    outlets: Outlets, source: Played, controls: Controls, ends: ExitStack, troubles: list[Callable[[], str]]
) -> Callable[[], str] | None:
    """Rate by a MIDI controller if that was asked for; what has it learned anew."""
    if outlets.label_midi is None and not outlets.label_learn:
        return None
    from realtime.label_midi import LabelMidi

    # Other outputs have these lines in the status's message.
    tell = partial(print, "moodring:", file=sys.stderr) if outlets.as_json else lambda line: None
    found = LabelMidi(outlets.label_midi or "", source, controls, learns=outlets.label_learn, tell=tell)
    ends.callback(found.close)
    troubles.append(found.trouble)
    return found.learn


def _take_keys(dashboard: Dashboard, controls: Controls, ends: ExitStack) -> None:
    from realtime.outputs.dashboard.keys import Keys, install_job_control

    keys = Keys(controls, on_help=dashboard.toggle_help)
    ends.callback(keys.close)
    ends.callback(install_job_control(keys, dashboard))


def _recorder(path: Path | None, source: Played, tracker: EmotionTracker, outlets: Outlets) -> Recording:
    from realtime.recording.recorder import Recorder

    return Recorder(
        path or Path(f"moodring-{datetime.now():%Y-%m-%d-%H%M%S}.jsonl"),
        source=source.name,
        kind=source.kind,
        model=tracker.bundle,
        rate_hz=tracker.rate_hz,
        settings={"smoothing": outlets.smoothing} | ({"rater": outlets.rater} if outlets.rater else {}),
        with_sound=outlets.record_sound,
        began_s=tracker.time_s,
        version=metadata.version("moodring"),
    )


def _told(recording: Recording, source: Played, outlets: Outlets) -> str:
    if recording.problem:
        return f"{recording.path}: {recording.problem}"
    if source.kind == "sound" and not outlets.record_sound:
        return f"recorded {recording.path} without its sound; with --record-sound it could be replayed"
    return f"recorded {recording.path}; hear it again with 'moodring replay {recording.path}'"
