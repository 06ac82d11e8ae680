"""What a command costs, start-up included: processor time of all its threads and the most memory it held.

The command is started by a small Python process of its own (this file), since a process that is started is charged
with the memory of the one that starts it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of processor time, user and system together, and bytes."""

    processor_s: float
    peak_bytes: int


def cost(command: list[str], folder: Path) -> Cost:
    """Run ``command`` in ``folder``, without its output; raises ``RuntimeError`` with its last words if it fails."""
    ran = subprocess.run([sys.executable, __file__, *command], cwd=folder, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise RuntimeError(f"{' '.join(command[:4])} … failed: {ran.stderr[-1000:]}")
    return Cost(**json.loads(ran.stdout))


def main() -> int:
    """Run the command that the arguments are and print what it cost, as JSON."""
    child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    # Kilobytes, except on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    print(json.dumps({"processor_s": usage.ru_utime + usage.ru_stime, "peak_bytes": usage.ru_maxrss * unit}))
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main())
