"""Writes metrics.json: figures of merit of hand-made ratings, from their definitions, without NumPy or scikit-learn.

Means, variances and errors are exact fractions of the very numbers; roots, logarithms and the normal distribution are
taken in 60 decimal digits, the distribution by its power series and its inverse by bisection. The intervals of the
bootstrap are not drawn at all: with three groups there are 27 draws, and each is looked at once.
``python tests/offline/reference/metrics_by_hand.py``.
"""

from __future__ import annotations

import itertools
import json
from decimal import Decimal, getcontext
from fractions import Fraction
from pathlib import Path
from typing import Any

getcontext().prec = 60
PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459230781640628620899")
OUTPUTS = ("valence_mean", "valence_std", "arousal_mean", "arousal_std")
Row = list[float | None]

# Name, what it is for, and rows of four predictions and four ratings; None is a rating that is not known.
CASES: list[tuple[str, str, list[Row], list[Row]]] = [
    (
        "ordinary",
        "six pieces as they might be",
        [[5.1, 1.4, 4.2, 1.5], [6.3, 1.2, 6.6, 1.3], [4.4, 1.6, 3.1, 1.6], [5.9, 1.5, 7.2, 1.1], [3.8, 1.7, 5.0, 1.8],
         [6.8, 1.1, 5.7, 1.4]],
        [[4.6, 1.3, 3.9, 1.7], [7.1, 0.9, 7.4, 1.2], [3.2, 2.0, 2.8, 1.5], [6.2, 1.4, 6.1, 1.6], [4.9, 1.1, 4.4, 2.1],
         [5.5, 1.8, 6.9, 0.7]],
    ),
    (
        "hardly any difference",
        "ratings that agree but for the sixth digit: sums of squares must not lose them",
        [[5.00001, 1.5, 8.99991, 1.0], [5.00003, 1.500004, 8.99993, 1.000002], [5.00002, 1.500001, 8.99998, 1.000007]],
        [[5.00002, 1.500002, 8.99992, 1.000001], [5.00005, 1.500003, 8.99995, 1.000004],
         [5.00001, 1.500006, 8.99996, 1.000009]],
    ),
    (
        "far off",
        "predictions on the wrong side, spreads much too small and much too large: far out in the tails",
        [[8.5, 0.3, 1.5, 4.0], [1.5, 0.4, 8.0, 3.0], [7.0, 0.35, 2.0, 3.5], [2.0, 0.3, 7.5, 4.5]],
        [[2.0, 1.5, 8.0, 0.4], [7.5, 1.2, 2.5, 0.5], [3.0, 1.9, 7.0, 0.6], [8.0, 1.0, 3.0, 0.3]],
    ),
    (
        "some unknown",
        "a corpus that knows no spread of arousal, and that of valence not of every piece",
        [[5.1, 1.4, 4.2, 1.5], [6.3, 1.2, 6.6, 1.3], [4.4, 1.6, 3.1, 1.6], [5.9, 1.5, 7.2, 1.1]],
        [[4.6, 1.3, 3.9, None], [7.1, None, 7.4, None], [3.2, 2.0, 2.8, None], [6.2, 1.4, 6.1, None]],
    ),
    (
        "constants",
        "a constant prediction, a constant rating and both: r and CCC are 0, R² of a constant rating is unknown",
        [[5.0, 1.5, 4.0, 1.5], [5.0, 1.25, 6.0, 1.5], [5.0, 1.0, 5.0, 1.5]],
        [[4.0, 1.5, 5.0, 1.5], [7.0, 1.5, 5.0, 1.5], [5.0, 1.5, 5.0, 1.5]],
    ),
]  # fmt: skip

#: Group, prediction and rating of valence; the other columns are not known.
GROUPED = [("a", 4.0, 4.5), ("a", 6.0, 7.5), ("b", 5.0, 3.0), ("c", 7.0, 6.5), ("c", 3.0, 2.5), ("c", 5.5, 6.5)]

