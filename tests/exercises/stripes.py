"""Stripes: is the bright line in the upper half, or in the lower? Drawn here, nothing is downloaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from appnas.space import IO
from appnas.support import check
from appnas.task import Recipe, fit


@dataclass(frozen=True)
class StripesOptions:
    """How many, and how noisy."""

    count: int = 64
    """Pictures of a split."""
    noise: float = 0.5
    """Deviation of what is added to every pixel."""
    batch: int = 16
    """Pictures a batch."""

    def __post_init__(self) -> None:
        """Check the options."""
        check(self, count=2, noise=0, batch=1)


class Stripes:
    """Pictures of 8x8 pixels with one bright line."""

    chance, budget = 50.0, 5
    io = IO((1, 8, 8), (2,))

    def __init__(self, options: StripesOptions = StripesOptions()):
        self.options = options
        self.splits = {name: self.drawn(seed) for seed, name in enumerate(("train", "valid", "test"))}

    def drawn(self, seed: int) -> tuple[Tensor, Tensor]:
        """Pictures and labels of a split."""
        rng = torch.Generator().manual_seed(seed)
        x = self.options.noise * torch.randn(self.options.count, 1, 8, 8, generator=rng)
        y, place = torch.arange(len(x)) % 2, torch.randint(4, (len(x),), generator=rng)
        x[torch.arange(len(x)), 0, place + 4 * y] += 2.0
        return x, y

    def split(self, name: str) -> tuple[Tensor, Tensor]:
        """A split that searches may see."""
        if name not in ("train", "valid"):
            raise ValueError(f"the splits are 'train' and 'valid', got {name!r}")
        return self.splits[name]

    def epoch(self, split: str) -> int:
        """Batches of an epoch."""
        return -(-len(self.split(split)[0]) // self.options.batch)

    def batches(self, split: str, rng: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """One epoch, shuffled."""
        x, y = self.split(split)
        for part in torch.randperm(len(x), generator=rng).split(self.options.batch):
            yield x[part], y[part]

    def loss(self, model: Callable[..., Any], batch: tuple[Tensor, Tensor]) -> Tensor:
        """Cross-entropy of every picture."""
        return cross_entropy(model(batch[0]), batch[1], reduction="none")

    def fit(self, model: nn.Module, budget: int, *, final: bool = False, seed: int = 0, **more: Any) -> None:
        """Train."""
        fit(model, self, "train", self.loss, budget, Recipe(lr=0.05), seed, **more)

    @torch.no_grad()
    def accuracy(self, model: nn.Module, split: str) -> float:
        """Of a split, in percent."""
        x, y = self.splits[split]
        return 100 * float((model.eval()(x).argmax(1) == y).float().mean())

    def score(self, model: nn.Module) -> dict[str, float]:
        """Validation accuracy."""
        return {"value": self.accuracy(model, "valid")}

    def test(self, model: nn.Module) -> dict[str, float]:
        """Accuracy on what was held out."""
        return {"accuracy": self.accuracy(model, "test")}

    def example(self, count: int) -> tuple[Tensor]:
        """Some pictures."""
        return (self.splits["train"][0][:count],)
