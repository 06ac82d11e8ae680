"""``analyze`` and ``plot`` for people: which files are meant, what lies in the folder afterwards, what failed."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path
from xml.etree import ElementTree

import pytest
import soundfile

from models.errors import MoodringError
from realtime.analysis import Summary, analyze_files
from realtime.analyze_command import _bar, analyze_and_tell, known_suffixes, music_files, plot_and_tell, recorded
from realtime.demo import RECORDING, SCORE
from realtime.pictures import MISSING
from realtime.pictures.folder import piece_names

ROOT = Path(__file__).resolve().parents[2]
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def summary() -> Summary:
    """The demo's score, analyzed."""
    (found,) = analyze_files([SCORE])
    assert isinstance(found, Summary)
    return found


@pytest.fixture
def analyzed(monkeypatch: pytest.MonkeyPatch, summary: Summary) -> None:
    """Files are there or not as ever, but each is the demo's score, and followed at once."""

    def follow(file, source, bundle, *, progress=None):
        source.close()
        return Summary(file, summary.duration_s, summary.notes, summary.affect, summary.model, summary.readings)

    monkeypatch.setattr("realtime.analysis.analyze", follow)


def tell(*inputs: Path, output: Path | None = None, as_json: bool = False) -> list[str]:
    failures = analyze_and_tell(inputs, model=None, output=output, jobs=1, as_json=as_json, with_readings=False)
    return [str(failure) for failure in failures]


