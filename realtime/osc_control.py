"""Control over OSC: what a person may ask of a running session, sent by a light desk, a tablet or a patch.

All addresses are below ``/moodring/control``:

| address | arguments |
|---|---|
| ``/calibrate``, ``/reset`` | none; or a number, of which 0 is a button let go and asks nothing |
| ``/freeze``, ``/record`` | none to change from one to the other; 1 or 0 |
| ``/smoothing`` | a string, a setting of ``realtime.smoothing`` |
| ``/rate`` | a number, readings a second |
| ``/model`` | a string, the name of a model |
| ``/label`` | valence and arousal on −1…1, and optionally a string, the rater |

Each is answered to where it came from, with ``/moodring/answer``: the control's name, 1 if it was done or 0 if not, a
line of text. OSC bundles are taken apart and done at once, whatever their time tag; address patterns are not matched.
"""

from __future__ import annotations

import contextlib
import math
import selectors
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from realtime.controls import (
    Calibrate,
    Control,
    Controls,
    Freeze,
    Label,
    Record,
    Reset,
    SetRate,
    Smooth,
    UseModel,
)
from realtime.names import LONGEST_NAME, is_name
from realtime.osc_packets import MalformedError, Message, messages_in
from realtime.ports import udp_socket
from realtime.smoothing import SETTINGS

#: The longest packet that is looked at, in bytes.
LONGEST_PACKET = 8192


@dataclass(frozen=True, slots=True)
class ControlAddress:
    """An address that is listened to, for whoever lists them: ``types`` as OSC has them ("N" for no argument).

    ``low`` and ``high`` bound each argument, None where there is no bound; ``choices`` are the words that are taken.
    """

    path: str
    types: str
    meaning: str
    low: float | None = None
    high: float | None = None
    unit: str = ""
    choices: tuple[str, ...] = ()

    @property
    def bounds(self) -> tuple[tuple[float | None, float | None], ...]:
        """The least and the greatest of each argument."""
        return ((self.low, self.high),) * len(self.types)


#: What can be asked, below ``/moodring``.
CONTROL_ADDRESSES = (
    ControlAddress("/moodring/control/calibrate", "N", "learn the noise of the room"),
    ControlAddress("/moodring/control/reset", "N", "forget the music so far"),
    ControlAddress("/moodring/control/freeze", "i", "hold what is shown and sent (1), or let it go on (0)", 0, 1),
    ControlAddress("/moodring/control/smoothing", "s", f"one of {', '.join(SETTINGS)}", choices=tuple(SETTINGS)),
    ControlAddress("/moodring/control/rate", "f", "readings a second", 0.1, 50.0, "Hz"),
    ControlAddress("/moodring/control/model", "s", "the name of a model"),
    ControlAddress("/moodring/control/label", "ff", "what a listener feels: valence, arousal", -1.0, 1.0),
    ControlAddress("/moodring/control/record", "i", "begin a recording (1), or end it (0)", 0, 1),
)


class WrongArgumentError(Exception):
    """Arguments that an address does not take: a line that says what it does take."""


