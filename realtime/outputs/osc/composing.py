"""Frames and notes as OSC packets: which addresses, under which names, changed or not, single or in bundles."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from models.errors import UsageError
from realtime.note_events import Struck
from realtime.outputs.osc.addresses import ADDRESSES, HEARTBEAT, NOTE, ONSET, PREFIX, Address, Arguments, Frame

if TYPE_CHECKING:
    from pythonosc.osc_message import OscMessage

#: The largest UDP payload that Ethernet carries in one piece (1,500 less the headers of IPv4 and UDP). Packets stay
#: below it.
MOST_BYTES = 1472

#: What OSC keeps for patterns, and what no address may hold.
_RESERVED = " #*,?[]{}"
_LONGEST = 200

#: A change smaller than this is none.
_SMALLEST_CHANGE = 1e-4

#: "#bundle" and a time tag; each message in a bundle has its length before it.
_BUNDLE_BYTES, _LENGTH_BYTES = 16, 4

#: MIDI's channel of the drums, counted from 0: their numbers are no pitches.
_DRUMS = 9


def naming(prefix: str = PREFIX, template: str | None = None) -> Callable[[str], str]:
    """How an address is made from its path, such as ``valence/unit``.

    It follows ``prefix``; with a ``template`` it takes the place of ``{address}``, or that of ``{name}`` with every /
    as _. Raises UsageError for what would be no OSC address.
    """
    if template is None:
        _check("prefix", prefix, prefix)
        return lambda path: f"{prefix.rstrip('/')}/{path}"
    if prefix != PREFIX:
        raise UsageError("an OSC prefix and an OSC template exclude each other; choose one")
    if "{address}" not in template and "{name}" not in template:
        raise UsageError(f"OSC template must hold {{address}} or {{name}}, such as /layer/1/{{name}}, not {template!r}")
    _check("template", template, template.replace("{address}", "").replace("{name}", ""))
    return lambda path: template.replace("{address}", path).replace("{name}", path.replace("/", "_"))


def _check(what: str, given: str, fixed: str) -> None:
    if not given.startswith("/"):
        raise UsageError(f"OSC {what} must begin with /, not {given!r}")
    wrong = next((sign for sign in fixed if sign in _RESERVED or not "!" <= sign <= "~"), None)
    if wrong is not None:
        raise UsageError(f"OSC {what} must not hold {wrong!r}, as {given!r} does")
    if len(given) > _LONGEST:
        raise UsageError(f"OSC {what} must be at most {_LONGEST} characters long, not {len(given)}")


def chosen(only: Collection[str], name: Callable[[str], str]) -> dict[str, str]:
    """The paths to be sent and their addresses: those in ``only``, all where it is empty.

    An address is what ``name`` makes of the path, or what follows it, as in ``arousal/unit=/composition/video/opacity``
    for a program whose addresses are its own. Raises UsageError for a path that there is not and for what would be no
    OSC address.
    """
    paths = [address.path for address in ADDRESSES]
    found = {}
    for wanted in only or paths:
        path, equals, address = wanted.partition("=")
        if path not in paths:
            raise UsageError(f"there is no OSC address {path!r}: choose among {', '.join(paths)}")
        if equals:
            _check("address", address, address)
        found[path] = address if equals else name(path)
    return found


def listed(prefix: str = PREFIX, template: str | None = None, only: Collection[str] = ()) -> list[Address]:
    """The addresses that a ``Composer`` with these settings sends to, ``path`` being all of each.

    Raises UsageError as it does.
    """
    names = chosen(only, naming(prefix, template))
    return [replace(each, path=names[each.path]) for each in ADDRESSES if each.path in names]


class Composer:
    """Makes packets, each below ``MOST_BYTES``.

    ``only`` leaves out all other addresses and may give some of their own (see ``chosen``). With ``on_change`` those of
    a frame are sent when a value has changed, and the state once a second; with ``bundles`` what belongs together goes
    in one bundle, or more where it would be too large. Raises UsageError for an address that there is not and for a
    prefix or template that would make none.
    """

    def __init__(
        self,
        *,
        prefix: str = PREFIX,
        template: str | None = None,
        only: Collection[str] = (),
        on_change: bool = False,
        bundles: bool = False,
    ) -> None:
        self._names = chosen(only, naming(prefix, template))
        self._addresses = [(each, self._names[each.path]) for each in ADDRESSES if each.path in self._names]
        self._on_change = on_change
        self._bundles = bundles
        self._last: dict[str, tuple[Arguments, OscMessage]] = {}

    def of_frame(self, frame: Frame) -> list[OscMessage]:
        """A message an address that is known, in the order of ``ADDRESSES``."""
        messages = []
        for address, name in self._addresses:
            arguments = address.value(frame) if address.value is not None else None
            if arguments is None:
                continue
            before, message = self._last.get(name, (None, None))
            if before is None or message is None or not _same(before, arguments, self._on_change):
                message = _message(name, arguments)
                self._last[name] = arguments, message
            elif self._on_change:
                continue
            messages.append(message)
        return messages

    def of_second(self, number: int, frame: Frame | None) -> list[OscMessage]:
        """What is sent once a second: the heartbeat, and the state where it would not come otherwise."""
        messages = []
        if self._on_change and frame is not None and "state" in self._names:
            # Who began to listen after the last change would not know of it.
            messages.append(_message(self._names["state"], (frame.state.value,)))
        if HEARTBEAT.path in self._names:
            messages.append(_message(self._names[HEARTBEAT.path], (number & 0x7FFFFFFF,)))
        return messages

    def of_notes(self, notes: Sequence[Struck]) -> list[OscMessage]:
        """A bang for each moment at which notes begin, then pitches and velocities; drums have the bang only."""
        messages = []
        moment_s = None
        for note in notes:
            if note.time_s != moment_s and ONSET.path in self._names:
                messages.append(_message(self._names[ONSET.path], (1,)))
            moment_s = note.time_s
            if note.channel != _DRUMS and NOTE.path in self._names:
                messages.append(_message(self._names[NOTE.path], (note.pitch, note.velocity)))
        return messages

    def packets(self, messages: Sequence[OscMessage], time_s: float) -> list[bytes]:
        """The messages as packets; bundles have the wall-clock ``time_s`` (seconds since 1970) as their time tag."""
        if not self._bundles:
            return [message.dgram for message in messages]
        from pythonosc.osc_bundle_builder import OscBundleBuilder

        packets = []
        for group in _groups(messages):
            builder = OscBundleBuilder(time_s)  # type: ignore[arg-type]
            for message in group:
                builder.add_content(message)
            packets.append(builder.build().dgram)
        return packets


def _groups(messages: Sequence[OscMessage]) -> list[list[OscMessage]]:
    """The messages in order, in as few groups as bundles below ``MOST_BYTES`` can hold."""
    groups: list[list[OscMessage]] = []
    size = MOST_BYTES
    for message in messages:
        size += _LENGTH_BYTES + message.size
        if size >= MOST_BYTES:
            groups.append([])
            size = _BUNDLE_BYTES + _LENGTH_BYTES + message.size
        groups[-1].append(message)
    return groups


def _message(address: str, arguments: Arguments) -> OscMessage:
    # Loading python-osc takes tens of milliseconds, which only those who ask for OSC should pay.
    from pythonosc.osc_message_builder import build_msg

    return build_msg(address, list(arguments))


def _same(before: Arguments, now: Arguments, roughly: bool) -> bool:
    """Whether nothing has changed, or ``roughly`` nothing."""
    if before == now or not roughly:
        return before == now
    return all(
        abs(new - old) < _SMALLEST_CHANGE if isinstance(new, float) and isinstance(old, float) else new == old
        for old, new in zip(before, now, strict=True)
    )
