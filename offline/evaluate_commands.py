"""What ``evaluate`` does between the command line and the library."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from models.affect import OUTPUTS
from models.errors import UsageError

_AXES = ("valence", "arousal")


def evaluate_bundle(bundle: str, dataset: Path, *, as_json: bool, html: Path | None) -> Iterator[str]:
    """The figures of a bundle on a dataset: a table, or everything as one JSON object; and as a page at ``html``."""
    if html is not None and (html.is_dir() or not html.absolute().parent.is_dir()):
        raise UsageError(f"{html} is no place for a page; choose a file in a folder that is there")
    from models.atomic import write_atomically
    from models.bundle import load
    from offline.dataset import read_dataset
    from offline.evaluation import judge

    judgement = judge(load(bundle), read_dataset(dataset))
    if html is not None:
        from offline.report import page

        write_atomically(html, page(judgement).encode("utf-8"))
    if as_json:
        yield json.dumps(judgement.report, allow_nan=False)
        return
    yield from _table(judgement.report)
    if html is not None:
        yield f"{html}: everything with its intervals and pictures"


def _table(report: Mapping[str, Any]) -> Iterator[str]:
    counted = f"{report['pieces']} pieces, {report['groups']} groups, a row a piece"
    yield f"{report['model']} on {report['corpus']}: {counted}"
    columns = ("r", "CCC", "RMSE", "ridge", "mean", "raters")
    yield f"{'':14}{'R²':>7}{'95 % interval':>17}" + "".join(f"{title:>7}" for title in columns)
    own, interval = report["per_piece"], report["per_piece_interval"]
    for name in OUTPUTS:
        beside = [own[f"{kind}_{name}"] for kind in ("r", "ccc", "rmse")]
        beside += [report[other]["per_piece"][f"r2_{name}"] for other in ("ridge", "mean_predictor")]
        beside += [report["reliability"].get(f"r2_{name}")]
        between = _between(interval[f"r2_{name}"])
        yield f"{name:14}{_number(own[f'r2_{name}']):>7}{between:>17}" + "".join(f"{_number(x):>7}" for x in beside)
    yield "ridge, mean, raters: R² of ridge regression, of the mean label, and what the raters' own agreement allows"
    for axis in _AXES:
        yield from _of_axis(report, axis)
    beside_it = {f"{name}, cross-validated": found for name, found in report["seeds"].items()}
    beside_it |= {f"{p['name']} ({p['conditions']})": p["figures"] for p in report["published"]}
    for name, found in beside_it.items():
        for kind, title in (("r2", "R²"), ("rmse", "RMSE a step")):
            figures = [found.get(f"{kind}_{axis}_mean") for axis in _AXES]
            # The seeds' cards have errors too, but those are of pieces.
            if None not in figures and (kind == "r2" or "r2_valence_mean" not in found):
                yield f"{name}: {title} {_number(figures[0])} valence, {_number(figures[1])} arousal"


def _of_axis(report: Mapping[str, Any], axis: str) -> Iterator[str]:
    own, constant = report["per_piece"], report["constant_spread"]
    heard = {s: found[f"r2_{axis}_mean"] for s, found in report["seconds_heard"].items() if found is not None}
    yield f"{axis}: R² {', '.join(map(_number, heard.values()))} after {', '.join(heard)} s"
    if report["within_piece_r"][axis] is not None:
        between = _between(report["within_piece_r_interval"][axis])
        yield f"{axis}: r {_number(report['within_piece_r'][axis])} ({between}) with the ratings in time within a piece"
    if own[f"nll_{axis}"] is not None:
        held = ", ".join(f"{100 * own[f'coverage_{nominal}_{axis}']:.0f}" for nominal in (50, 80, 90))
        nats, steady = (_number(found[f"nll_{axis}"], 3) for found in (own, constant))
        yield f"{axis}: intervals of 50, 80, 90 % hold {held} % of ratings; {nats} nats a rating ({steady} if constant)"


def _number(value: float | None, digits: int = 2) -> str:
    if value is None:
        return "–"
    # An R² can fall without end; how far no longer matters, and the table keeps its columns.
    return "<-99" if value < -99 else f"{round(value, digits) + 0.0:.{digits}f}"


def _between(interval: tuple[float, float] | None) -> str:
    return "–" if interval is None else f"{_number(interval[0])} to {_number(interval[1])}"
