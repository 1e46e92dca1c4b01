"""Ends trainings whose curve stays below those of others: the median stopping rule."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence

from appnas.estimate import Evaluator
from appnas.loop.loop import Loop, Observer
from appnas.loop.records import Record
from appnas.space import Arch
from appnas.strategy import Draw, Score
from appnas.support import typed

AT = "at_"
"""What the metrics of a score that was looked at begin with; then comes the budget."""


def medians(curves: Sequence[Mapping[int, float]], looks: Sequence[int]) -> dict[int, float]:
    """After every budget, the median over all trainings that came so far of their mean value up to there.

    Args:
        curves: value after a budget, one a training.
        looks: the budgets.
    """
    found = {}
    for look in looks:
        reached = [[v for at, v in curve.items() if at <= look] for curve in curves if look in curve]
        if reached:
            found[look] = statistics.median(statistics.fmean(values) for values in reached)
    return found


class MedianStop(Observer):
    """Stops a training whose best value so far is below the median of the others' running means.

    The rule of Vizier (Golovin et al., KDD 2017, section 3.2.2). For every method that trains architectures by
    themselves: `appnas.search(..., callbacks=[MedianStop(10)])`. Each training is validated on the way, which the
    metrics `at_N` of a score tell; one that was stopped has the value that it had reached, the metric `stopped` and, as
    `budget`, what it took. Known are the trainings told before a batch was asked for, so that workers change nothing.

    Deviates: curves of trainings that were stopped count as far as they came.

    Args:
        length: of a whole training, the method's `budget`.
        every: of it, between two looks.
        grace: least budget of a training before it may be stopped.
        known: curves to know at a budget before any is stopped there.

    Raises:
        ValueError: a number below 1.
    """

    def __init__(self, length: int, every: int = 1, grace: int = 1, known: int = 5):
        for name, value in (("length", length), ("every", every), ("grace", grace), ("known", known)):
            typed(name, int, value)
            if value < 1:
                raise ValueError(f"{name} is a number of at least 1, got {value}")
        self.looks, self.grace, self.known = range(every, length, every), grace, known
        self.curves: dict[Arch, dict[int, float]] = {}

    def start(self, loop: Loop) -> None:
        """Take over what every draw is asked to look at; know what a resumed search has seen."""
        self.curves = {}
        for record in loop.history:
            self.step(loop, record)
        each = loop.each

        def looking(evaluator: Evaluator, draws: Sequence[Draw]) -> Iterator[Score]:
            looks = self.asked()
            return each(evaluator, [draw if draw.gates else draw._replace(looks=looks) for draw in draws])

        loop.each = looking

    def asked(self) -> tuple[tuple[int, float], ...]:
        """Where to look, and what to be above; minus infinity where too few have been."""
        ready = [n for n in self.looks if sum(n in curve for curve in self.curves.values()) >= self.known]
        least = medians(list(self.curves.values()), [n for n in ready if n >= self.grace])
        return tuple((look, least.get(look, -math.inf)) for look in self.looks)

    def step(self, loop: Loop, record: Record) -> None:
        """Remember its curve."""
        seen = {int(n.removeprefix(AT)): v for n, v in record.metrics.items() if n.startswith(AT)}
        if seen:
            self.curves.setdefault(record.arch, {}).update(seen)
