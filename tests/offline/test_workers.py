"""Processes that share work: each result has its place, and one that is killed is said so."""

from __future__ import annotations

import os

import pytest

pytest.importorskip("distributed", reason="Dask is not installed (extra 'offline')")

from models.errors import MoodringError
from offline.workers import workers


def test_every_result_has_its_place():
    with workers(2, None) as share:
        assert sorted(share(lambda item, common: item + common, [1, 2, 3], 10)) == [(0, 11), (1, 12), (2, 13)]


def test_work_that_kills_whoever_takes_it_ends_with_what_to_do():
    with workers(2, None) as share, pytest.raises(MoodringError, match="fewer jobs: what is done is kept"):
        list(share(lambda item, common: os._exit(9) if item else item, [0, 1], None))
