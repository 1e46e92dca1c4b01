"""What a task measures by: the name, the unit and the direction of its metric."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Metric:
    """The metric that "value", which is always maximised, stands for; rows of trainings have it under its own name.

    Attributes:
        name: in what `score` and `test` of a domain return.
        unit: of its numbers, "%" or "ms", say; empty for none.
        higher: whether more is better. Where less is, the value is its negative, or falls as it rises.
    """

    name: str
    unit: str = ""
    higher: bool = True

    def __post_init__(self) -> None:
        """Check the name.

        Raises:
            ValueError: none.
        """
        if not self.name:
            raise ValueError("a metric has a name, got ''")

    def value(self, number: float) -> float:
        """What is maximised, of a number of the metric."""
        return number if self.higher else -number

    def best(self, numbers: Iterable[float]) -> float:
        """The best of some numbers; NaN if there is none."""
        return (max if self.higher else min)(numbers, default=math.nan)

    @property
    def words(self) -> str:
        """Name and unit, as an axis has them."""
        name = self.name.replace("_", " ")
        return f"{name}, {self.unit}" if self.unit else name


def metric_of(domain: Any) -> Metric | None:
    """The metric of a domain: its attribute `metric`, which it need not have."""
    found = getattr(domain, "metric", None)
    return found if isinstance(found, Metric) else None
