"""DARTS: differentiable architecture search (Liu, Simonyan and Yang, ICLR 2019, arXiv 1806.09055).

    min_alpha L_val(w*(alpha), alpha)  subject to  w*(alpha) = argmin_w L_train(w, alpha)

solved by alternating an Adam step on alpha (on a validation batch) and an SGD step on w (on a training batch).
First order takes w* = w; second order takes one look-ahead step, w* = w - xi grad_w L_train(w, alpha). With `sampled`
it samples as GDAS does (Dong and Yang, CVPR 2019, arXiv 1910.04465): every step runs one sampled operation an edge.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch

from appnas.loop import Callbacks, SearchResult, search_loop
from appnas.one_shot import Shared, SupernetSGD
from appnas.space import Space
from appnas.strategy import Gradient, OnPaths, without_zero
from appnas.support import checked
from appnas.task import DifferentiableDomain


@dataclass(frozen=True)
@checked(epochs=1, alpha_lr=0, alpha_weight_decay=0, paths=1, tau=0.001, tau_end=0.001)
class Config(SupernetSGD):
    """Search settings for CIFAR-10; sections are those of the paper, "code" is the official one."""

    epochs: int = 50
    """Passes over the training half (section A.1.1)."""
    order: Literal["first", "second", "finite"] = "second"
    """First order; second order by exact double backward; second order by a difference of two passes that meet the same
    sides of every ReLU, nearly as exact and several times as fast (the code differences passes that do not)."""
    alpha_lr: float = 3e-4
    """Adam on alpha (section A.1.1)."""
    alpha_betas: tuple[float, float] = (0.5, 0.999)
    """Of Adam (section A.1.1)."""
    alpha_weight_decay: float = 1e-3
    """Of alpha (section A.1.1)."""
    zero: bool = False
    """Let `none` win an edge at derivation, as NAS-Bench-201's authors do; the paper (section 2.4) excludes it."""
    sampled: bool = False
    """Run a sample of operations instead of all, as GDAS does (arXiv 1910.04465), in steps of logits and of weights."""
    paths: int = 1
    """Samples at once, whose mean is run; with `sampled`. GDAS has one."""
    tau: float = 10.0
    """Temperature of the samples' gradient at the start; with `sampled` (NASLib's GDAS)."""
    tau_end: float = 0.1
    """At the end, reached linearly (NASLib's GDAS)."""


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


def strategy(space: Space, config: Config, seed: int, steps: int = 1) -> Gradient:
    """The logits and their gradient ascent; of so many steps, over which the temperature of samples falls."""
    generator = torch.Generator().manual_seed(seed)
    settings: dict[str, Any] = {
        "lr": config.alpha_lr,
        "betas": config.alpha_betas,
        "weight_decay": config.alpha_weight_decay,
        "derive": None if config.zero else partial(without_zero, space),
    }
    if not config.sampled:
        return Gradient(space, generator, **settings)

    def tau(step: int) -> float:
        return config.tau + (config.tau_end - config.tau) * min(step / max(steps - 1, 1), 1.0)

    return OnPaths(space, generator, tau, config.paths, **settings)


def search(
    space: Space, domain: DifferentiableDomain, config: Config = Config(), *, seed: int = 0, callbacks: Callbacks = ()
) -> SearchResult:
    """Search with DARTS.

    Deviates: batch norms of the supernet use batch statistics and keep none (the official code updates running
    statistics in passes for alpha, and never reads them).

    Deviates: of GDAS, `sampled` takes the gates alone. Settings, also the logits' learning rate, stay DARTS's, the
    temperature falls by the step, and the gradient is that of `appnas.supernet.sampled_paths`.
    """
    steps = config.epochs * domain.epoch("train")
    parts = strategy(space, config, seed, steps), evaluator(space, domain, config, seed)
    return search_loop(*parts, steps, callbacks=callbacks).of(space, domain, config, seed)
