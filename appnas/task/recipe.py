"""How a network is trained: optimiser, learning rates, what limits its steps; and what of that can be chosen."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Literal, TypeVar

import torch
from torch import nn

from appnas.compute import SGD, Adam
from appnas.space import Arch, Space
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
    """L2 penalty on all weights; a part of the network with an attribute `weight_decay_scale` has so many times it."""
    clip: float = 5.0
    """Largest gradient norm; 0 for no limit."""
    warmup: int = 0
    """Epochs of linear warm-up."""
    patience: int = 5
    """Of asgd: averaging begins when validation was better more than so many epochs (or looks at it) ago."""

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


def decayed(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Groups of a network's weights, for an optimiser, by the L2 penalty that each has.

    A module's attribute `weight_decay_scale` holds for all that is in it; the innermost decides.

    Raises:
        ValueError: a scale is no number of at least 0.
    """
    scales: dict[nn.Parameter, float] = {}
    for name, module in model.named_modules():
        scale = getattr(module, "weight_decay_scale", None)
        if scale is not None:
            if not isinstance(scale, int | float) or not scale >= 0:
                where = name or "the network"
                raise ValueError(f"weight_decay_scale of {where} is a number of at least 0, got {scale!r}")
            scales |= dict.fromkeys(module.parameters(), float(scale))
    groups: dict[float, list[nn.Parameter]] = {1.0: []}
    for weight in model.parameters():
        groups.setdefault(scales.get(weight, 1.0), []).append(weight)
    return [{"params": those, "weight_decay": scale * weight_decay} for scale, those in groups.items() if those]


def optimiser_of(weights: Iterable[nn.Parameter] | list[dict[str, Any]], recipe: Recipe) -> torch.optim.Optimizer:
    """The optimiser of weights, or of groups of them, at the first learning rate.

    It goes over all of them in one call (`foreach`), on CPUs, too, where torch would take them one by one: the same
    bits in less time of Python, which is much of a small network's step.
    """
    lr, decay = recipe.lr, recipe.weight_decay
    if recipe.optimiser == "adam":
        return Adam(weights, lr, weight_decay=decay, foreach=True)
    how: dict[str, Any] = {"momentum": recipe.momentum, "weight_decay": decay, "foreach": True}
    if recipe.optimiser == "asgd":
        return AveragedSGD(weights, lr, recipe.patience, **how)
    return SGD(weights, lr, **how)


BUDGET = "budget"
"""Name of the choice of how long a training is, in epochs or environment steps."""
D = TypeVar("D")


def tunable(domain: Any) -> list[str]:
    """What of a domain's training can be chosen with the architecture.

    The fields of the recipe in its `options`; those options that it names in `tunable`, as they are read in every
    training; and the length, "budget".
    """
    recipe = getattr(getattr(domain, "options", None), "recipe", None)
    own = [field.name for field in fields(recipe)] if is_dataclass(recipe) else []
    return sorted({*own, *getattr(domain, "tunable", ()), BUDGET})


def retuned(domain: D, changes: Mapping[str, Any]) -> D:
    """The same domain, whose networks are trained otherwise: a copy, or what its own `retuned(changes)` gives.

    An option that there is for the training after a search, too, takes the value in both (batch, final_batch). With
    `lr` the last rate `lr_min` changes by the same factor, unless it is named: a constant rate stays one.

    Raises:
        ValueError: a name that there is not, or a value out of range.
        TypeError: a value of another type.
    """
    if hasattr(domain, "retuned"):
        made: D = domain.retuned(changes)
        return made
    known = tunable(domain)
    others: dict[str, Any] = {}
    recipe: Any = getattr(getattr(domain, "options", None), "recipe", None)
    for name, value in changes.items():
        if name not in known or name == BUDGET:
            raise ValueError(
                f"the training of {type(domain).__name__} has no {name!r} that can be chosen; it has {', '.join(known)}"
            )
        if name in getattr(domain, "tunable", ()):
            others |= {each: value for each in (name, f"final_{name}") if hasattr(domain.options, each)}  # type: ignore[attr-defined]
        else:
            scaled = name == "lr" and "lr_min" not in changes and recipe.lr and isinstance(value, int | float)
            rates = {"lr_min": value * recipe.lr_min / recipe.lr} if scaled else {}
            recipe = replace(recipe, **{name: value}, **rates)
    other: Any = copy.copy(domain)
    other.__dict__.pop("fingerprint", None)  # where it was kept
    others |= {} if recipe is None else {"recipe": recipe}
    other.options = replace(other.options, **others)
    found: D = other
    return found


def as_chosen(space: Space, arch: Arch, domain: D, budget: int) -> tuple[D, int]:
    """The domain and the budget that an architecture asks for, of a space with choices of the training.

    Args:
        space: if it has `training(arch)`, name -> value, that is what changes.
        arch: whose training.
        domain: trains it.
        budget: of its training, unless that is chosen.
    """
    own = getattr(space, "training", None)
    chosen = dict(own(arch)) if own else {}
    budget = int(chosen.pop(BUDGET, budget))
    return (retuned(domain, chosen) if chosen else domain), budget
