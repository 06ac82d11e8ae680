"""Puts bundles into the user's folder, after everything in them was verified, and takes them out again."""

from __future__ import annotations

import json
import re
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from models.agreement import Agreement, read_examples, verify_agreement
from models.atomic import replace_folder
from models.bundle import CARD, Bundle, installed, installed_folder, load, read_card, shipped
from models.errors import MoodringError, UsageError

#: Letters of any language and digits; inside also what no file system and no command line takes for something else.
_NAME = re.compile(r"\w([\w .-]{0,62}\w)?")


@dataclass(frozen=True, slots=True)
class Installed:
    """A bundle in the user's folder; as text, the line that says so."""

    bundle: Bundle
    agreement: Agreement

    def __str__(self) -> str:
        difference = np.format_float_scientific(self.agreement.worst, precision=0, trim="-", exp_digits=1)
        inputs = ", ".join(known.name for known in self.bundle.feature_sets)
        line = f"installed {self.bundle.name}: {self.bundle.card.get('arch', '?')} on {inputs}"
        line += f", ONNX agrees with Keras to {difference}"
        return line + "; it is used instead of the one that ships" if self.bundle.name in shipped() else line


def verify_name(name: str) -> None:
    """Raise ``UsageError`` unless ``name`` can be a bundle's."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name for a model: letters, digits, '_', and '-', '.' or spaces between; choose another"
        )


def install(path: Path, *, name: str | None = None, instead: bool = False) -> Installed:
    """Verify the bundle at ``path``, a folder or a zip of one, and copy it into the user's folder.

    It is called what its card says, or ``name``; it may take the place of one installed by that name if ``instead``.
    Raises ``UsageError`` for a name that is none or is taken and ``MoodringError`` where anything about the bundle is
    wrong; nothing is installed then.
    """
    read = _reader(path)
    home = installed_folder()
    try:
        home.mkdir(parents=True, exist_ok=True)
        # A folder within the temporary one: whatever ends this program, no bundle is ever seen half.
        with tempfile.TemporaryDirectory(dir=home, prefix=".installing-", ignore_cleanup_errors=True) as beside:
            staged = Path(beside) / "bundle"
            staged.mkdir()
            try:
                _stage(read, staged, name)
                bundle = load(staged)
                agreement = verify_agreement(bundle, read_examples(bundle))
            except MoodringError as error:
                raise type(error)(str(error).replace(str(staged), str(path))) from None
            target = home / bundle.name
            if target.exists() and not instead:
                raise UsageError(f"a model '{bundle.name}' is installed; choose another --name, or --replace it")
            replace_folder(staged, target)
    except OSError as error:
        raise MoodringError(f"{home}: {error.strerror or error}; nothing was installed") from None
    return Installed(replace(bundle, path=target), agreement)


def remove(name: str) -> bool:
    """Delete a bundle of the user's; whether one of that name ships, which is used again from now on.

    Raises ``UsageError`` for a bundle that ships itself, or that is not there.
    """
    home = installed_folder()
    if not _NAME.fullmatch(name) or not (home / name).is_dir():
        if name in shipped():
            raise UsageError(f"'{name}' ships with moodring and cannot be removed")
        own = ", ".join(sorted(installed()))
        raise UsageError(f"no model '{name}' is installed; there {'are ' + own if own else 'is none'}")
    try:
        with tempfile.TemporaryDirectory(dir=home, prefix=".removing-") as beside:
            (home / name).rename(Path(beside) / name)
    except OSError as error:
        raise MoodringError(f"{home / name} cannot be removed: {error.strerror or error}") from None
    return name in shipped()


def _stage(read: Callable[[str], bytes], folder: Path, name: str | None) -> None:
    """Copy what the card names into ``folder``, and nothing else; the card says ``name`` then, if there is one."""
    (folder / CARD).write_bytes(read(CARD))
    card = read_card(folder)
    called = card["name"] if name is None else name
    verify_name(called)
    for file in card["files"]:
        plain = Path(file).name
        (folder / plain).write_bytes(read(plain))
    (folder / CARD).write_text(json.dumps({**card, "name": called}, indent=2) + "\n", encoding="utf-8")


def _reader(path: Path) -> Callable[[str], bytes]:
    """Reads a file of the bundle at ``path`` by its plain name, so that nothing elsewhere is ever reached."""
    if (path / CARD).is_file():
        return lambda name: _read_file(path / name)
    if not zipfile.is_zipfile(path):
        raise UsageError(f"{path} is neither a bundle's folder (with a {CARD}) nor a zip of one")
    try:
        with zipfile.ZipFile(path) as archive:
            cards = [file for file in archive.namelist() if file in (CARD, f"{file.partition('/')[0]}/{CARD}")]
    except zipfile.BadZipFile as error:
        raise MoodringError(f"{path} is a damaged zip ({error}); get it again") from None
    if len(cards) != 1:
        raise UsageError(f"{path} must hold one bundle, a folder with a {CARD}, not {len(cards)}")
    return lambda name: _read_member(path, cards[0].removesuffix(CARD) + name)


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise MoodringError(f"{path} cannot be read ({error.strerror}); get the model again") from None


def _read_member(path: Path, member: str) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.read(member)
    except KeyError:
        raise MoodringError(f"{path} has no {member}; get the model again") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        # RuntimeError: a zip with a password, or packed in a way that Python does not know.
        raise MoodringError(f"{path}: {member} cannot be unpacked ({error}); get it again") from None
