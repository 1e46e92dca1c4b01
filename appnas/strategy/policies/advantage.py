"""How much better a score is than those before it: what policies learn from."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from appnas.support import Saved


def moving_average(average: float | None, value: float, momentum: float) -> float:
    """Momentum * average + (1 - momentum) * value; the first value starts the average."""
    return value if average is None else momentum * average + (1 - momentum) * value


class Advantage(Saved):
    """Values less their moving average, if scaled in moving deviations.

        b <- m b + (1 - m) mean(v),    s^2 <- m s^2 + (1 - m) mean((v - b)^2),    A = v - b, scaled: (v - b) / s

    The first values start the average, the first that are apart start the deviation; until then A is 0.

    Args:
        momentum: m.
        scaled: in deviations, so that the unit of the values is of no account.
    """

    saved = ("average", "square")

    def __init__(self, momentum: float = 0.9, scaled: bool = False):
        self.momentum, self.scaled = momentum, scaled
        self.average: float | None = None
        self.square: float | None = None

    def of(self, values: Tensor) -> Tensor:
        """Take in values. Shapes: [n] -> [n]."""
        self.average = moving_average(self.average, float(values.mean()), self.momentum)
        apart = values - self.average
        square = float(apart.double().square().mean())
        if square or self.square:
            self.square = moving_average(self.square, square, self.momentum)
        return apart / math.sqrt(self.square) if self.scaled and self.square else apart

    def of_one(self, value: float) -> float:
        """Take in one value."""
        return float(self.of(torch.tensor([value], dtype=torch.float64)))
