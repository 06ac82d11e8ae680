"""What ``moodring osc`` does: show what arrives, and send a known movement to build a patch with, without music."""

from __future__ import annotations

import math
import shutil
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from threading import Event as Flag
from threading import Thread
from typing import TYPE_CHECKING, TextIO

from models.affect import HALF_RANGE, Reading, State, from_normalized
from models.errors import UsageError
from realtime.note_events import Struck
from realtime.outputs import Status
from realtime.outputs.osc.arrivals import LONGEST_PACKET, Arrivals
from realtime.ports import udp_socket

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from realtime.outputs.osc import Target

#: Where the monitor listens unless told otherwise.
PORT = 9000

#: How often what has come is looked at, and how much may come in between.
_TURN_S = 0.1
_MOST_WAITING = 20_000

#: The movement of the test: one turn in so many seconds, so far from the centre, so many readings and notes a second.
ROUND_S, INTENSITY, SPREAD = 16.0, 0.8, 0.3
READINGS_HZ, TEMPO_BPM = 10, 120.0


def monitor(
    port: int = PORT,
    *,
    host: str = "127.0.0.1",
    stop: Flag | None = None,
    stream: TextIO | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Show what arrives over UDP at ``port`` of ``host`` until ``stop`` is set or Ctrl-C.

    A terminal gets a table that keeps up; anything else a line an address, once a second. Raises UsageError for a port
    that is none and MoodringError, naming it, for one that cannot be had.
    """
    from rich.console import Console

    stream = stream or sys.stdout
    console = Console(file=stream, highlight=False)
    stop = stop or Flag()
    came: deque[tuple[float, bytes]] = deque(maxlen=_MOST_WAITING)
    with _listening(host, port) as receiver:
        thread = Thread(target=_receive, args=(receiver, came, stop, clock), name="osc-monitor", daemon=True)
        thread.start()
        heading = f"OSC on {host}:{receiver.getsockname()[1]} (UDP)"
        try:
            if console.is_terminal:
                _show(_turns(came, stop), console, heading, clock)
            else:
                _print(_turns(came, stop), stream, heading, clock)
        finally:
            stop.set()
            thread.join()


def _turns(came: deque[tuple[float, bytes]], stop: Flag) -> Iterator[Arrivals]:
    """All that has arrived, a few times a second, until ``stop``."""
    arrivals = Arrivals()
    while not stop.wait(_TURN_S):
        while came:
            time_s, packet = came.popleft()
            arrivals.take(packet, time_s)
        yield arrivals


def _listening(host: str, port: int) -> socket.socket:
    instead = f"listen at another (moodring osc monitor {port + 1 if port < 65535 else PORT})"
    receiver = udp_socket(host, port, name="to listen at", cannot="what arrives cannot be shown", instead=instead)
    receiver.settimeout(_TURN_S)
    return receiver


def _receive(receiver: socket.socket, into: deque[tuple[float, bytes]], stop: Flag, clock: Callable[[], float]) -> None:
    """Packets and when they came, until ``stop``: on a thread of its own, so that drawing does not blur the rates."""
    while not stop.is_set():
        # OSError: nothing came; or Windows, which tells a receiver of what became of packets that it sent.
        with suppress(OSError):
            packet = receiver.recv(LONGEST_PACKET)
            into.append((clock(), packet))


def _show(turns: Iterable[Arrivals], console: Console, heading: str, clock: Callable[[], float]) -> None:
    from rich.live import Live

    empty = _table(Arrivals(), heading, clock())
    with Live(empty, console=console, auto_refresh=False, vertical_overflow="crop") as live:
        for arrivals in turns:
            live.update(_table(arrivals, heading, clock()), refresh=True)


def _table(arrivals: Arrivals, heading: str, now_s: float) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"{heading}, Ctrl-C ends", title_justify="left", box=None, pad_edge=False, expand=True)
    table.add_column("address", no_wrap=True)
    table.add_column("types", no_wrap=True)
    table.add_column("newest", no_wrap=True, ratio=1)
    table.add_column("a second", justify="right", no_wrap=True)
    table.add_column("in all", justify="right", no_wrap=True)
    for row in arrivals:
        rate = f"{row.rate_hz(now_s):.1f}"
        table.add_row(Text(row.address), Text(row.types), Text(row.values), rate, str(row.count))
    table.caption = arrivals.notes() or ("" if table.rows else "nothing yet")
    table.caption_justify = "left"
    return table


def _print(turns: Iterable[Arrivals], stream: TextIO, heading: str, clock: Callable[[], float]) -> None:
    print(heading, file=stream, flush=True)
    due_s = clock() + 1.0
    for arrivals in turns:
        now_s = clock()
        if now_s < due_s:
            continue
        due_s = now_s + 1.0
        for row in arrivals:
            print(f"{row.address}  {row.types}  {row.values}  {row.rate_hz(now_s):.1f}/s  {row.count}", file=stream)
        if notes := arrivals.notes():
            print(notes, file=stream)
        stream.flush()


def send_test(
    targets: Sequence[Target],
    *,
    rate_hz: float = 60.0,
    on_change: bool = False,
    prefix: str = "/moodring",
    template: str | None = None,
    only: Collection[str] = (),
    bundles: bool = False,
    seconds: float | None = None,
    stop: Flag | None = None,
    stream: TextIO | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> None:
    """Send a walk round the circumplex, a turn in ``ROUND_S`` at ``INTENSITY``, and print where it is.

    It begins at pleasant and goes by excited; it has a note each beat. All other options are those of ``Osc``, which
    sends it as it would send music. It ends after ``seconds``, once ``stop`` is set, or by a KeyboardInterrupt, which
    passes. Raises UsageError for a setting that cannot be.
    """
    from realtime.outputs.osc import Osc

    stream, stop = stream or sys.stdout, stop or Flag()
    if seconds is not None and not seconds > 0.0:
        raise UsageError(f"seconds must be above 0, not {seconds:g}")
    osc = Osc(
        targets,
        rate_hz=rate_hz,
        on_change=on_change,
        prefix=prefix,
        template=template,
        only=only,
        bundles=bundles,
    )
    status = Status("test", tempo_bpm=TEMPO_BPM)
    start_s, step = clock(), 0
    try:
        while not stop.is_set():
            time_s = step / READINGS_HZ
            if seconds is not None and time_s >= seconds:
                break
            sleep(max(0.0, start_s + time_s - clock()))
            reading = walk(time_s)
            osc.write(reading, status)
            if step % round(READINGS_HZ * 60.0 / TEMPO_BPM) == 0:
                osc.play([_note(time_s)])
            if stream.isatty() or step % READINGS_HZ == 0:
                _tell(reading, osc.describe(), stream)
            step += 1
    finally:
        osc.close()
        if stream.isatty():
            print(file=stream)


def walk(time_s: float) -> Reading:
    """Where the walk is ``time_s`` seconds after its start."""
    angle = math.tau * time_s / ROUND_S
    valence, arousal = (from_normalized(INTENSITY * turned) for turned in (math.cos(angle), math.sin(angle)))
    spread = SPREAD * HALF_RANGE
    level_db = -25.0 + 10.0 * math.sin(angle)  # the more excited, the louder
    return Reading(time_s, State.LIVE, valence, spread, arousal, spread, 8, level_db, 0.0, "test")


def _note(time_s: float) -> Struck:
    """A scale of eight notes up from middle C, one each beat."""
    steps = (0, 2, 4, 5, 7, 9, 11, 12)
    beat = round(time_s * TEMPO_BPM / 60.0)
    return Struck(time_s, 60 + steps[beat % 8], 100 if beat % 4 == 0 else 70)


def _tell(reading: Reading, targets: str, stream: TextIO) -> None:
    """One line, the same one over and over on a terminal."""
    degrees = round(math.degrees(math.tau * reading.time / ROUND_S)) % 360
    point = f"valence {reading.valence_norm:+.2f}  arousal {reading.arousal_norm:+.2f}  {reading.quadrant.value:<5}"
    line = f"{reading.time:4.0f} s  {degrees:3d}°  {point}  {targets}"
    if stream.isatty():
        columns = shutil.get_terminal_size().columns - 1
        print(f"\r{line[:columns]}\x1b[K", end="", file=stream, flush=True)
    else:
        print(line, file=stream, flush=True)
