"""Loads TensorFlow without what its native code prints on stderr before any setting reaches it."""

from __future__ import annotations

import os

_stderr = os.dup(2)
_nowhere = os.open(os.devnull, os.O_WRONLY)
os.dup2(_nowhere, 2)
try:
    import tensorflow

    # Devices are looked for at the first use otherwise, with another line for each that is missing.
    tensorflow.config.list_physical_devices()
finally:
    os.dup2(_stderr, 2)
    os.close(_stderr)
    os.close(_nowhere)
