"""From several metrics to one value, the Pareto front, and what evolution ranks several metrics by: pure functions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np


def weighted_product(value: float, cost: float, target: float, below: float = -0.07, above: float = -0.07) -> float:
    """Value * (cost / target)^w with w = `below` up to the target, else `above` (MnasNet, arXiv 1807.11626, eq. 2).

    (-0.07, -0.07) is the paper's soft constraint, (0, -1) its hard one. Choose the exponent from the task's own
    trade of value against cost: -0.07 holds if doubling the cost buys 5 %, see `exponent`.

    Deviates: a negative value (a return, minus a loss) is divided by the factor, so that cost never pays.
    """
    factor = (cost / target) ** (below if cost <= target else above)
    return float(value * factor if value >= 0 else value / factor)


def exponent(gain: float, times: float = 2.0) -> float:
    """The w at which `times` the cost is worth a relative gain in value: -log(1 + gain) / log(times).

    A gain of 5 % for double the cost gives -0.0704, which the MnasNet paper rounds to -0.07 (section 3).
    """
    return -math.log(1 + gain) / math.log(times)


def metric(metrics: Mapping[str, float], name: str) -> float:
    """A metric by name.

    Raises:
        ValueError: the scores do not have it.
    """
    if name not in metrics:
        raise ValueError(f"the scores have the metrics {sorted(metrics)}, got {name!r}")
    return metrics[name]


def linear(value: float, cost: float, alpha: float) -> float:
    """Alpha * value - (1 - alpha) * cost, both scaled to [0, 1] by fixed references (MONAS, arXiv 1806.10332)."""
    return alpha * value - (1 - alpha) * cost


def constrained(value: float, cost: float, limit: float, otherwise: float = 0.0) -> float:
    """Value if cost < limit, else `otherwise` (MONAS, arXiv 1806.10332)."""
    return value if cost < limit else otherwise


def dominates(a: Sequence[float], b: Sequence[float]) -> bool:
    """Whether a is at least as large everywhere and larger somewhere. Negate what should be small."""
    return all(x >= y for x, y in zip(a, b, strict=True)) and any(x > y for x, y in zip(a, b, strict=True))


def pareto_front(points: Sequence[Sequence[float]] | np.ndarray) -> list[int]:
    """Indices of the points that no other dominates, in their order; of equal points the first, of NaN none.

    Two objectives take n log n steps for n points (Kung, Luccio and Preparata, "On finding the maxima of a set of
    vectors", Journal of the ACM 22, 1975), more of them n for every point of the front.

    Args:
        points: one tuple of objectives a point, all to be maximised. Shapes: [N, objectives].

    Raises:
        ValueError: points with different numbers of objectives.
    """
    table = np.asarray(points, dtype=float)
    if not len(table):
        return []
    numbers = np.flatnonzero(~np.isnan(table).any(1))
    order = numbers[np.lexsort(-table[numbers].T[::-1])]  # what dominates a point, or equals it earlier, is before it
    if table.shape[1] == 2:
        second = table[order, 1]
        highest = np.maximum.accumulate(second)
        return sorted(order[:1].tolist() + order[1:][second[1:] > highest[:-1]].tolist())
    front, rest, left = [], table[order], order
    while len(left):
        front.append(int(left[0]))
        better = (rest > rest[0]).any(1)
        rest, left = rest[better], left[better]
    return sorted(front)


def fronts(points: Sequence[Sequence[float]] | np.ndarray, violations: Sequence[float] | None = None) -> np.ndarray:
    """The front that every point lies on, from 0: what is left once the fronts before are taken away.

    Non-dominated sorting with constrained dominance (Deb, Pratap, Agarwal and Meyarivan, IEEE Transactions on
    Evolutionary Computation 6, 2002): what keeps the limits comes before what does not, and of these what violates them
    less. Equal points lie on one front. A point with a NaN is on the last, as is a violation of infinity.

    Args:
        points: one tuple of objectives a point, all to be maximised. Shapes: [N, objectives].
        violations: how far each is beyond the limits, 0 within them; None for no limits. Shapes: [N].

    Returns:
        Shapes: [N], integers.

    Raises:
        ValueError: points with different numbers of objectives, or as many violations as there are not points.
    """
    table = np.asarray(points, dtype=float)
    beyond = np.zeros(len(table)) if violations is None else np.asarray(violations, dtype=float)
    if beyond.shape != (len(table),):
        raise ValueError(f"one violation a point: {len(table)} points, got {len(beyond)}")
    if not len(table):
        return np.zeros(0, dtype=int)
    beyond = np.where(np.isnan(table).any(1) | np.isnan(beyond), np.inf, beyond)
    ranks, count = np.zeros(len(table), dtype=int), 0
    inside = np.flatnonzero(beyond <= 0)
    different, which = np.unique(table[inside], axis=0, return_inverse=True)
    ranked, left = np.zeros(len(different), dtype=int), np.arange(len(different))
    while len(left):
        best = pareto_front(different[left])
        ranked[left[best]] = count
        left, count = np.delete(left, best), count + 1
    ranks[inside] = ranked[which.reshape(-1)]
    outside = np.flatnonzero(beyond > 0)
    ranks[outside] = count + np.unique(beyond[outside], return_inverse=True)[1].reshape(-1)
    return ranks


def crowding(points: Sequence[Sequence[float]] | np.ndarray) -> np.ndarray:
    """How far the neighbours of each point of a front are apart, summed over the objectives (Deb et al., 2002).

    Objectives are scaled to their range; the ends of each have infinity.

    Args:
        points: of one front. Shapes: [N, objectives].

    Returns:
        Shapes: [N].
    """
    table = np.asarray(points, dtype=float)
    distance = np.zeros(len(table))
    for column in table.T if len(table) else ():
        order = np.argsort(column, kind="stable")
        line = column[order]
        distance[order[[0, -1]]] = np.inf
        if line[-1] > line[0]:
            distance[order[1:-1]] += (line[2:] - line[:-2]) / (line[-1] - line[0])
    return distance
