"""Errors that are meant for the user: one line that says what was wrong and what to do."""

from __future__ import annotations


class MoodringError(Exception):
    """Root of every error that the command line prints as one line.

    ``exit_status`` is what a command that meets it exits with: 1, it failed while running.
    """

    exit_status = 1


class UsageError(MoodringError):
    """The request itself was wrong (an unknown model, a rate that cannot be had): exit status 2."""

    exit_status = 2
