"""What a search found besides its best: the scores that no other beats in value and in every cost.

For every method: `front` reads a history, `ParetoFront` keeps the front while a search runs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import compress

from appnas.cost import dominates, pareto_front
from appnas.loop.loop import Loop, Observer
from appnas.loop.records import Record


def worth(record: Record) -> float:
    """What was validated: where the value is a reward made of it, the metric `value`."""
    return record.metrics.get("value", record.value)


def objectives(record: Record, costs: Sequence[str]) -> tuple[float, ...]:
    """Value and minus the costs, all to be maximised; NaN for a cost that the score does not tell."""
    return worth(record), *(-record.metrics.get(name, math.nan) for name in costs)


def front(history: Sequence[Record], costs: Sequence[str]) -> list[Record]:
    """The scores that no other beats, in order of the first cost; of equal ones the first, without NaN.

    Args:
        history: of a search, `result.history`.
        costs: names of metrics to be small.
    """
    kept = (history[i] for i in pareto_front([objectives(record, costs) for record in history]))
    return sorted(kept, key=lambda record: record.metrics[costs[0]] if costs else -record.value)


class ParetoFront(Observer):
    """A callback that keeps the front, whatever the method: `appnas.search(..., callbacks=[ParetoFront("macs")])`.

    Attributes:
        members: the front so far, in the order in which it was found.

    Args:
        costs: names of metrics to be small.
    """

    def __init__(self, *costs: str):
        self.costs = costs
        self.members: list[Record] = []
        self.known: list[tuple[float, ...]] = []

    def start(self, loop: Loop) -> None:
        """Take what a resumed search has seen."""
        seen = [objectives(record, self.costs) for record in loop.history]
        kept = pareto_front(seen)
        self.members, self.known = [loop.history[i] for i in kept], [seen[i] for i in kept]

    def step(self, loop: Loop, record: Record) -> None:
        """Keep the score if none beats it, without those that it beats: work for every member, not for every score."""
        point = objectives(record, self.costs)
        if any(x != x for x in point) or any(other == point or dominates(other, point) for other in self.known):
            return
        kept = [not dominates(point, other) for other in self.known]
        self.members = [*compress(self.members, kept), record]
        self.known = [*compress(self.known, kept), point]


def hypervolume(points: Sequence[tuple[float, float]], reference: tuple[float, float]) -> float:
    """Area that two objectives, both to be maximised, dominate above a reference point.

    Args:
        points: (objective, objective); those not above the reference count nothing.
        reference: the corner of the area.
    """
    area, height = 0.0, reference[1]
    for x, y in sorted((point for point in points if point[0] > reference[0]), reverse=True):
        if y > height:
            area += (x - reference[0]) * (y - height)
            height = y
    return area
