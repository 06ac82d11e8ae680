"""The options that demo, live and replay share: where readings go, and what may be asked from outside."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from realtime import completion
from realtime.drivers import hush_drivers
from realtime.outlets import Outlets

Json = Annotated[bool, typer.Option("--json", help="JSON Lines, one object a line.")]

OscOnly = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME[=ADDRESS]", help="Send this alone, perhaps elsewhere; may be repeated."),
]

#: By the names that ``Outlets`` has for them.
OUTLETS: dict[str, Any] = {
    "plain": Annotated[bool, typer.Option("--plain", help="One readable line a second instead of the dashboard.")],
    "as_json": Json,
    "theme": Annotated[
        str,
        typer.Option(
            autocompletion=completion.theme_names, help="Colours: dark, light, mono or auto (the terminal's)."
        ),
    ],
    "smoothing": Annotated[
        str,
        typer.Option(
            metavar="SETTING",
            autocompletion=completion.smoothing_settings,
            help="Smooth readings: calm, normal or nervous.",
        ),
    ],
    "osc": Annotated[list[str] | None, typer.Option(metavar="HOST:PORT", help="Send over OSC; may be repeated.")],
    "osc_rate": Annotated[str, typer.Option(metavar="HZ", help="OSC messages a second, or 'change'.")],
    "osc_prefix": Annotated[str, typer.Option(help="What OSC addresses begin with.")],
    "osc_template": Annotated[str | None, typer.Option(help="OSC addresses with {address} or {name} in them.")],
    "osc_only": OscOnly,
    "osc_bundles": Annotated[bool, typer.Option("--osc-bundles", help="OSC bundles with the sound's time.")],
    "osc_in": Annotated[int | None, typer.Option(metavar="PORT", help="Take what is asked over OSC.")],
    "osc_in_host": Annotated[
        str, typer.Option(metavar="HOST", help="Where --osc-in listens; 0.0.0.0 is the whole network.")
    ],
    "announce": Annotated[bool, typer.Option("--announce", help="Be found: DNS-SD and OSCQuery.")],
    "visual": Annotated[int | None, typer.Option(metavar="[PORT]", help="Serve a page for a projector (port 8765).")],
    "visual_page": Annotated[
        Path | None, typer.Option(metavar="FILE", help="Serve a page of your own in its place, with its scripts.")
    ],
    "label_midi": Annotated[
        str | None, typer.Option(metavar="[PORT]", help="Rate by a MIDI controller, which is learned by moving it.")
    ],
    "label_learn": Annotated[bool, typer.Option("--label-learn", help="Learn that controller anew.")],
    "rater": Annotated[str | None, typer.Option(metavar="NAME", help="Who rates; it is written with every rating.")],
    "record": Annotated[Path | None, typer.Option(metavar="FILE", help="Record the session (JSON Lines).")],
    "record_sound": Annotated[bool, typer.Option("--record-sound", help="Record the sound, too, as FLAC beside it.")],
}

#: Options whose value may be left out, and what is meant then.
_OPTIONAL = {"--mic": "", "--midi": "", "--label-midi": "", "--visual": "8765"}


class PerformingCommand(TyperCommand):
    """A command in which the options of ``_OPTIONAL`` may stand without a value."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put what is meant behind an option that has no value."""
        filled = []
        for place, word in enumerate(args):
            filled.append(word)
            following = args[place + 1] if place + 1 < len(args) else "--"
            is_number = following.isdecimal()
            if word in _OPTIONAL and (following.startswith("--") or (word == "--visual" and not is_number)):
                filled.append(_OPTIONAL[word])
        return super().parse_args(ctx, filled)


def with_outlets(command: Callable[..., None]) -> Callable[..., None]:
    """Give ``command`` the options of ``OUTLETS``, which it gets as one argument ``outlets``."""

    @wraps(command)
    def filled(**given: Any) -> None:
        chosen = {name: given.pop(name) for name in OUTLETS}
        if chosen["label_midi"] is not None or chosen["label_learn"]:
            hush_drivers()
        command(outlets=Outlets(**{name: value for name, value in chosen.items() if value is not None}), **given)

    own = [each for name, each in signature(command, eval_str=True).parameters.items() if name != "outlets"]
    nothing = Outlets()
    # What may be repeated and is not given is None to the parser.
    shared = [
        Parameter(name, Parameter.KEYWORD_ONLY, annotation=kind, default=None if default == () else default)
        for name, kind in OUTLETS.items()
        for default in (getattr(nothing, name),)
    ]
    filled.__signature__ = Signature([*own, *shared])  # type: ignore[attr-defined]
    filled.__annotations__ = {each.name: each.annotation for each in (*own, *shared)}
    return filled
