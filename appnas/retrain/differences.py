"""What was found against another network that was trained alike: by how much, how sure, and in which words.

The interval is Welch's of 95 % for a difference of means: variances may be unequal, the degrees of freedom are
Satterthwaite's (Welch, Biometrika 34, 1947). It decides the words: a difference is called won or lost where the
interval excludes 0, or where there is no interval, and then the words say so.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from appnas.retrain.rows import Row

SHARES = {"accuracy", "balanced_accuracy", "micro_f1", "macro_f1", "mean_iou"}
"""Test metrics that are shares."""
Interval = tuple[float, float]


class Difference(NamedTuple):
    """Of what was found to another network, in the unit of the metric; above 0 the found one is better.

    Attributes:
        ahead: difference of the means.
        interval: of 95 %; None where there are too few trainings for one. Of zero width where no training differs.
        trainings: of the one that had fewer.
        unit: "points" for percent, else the metric's own, or nothing.
    """

    ahead: float
    interval: Interval | None
    trainings: int
    unit: str

    @property
    def outcome(self) -> str:
        """Either "won", "lost", or "open" where the interval holds 0."""
        if self.interval and self.interval[0] <= 0 <= self.interval[1]:
            return "open"
        return "won" if self.ahead > 0 else "lost" if self.ahead < 0 else "open"

    def said(self, other: str) -> str:
        """A sentence of it, as a referee's.

        Args:
            other: what the found architecture was compared with.
        """
        by = f"{abs(self.ahead):.3g}{self.unit and ' ' + self.unit}"
        if self.interval is None:
            if not self.ahead:
                return f"The found architecture and {other} came out level, in one training each."
            verb = "lost to" if self.ahead < 0 else "beat"
            proof = "one training each gives no interval, so another seed may say otherwise"
            return f"The found architecture {verb} {other} by {by}; {proof}."
        low, high = self.interval
        if self.outcome == "open":
            if not self.ahead:
                return f"The found architecture and {other} came out level."
            side = "ahead of" if self.ahead > 0 else "behind"
            return f"No winner: the found architecture is {by} {side} {other}, 95 % interval {_from_to(low, high)}."
        near, far = sorted((abs(low), abs(high)))
        verb = "beat" if self.ahead > 0 else "lost to"
        return f"The found architecture {verb} {other} by {by}, 95 % interval {_from_to(near, far)}."


def _from_to(low: float, high: float) -> str:
    return f"{low:.3g} to {high:.3g}".replace("-", "\N{MINUS SIGN}")


def difference(rows: Sequence[Row], other: Row, metric: str) -> Difference:
    """Of the first row to another one.

    Args:
        rows: of a retraining, the found architecture first.
        other: one of them.
        metric: of the tests.
    """
    sign = -1.0 if falls(rows, metric) else 1.0
    mine, theirs = ([sign * float(test[metric]) for test in row.tests] for row in (rows[0], other))
    ahead, fewer = statistics.fmean(mine) - statistics.fmean(theirs), min(len(mine), len(theirs))
    interval = welch(theirs, mine) or ((ahead, ahead) if fewer > 1 else None)
    measured = unit(rows, metric).strip()
    return Difference(ahead, interval, fewer, "points" if measured == "%" else measured)


def primary(rows: Sequence[Row]) -> str:
    """The test metric to speak of: the domain's; if it says none, the value, the accuracy, or the first one."""
    names, metric = list(rows[0].tests[0]), rows[0].metric
    if metric and metric.name in names:
        return metric.name
    return next((name for name in ("value", "accuracy") if name in names), names[0])


def unit(rows: Sequence[Row], metric: str) -> str:
    """That of the domain's metric; of others, percent for accuracies and the like that are not between 0 and 1."""
    if (own := rows[0].metric) and own.name == metric:
        return f"\N{NO-BREAK SPACE}{own.unit}" if own.unit else ""
    percent = metric in SHARES and max(test[metric] for row in rows for test in row.tests) > 1
    return "\N{NO-BREAK SPACE}%" if percent else ""


def falls(rows: Sequence[Row], metric: str) -> bool:
    """Whether less is better: what the domain says of its metric; else by the name."""
    if (own := rows[0].metric) and own.name == metric:
        return not own.higher
    return any(word in metric for word in ("loss", "error", "mse", "mae", "perplexity"))


def rivals(rows: Sequence[Row]) -> list[Row]:
    """The rows of other single networks."""
    return [row for row in rows[1:] if row.members == 1]


def best_of(rows: Sequence[Row]) -> Row | None:
    """The strongest of these; None if there is none."""
    metric = primary(rows)
    pick = min if falls(rows, metric) else max
    return pick(rivals(rows), key=lambda row: row.mean(metric), default=None)


def referee(rows: Sequence[Row]) -> list[str]:
    """What is to be said of the found architecture: against the best control, then against random, if that is another.

    None without a control.
    """
    best, metric = best_of(rows), primary(rows)
    names = ("random search", "random")
    random = next((row for name in names for row in rivals(rows) if row.name == name), None)
    shown = [row for row in (best, random if random is not best else None) if row is not None]
    several = len(rivals(rows)) > 1
    called = [f"{row.name} (the best control)" if several and row is best else row.name for row in shown]
    return [difference(rows, row, metric).said(name) for row, name in zip(shown, called, strict=True)]


def welch(first: Sequence[float], second: Sequence[float]) -> Interval | None:
    """The interval of 95 % of mean(second) - mean(first): +- t(df) sqrt(v1/n1 + v2/n2).

    df = (v1/n1 + v2/n2)^2 / ((v1/n1)^2/(n1-1) + (v2/n2)^2/(n2-1)). None for a single value, or where none differ.
    """
    if min(len(first), len(second)) < 2:
        return None
    parts = [statistics.variance(x) / len(x) for x in (first, second)]
    if not sum(parts):
        return None
    freedom = sum(parts) ** 2 / sum(v**2 / (len(x) - 1) for v, x in zip(parts, (first, second), strict=True))
    half, middle = quantile(freedom) * math.sqrt(sum(parts)), statistics.fmean(second) - statistics.fmean(first)
    return middle - half, middle + half


def quantile(freedom: float) -> float:
    """What |t| of Student's t stays below in 95 % of all cases; with t = sqrt(df) tan(x), x has density cos^(df-1)."""
    x = np.linspace(0, math.pi / 2, 200_001)
    mass = np.cumsum(np.cos((x[1:] + x[:-1]) / 2) ** (freedom - 1))
    return math.sqrt(freedom) * math.tan(np.interp(0.95, mass / mass[-1], x[1:]))
