"""A MIDI port as a source: what is played, stamped on arrival. The MIDI system is loaded when a port is asked for."""

from __future__ import annotations

import os
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Literal

from models.errors import MoodringError, UsageError
from realtime.events import Advance, AllNotesOff, Event, Lost
from realtime.sources.midi_clock import MidiClock
from realtime.sources.midi_messages import events

_BACKEND_VARIABLE = "MOODRING_MIDI_BACKEND"
_LOOPBACK = "midi through"  # ALSA's own port, on every Linux machine: nobody plays on it unless asked to

#: How often to look whether a port is still there, in seconds.
WATCH_S = 1.0

#: An instrument that sends active sensing says something every 0.3 s (MIDI 1.0 Detailed Specification, "Active
#: Sensing"); where nothing has come for so many seconds it is switched off, or its cable is out.
SENSED_S = 1.0


def input_ports(backend: str | None = None) -> list[str]:
    """The names of the ports that can be listened to.

    ``backend`` is one of mido's, such as ``mido.backends.rtmidi/UNIX_JACK``; ``None`` takes the environment variable
    MOODRING_MIDI_BACKEND, then mido's own MIDO_BACKEND, then python-rtmidi with the system's own MIDI. Raises
    ``UsageError`` for a backend that does not exist, and ``MoodringError`` where python-rtmidi is not installed or no
    MIDI system answers.
    """
    return _port_names(_load(backend))


class MidiPort:
    """What comes in at the port called ``name``, or any part of that; ``None`` takes the first that is no loopback.

    Of several ports that a name fits, the one called exactly so is taken, else the first. Stream time starts when the
    port opens; ``clock`` gives seconds. At most ``queue_length`` events wait to be read; those beyond that are left out
    and counted in ``dropped``, and everything that sounds ends after them. ``backend`` is as in ``input_ports``. What
    ``muted`` channels (0–15) say is ignored. A MIDI clock that comes with the music sets the tempo. Where an instrument
    that sends active sensing falls silent, all that sounds ends.

    Raises ``UsageError`` for a port or backend that does not exist and ``MoodringError`` where there is none to listen
    to or it cannot be opened. A port that disappears gives one ``Lost``; it is looked for every ``WATCH_S`` seconds on
    a thread, since no MIDI system says so by itself.
    """

    kind: Literal["sound", "notes"] = "notes"
    is_live = True

    def __init__(
        self,
        name: str | None = None,
        backend: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        queue_length: int = 10_000,
        muted: frozenset[int] = frozenset(),
    ) -> None:
        midi = self._midi = _load(backend)
        self._settings = (backend, clock, queue_length, muted)
        self._muted = muted
        self._tempo = MidiClock()
        self.name = choose_port(_port_names(midi), name)
        self.ended = False
        self.arrived_s: float | None = None
        self.dropped = 0
        self.overflows = 0
        self._clock = clock
        self._queue_length = queue_length
        self._arrived: deque[Event] = deque()
        self._arrival = threading.Condition()
        self._is_gone = self._said_lost = False
        self._overhears: Callable[[Any], None] = lambda message: None
        self._has_left_out = False
        # Whether active sensing has come since the instrument was last silent, when anything came, and the last read.
        self._is_sensed = False
        self._sign_s = self._read_s = 0.0
        self._start = self.started_at = clock()
        try:
            self._port = midi.open_input(self.name, callback=self._hear)
        except (OSError, RuntimeError, ValueError) as error:
            raise MoodringError(
                f'cannot open the MIDI port "{self.name}" ({error}): close the programs that use it, or choose another'
            ) from error
        _let_through_active_sensing(self._port)
        threading.Thread(target=self._watch, name="midi-watch", daemon=True).start()

    def read(self, timeout_s: float) -> Sequence[Event]:
        """What was played since the last time, then an ``Advance`` to now; waits up to ``timeout_s`` seconds for it."""
        with self._arrival:
            if not self._arrived and not self.ended and not self._is_gone:
                self._arrival.wait(timeout_s)
            if self.ended:
                return []
            # Under the lock that messages are stamped under: none can come later that is stamped before this.
            now_s = self._clock() - self._start
            played = list(self._arrived)
            self._arrived.clear()
            if self._has_left_out or self._is_silenced(now_s):
                # A key may have come up in what was left out, and nobody would lift it again; so with a tempo.
                self._has_left_out = self._is_sensed = False
                self._tempo.reset()
                played.append(AllNotesOff(now_s))
            tempo = self._tempo.advance(now_s)
            is_lost = self._is_gone and not self._said_lost
            self._said_lost = self._is_gone
        self.arrived_s = self._start + now_s
        return [*played, *tempo, Lost(now_s) if is_lost else Advance(now_s)]

    def reopen(self) -> MidiPort:
        """The port of the same instrument, which may have another number now.

        Raises ``MoodringError`` while it is not there.
        """
        wanted = instrument(self.name)
        ports = [name for name in _port_names(self._midi) if instrument(name) == wanted]
        if not ports:
            raise MoodringError(f'the MIDI port "{self.name}" is not there')
        found = MidiPort(self.name if self.name in ports else ports[0], *self._settings)
        found._overhears = self._overhears
        return found

    @property
    def ports(self) -> Sequence[str]:
        """Its name alone."""
        return (self.name,)

    def overhear(self, port: str, hear: Callable[[Any], None]) -> None:
        """Tell ``hear`` each mido message, on the driver's thread."""
        if port == self.name:
            self._overhears = hear

    def close(self) -> None:
        """Let go of the port; nothing follows."""
        with self._arrival:
            if self.ended:
                return
            self.ended = True
            self._arrival.notify_all()
        # Outside the lock: a callback that is under way must be able to finish.
        # A port whose system has gone may refuse; then there is nothing left to let go of.
        with suppress(OSError, RuntimeError, ValueError):
            self._port.callback = None
            self._port.close()

    def _is_silenced(self, now_s: float) -> bool:
        """Whether an instrument that gave signs of life gives none any more."""
        if now_s - self._read_s > SENSED_S / 2:
            # The program stood still, and what has come meanwhile may not have been handed over yet.
            self._sign_s = now_s
        self._read_s = now_s
        return self._is_sensed and now_s - self._sign_s > SENSED_S

    def _watch(self) -> None:
        """Look again and again whether the port is still there, until it is not or nobody listens any more."""
        while True:
            with self._arrival:
                if self._arrival.wait_for(lambda: self.ended, WATCH_S):
                    return
            try:
                is_there = self.name in _ports_beside(self._port, self._midi)
            except Exception:  # whatever has befallen the MIDI system, nothing is heard of the port
                is_there = False
            if not is_there:
                with self._arrival:
                    self._is_gone = True
                    self._arrival.notify_all()
                return

    def _hear(self, message: Any) -> None:
        with self._arrival:
            now_s = self._sign_s = self._clock() - self._start
            self._is_sensed = self._is_sensed or message.type == "active_sensing"
            for event in (*self._tempo.hear(message, now_s), *events(message, now_s, self._muted)):
                if len(self._arrived) >= self._queue_length:
                    self.dropped += 1
                    self._has_left_out = True
                else:
                    self._arrived.append(event)
                    self._arrival.notify_all()
        # Outside the lock, so that the music does not wait for it.
        self._overhears(message)


