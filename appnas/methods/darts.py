"""DARTS: differentiable architecture search (Liu, Simonyan and Yang, ICLR 2019, arXiv 1806.09055).

    min_alpha L_val(w*(alpha), alpha)  subject to  w*(alpha) = argmin_w L_train(w, alpha)

solved by alternating an Adam step on alpha (on a validation batch) and an SGD step on w (on a training batch).
First order takes w* = w; second order takes one look-ahead step, w* = w - xi grad_w L_train(w, alpha).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch

from appnas.loop import Callbacks, SearchResult, search_loop
from appnas.one_shot import Shared, SupernetSGD
from appnas.space import Space
from appnas.strategy import Gradient, without_zero
from appnas.supernet import softmax
from appnas.support import checked
from appnas.task import DifferentiableDomain


@dataclass(frozen=True)
@checked(epochs=1, alpha_lr=0, alpha_weight_decay=0)
class Config(SupernetSGD):
    """Search settings for CIFAR-10; sections are those of the paper, "code" is the official one."""

    epochs: int = 50
    """Passes over the training half (section A.1.1)."""
    order: Literal["first", "second", "finite"] = "second"
    """First order; second order by exact double backward; second order by finite differences (the code)."""
    alpha_lr: float = 3e-4
    """Adam on alpha (section A.1.1)."""
    alpha_betas: tuple[float, float] = (0.5, 0.999)
    """Of Adam (section A.1.1)."""
    alpha_weight_decay: float = 1e-3
    """Of alpha (section A.1.1)."""
    zero: bool = False
    """Let `none` win an edge at derivation, as NAS-Bench-201's authors do; the paper (section 2.4) excludes it."""


RECURRENT = Config(
    lr=20.0, lr_min=20.0, momentum=0.0, weight_decay=5e-7, clip=0.25, alpha_lr=3e-3, alpha_betas=(0.9, 0.999)
)
"""Search settings for recurrent cells on Penn Treebank (section A.1.2, and the official code)."""


def passes(config: Config) -> float:
    """Peak of the tensors of a step, as a multiple of that of one forward and backward pass."""
    return {"first": 1.2, "finite": 1.5, "second": 6.5}[config.order]


def evaluator(space: Space, domain: DifferentiableDomain, config: Config, seed: int) -> Shared:
    """The supernet and its training."""
    lookahead = {"first": "none", "second": "exact", "finite": "finite"}[config.order]
    sgd = config.sgd(config.epochs, domain.epoch("train"))
    return Shared(space, domain, lookahead=lookahead, seed=seed, **sgd)  # type: ignore[arg-type]


def strategy(space: Space, config: Config, seed: int) -> Gradient:
    """The logits and their gradient ascent."""
    return Gradient(
        space,
        torch.Generator().manual_seed(seed),
        softmax,
        config.alpha_lr,
        config.alpha_betas,
        config.alpha_weight_decay,
        derive=None if config.zero else partial(without_zero, space),
    )


def search(
    space: Space, domain: DifferentiableDomain, config: Config = Config(), *, seed: int = 0, callbacks: Callbacks = ()
) -> SearchResult:
    """Search with DARTS.

    Deviates: batch norms of the supernet use batch statistics and keep none (the official code updates running
    statistics in passes for alpha, and never reads them).
    """
    parts = strategy(space, config, seed), evaluator(space, domain, config, seed)
    steps = config.epochs * domain.epoch("train")
    return search_loop(*parts, steps, callbacks=callbacks).of(space, domain, config, seed)
