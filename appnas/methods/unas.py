"""UNAS: differentiable architecture search meets reinforcement learning (Vahdat et al., CVPR 2020, arXiv 1912.07651).

    min_phi E_{z ~ p_phi}[ L_train(z) + lambda |L_val(z) - L_train(z)| + price relu(cost(z) - target) ]

The gradient is REBAR's: unbiased as REINFORCE's is, with relaxed samples as control variate, which for a cost that has
no gradient is a fitted linear surrogate (`gumbel_sample` and `unified` of `appnas.supernet`,
`appnas.strategy.Sampled`).
The settings `estimator` "gumbel", "gdas" and "reinforce" are SNAS, GDAS and a policy gradient on the same parts.

Deviates: the official code clamps the noise to [0.001, 0.999], and its moving average keeps a tenth of the past; here
the noise is exact and the average keeps nine tenths. The cosines of both rates begin with the warm-up and the weights
keep their Adam, where the official code warms up at constant rates with an Adam of its own; the linear surrogate of a
cost sees every decision by itself, where in `slots` theirs sees the product of an input and its operation.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from appnas.compute import compute_of
from appnas.cost import LookUp, fit_lookup, latency
from appnas.loop import Callbacks, SearchResult, search_loop
from appnas.one_shot import Expected, LossTerm, Paired
from appnas.space import Arch, Gates, Space, argmax, random_arch
from appnas.strategy import GradientEstimator, Sampled, without_zero
from appnas.support import checked, held
from appnas.task import DifferentiableDomain, cosine


@dataclass(frozen=True)
@checked(
    warmup=0, gap=0, lr=0, lr_min=0, weight_decay=0, clip=0, alpha_lr=0, alpha_lr_min=0, alpha_weight_decay=0, soften=0,
    duplicates=0, target=0, price=0, ramp=1, fitted=10,
)  # fmt: skip
class Config:
    """Search settings for CIFAR-10 in the DARTS space; all of the official code, for a batch of 64.

    The code holds a tenth of the training images out, not half of them.
    """

    estimator: GradientEstimator = "unified"
    """unified (REBAR), reinforce, gumbel (SNAS) or gdas."""
    epochs: int = 100
    """Passes over the training images, warm-up included."""
    warmup: int = 15
    """Epochs in which only the weights are trained, on random samples."""
    samples: Literal["example", "batch"] = "example"
    """An architecture for every example, or one for every batch (as on ImageNet)."""
    gap: float = 0.5
    """lambda, weight of the generalisation gap; 0 for the training loss alone."""
    tau: float = 0.4
    """Temperature of the relaxed samples."""
    lr: float = 3e-4
    """Adam on the weights, cosine by the epoch."""
    lr_min: float = 1e-4
    """End of it."""
    weight_decay: float = 3e-4
    """Of the weights."""
    clip: float = 5.0
    """Largest gradient norm of the weights."""
    alpha_lr: float = 1e-3
    """Adam on phi, cosine by the epoch."""
    alpha_lr_min: float = 3e-4
    """End of it."""
    alpha_weight_decay: float = 1e-6
    """Of phi."""
    soften: float = 0.0
    """Added to every probability; 0.08 on ImageNet."""
    duplicates: float = 0.2
    """Price of taking the same operation on the same input twice, in spaces that can."""
    target: float = 0.0
    """Largest cost that is free, ms unless `search` is given a cost of your own; 0 for no constraint."""
    price: float = 0.1
    """Loss for each unit of cost above the target, at the end of the ramp."""
    ramp: int = 30_000
    """Steps over which the price grows from 0."""
    fitted: int = 10_000
    """Random architectures measured to fit the linear surrogate of the cost."""
    zero: bool = False
    """Let `none` win a decision at derivation."""

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            ValueError: a setting below its least value, no temperature, or no epoch after the warm-up.
        """
        held(self, "fitted")
        if self.epochs <= self.warmup:
            raise ValueError(f"epochs include the warm-up: more than {self.warmup} are needed, got {self.epochs}")
        if self.tau <= 0:
            raise ValueError(f"tau must be above 0, got {self.tau}")


