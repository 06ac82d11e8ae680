"""The built wheel, alone in an empty environment far from the checkout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``moodring`` program of a fresh environment that holds the wheel and what it depends on."""
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not installed (pip install uv)")
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([uv, "build", "-q", "--wheel", "-o", folder, ROOT], check=True)
    (wheel,) = folder.glob("*.whl")
    environment = folder / "environment"
    subprocess.run([uv, "venv", "-q", "-p", sys.executable, environment], check=True)
    subprocess.run([uv, "pip", "install", "-q", "-p", environment / "bin" / "python", wheel], check=True)
    return environment / "bin" / "moodring"


def run(program: Path, *arguments: str | Path, cwd: Path) -> list[dict[str, object]]:
    env = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    ran = subprocess.run([program, *map(str, arguments)], cwd=cwd, env=env, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


def test_the_wheel_plays_the_demo(installed: Path, tmp_path: Path):
    assert len(run(installed, "demo", "--fast", "--json", cwd=tmp_path)) >= 48


def test_the_wheel_analyzes_sound_and_midi(installed: Path, tmp_path: Path):
    for name in ("four_quadrants.ogg", "four_quadrants.mid"):
        shutil.copy(ROOT / "realtime" / "demo" / name, tmp_path)
    summaries = run(installed, "analyze", "four_quadrants.ogg", "four_quadrants.mid", "--json", cwd=tmp_path)
    assert [summary["type"] for summary in summaries] == ["summary", "summary"]


def test_the_wheel_has_no_tests_and_no_scraps(installed: Path):
    packages = installed.parent.parent / "lib"
    (site,) = packages.glob("python*/site-packages")
    assert (site / "models" / "py.typed").exists()
    assert not (site / "tests").exists()
    assert not (site / "tensorflow").exists()
