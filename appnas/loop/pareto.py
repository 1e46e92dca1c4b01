"""What a search found besides its best: the scores that no other beats in value and in every cost.

For every method: `front` reads a history, `ParetoFront` keeps the front while a search runs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import compress

import numpy as np

from appnas.cost import dominates, pareto_front
from appnas.loop.loop import Loop, Observer
from appnas.loop.records import Record, furthest


def worth(record: Record) -> float:
    """What was validated: where the value is a reward made of it, the metric `value`."""
    return record.metrics.get("value", record.value)


def objectives(record: Record, costs: Sequence[str]) -> tuple[float, ...]:
    """Value and minus the costs, all to be maximised; NaN for a cost that the score does not tell."""
    return worth(record), *(-record.metrics.get(name, math.nan) for name in costs)


def front(history: Sequence[Record], costs: Sequence[str]) -> list[Record]:
    """The scores that no other beats, in order of the first cost; of equal ones the first, without NaN.

    Where trainings were of several lengths, the longest alone are compared (`furthest`).

    Args:
        history: of a search, `result.history`.
        costs: names of metrics to be small.
    """
    alike = furthest(history)
    kept = (alike[i] for i in pareto_front([objectives(record, costs) for record in alike]))
    return sorted(kept, key=lambda record: record.metrics[costs[0]] if costs else -record.value)


class ParetoFront(Observer):
    """A callback that keeps the front, whatever the method: `appnas.search(..., callbacks=[ParetoFront("macs")])`.

    Attributes:
        members: the front so far, in the order in which it was found; of the longest trainings so far (`furthest`).

    Args:
        costs: names of metrics to be small.
    """

    def __init__(self, *costs: str):
        self.costs = costs
        self.members: list[Record] = []
        self.known: list[tuple[float, ...]] = []

    def start(self, loop: Loop) -> None:
        """Take what a resumed search has seen."""
        alike = furthest(loop.history)
        seen = [objectives(record, self.costs) for record in alike]
        kept = pareto_front(seen)
        self.members, self.known = [alike[i] for i in kept], [seen[i] for i in kept]

    def step(self, loop: Loop, record: Record) -> None:
        """Keep the score if none beats it, without those that it beats: work for every member, not for every score."""
        point = objectives(record, self.costs)
        if any(x != x for x in point):
            return
        if self.members and (further := (record.budget or 0) - (self.members[0].budget or 0)):
            if further < 0:
                return
            self.members, self.known = [], []
        if any(other == point or dominates(other, point) for other in self.known):
            return
        kept = [not dominates(point, other) for other in self.known]
        self.members = [*compress(self.members, kept), record]
        self.known = [*compress(self.known, kept), point]


def hypervolume(points: Sequence[Sequence[float]] | np.ndarray, reference: Sequence[float]) -> float:
    """Area or volume that points, all objectives to be maximised, dominate above a reference point: exactly.

    Two objectives take n log n steps for n points of the front, each objective more n times as many: for more than four
    there are faster algorithms (Fonseca, Paquete and Lopez-Ibanez, 2006), as in the package `moocore`.

    Args:
        points: those not above the reference everywhere, and those with a NaN, count nothing. Shapes: [N, objectives].
        reference: the corner. Shapes: [objectives].

    Raises:
        ValueError: points of as many objectives as the reference has not.
    """
    corner = np.asarray(reference, dtype=float)
    table = np.asarray(points, dtype=float)
    if not table.size:
        return 0.0
    if table.ndim != 2 or table.shape[1:] != corner.shape:
        raise ValueError(f"a point has {len(corner)} objectives, as the reference has, got shape {table.shape}")
    return _volume(table[(table > corner).all(1)] - corner)


def _volume(points: np.ndarray) -> float:
    """The same above the origin: in slices along the last objective, each of what reaches that far."""
    if not len(points):
        return 0.0
    if points.shape[1] == 1:
        return float(points.max())
    points = points[pareto_front(points)]
    points = points[np.argsort(-points[:, -1], kind="stable")]
    heights = points[:, -1] - np.append(points[1:, -1], 0.0)
    if points.shape[1] == 2:
        return float(points[:, 0] @ heights)  # on a front, the lower the farther
    return sum(float(h) * _volume(points[: i + 1, :-1]) for i, h in enumerate(heights) if h)