def excess(
    space: Space,
    cost: Callable[[Arch], float],
    surrogate: LookUp,
    target: float,
    price: Callable[[int], float],
    samples: int = 1,
) -> LossTerm:
    """price(step) relu(cost - target), with the surrogate's expected cost as control variate (section 3.4).

    Args:
        space: whose rules mend a sample before it is measured.
        cost: of an architecture; asked once for each.
        surrogate: linear in the gates.
        target: cost that is free.
        price: step -> loss for a unit of cost.
        samples: so many of a draw's samples are measured.
    """
    known: dict[Arch, float] = {}

    def of(arch: Arch) -> float:
        if arch not in known:
            known[arch] = cost(arch)
        return known[arch]

    def hard(gates: Gates, step: int) -> Tensor:
        rows = zip(*(matrix[:samples].unbind(0) for matrix in gates), strict=True)
        found = [of(arch if space.valid(arch := argmax(row)) else space.discretise(row)) for row in rows]
        return price(step) * torch.relu(torch.tensor(found) - target)

    def soft(gates: Gates, step: int) -> Tensor:
        return price(step) * torch.relu(surrogate.expected(tuple(matrix[:samples] for matrix in gates)) - target)

    return LossTerm(hard, soft)


def search(
    space: Space,
    domain: DifferentiableDomain,
    config: Config = Config(),
    *,
    seed: int = 0,
    callbacks: Callbacks = (),
    cost: Callable[[Arch], float] | None = None,
) -> SearchResult:
    """Search with UNAS.

    Args:
        space: what to search; in `slots` and `proxyless` as the paper.
        domain: data and loss.
        config: settings.
        seed: of weights, batches and samples.
        callbacks: look on.
        cost: of an architecture, for the constraint; by default the latency of its network, ms, the median of 10
            passes over 24 examples on one thread. A search with measured latencies does not repeat bit for bit.
    """
    steps = domain.epoch("train")
    warm = config.warmup * steps
    learner = Paired(
        space,
        domain,
        config.gap,
        config.samples == "example",
        lr=lambda step: cosine(step // steps, config.epochs, config.lr, config.lr_min),
        weight_decay=config.weight_decay,
        clip=config.clip,
        seed=seed,
        optimiser="adam",
    )
    terms = {"loss": LossTerm(learner.losses, learner.losses)}
    if hasattr(space, "duplicates") and config.duplicates:
        terms["duplicates"] = LossTerm(*2 * [lambda gates, step: config.duplicates * space.duplicates(gates)])
    if config.target:
        measure = cost or partial(_latency, space, domain)
        rng = random.Random(seed)
        archs = [random_arch(space, rng) for _ in range(config.fitted)]
        table = fit_lookup(space.choices, archs, [measure(arch) for arch in archs])
        ramp = lambda step: config.price * min(step / config.ramp, 1.0)  # noqa: E731
        terms["excess"] = excess(space, measure, table, config.target, ramp)
    strategy = Sampled(
        space,
        torch.Generator().manual_seed(seed),
        learner.samples(),
        config.estimator,
        config.tau,
        lambda told: cosine(told // steps, config.epochs, config.alpha_lr, config.alpha_lr_min),
        config.alpha_weight_decay,
        warm,
        config.soften,
        derive=None if config.zero else partial(without_zero, space),
    )
    evaluator = Expected(terms, learner, warm)
    return search_loop(strategy, evaluator, config.epochs * steps, callbacks=callbacks).of(space, domain, config, seed)


def _latency(space: Space, domain: DifferentiableDomain, arch: Arch) -> float:
    return latency(space.build(arch, domain.io).to(compute_of(domain).device), domain.example(24), repeats=10).median
