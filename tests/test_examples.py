"""The examples run as they stand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("example", ["follow_samples.py", "follow_midi_messages.py"])
def test_example_prints_readings(example: str):
    command = [sys.executable, ROOT / "examples" / example]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout.splitlines()
    assert len(printed) >= 94
    moments = [float(line.split()[0]) for line in printed]
    assert moments == sorted(moments)
    assert len({line.split()[2] for line in printed}) >= 3