def instrument(port: str) -> str:
    """A port's name without the number that the system gives it, which changes when it is plugged in again."""
    return re.sub(r"( \d+:\d+| \d+)$", "", port)


def choose_port(ports: list[str], wanted: str | None) -> str:
    """The one of ``ports`` that ``MidiPort`` takes for the name ``wanted``; raises as that does where there is none."""
    if wanted is None:
        playable = [port for port in ports if _LOOPBACK not in port.casefold()]
        if not playable:
            raise MoodringError("no MIDI port was found: plug in a keyboard, switch it on and try again")
        return playable[0]
    exact = [port for port in ports if port.casefold() == wanted.casefold()]
    fitting = exact or [port for port in ports if wanted.casefold() in port.casefold()]
    if fitting:
        return fitting[0]
    if not ports:
        raise MoodringError(f'no MIDI port was found, so none called "{wanted}": plug in a keyboard and try again')
    there_is = "; ".join(f'"{port}"' for port in ports)
    raise UsageError(f'no MIDI port is called "{wanted}": choose one of {there_is}')


def _let_through_active_sensing(port: Any) -> None:
    """mido has python-rtmidi leave active sensing out."""
    handle = getattr(port, "_rt", None)
    if handle is not None:
        handle.ignore_types(sysex=False, timing=False, active_sense=False)


def _ports_beside(port: Any, midi: Any) -> list[str]:
    """The ports that are there, asked through the open ``port`` where its backend can.

    python-rtmidi holds the interpreter while it starts a client of its own to ask, for seconds where JACK is busy, and
    nothing else of the program runs meanwhile.
    """
    handle = getattr(port, "_rt", None)
    return _port_names(midi) if handle is None else [str(name) for name in handle.get_ports()]


def _port_names(midi: Any) -> list[str]:
    try:
        names: list[str] = midi.get_input_names()
    except ValueError as error:
        raise UsageError(f'MIDI backend "{midi.name}/{midi.api}" cannot be used: {error}') from error
    except (OSError, RuntimeError) as error:
        raise MoodringError(
            f"no MIDI system answers ({str(error).rstrip('.')}): "
            f"on Linux run modprobe snd-seq, or start JACK if {_BACKEND_VARIABLE} asks for it"
        ) from error
    return names


def _load(name: str | None) -> Any:
    import mido

    # Without a name mido looks at its own variable, then takes python-rtmidi.
    midi = mido.Backend(name or os.environ.get(_BACKEND_VARIABLE))
    try:
        midi.load()
    except ImportError as error:
        if error.name in ("rtmidi", "_rtmidi", "rtmidi._rtmidi"):
            raise MoodringError("MIDI ports need python-rtmidi: pip install python-rtmidi") from error
        raise UsageError(
            f'MIDI backend "{midi.name}" is not there ({error}): '
            f"unset {_BACKEND_VARIABLE} and MIDO_BACKEND, or name one such as mido.backends.rtmidi"
        ) from error
    except OSError as error:
        raise MoodringError(
            f'MIDI backend "{midi.name}" does not load ({error}): install the library it needs'
        ) from error
    return midi
