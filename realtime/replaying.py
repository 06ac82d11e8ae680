"""From a recorded session, and what was asked on the command line, to one that is played and perhaps rated again."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path
from threading import Event as Flag

from models.bundle import load_for
from realtime.controls import Control, Label, SetRate, UseModel
from realtime.outlets import Outlets
from realtime.performing import perform
from realtime.recording.ratings import RatingPass
from realtime.recording.schema import fingerprint
from realtime.sources.paced import Paced
from realtime.sources.recorded import Recorded


def perform_again(
    path: Path,
    *,
    model: str | None,
    rate_hz: float | None,
    outlets: Outlets,
    stop: Flag,
    is_blind: bool,
    is_fast: bool,
) -> None:
    """Replay the session recorded at ``path``; another ``model`` or ``rate_hz`` counts for all of it.

    What is rated meanwhile is kept beside it, unless it is recorded anew; ``is_blind`` hides what is predicted and what
    was rated before. Where the recorded model is not the one that is here now, and no other is named, that is said on
    standard error. Raises what ``Recorded`` raises.
    """
    source = Recorded(path)
    header = source.header
    bundle = load_for(source.kind, model or header.model)
    if model is None and fingerprint(bundle) != header.fingerprint:
        warning = f"{path} was recorded with another version of the model '{header.model}': readings will differ"
        print(f"moodring: {warning}", file=sys.stderr)
    # What others felt would lead whoever rates blind, and is not part of what is recorded of that.
    overruled: list[type[Control]] = [Label] if is_blind else []
    if model is not None:
        overruled.append(UseModel)
    if rate_hz is not None:
        overruled.append(SetRate)
    version = metadata.version("moodring")
    ratings = RatingPass(path, header, rater=outlets.rater, is_blind=is_blind, version=version)
    perform(
        source if is_fast else Paced(source),
        model=model or header.model,
        rate_hz=rate_hz or header.rate_hz,
        outlets=outlets,
        stop=stop,
        is_blind=is_blind,
        is_replay=True,
        overruled=tuple(overruled),
        ratings=ratings if outlets.record is None else None,
        began_s=source.began_s,
        bundle=bundle,
    )
