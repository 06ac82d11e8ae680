"""What is in a packet: every address within its range, under the name that was asked for, small enough."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import mido
import pytest
from pythonosc.osc_bundle import OscBundle
from pythonosc.osc_message import OscMessage
from pythonosc.osc_packet import OscPacket

from models.affect import State
from models.errors import UsageError
from realtime.demo import SCORE
from realtime.note_events import Struck
from realtime.outputs import Status
from realtime.outputs.osc.addresses import ADDRESSES, PACKED, Frame, hue
from realtime.outputs.osc.composing import Composer, naming
from realtime.outputs.osc.listing import addresses_json, addresses_markdown
from realtime.outputs.osc.pacing import Pacing
from realtime.outputs.palette import mood_color
from realtime.sources.midi_messages import events
from realtime.tracker import EmotionTracker

README = Path(__file__).resolve().parents[3] / "README.md"
FRAME = Frame(
    State.LIVE,
    valence=0.5,
    arousal=-0.25,
    valence_std=0.4,
    arousal_std=0.2,
    valence_slope=0.1,
    arousal_slope=-0.1,
    level_db=-20.0,
    tempo_bpm=90.0,
)
LONGEST = "/" + "a" * 199


def sent(frame: Frame, **options: object) -> dict[str, list[object]]:
    """What a receiver makes of a frame."""
    messages = Composer(**options).of_frame(frame)
    return {message.address: OscMessage(message.dgram).params for message in messages}


def test_every_address_is_sent_within_its_range_over_a_whole_piece():
    tracker, composer, pacing = EmotionTracker("notes"), Composer(), Pacing()
    packets, struck, time_s = [], [], 0.0
    for message in mido.MidiFile(SCORE):
        time_s += message.time
        if message.type == "note_on" and message.velocity:
            struck.append(Struck(time_s, message.note, message.velocity, message.channel))
        for reading in tracker.push(events(message, time_s)):
            with_level = replace(reading, level_db=-40.0 + 30.0 * math.sin(reading.time))
            pacing.take(with_level, Status("score", tempo_bpm=100.0), reading.time)
            for tick in range(10):
                frame = pacing.frame(reading.time + tick / 20.0)
                packets += composer.packets(composer.of_frame(frame), 0.0)
    assert len(packets) > 900 * 20
    packets += composer.packets(composer.of_notes(struck), 0.0)
    packets += composer.packets([*composer.of_second(0, frame), *composer.of_second(2**31 + 5, frame)], 0.0)
    heard: dict[str, list[tuple[object, ...]]] = {}
    for packet in packets:
        message = OscMessage(packet)
        heard.setdefault(message.address, []).append(tuple(message.params))
    assert set(heard) == {f"/moodring/{address.path}" for address in ADDRESSES}
    python = {"f": float, "i": int, "s": str}
    for address in ADDRESSES:
        for values in set(heard[f"/moodring/{address.path}"]):
            assert [type(value) for value in values] == [python[tag] for tag in address.types], address.path
            if address.low is not None and address.high is not None:
                # Floats are sent with 32 bits.
                assert all(address.low - 1e-6 <= value <= address.high + 1e-6 for value in values), address.path


def test_the_values_of_a_frame_are_these():
    heard = {address.removeprefix("/moodring/"): values for address, values in sent(FRAME).items()}
    packed = heard.pop("all")
    assert packed == [value for path in PACKED for value in heard[path]]
    words = {path: value for path, (value,) in heard.items() if isinstance(value, str)}
    assert words == {"state": "live", "quadrant/name": "calm"}
    assert {path: value for path, (value,) in heard.items() if path not in words} == pytest.approx(
        {
            "valence": 0.5,
            "valence/unit": 0.75,
            "valence/raw": 7.0,
            "valence/std": 0.4,
            "valence/unit/std": 0.2,
            "valence/slope": 0.1,
            "arousal": -0.25,
            "arousal/unit": 0.375,
            "arousal/raw": 4.0,
            "arousal/std": 0.2,
            "arousal/unit/std": 0.1,
            "arousal/slope": -0.1,
            "intensity": math.hypot(0.5, 0.25),
            "angle": math.atan2(-0.25, 0.5),
            "hue": hue(math.atan2(-0.25, 0.5)),
            "quadrant": 3,
            "confidence": 0.7,
            "level": -20.0,
            "tempo": 90.0,
        },
        abs=1e-6,
    )


@pytest.mark.parametrize(
    ("valence", "arousal", "number", "name"),
    [(0.1, 0.1, 0, "happy"), (-0.1, 0.1, 1, "tense"), (-0.1, -0.1, 2, "sad"), (0.1, -0.1, 3, "calm")],
)
def test_quadrants_are_numbered_against_the_clock_from_happy(valence, arousal, number, name):
    heard = sent(replace(FRAME, valence=valence, arousal=arousal))
    assert heard["/moodring/quadrant"] == [number]
    assert heard["/moodring/quadrant/name"] == [name]


def test_what_is_not_known_is_left_out():
    assert set(sent(Frame(State.WARMING))) == {"/moodring/state", "/moodring/confidence"}
    without = set(sent(FRAME)) - set(sent(replace(FRAME, arousal_std=math.nan, level_db=math.nan, tempo_bpm=None)))
    assert {path.removeprefix("/moodring/") for path in without} == {
        *("arousal/std", "arousal/unit/std", "confidence", "all", "level", "tempo")
    }


def test_floats_are_sent_with_32_bits_and_nothing_else():
    tags = {OscMessage(message.dgram).dgram.split(b",")[1][:1] for message in Composer().of_frame(FRAME)}
    assert tags == {b"f", b"i", b"s"}


def test_the_hue_is_that_of_the_dashboards_colour():
    import colorsys

    for degrees in range(0, 360, 15):
        angle = math.radians(degrees)
        color = mood_color(math.cos(angle), math.sin(angle))
        wanted = colorsys.rgb_to_hsv(*(int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)))[0]
        assert abs((hue(angle) - wanted + 0.5) % 1.0 - 0.5) < 1e-6


def test_the_hue_has_no_steps_and_falls_all_the_way_round():
    hues = [hue(math.radians(tenth / 10.0)) for tenth in range(-1800, 1801)]
    falls = [(before - after + 0.5) % 1.0 - 0.5 for before, after in pairwise(hues)]
    assert all(-0.001 < fall < 0.005 for fall in falls)
    assert sum(falls) == pytest.approx(1.0)
    assert all(0.0 <= each <= 1.0 for each in hues)


def test_notes_come_as_pitch_and_velocity_after_one_bang_for_each_moment():
    notes = [Struck(1.0, 60, 100), Struck(1.0, 64, 90), Struck(1.5, 67, 80), Struck(2.0, 36, 127, channel=9)]
    messages = [(message.address, message.params) for message in Composer().of_notes(notes)]
    assert messages == [
        ("/moodring/onset", [1]),
        ("/moodring/note", [60, 100]),
        ("/moodring/note", [64, 90]),
        ("/moodring/onset", [1]),
        ("/moodring/note", [67, 80]),
        ("/moodring/onset", [1]),
    ]


def test_on_change_sends_what_has_changed_and_the_state_each_second():
    composer = Composer(on_change=True)
    assert len(composer.of_frame(FRAME)) == len(sent(FRAME))
    assert composer.of_frame(FRAME) == []
    assert composer.of_frame(replace(FRAME, level_db=-20.00005)) == []
    assert [message.address for message in composer.of_frame(replace(FRAME, level_db=-21.0))] == ["/moodring/level"]
    assert [(message.address, message.params) for message in composer.of_second(7, FRAME)] == [
        ("/moodring/state", ["live"]),
        ("/moodring/heartbeat", [7]),
    ]


def test_a_slow_drift_is_sent_once_it_has_added_up():
    composer = Composer(on_change=True, only=["level"])
    frames = [replace(FRAME, level_db=-20.0 + 0.00003 * step) for step in range(10)]
    assert [len(composer.of_frame(frame)) for frame in frames] == [1, 0, 0, 0, 1, 0, 0, 0, 1, 0]


def test_only_the_chosen_addresses_are_sent():
    composer = Composer(only=["valence/unit"])
    assert [message.address for message in composer.of_frame(FRAME)] == ["/moodring/valence/unit"]
    assert composer.of_second(1, FRAME) == []
    assert composer.of_notes([Struck(0.0, 60, 100)]) == []


def test_a_chosen_address_may_go_to_where_another_program_has_its_own():
    opacity = "/composition/layers/1/video/opacity"
    assert sent(FRAME, only=[f"valence/unit={opacity}", "hue"], prefix="/x") == {
        opacity: [0.75],
        "/x/hue": pytest.approx([hue(FRAME.angle)]),
    }
    messages = Composer(only=["note=/strike"]).of_notes([Struck(0.0, 60, 100)])
    assert [message.address for message in messages] == ["/strike"]
    with pytest.raises(UsageError, match="OSC address must begin with /, not 'opacity'"):
        Composer(only=["hue=opacity"])
    with pytest.raises(UsageError, match="OSC address must begin with /, not ''"):
        Composer(only=["hue="])


def test_a_chosen_address_that_there_is_not_is_refused_with_those_there_are():
    with pytest.raises(UsageError, match=r"there is no OSC address 'mood': choose among state, valence, .*heartbeat"):
        Composer(only=["mood"])


@pytest.mark.parametrize(
    ("prefix", "template", "address"),
    [
        ("/moodring", None, "/moodring/valence/unit"),
        ("/stage/left", None, "/stage/left/valence/unit"),
        ("/stage/", None, "/stage/valence/unit"),
        ("/", None, "/valence/unit"),
        ("/moodring", "/composition/layers/1/{name}", "/composition/layers/1/valence_unit"),
        ("/moodring", "/a/{address}/b", "/a/valence/unit/b"),
    ],
)
def test_addresses_follow_a_prefix_or_a_template(prefix, template, address):
    assert naming(prefix, template)("valence/unit") == address
    assert address in sent(FRAME, prefix=prefix, template=template)


@pytest.mark.parametrize(
    ("prefix", "template", "message"),
    [
        ("stage", None, "OSC prefix must begin with /, not 'stage'"),
        ("", None, "OSC prefix must begin with /, not ''"),
        ("/my stage", None, "OSC prefix must not hold ' ', as '/my stage' does"),
        ("/stage*", None, "OSC prefix must not hold '*', as '/stage*' does"),
        ("/stage/{name}", None, "OSC prefix must not hold '{', as '/stage/{name}' does"),
        ("/bühne", None, "OSC prefix must not hold 'ü', as '/bühne' does"),
        ("/" + "a" * 200, None, "OSC prefix must be at most 200 characters long, not 201"),
        ("/moodring", "{address}", "OSC template must begin with /, not '{address}'"),
        ("/moodring", "/x", "OSC template must hold {address} or {name}, such as /layer/1/{name}, not '/x'"),
        ("/moodring", "/{nom}/{name}", "OSC template must not hold '{', as '/{nom}/{name}' does"),
        ("/stage", "/{name}", "an OSC prefix and an OSC template exclude each other; choose one"),
    ],
)
def test_prefixes_and_templates_that_make_no_address_are_refused(prefix, template, message):
    with pytest.raises(UsageError) as refusal:
        Composer(prefix=prefix, template=template)
    assert str(refusal.value) == message


def test_every_message_is_a_packet_of_its_own_unless_bundles_are_asked_for():
    messages = Composer().of_frame(FRAME)
    assert Composer().packets(messages, 5.0) == [message.dgram for message in messages]


@pytest.mark.parametrize("prefix", ["/moodring", LONGEST])
def test_bundles_stay_below_what_ethernet_carries_and_lose_nothing(prefix):
    composer = Composer(prefix=prefix, bundles=True)
    messages = composer.of_frame(FRAME) + composer.of_notes([Struck(0.0, 60, 100)] * 3)
    packets = composer.packets(messages, 1_700_000_000.25)
    assert all(len(packet) < 1472 for packet in packets)
    arrived = [timed.message for packet in packets for timed in OscPacket(packet).messages]
    assert [message.dgram for message in arrived] == [message.dgram for message in messages]
    assert {OscBundle(packet).timestamp for packet in packets} == {1_700_000_000.25}
    fewest = math.ceil(sum(message.size + 4 for message in messages) / (1472 - 16))
    assert fewest <= len(packets) <= fewest + 1 + fewest // 4


def test_single_messages_stay_below_what_ethernet_carries_with_the_longest_prefix():
    composer = Composer(template="/" + "{address}" * 22)
    packets = composer.packets(composer.of_frame(FRAME), 0.0)
    assert max(map(len, packets)) < 1472


def test_the_machine_readable_list_has_every_address_with_range_unit_and_meaning():
    listed = json.loads(addresses_json("/stage"))
    assert [each["address"] for each in listed] == [f"/stage/{address.path}" for address in ADDRESSES]
    assert all(each["meaning"] and len(each["arguments"]) == len(each["types"]) for each in listed)
    level = next(each for each in listed if each["address"] == "/stage/level")
    assert (level["low"], level["high"], level["unit"]) == (-120.0, 6.0, "dB")


def test_no_two_addresses_are_the_same_even_with_underscores():
    names = [naming("/moodring", "/{name}")(address.path) for address in ADDRESSES]
    assert len(set(names)) == len(names)


def test_the_readme_has_the_table_that_is_made_from_the_list():
    text = README.read_text(encoding="utf-8")
    table = text.partition("<!-- osc addresses -->\n")[2].partition("<!-- end of osc addresses -->")[0]
    assert table.strip() == addresses_markdown().strip()