#: Pieces with a step every half second and a window of two seconds: group, whether each step heard anything, what was
#: said of valence, the label of the piece, and what was rated while listening (None where it was not).
WINDOW_S = 2
PIECES: list[tuple[str, list[bool], list[float], float, list[float | None]]] = [
    ("a", [False, True, True, True, True, True], [9.0, 5.0, 5.5, 6.0, 6.25, 6.5], 6.0, [None, 5.0, 6.0, 5.5, 7.0, 6.5]),
    ("a", [True, True, True], [4.0, 3.0, 3.5], 2.5, [2.0, 2.5, 2.0]),
    ("b", [True, True, True, True, True], [5.0, 5.5, 5.25, 5.75, 5.0], 7.0, [7.0, 7.0, 7.0, 7.0, 7.0]),
    ("c", [False, False, False, False], [4.0, 4.5, 5.0, 5.5], 4.0, [None, None, None, 4.0]),
]


def root(value: Fraction) -> Decimal:
    """The square root in 60 digits."""
    return (Decimal(value.numerator) / Decimal(value.denominator)).sqrt()


def decimal(value: float) -> Decimal:
    """The very number that the float is."""
    return Decimal(value)


def below(z: Decimal) -> Decimal:
    """The share of a normal distribution below ``z``: its power series; nothing beyond 12 spreads."""
    if abs(z) > 12:
        return Decimal(z > 0)
    term = total = z
    number = 0
    while abs(term) > Decimal("1e-55"):
        number += 1
        term *= -z * z / (2 * number)
        total += term / (2 * number + 1)
    return Decimal("0.5") + total / (2 * PI).sqrt()


def reach(nominal: Decimal) -> Decimal:
    """Within how many spreads of the mean the middle ``nominal`` share lies, by bisection."""
    low, high = Decimal(0), Decimal(4)
    for _ in range(190):
        middle = (low + high) / 2
        low, high = (middle, high) if 2 * below(middle) - 1 < nominal else (low, middle)
    return low


def column_figures(said: list[float], true: list[float]) -> dict[str, float | None]:
    """R², RMSE, r and CCC of one column, rating by rating."""
    x, y = [Fraction(value) for value in said], [Fraction(value) for value in true]
    count = len(x)
    if not count:
        return dict.fromkeys(("r2", "rmse", "r", "ccc"))
    mean_x, mean_y = sum(x) / count, sum(y) / count
    var_x = sum((value - mean_x) ** 2 for value in x) / count
    var_y = sum((value - mean_y) ** 2 for value in y) / count
    covariance = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / count
    error = sum((a - b) ** 2 for a, b in zip(x, y, strict=True)) / count
    apart = var_x + var_y + (mean_x - mean_y) ** 2
    moves = var_x > 0 and var_y > 0
    covariance_digits = Decimal(covariance.numerator) / Decimal(covariance.denominator)
    return {
        "r2": float(1 - error / var_y) if var_y > 0 else None,
        "rmse": float(root(error)),
        "r": float(covariance_digits / root(var_x * var_y)) if moves else 0.0,
        "ccc": float(2 * covariance / apart) if apart > 0 else 0.0,
        "mse": float(error),
    }


def known(predicted: list[Row], truth: list[Row], column: int) -> tuple[list[Any], list[Any]]:
    """Predictions and ratings of one column where it was rated."""
    rated = [(p[column], t[column]) for p, t in zip(predicted, truth, strict=True) if t[column] is not None]
    return [p for p, _ in rated], [t for _, t in rated]


def all_scores(predicted: list[Row], truth: list[Row]) -> dict[str, float | None]:
    """What ``scores`` must give."""
    columns = {name: column_figures(*known(predicted, truth, number)) for number, name in enumerate(OUTPUTS)}
    errors = [Fraction(found["mse"]) for found in columns.values() if found.get("mse") is not None]
    expected: dict[str, float | None] = {"mse": float(sum(errors) / len(errors))}
    for name, found in columns.items():
        expected |= {f"{kind}_{name}": found[kind] for kind in ("r2", "rmse", "r", "ccc")}
    return expected


