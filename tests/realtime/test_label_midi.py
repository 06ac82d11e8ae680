"""A MIDI controller rates beside what is played, is learned once, and may go away and come back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mido
import pytest
from support.jack import Jack

from models.errors import MoodringError, UsageError
from realtime.controls import Control, Controls, PlaceLabel
from realtime.demo import SCORE
from realtime.events import NoteOff, NoteOn, Pedal
from realtime.label_midi import LabelMidi
from realtime.midi_controls import MidiControl
from realtime.preferences import controllers_file, read_controllers
from realtime.sources.midi_file import MidiFile
from realtime.sources.midi_port import MidiPort
from realtime.sources.returning import Returning

pytestmark = pytest.mark.jack


@pytest.fixture(autouse=True)
def midi(jack: Jack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """JACK for this process, and a user who has learned nothing yet."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with jack.here():
        yield


def wait_for(is_so: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 20
    while not (found := is_so()):
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.01)
    return found


def turn(port: Any, number: int, *values: int) -> None:
    for value in values:
        port.send(mido.Message("control_change", control=number, value=value))


def teach(port: Any, label: LabelMidi) -> None:
    """Move the knobs 21 and 22 when asked to."""
    wait_for(lambda: "for valence" in label.trouble())
    turn(port, 21, 0, 127, 64)
    wait_for(lambda: "for arousal" in label.trouble())
    time.sleep(0.6)
    turn(port, 22, 0, 127)
    wait_for(lambda: label.trouble().startswith("learned: "))


def asked(controls: Controls) -> list[Control]:
    found = []
    for control, answer in controls.take():
        found.append(control)
        if answer is not None:
            answer("done", True)
    return found


def test_it_is_learned_by_moving_it_and_known_the_next_time(jack: Jack):
    music, controls, told = MidiFile(SCORE), Controls(), list[str]()
    with jack.keyboard("nanoKONTROL2") as port:
        label = LabelMidi("nano", music, controls, tell=told.append)
        teach(port, label)
        label.close()
        label.close()
        assert [line.split()[0] for line in told] == ["move", "valence", "valence"]
        (axes,) = read_controllers().values()
        assert axes == (MidiControl(0, 21), MidiControl(0, 22))
        assert asked(controls) == []
        again = LabelMidi("", music, controls)
        turn(port, 22, 96)
        assert wait_for(lambda: asked(controls)) == [PlaceLabel(arousal=pytest.approx(32 / 63))]
        assert again.trouble() == ""
        again.learn()
        assert "for valence" in again.trouble()
        again.close()
        anew = LabelMidi("", music, controls, learns=True)
        assert "for valence" in anew.trouble()
        anew.close()


def test_a_fader_that_is_swept_crowds_nothing_out(jack: Jack):
    controls = Controls()
    with jack.keyboard("nanoKONTROL2") as port:
        label = LabelMidi("nano", MidiFile(SCORE), controls)
        teach(port, label)
        turn(port, 22, 0)
        wait_for(lambda: label._is_asking)
        for value in range(128):
            turn(port, 21, value)
            turn(port, 22, value)
            time.sleep(0.001)
        wait_for(lambda: label._next == PlaceLabel(1.0, 1.0))
        assert asked(controls) == [PlaceLabel(0.0, -1.0)]
        assert asked(controls) == [PlaceLabel(1.0, 1.0)]
        assert asked(controls) == []
        label.close()


def test_on_the_port_of_the_music_it_takes_nothing_from_the_music(jack: Jack):
    controls = Controls()
    with jack.keyboard("Stage Piano") as port:
        music = Returning(MidiPort("Stage"))
        label = LabelMidi("Stage", music, controls)
        assert label._port is None
        port.send(mido.Message("note_on", note=60, velocity=80))
        turn(port, 64, 127)
        teach(port, label)
        turn(port, 21, 0)
        port.send(mido.Message("note_off", note=60))
        assert wait_for(lambda: asked(controls)) == [PlaceLabel(-1.0, 1.0)]
        heard: list[Any] = []
        wait_for(lambda: heard.extend(music.read(0.1)) or any(isinstance(event, NoteOff) for event in heard))
        label.close()
        assert not music.ended
        music.close()
    assert [type(event) for event in heard if isinstance(event, NoteOn | NoteOff | Pedal)] == [NoteOn, Pedal, NoteOff]


def test_gone_and_back_again_it_rates_on(jack: Jack):
    controls = Controls()
    with jack.keyboard("nanoKONTROL2") as port:
        label = LabelMidi("nano", MidiFile(SCORE), controls)
        teach(port, label)
    wait_for(lambda: label.trouble().startswith("nanoKONTROL2:keys is gone, and with it rating by it"))
    with jack.keyboard("nanoKONTROL2") as port:
        wait_for(lambda: "is gone" not in label.trouble())
        turn(port, 21, 127)
        assert wait_for(lambda: asked(controls)) == [PlaceLabel(1.0, 1.0)]
        label.close()


def test_without_a_name_it_is_the_port_that_is_not_listened_to(jack: Jack):
    with jack.keyboard("A Piano"), jack.keyboard("Faders"):
        music = Returning(MidiPort("Piano"))
        label = LabelMidi("", music, Controls())
        assert label.name.startswith("Faders")
        label.close()
        music.close()


def test_a_port_that_is_not_there_and_a_file_that_is_wrong_are_named(jack: Jack):
    with jack.keyboard("nanoKONTROL2"):
        with pytest.raises(UsageError, match='no MIDI port is called "Launchpad": choose one of "nanoKONTROL2'):
            LabelMidi("Launchpad", MidiFile(SCORE), Controls())
        controllers_file().parent.mkdir(parents=True)
        controllers_file().write_text('[nano]\nvalence = "knob 1"\narousal = "CC 2 on channel 1"\n')
        with pytest.raises(MoodringError, match=r"controllers\.toml: the entry of 'nano' must be like"):
            LabelMidi("nano", MidiFile(SCORE), Controls())
        controllers_file().write_text("nano = 3\n")
        with pytest.raises(MoodringError, match="must have valence and arousal"):
            LabelMidi("nano", MidiFile(SCORE), Controls())
