"""A bundle is installed whole and verified, or not at all; what was installed can be taken out again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support.bundles import change_card, content, refusal

from models.agreement import AGREEMENT, TOLERANCE
from models.bundle import (
    BUNDLED,
    CARD,
    SEQUENCE_NETWORK,
    STEP_NETWORK,
    available,
    file_entry,
    load,
    read_card,
)
from models.errors import MoodringError, UsageError
from models.installing import install, remove
from realtime.demo import SCORE

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.usefixtures("home")


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, held in files.items():
            archive.writestr(name, held)
    return path


def moodring(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli", *map(str, words)], cwd=ROOT, capture_output=True, text=True, timeout=120
    )


class TestInstalling:
    def test_a_folder_is_copied_as_it_is_and_can_be_used_by_name(self, bundle: Path, home: Path):
        there = install(bundle)
        assert there.bundle.path == home / bundle.name
        assert content(home / bundle.name) == content(bundle)
        assert load(bundle.name).path == home / bundle.name
        assert 0 <= there.agreement.worst <= TOLERANCE
        assert [entry.name for entry in home.iterdir()] == [bundle.name]

    def test_the_line_names_the_architecture_the_features_and_the_agreement(self, bundle: Path):
        there = install(bundle)
        arch = bundle.name.removeprefix("my-")
        assert str(there).startswith(f"installed {bundle.name}: {arch} on notes22, ONNX agrees with Keras to ")
        assert float(str(there).rpartition(" ")[2]) == pytest.approx(there.agreement.worst, rel=0.5)

    @pytest.mark.parametrize("within", ["", "my-rnn-1.0/"])
    def test_a_zip_of_one(self, bundle: Path, home: Path, tmp_path: Path, within: str):
        files = {f"{within}{name}": held for name, held in content(bundle).items()}
        install(zipped(tmp_path / "download.zip", {**files, "__MACOSX/._card.json": b"Mac"}))
        assert content(home / bundle.name) == content(bundle)

    def test_only_what_the_card_names_is_copied(self, bundle: Path, home: Path, tmp_path: Path):
        (bundle / "run-me.py").write_text("print()")
        install(bundle)
        files = {**content(bundle), "../climbed": b"out", "/absolute": b"out"}
        install(zipped(tmp_path / "download.zip", files), name="zipped")
        for name in (bundle.name, "zipped"):
            assert set(content(home / name)) == {CARD, STEP_NETWORK, SEQUENCE_NETWORK, AGREEMENT}
        assert not list(tmp_path.rglob("climbed"))

    def test_another_name_is_what_readings_and_lists_say(self, bundle: Path, home: Path):
        install(bundle, name="stage 2")
        assert available()["stage 2"] == home / "stage 2"
        assert load("stage 2").name == "stage 2"
        assert bundle.name not in available()

    def test_a_name_that_is_taken_needs_replace(self, bundle: Path, home: Path):
        install(bundle)
        message = refusal(bundle, UsageError)
        assert message == f"a model '{bundle.name}' is installed; choose another --name, or --replace it"
        change_card(bundle, lambda card: card.update(hop_s=0.25))
        install(bundle, instead=True)
        assert load(bundle.name).hop_s == 0.25
        assert [entry.name for entry in home.iterdir()] == [bundle.name]

    def test_the_name_of_one_that_ships_is_free_and_the_line_says_what_it_does(self, bundle: Path):
        there = install(bundle, name="seed-rnn")
        assert str(there).endswith("; it is used instead of the one that ships")
        assert load("seed-rnn").path == there.bundle.path

    @pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "-x", "a/b", "a\\b", "../up", "a\n", "tail.", "n" * 65])
    def test_a_name_that_is_none(self, bundle: Path, tmp_path: Path, name: str):
        assert "is no name for a model" in refusal(bundle, UsageError, name=name)
        if name:
            change_card(bundle, lambda card: card.update(name=name))
            assert "is no name for a model" in refusal(bundle, UsageError)
        assert not (tmp_path / "share" / "moodring" / "up").exists()

    def test_a_bundle_can_be_installed_over_itself(self, bundle: Path, home: Path):
        install(bundle)
        install(home / bundle.name, instead=True)
        assert content(home / bundle.name) == content(bundle)


class TestNotABundle:
    def test_nothing_there(self, tmp_path: Path):
        message = refusal(tmp_path / "nowhere", UsageError)
        assert message == f"{tmp_path / 'nowhere'} is neither a bundle's folder (with a card.json) nor a zip of one"

    @pytest.mark.parametrize("held", [b"", b"letter", b"PK\5\6"])
    def test_another_file(self, tmp_path: Path, held: bytes):
        (tmp_path / "letter.zip").write_bytes(held)
        refusal(tmp_path / "letter.zip", UsageError)

    def test_a_folder_of_something_else(self, tmp_path: Path):
        refusal(tmp_path, UsageError)

    def test_a_zip_with_two(self, bundle: Path, tmp_path: Path):
        files = {f"{name}/{file}": held for name in "ab" for file, held in content(bundle).items()}
        assert "must hold one bundle" in refusal(zipped(tmp_path / "two.zip", files), UsageError)

    def test_a_zip_whose_members_are_damaged(self, bundle: Path, tmp_path: Path):
        archive = zipped(tmp_path / "download.zip", content(bundle))
        with zipfile.ZipFile(archive) as opened:
            place = opened.getinfo(SEQUENCE_NETWORK).header_offset
        damaged = bytearray(archive.read_bytes())
        damaged[place + 200 : place + 300] = bytes(100)
        archive.write_bytes(damaged)
        assert f"{SEQUENCE_NETWORK} cannot be unpacked" in refusal(archive)

    def test_a_zip_that_is_cut_off(self, bundle: Path, tmp_path: Path):
        archive = zipped(tmp_path / "download.zip", content(bundle))
        archive.write_bytes(archive.read_bytes()[:-100])
        refusal(archive, UsageError)

    def test_a_card_that_reaches_elsewhere(self, bundle: Path):
        secret = bundle.parent / "secret"
        secret.write_bytes(b"mine")
        change_card(bundle, lambda card: card["files"].update({"../secret": file_entry(b"mine")}))
        assert f"{bundle / 'secret'} cannot be read" in refusal(bundle)


class TestDamaged:
    @pytest.mark.parametrize("file", [STEP_NETWORK, SEQUENCE_NETWORK, AGREEMENT])
    def test_a_changed_byte_anywhere(self, bundle: Path, tmp_path: Path, file: str):
        spoilt = bytearray((bundle / file).read_bytes())
        spoilt[len(spoilt) // 2] ^= 1
        (bundle / file).write_bytes(spoilt)
        assert refusal(bundle).startswith(f"{bundle / file} does not match its card")
        archive = zipped(tmp_path / "download.zip", content(bundle))
        assert refusal(archive).startswith(f"{archive / file} does not match its card")

    @pytest.mark.parametrize("file", [CARD, STEP_NETWORK, SEQUENCE_NETWORK, AGREEMENT])
    def test_a_missing_file(self, bundle: Path, tmp_path: Path, file: str):
        (bundle / file).unlink()
        kind = UsageError if file == CARD else MoodringError
        assert file in refusal(bundle, kind)
        refusal(zipped(tmp_path / "download.zip", content(bundle)), kind)


class TestInterrupted:
    def test_a_killed_installation_leaves_nothing_to_list(self, bundle: Path, home: Path):
        """Killed at the last moment, when everything is verified and about to be moved into place."""
        script = (
            "import os, signal, sys, pathlib, models.installing as m\n"
            "m.replace_folder = lambda *folders: os.kill(os.getpid(), signal.SIGKILL)\n"
            "m.install(pathlib.Path(sys.argv[1]))"
        )
        ran = subprocess.run([sys.executable, "-c", script, str(bundle)], cwd=ROOT, timeout=120)
        assert ran.returncode == -signal.SIGKILL
        assert any(home.iterdir())
        assert "my" not in "".join(available())
        install(bundle)

    def test_a_full_disk_is_one_line_and_leaves_nothing(self, bundle: Path, home: Path):
        # A limit on the size of files is met as a full disk is: a write that fails half-way.
        resource = pytest.importorskip("resource")
        (home / "other").mkdir(parents=True)
        command = [sys.executable, "-m", "cli", "models", "install", str(bundle)]
        ran = subprocess.run(
            command,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000)),
        )
        assert ran.returncode == 1
        assert ran.stdout == ""
        assert ran.stderr == f"moodring: {home}: File too large; nothing was installed\n"
        assert [entry.name for entry in home.iterdir()] == ["other"]

    def test_a_users_folder_that_cannot_be_made(self, bundle: Path, home: Path):
        home.parent.parent.mkdir()
        home.parent.write_text("in the way")
        assert refusal(bundle).endswith("nothing was installed")

    def test_a_replacement_that_fails_leaves_the_old_one(
        self, bundle: Path, home: Path, monkeypatch: pytest.MonkeyPatch
    ):
        install(bundle)
        before = content(home / bundle.name)
        change_card(bundle, lambda card: card.update(hop_s=0.25))
        rename = Path.rename

        def stubborn(self: Path, target: Path) -> Path:
            if self.name == "bundle":
                raise OSError(5, "Input/output error")
            return rename(self, target)

        monkeypatch.setattr(Path, "rename", stubborn)
        assert "Input/output error" in refusal(bundle, instead=True)
        assert content(home / bundle.name) == before


class TestRemoving:
    def test_it_is_gone_with_all_its_files(self, bundle: Path, home: Path):
        install(bundle)
        assert remove(bundle.name) is False
        assert list(home.iterdir()) == []

    def test_one_that_ships_stays(self):
        with pytest.raises(UsageError, match=r"^'seed-rnn' ships with moodring and cannot be removed$"):
            remove("seed-rnn")
        assert (BUNDLED / "seed-rnn" / CARD).exists()

    def test_one_that_overrides_gives_way_to_the_one_that_ships(self, bundle: Path):
        install(bundle, name="seed-rnn")
        assert remove("seed-rnn") is True
        assert load("seed-rnn").path == BUNDLED / "seed-rnn"
        with pytest.raises(UsageError):
            remove("seed-rnn")

    def test_one_that_is_broken_can_be_removed(self, bundle: Path, home: Path):
        install(bundle)
        (home / bundle.name / CARD).unlink()
        remove(bundle.name)
        assert list(home.iterdir()) == []

    def test_a_link_is_removed_and_what_it_points_to_stays(self, bundle: Path, home: Path):
        home.mkdir(parents=True)
        (home / "linked").symlink_to(bundle)
        remove("linked")
        assert not (home / "linked").is_symlink()
        assert (bundle / CARD).exists()

    def test_an_unknown_one(self, bundle: Path):
        with pytest.raises(UsageError, match=r"^no model 'x' is installed; there is none$"):
            remove("x")
        install(bundle)
        with pytest.raises(UsageError, match=rf"^no model 'x' is installed; there are {bundle.name}$"):
            remove("x")

    @pytest.mark.parametrize("name", ["", ".", "..", "../bundles/mine", "/"])
    def test_nothing_outside_is_removed(self, home: Path, name: str):
        (home / "mine").mkdir(parents=True)
        with pytest.raises(UsageError):
            remove(name)
        assert (home / "mine").is_dir()


def test_install_list_use_and_remove_as_a_user_does(bundle: Path, monkeypatch: pytest.MonkeyPatch):
    """On the command line, with nothing of TensorFlow or onnx to be had."""
    blocked = bundle.parent / "blocked"
    for package in ("tensorflow", "keras", "onnx", "tf2onnx"):
        (blocked / package).mkdir(parents=True)
        (blocked / package / "__init__.py").write_text("raise ImportError('not installed')")
    monkeypatch.setenv("PYTHONPATH", str(blocked))
    assert "agrees with Keras to" in moodring("models", "install", bundle, "--name", "seed-rnn").stdout
    listed = moodring("models", "list", "--json").stdout.splitlines()
    entries = {entry["name"]: entry for entry in map(json.loads, listed)}
    assert entries["seed-rnn"]["origin"] == "user"
    assert entries["seed-rnn"]["overrides"] is True
    assert entries["seed-dense"]["origin"] == "bundled"
    assert entries["seed-dense"]["overrides"] is False
    used = moodring("analyze", SCORE, "--model", "seed-rnn", "--json")
    assert json.loads(used.stdout)["model"] == "seed-rnn"
    assert moodring("models", "remove", "seed-rnn").stdout == "removed seed-rnn; the one that ships is used again\n"
    again = moodring("models", "remove", "seed-rnn")
    assert again.returncode == 2
    assert again.stderr == "moodring: 'seed-rnn' ships with moodring and cannot be removed\n"


def test_the_name_in_an_installed_card_is_the_one_it_goes_by(bundle: Path, home: Path):
    install(bundle, name="other")
    assert read_card(home / "other") == {**read_card(bundle), "name": "other"}