def session(path: Path, summary: Summary) -> Path:
    lines = [{"type": "header", "version": 1}, *(reading.as_json() for reading in summary.readings)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def as_rows(summary: Summary) -> list[dict[str, str]]:
    fields = [reading.as_json() for reading in summary.readings]
    return [{n: "" if v is None else str(v) for n, v in each.items() if n != "type"} for each in fields]


class TestWhichFiles:
    def test_a_folder_is_its_music_at_any_depth_in_order(self, tmp_path: Path):
        music = ["a.mid", "b/c.OPUS", "b/d/e.mp3", "b/f.flac", "g.wav"]
        for name in [*music, ".hidden.wav", ".git/h.mid", "b/._f.flac", "cover.png", "notes.txt", "b/readings.csv"]:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        assert list(music_files([tmp_path])) == [tmp_path / name for name in music]

    def test_a_folder_of_real_music_is_all_of_it(self, shared_data: Path):
        for corpus in ("deam/audio", "vgmidi/midi"):
            assert len(list(music_files([shared_data / corpus]))) == len(list((shared_data / corpus).iterdir()))

    def test_every_ending_that_libsndfile_writes_is_known(self):
        known = known_suffixes()
        assert {".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif", ".caf", ".mid", ".midi", ".kar"} <= known
        assert not {".csv", ".json", ".png", ".svg", ".txt", ".raw", ".jpg", ".xi"} & known

    def test_sound_that_cannot_be_read_is_not_passed_over(self, tmp_path: Path):
        (tmp_path / "song.m4a").write_bytes(b"\0\0\0 ftypM4A ")
        (complaint,) = tell(tmp_path)
        assert "song.m4a is not sound that can be read here: convert it" in complaint

    def test_a_folder_without_music_is_a_failure(self, tmp_path: Path):
        (tmp_path / "letter.txt").touch()
        (found,) = music_files([tmp_path])
        assert isinstance(found, MoodringError)
        assert f"{tmp_path} holds no sound or MIDI file" in str(found)

    def test_a_pattern_is_what_it_matches_also_below(self, tmp_path: Path):
        for name in ("b.mid", "a.mid", "c.wav", "live/d.mid"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).touch()
        assert list(music_files([tmp_path / "*.mid"])) == [tmp_path / "a.mid", tmp_path / "b.mid"]
        assert tmp_path / "live" / "d.mid" in list(music_files([tmp_path / "**" / "*.mid"]))
        assert list(music_files([tmp_path / "l*"])) == [tmp_path / "live" / "d.mid"]

    def test_a_pattern_without_a_match_is_a_failure(self, tmp_path: Path):
        (found,) = music_files([tmp_path / "*.mid"])
        assert "nothing matches" in str(found)

    def test_a_file_whose_name_looks_like_a_pattern_is_itself(self, tmp_path: Path):
        odd = tmp_path / "song [live].mid"
        odd.touch()
        (tmp_path / "song l.mid").touch()
        assert list(music_files([odd])) == [odd]

    def test_what_is_not_there_is_left_to_be_told_of(self, tmp_path: Path):
        assert list(music_files([tmp_path / "gone.wav"])) == [tmp_path / "gone.wav"]


class TestNames:
    def test_a_stem_of_its_own_is_the_name(self):
        assert list(piece_names([Path("a/one.mid"), Path("b/two.ogg")]).values()) == ["one", "two"]

    def test_two_kinds_of_one_stem_keep_their_endings(self):
        assert list(piece_names([RECORDING, SCORE]).values()) == ["four_quadrants.ogg", "four_quadrants.mid"]

    def test_two_files_of_one_name_take_their_folders(self):
        names = piece_names([Path("a/take.mid"), Path("b/take.mid"), Path("other.mid")])
        assert list(names.values()) == ["a-take.mid", "b-take.mid", "other"]

    def test_a_file_named_twice_is_one(self):
        assert set(piece_names([Path("a/x.mid"), Path("a/../a/x.mid")]).values()) == {"x"}

    def test_no_two_files_share_a_name_whatever_they_are_called(self):
        odd = ["x/A.mid", "x/a.mid", "y/é.wav", "y/e\u0301.wav", "a-b/c.mid", "a/b-c.mid", "a/c.mid", "a/c.mid.mid"]
        odd += [
            "readings.wav",
            "Summary.mid",
            "comparison.mid",
            f"z/{'x' * 250}.mid",
            f"w/{'x' * 250}.mid",
            "q/\udcff.mid",
        ]
        names = list(piece_names([Path(name) for name in odd]).values())
        folded = {unicodedata.normalize("NFC", name).casefold() for name in names}
        assert len(folded) == len(odd)
        assert not folded & {"readings", "summary", "comparison"}
        assert all(len(name.encode()) < 200 for name in names)


class TestFolder:
    def test_a_piece_leaves_its_readings_summary_and_pictures(self, tmp_path: Path, analyzed, summary: Summary, capsys):
        pytest.importorskip("matplotlib")
        assert tell(SCORE, output=tmp_path / "new" / "out") == []
        out = tmp_path / "new" / "out"
        assert {path.name for path in out.iterdir()} == {
            f"four_quadrants.{kind}" for kind in ("csv", "json", "png", "svg")
        }
        assert rows(out / "four_quadrants.csv") == as_rows(summary)
        assert json.loads((out / "four_quadrants.json").read_text()) == summary.as_json()
        assert (out / "four_quadrants.png").read_bytes().startswith(PNG)
        assert "four_quadrants.mid" in "".join(ElementTree.parse(out / "four_quadrants.svg").getroot().itertext())
        captured = capsys.readouterr()
        assert "four_quadrants.mid" in captured.out
        assert captured.err == ""

    def test_several_leave_what_they_come_to_together(self, tmp_path: Path, analyzed, summary: Summary):
        pytest.importorskip("matplotlib")
        files = [tmp_path / "a" / "take.mid", tmp_path / "b" / "take.mid"]
        for file in files:
            file.parent.mkdir()
            shutil.copy(SCORE, file)
        out = tmp_path / "out"
        assert tell(tmp_path / "a", tmp_path / "b", output=out) == []
        kinds = ("csv", "json", "png", "svg")
        pieces = {f"{letter}-take.mid.{kind}" for letter in "ab" for kind in kinds}
        together = {"readings.csv", "summary.csv", "comparison.png", "comparison.svg"}
        assert {path.name for path in out.iterdir()} == pieces | together
        assert rows(out / "readings.csv") == [{"file": str(file), **row} for file in files for row in as_rows(summary)]
        assert [row["file"] for row in rows(out / "summary.csv")] == [str(file) for file in files]
        assert {row["valence"] for row in rows(out / "summary.csv")} == {str(summary.as_json()["valence"])}
        ElementTree.parse(out / "comparison.svg")

    def test_what_fails_is_listed_in_order_and_the_rest_is_kept(self, tmp_path: Path, analyzed, capsys):
        (tmp_path / "letter.wav").write_text("Dear Clara")
        (tmp_path / "empty").mkdir()
        out = tmp_path / "out"
        failures = tell(tmp_path / "empty", tmp_path / "letter.wav", SCORE, tmp_path / "gone.mid", output=out)
        assert [failure.split(": ")[0].rpartition(os.sep)[2] for failure in failures] == [
            "empty holds no sound or MIDI file",
            "letter.wav is not sound that can be read here",
            "gone.mid is not there",
        ]
        assert (out / "four_quadrants.csv").exists()
        assert not (out / "summary.csv").exists()
        assert "four_quadrants.mid" in capsys.readouterr().out

    def test_without_matplotlib_there_are_readings_and_one_line(self, tmp_path: Path, analyzed, capsys, monkeypatch):
        monkeypatch.setattr("realtime.analyze_command.can_draw", lambda: False)
        assert tell(SCORE, RECORDING, output=tmp_path) == []
        assert {path.suffix for path in tmp_path.iterdir()} == {".csv", ".json"}
        assert (tmp_path / "readings.csv").exists()
        assert capsys.readouterr().err == f"moodring: {MISSING}\n"

    def test_a_folder_that_cannot_be_made_is_told_before_anything_is_heard(self, tmp_path: Path):
        (tmp_path / "taken").touch()
        with pytest.raises(MoodringError, match="taken cannot be made a folder"):
            tell(SCORE, output=tmp_path / "taken")

    def test_brackets_in_a_name_are_shown_in_the_table(self, tmp_path: Path, analyzed, capsys):
        shutil.copy(SCORE, tmp_path / "[bold]x.mid")
        tell(tmp_path / "[bold]x.mid")
        assert "[bold]x.mid" in capsys.readouterr().out


class Terminal(io.StringIO):
    """What a terminal would be sent."""

    def isatty(self) -> bool:
        return True


class TestBar:
    def test_a_terminal_shows_how_far_it_is_and_nothing_once_it_is_done(self, monkeypatch: pytest.MonkeyPatch):
        terminal = Terminal()
        monkeypatch.setattr(sys, "stderr", terminal)
        monkeypatch.setenv("TERM", "xterm")
        with _bar(3, hidden=False) as progress:
            assert progress is not None
            progress(2.5)
        sent = terminal.getvalue()
        assert "2 of 3 files" in sent
        assert "\x1b[2K" in sent[sent.rindex("files") :]  # the line is erased

    def test_nobody_else_is_shown_one(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("FORCE_COLOR", "1")
        for stream, hidden in ((io.StringIO(), False), (Terminal(), True), (None, False)):
            monkeypatch.setattr(sys, "stderr", stream)
            with _bar(3, hidden=hidden) as progress:
                assert progress is None
            assert stream is None or stream.getvalue() == ""

    def test_it_moves_within_files_that_are_followed_in_turn(self):
        moved: list[float] = []
        list(analyze_files([SCORE, SCORE], progress=moved.append))
        assert moved == sorted(moved)
        assert moved[-1] == 2
        assert any(0 < share < 1 for share in moved)


class TestPlot:
    def test_a_recording_leaves_what_its_file_does(self, tmp_path: Path, summary: Summary, capsys):
        pytest.importorskip("matplotlib")
        path = session(tmp_path / "concert.jsonl", summary)
        assert plot_and_tell([path, tmp_path / "gone.jsonl"], output=tmp_path / "out")[0].exit_status == 2
        out = tmp_path / "out"
        assert {path.name for path in out.iterdir()} == {f"concert.{kind}" for kind in ("csv", "json", "png", "svg")}
        # The values on −1…1 are made anew from rounded ones.
        for told, read in zip(as_rows(summary), rows(out / "concert.csv"), strict=True):
            assert {k: v for k, v in told.items() if "norm" not in k} == {
                k: v for k, v in read.items() if "norm" not in k
            }
        assert "concert.jsonl" in capsys.readouterr().out

    def test_a_recording_comes_to_the_mean_of_its_live_readings(self, tmp_path: Path, summary: Summary):
        found = recorded(session(tmp_path / "concert.jsonl", summary))
        live = [reading.valence for reading in summary.readings if reading.state == "live"]
        assert found.affect is not None
        assert found.affect[0] == pytest.approx(sum(live) / len(live), abs=1e-3)
        assert found.as_json()["notes"] is None
        assert found.model == "notes"


def be_killed(summary: Summary) -> None:
    os._exit(9)


def test_a_process_that_is_killed_is_told_in_one_line() -> None:
    with pytest.raises(MoodringError, match=r"a process was killed, .* try again with fewer --jobs"):
        list(analyze_files([SCORE] * 6, jobs=2, keep=be_killed))


def moodring(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cli", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


def test_the_whole_way_from_sound_and_a_recording_to_pictures(tmp_path: Path):
    """Through the command line; in a pipe there is no bar."""
    pytest.importorskip("matplotlib")
    samples, rate = soundfile.read(RECORDING, dtype="float32", stop=2 * 22050)
    for name in ("a.wav", "d/a.wav"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / "in" / name, samples, rate)
    ran = moodring("analyze", tmp_path / "in", tmp_path / "*.mid", "-o", tmp_path / "out")
    assert ran.returncode == 1
    assert ran.stderr == f"moodring: nothing matches {tmp_path / '*.mid'}: check the pattern\n"
    assert [line.split()[0] for line in ran.stdout.splitlines()] == ["file", "in/a.wav", "d/a.wav"]
    assert {path.name for path in (tmp_path / "out").glob("*.png")} == {"in-a.wav.png", "d-a.wav.png", "comparison.png"}
    lines = moodring("live", "--file", tmp_path / "in" / "a.wav", "--fast", "--json").stdout
    (tmp_path / "live.jsonl").write_text(lines)
    plotted = moodring("plot", tmp_path / "live.jsonl", "-o", tmp_path / "out2")
    assert plotted.returncode == 0, plotted.stderr
    assert len(rows(tmp_path / "out2" / "live.csv")) == len(lines.splitlines())
    assert (tmp_path / "out2" / "live.png").read_bytes().startswith(PNG)
