"""Downloads as they come: a folder, a zip, or a folder of zips, unpacked once into the user's cache."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

import platformdirs

from models.errors import MoodringError, UsageError


def folders_of(path: Path) -> list[Path]:
    """Where the files of a download are: ``path`` itself and what its zips, or it as a zip, unpack to.

    Raises ``UsageError`` where ``path`` is neither folder nor zip, ``MoodringError`` for a damaged or unsafe zip.
    """
    if path.is_file() and path.suffix.lower() == ".zip":
        return [unpacked(path)]
    if not path.is_dir():
        raise UsageError(f"{path} is neither a folder nor a zip; give the corpus's download")
    return [path, *(unpacked(file) for file in sorted(path.glob("*.zip")))]


def unpacked(archive: Path) -> Path:
    """The folder in the user's cache that ``archive`` is unpacked to; nothing is unpacked twice."""
    told = archive.stat()
    name = hashlib.sha256(f"{archive.resolve()} {told.st_size} {told.st_mtime_ns}".encode()).hexdigest()[:16]
    folder = platformdirs.user_cache_path("moodring", appauthor=False) / "unpacked" / f"{archive.stem}-{name}"
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".unpacking-"))
    try:
        with zipfile.ZipFile(archive) as files:
            for member in files.namelist():
                _verify_member(archive, member)
            files.extractall(beside)
        beside.replace(folder)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise MoodringError(f"{archive} is a damaged zip ({error}); download it again") from None
    except (NotImplementedError, RuntimeError) as error:
        # A password, or a compression that Python has no code for.
        raise MoodringError(f"{archive} cannot be unpacked ({error}); unpack it yourself and give the folder") from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return folder


def _verify_member(archive: Path, member: str) -> None:
    parts = PurePosixPath(member.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or any(":" in part for part in parts.parts[:1]):
        raise MoodringError(f"{archive}: '{member}' would land outside the folder; nothing was unpacked")
