"""An evaluation as one HTML page with everything inside: figures, intervals, pictures, and how the bundle was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from models.affect import OUTPUTS
from offline.evaluation import AXES, Judgement
from offline.plots import calibration, curve, genres, scatter, seconds_heard

_STYLESHEET = Path(__file__).with_name("report.css")
_TITLES = {
    "valence_mean": "valence",
    "valence_std": "spread of valence",
    "arousal_mean": "arousal",
    "arousal_std": "spread of arousal",
}
_KINDS = {"r2": "R²", "r": "r", "ccc": "CCC", "rmse": "RMSE"}
_GLOSSARY = {
    "R²": "the share of the differences between ratings that is explained: 1 is perfect, 0 is as good as always saying "
    "the mean, below 0 is worse than that",
    "r": "Pearson's correlation: whether predictions rise and fall with the ratings, whatever their level",
    "CCC": "Lin's concordance: correlation that also asks for the right level and range",
    "RMSE": "the typical error, in points of the scale from 1 to 9",
    "spread": "the standard deviation of the ratings that listeners of one piece give, on the same scale",
    "nats": "the mean negative logarithm of the likelihood of one listener's rating: lower is better",
    "inside 80 %": "how many ratings fall into the interval that should hold 80 % of them",
}


def page(judgement: Judgement) -> str:
    """The page. Everything in it that comes from a file is escaped."""
    report = judgement.report
    title = f"{report['model']} on {report['corpus']}"
    drawn = report["bootstrap"]
    lead = (
        f"{report['pieces']} pieces in {report['groups']} groups (artists, series), none of which it was trained on. "
        "Ratings and predictions are on the listeners' scale from 1 to 9. Below each figure stands its "
        f"{drawn['level']:.0%} interval, from drawing whole groups anew {drawn['rounds']} times (seed "
        f"{drawn['seed']}); with few groups it is narrower than it should be."
    )
    parts = [f"<h1>{escape(title)}</h1>", _text(lead)]
    parts += [*_beside(report), *_outputs(judgement), *_spreads(report), *_in_time(judgement), *_by_genre(report)]
    parts += [*_settings(judgement), *_glossary()]
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLESHEET.read_text(encoding='utf-8')}</style>"
    )
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body><main>\n'
        + "\n".join(parts)
        + "\n</main></body></html>\n"
    )


def _beside(report: Mapping[str, Any]) -> list[str]:
    names = ("r2_valence_mean", "r2_arousal_mean")
    rows = [
        (label, [_cell(section, "per_piece", name) for name in names]) for label, section in _predictors(report).items()
    ]
    if report["reliability"]:
        rows.append(("the raters' own reliability", [_number(report["reliability"][name]) for name in names]))
    for seed, found in report["seeds"].items():
        rows.append((f"{seed}, cross-validated", [_number(found.get(name)) for name in names]))
    published = [found for found in report["published"] if found["section"] == "per_piece"]
    rows += [
        (f"{found['name']}, as published", [_number(found["figures"].get(n)) for n in names]) for found in published
    ]
    notes = [
        "Ridge regression and the mean predictor learned from four fifths of this very dataset at a time, so they know "
        "its raters. The raters' reliability is what no model can be seen to exceed.",
        *(f"{found['name']}: {found['conditions']} ({found['source']})." for found in published),
    ]
    if not report["published"]:
        notes.append("Nobody has published figures on this corpus that could stand here.")
    return [
        "<h2>Beside what one can expect</h2>",
        _table(["a row a piece", "R² valence", "R² arousal"], rows),
        *map(_text, notes),
    ]


def _outputs(judgement: Judgement) -> list[str]:
    report = judgement.report
    pictures = {
        f"{_TITLES[name].capitalize()}: what was predicted for each piece and what was rated": scatter(
            judgement, column
        )
        for column, name in enumerate(OUTPUTS)
    }
    parts = ["<h2>Each output</h2>", _figures(pictures)]
    for name in OUTPUTS:
        parts.append(f"<h3>{escape(_TITLES[name].capitalize())}</h3>")
        parts.append(_comparison(report, "per_piece", {_KINDS[kind]: f"{kind}_{name}" for kind in _KINDS}))
    return parts


def _spreads(report: Mapping[str, Any]) -> list[str]:
    drawn = calibration(report)
    if drawn is None:
        return ["<h2>Spread between listeners</h2>", _text("This dataset does not know how far listeners differ.")]
    parts = [
        "<h2>Spread between listeners</h2>",
        _text(
            "Do the predicted spreads say how far listeners differ? The constant has the model's means and, in the "
            "place of its spreads, their mean over the other folds of this dataset."
        ),
        _figures({"Intervals around the prediction and how many ratings they hold": drawn}),
    ]
    constant = {
        "constant spread": {
            "per_piece": report["constant_spread"],
            "per_piece_interval": report["constant_spread_interval"],
        }
    }
    for axis, _ in AXES:
        rows = {"nats a rating": f"nll_{axis}", **{f"inside {p} %": f"coverage_{p}_{axis}" for p in (50, 80, 90)}}
        parts += [f"<h3>{axis.capitalize()}</h3>", _comparison(report, "per_piece", rows, more=constant)]
    return parts


def _in_time(judgement: Judgement) -> list[str]:
    report = judgement.report
    parts = ["<h2>As the music goes on</h2>"]
    parts.append(_text("The correlation in time within a piece, the mean over the pieces whose ratings move:"))
    parts.append(_comparison(report, "within_piece_r", {f"r {axis}": axis for axis, _ in AXES}))
    parts.append(
        _text(
            "All steps of all pieces together, against what was rated at that moment: while listening where the corpus "
            "has such ratings, else the label that holds then."
        )
    )
    rows = {f"{_KINDS[kind]} {axis}": f"{kind}_{axis}_mean" for axis, _ in AXES for kind in _KINDS}
    parts.append(_comparison(report, "per_step", rows))
    for found in report["published"]:
        if found["section"] == "per_step":
            figures = " and ".join(f"{value:.2f} ({_named(name)})" for name, value in found["figures"].items())
            parts.append(_text(f"{found['name']}, as published: {figures}; {found['conditions']} ({found['source']})."))
    heard = {f"{axis.capitalize()}: quality after some seconds": seconds_heard(report, axis) for axis, _ in AXES}
    parts += [_figures(heard), "<h3>Some pieces</h3>"]
    parts.append(_figures({label: curve(judgement, number) for label, number in _chosen(judgement)}))
    return parts


def _chosen(judgement: Judgement, count: int = 3) -> list[tuple[str, int]]:
    """The best piece, the median and the worst, and ``count`` others at random."""
    off = (judgement.estimates - judgement.truth)[:, [0, 2]]
    known = np.isfinite(off)
    squared = np.where(known, off, 0.0) ** 2
    errors = np.sqrt(squared.sum(axis=1) / np.maximum(known.sum(axis=1), 1))
    order = [int(number) for number in np.argsort(errors, kind="stable") if known[number].any()]
    if not order:
        return []
    chosen: dict[int, str] = {}
    for why, place in (("best", 0), ("median", (len(order) - 1) // 2), ("worst", -1)):
        chosen.setdefault(order[place], why)
    others = [number for number in order if number not in chosen]
    rng = np.random.default_rng(judgement.report["bootstrap"]["seed"])
    chosen |= dict.fromkeys(sorted(rng.permutation(others)[:count].astype(int).tolist()), "at random")
    pieces = judgement.dataset.pieces
    return [(f"{pieces[number].piece} ({why}, error {errors[number]:.2f})", number) for number, why in chosen.items()]


def _by_genre(report: Mapping[str, Any]) -> list[str]:
    if not report["by_genre"]:
        return []
    return ["<h2>By genre</h2>", _figures({"The error of each genre (pieces in brackets)": genres(report)})]


def _settings(judgement: Judgement) -> list[str]:
    card = judgement.bundle.card
    network = {
        "name": card["name"],
        "features": ", ".join(known.name for known in judgement.bundle.feature_sets),
        "groups trained on": len(card.get("groups", ())),
    }
    parts = ["<h2>How the model was made</h2>", _terms(network | dict(card.get("training", {})))]
    if "evaluation" in card:
        parts += ["<h3>Its own cross-validation, from its card</h3>", _terms(card["evaluation"])]
    return [*parts, "<h2>What it was judged on</h2>", _terms(judgement.dataset.provenance)]


def _glossary() -> list[str]:
    return ["<h2>How to read the figures</h2>", _terms(_GLOSSARY)]


def _predictors(report: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {str(report["model"]): report, "ridge": report["ridge"], "mean": report["mean_predictor"]}


def _comparison(
    report: Mapping[str, Any],
    section: str,
    rows: Mapping[str, str],
    more: Mapping[str, Mapping[str, Any]] | None = None,
) -> str:
    """A row a figure, a column for the model, for what ``more`` there is, and for each baseline."""
    model, *baselines = _predictors(report).items()
    columns = dict([model, *(more or {}).items(), *baselines])
    cells = [(label, [_cell(found, section, name) for found in columns.values()]) for label, name in rows.items()]
    return _table(["", *columns], cells)


def _cell(found: Mapping[str, Any], section: str, name: str) -> str:
    """A figure with its interval below."""
    between = found[f"{section}_interval"][name]
    # Likelihoods differ little where models differ much.
    number = partial(_number, digits=3 if name.startswith("nll") else 2)
    below = "" if between is None else f"<small>{number(between[0])} to {number(between[1])}</small>"
    return number(found[section][name]) + below


def _number(value: float | None, digits: int = 2) -> str:
    return "–" if value is None else f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")


def _named(figure: str) -> str:
    kind, _, output = figure.partition("_")
    return f"{_KINDS.get(kind, kind)} {_TITLES.get(output, output)}"


def _text(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def _table(head: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]) -> str:
    """``rows`` of a label, which is escaped, and cells, which are HTML."""
    top = "".join(f'<th scope="col">{escape(title)}</th>' for title in head)
    body = "".join(
        f'<tr><th scope="row">{escape(label)}</th>' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
        for label, cells in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _figures(pictures: Mapping[str, str | None]) -> str:
    drawn = (
        f'<figure role="img" aria-label="{escape(caption)}"><figcaption>{escape(caption)}</figcaption>{svg}</figure>'
        for caption, svg in pictures.items()
        if svg is not None
    )
    return f'<div class="figures">{"".join(drawn)}</div>'


def _terms(terms: Mapping[str, Any]) -> str:
    """Names and values."""
    rows = (f"<dt>{escape(_spoken(name))}</dt><dd>{escape(_value(value))}</dd>" for name, value in terms.items())
    return f"<dl>{''.join(rows)}</dl>"


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{_spoken(name)} {_value(found)}" for name, found in value.items())
    if isinstance(value, list | tuple):
        return "; ".join(map(_value, value)) or "none"
    return "–" if value is None else str(value)


def _spoken(name: str) -> str:
    return name.replace("_", " ")
