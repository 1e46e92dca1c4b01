"""Two-temperature pruning for transfer, after Colombo and Gao (ICML 2021 workshop, arXiv 2107.03375).

    min_v F(v) + lambda C(v),  F(v) = E_{w ~ P} L(v * w),  v in {0, 1}^D

v_i = s_low(theta_i) forward, the slope of s_high backward (`appnas.supernet.two_temperature`). P does not depend on v,
so what is learned is an architecture, to be trained with other weights on another task (`appnas.prune.transfer`).

Deviates: only the abstract was available. The equations are our reading of it, every constant below is ours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch

from appnas.agent import ArchAdam, Hosted, Resident
from appnas.compute import compute_of
from appnas.loop import Callbacks, SearchResult, search_loop
from appnas.prune import Indicators, SelfMasked, Source, Sourced, costs
from appnas.space import Space
from appnas.support import checked, seeded
from appnas.task import DifferentiableDomain, HostDomain


@dataclass(frozen=True)
@checked(epochs=1, low=0, high=0, penalty=0, pretrain=1, lr=0, theta_lr=0, scale=0, reach=0)
class Config:
    """Settings of the search for a mask; all of them ours."""

    epochs: int = 50
    """Passes over the training data."""
    low: float = 0.0
    """Temperature of the indicators; 0 for hard ones."""
    high: float = 0.5
    """Temperature of the gradient."""
    penalty: float = 1.0
    """lambda, the price of keeping everything, in nats."""
    cost: Literal["parts", "parameters"] = "parts"
    """What complexity counts."""
    source: Source = "fixed"
    """Where the weights of a step come from: fixed, resample, resample_abs, binary, joint or pretrained."""
    pretrain: int = 10
    """Epochs of training without a mask, for pretrained weights."""
    lr: float = 0.05
    """SGD on the task's head, and on all weights in the source "joint"."""
    theta_lr: float = 0.02
    """Adam on theta."""
    start: float = 0.2
    """Mean of the initial theta: everything is kept at first."""
    scale: float = 0.1
    """Deviation of the initial theta."""
    reach: float = 5.0
    """Largest |theta|: ten high temperatures, beyond which a part could not come back."""

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            ValueError: a setting below its least value, or a high temperature of 0.
        """
        if self.high == 0:
            raise ValueError("high must be above 0: a step function has no slope")

    def relaxation(self) -> dict[str, float]:
        """Temperatures and the first values of theta, as `Indicators` and `SelfMasked` take them."""
        return {name: getattr(self, name) for name in ("low", "high", "start", "scale", "reach")}


def search(
    space: Space, domain: DifferentiableDomain, config: Config = Config(), *, seed: int = 0, callbacks: Callbacks = ()
) -> SearchResult:
    """Search for a mask.

    In a space of masks (`appnas.spaces.images.dense`, or any other in `appnas.spaces.parts.Maskable`) the result is the
    mask. In any other, the parts are its operations, and the space's own rule makes an architecture of what is left.
    """
    prices = costs(space, domain.io, config.cost)
    evaluator = Sourced(
        space, domain, config.source, prices, config.penalty, lambda step: config.lr, config.pretrain, seed
    )  # fmt: skip
    strategy = Indicators(space, torch.Generator().manual_seed(seed), lr=config.theta_lr, **config.relaxation())
    steps = config.epochs * domain.epoch("train")
    return search_loop(strategy, evaluator, steps, callbacks=callbacks).of(space, domain, config, seed)


def inside(
    space: Space,
    domain: HostDomain,
    steps: int,
    config: Config = Config(source="joint"),
    *,
    seed: int = 0,
    callbacks: Callbacks = (),
) -> SearchResult:
    """Search for a mask inside the training loop of an agent, which trains weights and logits together.

    Args:
        space: of masks.
        domain: whose own loop trains.
        steps: environment steps.
        config: its penalty is in units of the agent's loss; epochs and lr are the agent's own.
        seed: of weights, logits and the agent.
        callbacks: of the search loop; a step is one iteration of the agent.

    Raises:
        ValueError: another source than "joint".
    """
    if config.source != "joint":
        raise ValueError(f"an agent trains its weights along with the mask: source='joint', got {config.source!r}")
    network = SelfMasked(
        space, seeded(seed, partial(space.supernet, domain.io)), torch.Generator().manual_seed(seed),
        costs(space, domain.io, config.cost), config.penalty, **config.relaxation(),
    )  # fmt: skip
    network.to(compute_of(domain).device)
    host = domain.host(network, steps, seed=seed, optimiser=ArchAdam)
    faster = config.theta_lr / float(host.optimiser.param_groups[0]["lr"])
    evaluator = Hosted(host, lambda step: (1.0, faster))
    found = search_loop(Resident(network), evaluator, math.ceil(steps / host.iteration), callbacks=callbacks)
    return found.of(space, domain, config, seed)
