"""The direction of the house: models is the ground floor, realtime stands on it, offline on both."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ALLOWED = {
    "models": {"models"},
    "realtime": {"models", "realtime"},
    "offline": {"models", "realtime", "offline"},
}


def imported(path: Path) -> set[str]:
    """The top-level packages that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize("package", ALLOWED)
def test_no_import_runs_upwards(package: str):
    files = list((ROOT / package).rglob("*.py"))
    assert len(files) > 5
    for path in files:
        upwards = (imported(path) & {"models", "realtime", "offline", "cli"}) - ALLOWED[package]
        assert not upwards, f"{path.relative_to(ROOT)} imports {', '.join(upwards)}"


def test_the_ground_floor_is_light():
    """What both sides share needs NumPy, onnxruntime and where the user's folders are, and nothing heavier."""
    light = {"numpy", "onnxruntime", "platformdirs", "models"}
    standard = {
        *(
            "__future__",
            "collections",
            "contextlib",
            "dataclasses",
            "enum",
            "functools",
            "hashlib",
            "importlib",
            "io",
            "itertools",
        ),
        *("json", "math", "os", "pathlib", "re", "tempfile", "typing", "weakref", "zipfile", "zlib"),
    }
    for path in (ROOT / "models").rglob("*.py"):
        heavier = imported(path) - light - standard
        assert not heavier, f"{path.relative_to(ROOT)} imports {', '.join(heavier)}"
