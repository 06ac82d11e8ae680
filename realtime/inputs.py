"""Which live inputs were asked for, opened so that each may go away and come back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial

from models.errors import MoodringError
from realtime.sources import LiveSource, Source
from realtime.sources.returning import Returning


def open_inputs(
    mics: Sequence[str], midis: Sequence[str], *, channels: Sequence[int] = (), muted: Sequence[int] = ()
) -> Source:
    """The sound inputs and MIDI ports with those names, empty for the first there is, as one source.

    ``channels`` of the sound input and ``muted`` channels of MIDI ports count from 1. With neither named, the default
    sound input. Raises what ``Microphone``, ``MidiPort`` and ``Together`` raise; nothing stays open then.
    """
    # Each loads a system of its own, and who needs one should not wait for both.
    openers: list[Callable[[], LiveSource]] = []
    if mics or not midis:
        from realtime.sources.microphone import Microphone

        openers += [partial(Microphone, name or None, channels=channels) for name in mics or ("",)]
    if midis:
        from realtime.sources.midi_port import MidiPort

        mute = frozenset(channel - 1 for channel in muted)
        openers += [partial(MidiPort, name or None, muted=mute) for name in midis]
    with ExitStack() as undo:
        found: list[Returning] = []
        for opener in openers:
            source = Returning(opener())
            undo.callback(source.close)
            if any(other.kind == source.kind == "notes" and other.name == source.name for other in found):
                raise MoodringError(f'the MIDI port "{source.name}" was named twice: name another')
            found.append(source)
        if len(found) == 1:
            together: Source = found[0]
        else:
            from realtime.sources.together import Together

            together = Together(found)
        undo.pop_all()
    return together
