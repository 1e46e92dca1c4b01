"""How a network is trained: optimiser, learning rates, what limits its steps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from appnas.support import checked
from appnas.task.averaging import AveragedSGD


@dataclass(frozen=True)
@checked(lr=0, lr_min=0, decay=0, momentum=0, weight_decay=0, clip=0, warmup=0, patience=1)
class Recipe:
    """How a network is trained. The defaults are DARTS's for CIFAR-10 evaluation (arXiv 1806.09055, section 3.2)."""

    optimiser: Literal["sgd", "adam", "asgd"] = "sgd"
    """SGD with momentum, Adam, or SGD that goes over to averaged weights (`appnas.task.averaging`)."""
    lr: float = 0.025
    """Learning rate of the first epoch after the warm-up."""
    schedule: Literal["cosine", "exponential"] = "cosine"
    """Cosine down to lr_min, or times `decay` after every epoch."""
    lr_min: float = 0.0
    """Learning rate that the cosine ends at."""
    decay: float = 0.97
    """Of the exponential schedule (DARTS's for ImageNet, section A.2.2)."""
    momentum: float = 0.9
    """Of SGD."""
    weight_decay: float = 3e-4
    """L2 penalty on all weights."""
    clip: float = 5.0
    """Largest gradient norm; 0 for no limit."""
    warmup: int = 0
    """Epochs of linear warm-up."""
    patience: int = 5
    """Of asgd: averaging begins when validation was better more than so many epochs ago."""

    def rate(self, epoch: int, epochs: int) -> float:
        """Learning rate of an epoch, from 0, of so many."""
        if epoch < self.warmup:
            return self.lr * (epoch + 1) / self.warmup
        if self.schedule == "exponential":
            return self.lr * self.decay ** (epoch - self.warmup)
        return cosine(epoch - self.warmup, epochs - self.warmup, self.lr, self.lr_min)


def cosine(epoch: int, epochs: int, lr: float, lr_min: float = 0.0) -> float:
    """lr_min + (lr - lr_min) (1 + cos(pi epoch / epochs)) / 2 (Loshchilov and Hutter, arXiv 1608.03983, eq. 5)."""
    return lr_min + (lr - lr_min) * (1 + math.cos(math.pi * epoch / max(epochs, 1))) / 2


def optimiser_of(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The optimiser of all parameters, at the first learning rate."""
    weights, lr, decay = model.parameters(), recipe.lr, recipe.weight_decay
    if recipe.optimiser == "adam":
        return torch.optim.Adam(weights, lr, weight_decay=decay)
    if recipe.optimiser == "asgd":
        return AveragedSGD(weights, lr, recipe.patience, momentum=recipe.momentum, weight_decay=decay)
    return torch.optim.SGD(weights, lr, momentum=recipe.momentum, weight_decay=decay)