def all_spread_scores(predicted: list[Row], truth: list[Row]) -> dict[str, float | None]:
    """What ``spread_scores`` must give."""
    expected: dict[str, float | None] = {}
    for axis, column in (("valence", 0), ("arousal", 2)):
        rows = [
            tuple(decimal(value) for value in (*p[column : column + 2], *t[column : column + 2]))  # type: ignore[arg-type]
            for p, t in zip(predicted, truth, strict=True)
            if t[column + 1] is not None
        ]
        likelihoods = [s.ln() + ((t - m) ** 2 + ts**2) / (2 * s**2) + (2 * PI).ln() / 2 for m, s, t, ts in rows]
        expected[f"nll_{axis}"] = float(sum(likelihoods) / len(rows)) if rows else None
        for percent in (50, 80, 90):
            within = reach(Decimal(percent) / 100)
            shares = [below((m + within * s - t) / ts) - below((m - within * s - t) / ts) for m, s, t, ts in rows]
            expected[f"coverage_{percent}_{axis}"] = float(sum(shares) / len(rows)) if rows else None
    return expected


def exhaustive() -> dict[str, list[float]]:
    """Lowest and highest of all 27 draws of three groups out of three: each outer one is more likely than 2.5 %, so
    that it is where the 95 % interval ends."""
    drawn: dict[str, list[float]] = {"rmse_valence_mean": [], "r2_valence_mean": []}
    for groups in itertools.product("abc", repeat=3):
        rows = [row for group in groups for row in GROUPED if row[0] == group]
        found = column_figures([row[1] for row in rows], [row[2] for row in rows])
        for kind in ("rmse", "r2"):
            value = found[kind]
            if value is not None:
                drawn[f"{kind}_valence_mean"].append(value)
    return {name: [min(values), max(values)] for name, values in drawn.items()}


def estimate(heard: list[bool], said: list[float], until_s: Fraction) -> float:
    """What a piece comes to by then: a step that heard anything counts by the 8th power of how full its window was."""
    steps = [
        ((min(Fraction(number, 2), Fraction(WINDOW_S)) / WINDOW_S) ** 8, hears, Fraction(value))
        for number, (hears, value) in enumerate(zip(heard, said, strict=True), start=1)
        if Fraction(number, 2) <= until_s
    ]
    counted = [(weight, value) for weight, hears, value in steps if hears or not any(h for _, h, _ in steps)]
    return float(sum(weight * value for weight, value in counted) / sum(weight for weight, _ in counted))


def in_time() -> dict[str, Any]:
    """What the sections of an evaluation must say of valence in ``PIECES``."""
    labels = [label for *_, label, _ in PIECES]
    expected: dict[str, Any] = {}
    for name, until_s in (("1", Fraction(1)), ("2", Fraction(2)), ("per_piece", Fraction(100))):
        expected[name] = column_figures([estimate(heard, said, until_s) for _, heard, said, *_ in PIECES], labels)
    rated = [[(s, r) for s, r in zip(said, live, strict=True) if r is not None] for _, _, said, _, live in PIECES]
    moving = [rows for rows in rated if len(rows) > 2 and len({r for _, r in rows}) > 1]
    correlations = [Decimal(column_figures([s for s, _ in rows], [r for _, r in rows])["r"] or 0) for rows in moving]
    expected["within_piece_r"] = float(sum(correlations) / len(correlations))
    together = [row for rows in rated for row in rows]
    expected["per_step"] = column_figures([s for s, _ in together], [r for _, r in together])
    return expected


if __name__ == "__main__":
    reference = {
        "how": " ".join((__doc__ or "").split()),
        "cases": [
            {
                "name": name,
                "what": what,
                "predicted": predicted,
                "truth": truth,
                "scores": all_scores(predicted, truth),
                "spread_scores": all_spread_scores(predicted, truth),
            }
            for name, what, predicted, truth in CASES
        ],
        "in_time": {"window_s": WINDOW_S, "pieces": PIECES, "expected": in_time()},
        "bootstrap": {"rows": GROUPED, "intervals": exhaustive()},
    }
    Path(__file__).with_name("metrics.json").write_text(json.dumps(reference, indent=1, ensure_ascii=False) + "\n")
