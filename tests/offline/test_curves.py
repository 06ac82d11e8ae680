"""Learning curves, in the terminal and as a picture."""

from __future__ import annotations

import io

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="TensorFlow is not installed (extra 'offline')")
from rich.console import Console

from offline.crossvalidation import Task
from offline.curves import LiveCurves, line, picture, sparkline
from offline.recipe import Recipe
from offline.training import Curves, Fitted


def test_a_curve_in_blocks_goes_from_its_lowest_to_its_highest():
    assert sparkline([0.0, 7.0, 3.0]) == "▁█▄"
    assert sparkline([2.0, 2.0]) == "▁▁"


def test_a_line_says_where_training_stands():
    curves = Curves([0.9, 0.7], [0.8, 0.85])
    console = Console(file=io.StringIO(), width=100)
    console.print(line("fold 2", curves))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "fold 2: epoch 2, error 0.700, held out 0.850 (best 0.800)" in shown
    assert "▁█" in shown


def test_in_a_terminal_each_fold_has_its_own_curve():
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    with LiveCurves(console) as curves:
        curves.epoch(Task(Recipe("dense"), 0), 1, 0.9, 0.8)
        curves.epoch(Task(Recipe("dense"), 1), 1, 0.6, None)
        curves.epoch(Task(Recipe("dense"), -1), 1, 0.5, None)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "everything: epoch 1, error 0.500" in shown


def test_a_picture_of_folds_is_drawn_twice_alike():
    folds = [
        Fitted("dense", 0.2, None, [], 2, 0.7, Curves([1.0, 0.8, 0.6], [0.9, 0.7, 0.75])),
        Fitted("dense", 0.2, None, [], 3, float("nan"), Curves([1.0, 0.9, 0.8])),
    ]
    drawn = picture(folds, "mine")
    assert drawn == picture(folds, "mine")
    from matplotlib.image import imread

    image = imread(io.BytesIO(drawn))
    assert image.shape[:2] == (540, 960)
    assert np.ptp(image[..., :3]) > 0.5
