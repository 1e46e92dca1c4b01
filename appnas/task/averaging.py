"""The weights that a training ends with: those of its best epoch, or averages of many steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from appnas.compute import SGD


class Best:
    """The weights with the smallest number so far, ties to the first; a NaN is never the smallest.

    Args:
        every: epochs between two looks; the last epoch of a training is looked at, too.
        patience: epochs without a smaller number after which a training is over; 0 for none.

    Attributes:
        number, weights: the smallest, and what it is of.
        at: epochs that were done then; 0 before the first.

    Raises:
        ValueError: no epoch between two looks, or a negative patience.
    """

    def __init__(self, every: int = 1, patience: int = 0) -> None:
        if every < 1 or patience < 0:
            raise ValueError(f"every is at least 1 and patience at least 0, got every={every}, patience={patience}")
        self.every, self.patience, self.at = every, patience, 0
        self.number, self.weights = math.inf, None  # type: float, dict[str, Tensor] | None

    def due(self, done: int, epochs: int) -> bool:
        """Whether the number after so many of all epochs is looked at."""
        return done % self.every == 0 or done == epochs

    def update(self, number: float, model: nn.Module, done: int = 0) -> float:
        """Keep a copy of the weights after so many epochs if they are better. Returns the number."""
        if number < self.number:
            self.number, self.at = number, done
            self.weights = {name: x.clone() for name, x in model.state_dict().items()}
        return number

    def over(self, done: int) -> bool:
        """Whether the patience has ended, which only a look can tell."""
        return self.patience > 0 and done % self.every == 0 and done - self.at >= self.patience


class AveragedSGD(SGD):
    """SGD, and from a trigger on also the mean of all weights since (Merity et al., arXiv 1708.02182, algorithm 1).

    The trigger: a validation number that is larger than one of those more than `patience` before it. The weights
    themselves go on as before; `averaged` puts the means in their place. All of it is in the state.
    """

    def __init__(self, params: Any, lr: float, patience: int, **settings: Any):
        super().__init__(params, lr, **settings)
        self.patience = patience
        self.param_groups[0].setdefault("seen", [])
        self.param_groups[0].setdefault("steps", -1)

    @property
    def averaging(self) -> bool:
        """Whether the trigger has come."""
        return bool(self.param_groups[0]["steps"] >= 0)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step; once averaging, the weights join their means."""
        loss: float | None = super().step(closure)
        if self.averaging:
            self.param_groups[0]["steps"] += 1
            for weight in self._weights():
                mean = self.state[weight].setdefault("mean", torch.zeros_like(weight))
                mean.lerp_(weight, 1 / self.param_groups[0]["steps"])
        return loss

    def watch(self, number: float) -> None:
        """Take note of a validation number, to be made small."""
        group = self.param_groups[0]
        before = group["seen"][: -self.patience]
        if not self.averaging and before and number > min(before):
            group["steps"] = 0
        group["seen"].append(number)

    def _weights(self) -> Iterator[Tensor]:
        return (weight for group in self.param_groups for weight in group["params"])

    def swap(self) -> None:
        """Means and weights change places."""
        for weight in self._weights():
            if "mean" in self.state[weight]:
                weight.data, self.state[weight]["mean"] = self.state[weight]["mean"], weight.data


@contextmanager
def averaged(optimiser: torch.optim.Optimizer) -> Iterator[Callable[[float], None]]:
    """The network has its averaged weights inside, if its optimiser averages.

    Yields:
        `AveragedSGD.watch`, or for other optimisers a function that does nothing.
    """
    if not isinstance(optimiser, AveragedSGD):
        yield lambda number: None
        return
    optimiser.swap()
    try:
        yield optimiser.watch
    finally:
        optimiser.swap()
