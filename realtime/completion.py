"""What a shell offers for a word that has been begun. Nothing is loaded before a shell asks."""

from __future__ import annotations


def model_names() -> list[str]:
    """The models that are there, by name."""
    from models.bundle import available

    return sorted(available())


def theme_names() -> list[str]:
    """What ``--theme`` takes."""
    from realtime.outputs.palette import THEME_NAMES

    return list(THEME_NAMES)


def smoothing_settings() -> list[str]:
    """What ``--smoothing`` takes."""
    from realtime.smoothing import SETTINGS

    return list(SETTINGS)