class OscControl:
    """Asks of ``controls`` what comes over UDP to ``host`` and ``port`` (0 for any that is free), and answers.

    Only this machine is heard unless another ``host`` is given: whoever reaches the port may do what the table above
    says. ``received`` counts the packets, ``malformed`` those that are no OSC or too long, ``unknown`` the messages to
    other addresses, ``refused`` those with wrong arguments or one too many at once.

    Raises MoodringError where the port cannot be had, UsageError for one outside 0..65535.
    """

    def __init__(self, controls: Controls, port: int, host: str = "127.0.0.1", prefix: str = "/moodring") -> None:
        # Loading python-osc takes tens of milliseconds, which only those who ask for OSC should pay, and no answer.
        import pythonosc.osc_message  # noqa: F401
        from pythonosc.osc_message_builder import build_msg

        self._encode: Callable[[str, list[Any]], bytes] = lambda address, values: build_msg(address, values).dgram
        self.received = self.malformed = self.unknown = self.refused = 0
        self._controls, self._prefix = controls, prefix.rstrip("/")
        instead = f"give another port (--osc-in {port + 1 if port < 65535 else 9001})"
        self._socket = udp_socket(
            host, port, name="for OSC control", cannot="OSC control cannot listen", instead=instead
        )
        self._socket.setblocking(False)
        self.port = int(self._socket.getsockname()[1])
        self._woken, self._waker = socket.socketpair()
        self._closing = threading.Lock()
        self._is_closed = False
        self._thread = threading.Thread(target=self._listen, name="osc-control", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening. May be called twice."""
        with self._closing:
            if self._is_closed:
                return
            self._is_closed = True
            self._waker.send(b"x")
            self._thread.join(1.0)
            for end in (self._socket, self._woken, self._waker):
                end.close()

    def _listen(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while not self._is_closed:
                selector.select()
                # An earlier answer that nobody took comes back as an error here; it is no reason to stop.
                with contextlib.suppress(OSError):
                    packet, sender = self._socket.recvfrom(LONGEST_PACKET + 1)
                    self._take(packet, sender)

    def _take(self, packet: bytes, sender: Any) -> None:
        self.received += 1
        try:
            messages = list(messages_in(packet, LONGEST_PACKET))
        except MalformedError:
            self.malformed += 1
            return
        for message in messages:
            self._do(message, sender)

    def _do(self, message: Message, sender: Any) -> None:
        name = message.address.removeprefix(f"{self._prefix}/control/")
        if name == message.address or name not in _PARSERS:
            self.unknown += 1
            return
        try:
            control = _PARSERS[name](message.arguments)
        except WrongArgumentError as wrong:
            self.refused += 1
            self._answer(sender, name, str(wrong), False)
            return
        if control is None:
            return
        if not self._controls.ask(control, lambda text, is_done: self._answer(sender, name, text, is_done)):
            self.refused += 1
            self._answer(sender, name, "too much is asked at once: try again", False)

    def _answer(self, sender: Any, name: str, text: str, is_done: bool) -> None:
        """Tell ``sender``; never waits, since the session's thread calls it. An answer that cannot be sent is lost."""
        datagram = self._encode(f"{self._prefix}/answer", [name, int(is_done), text])
        with contextlib.suppress(OSError):
            self._socket.sendto(datagram, sender)


def _press(control: Control) -> Callable[[Sequence[Any]], Control | None]:
    def parse(arguments: Sequence[Any]) -> Control | None:
        return None if _switch(arguments) is False else control

    return parse


def _switch(arguments: Sequence[Any]) -> bool | None:
    """On, off, or None for no argument."""
    if not arguments or arguments == [None]:
        return None
    if len(arguments) == 1 and isinstance(arguments[0], bool | int | float) and arguments[0] in (0, 1):
        return bool(arguments[0])
    raise WrongArgumentError(f"takes no argument, or 1 or 0, not {_shown(arguments)}")


def _smooth(arguments: Sequence[Any]) -> Control:
    if len(arguments) == 1 and isinstance(arguments[0], str) and arguments[0] in SETTINGS:
        return Smooth(arguments[0])
    raise WrongArgumentError(f"takes one of {', '.join(SETTINGS)}, not {_shown(arguments)}")


def _rate(arguments: Sequence[Any]) -> Control:
    if len(arguments) == 1 and _is_number(arguments[0]) and 0.1 <= arguments[0] <= 50.0:
        return SetRate(float(arguments[0]))
    raise WrongArgumentError(f"takes a number of readings a second in 0.1..50, not {_shown(arguments)}")


def _model(arguments: Sequence[Any]) -> Control:
    # A folder is for whoever sits at the machine: a name from the network must not have it read any path.
    if len(arguments) == 1 and is_name(arguments[0]) and not set(arguments[0]) & set("/\\:") and arguments[0][0] != ".":
        return UseModel(arguments[0])
    raise WrongArgumentError(f"takes the name of an installed model, not {_shown(arguments)}")


def _label(arguments: Sequence[Any]) -> Control:
    place, rater = arguments[:2], arguments[2:]
    if not (len(place) == 2 and all(_is_number(value) and -1.0 <= value <= 1.0 for value in place)):
        raise WrongArgumentError(f"takes valence and arousal, each in -1..1, not {_shown(arguments)}")
    if len(rater) > 1 or not all(value == "" or is_name(value) for value in rater):
        raise WrongArgumentError(f"takes a rater's name of up to {LONGEST_NAME} letters, not {_shown(rater)}")
    return Label(float(place[0]), float(place[1]), *rater)


_PARSERS: dict[str, Callable[[Sequence[Any]], Control | None]] = {
    "calibrate": _press(Calibrate()),
    "reset": _press(Reset()),
    "freeze": lambda arguments: Freeze(_switch(arguments)),
    "smoothing": _smooth,
    "rate": _rate,
    "model": _model,
    "label": _label,
    "record": lambda arguments: Record(_switch(arguments)),
}


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _shown(arguments: Sequence[Any]) -> str:
    """Arguments as part of a line, however long or strange they are."""
    shown = ", ".join(ascii(value) for value in arguments) or "nothing"
    return shown if len(shown) <= 80 else f"{shown[:77]}..."
