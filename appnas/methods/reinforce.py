"""REINFORCE: a controller rewarded by validation performance (Zoph and Le, ICLR 2017, arXiv 1611.01578).

    theta <- theta + lr (R - b) grad log pi(arch; theta),  b a moving average of R

The defaults are those of NAS-Bench-201's authors (Dong and Yang, arXiv 2001.00326): independent softmaxes, one
update a sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from appnas.ascent import PolicyGradient
from appnas.controller import Kind, controller
from appnas.domain import Domain
from appnas.evaluate import Evaluator, evaluator_of
from appnas.search import Callback, Result
from appnas.search import search as loop
from appnas.settings import check
from appnas.space import Space


@dataclass(frozen=True)
class Config:
    """Settings of the controller."""

    evaluations: int = 500
    """Architectures sampled."""
    budget: int = 10
    """Epochs (or environment steps) of every training; unused with a table."""
    controller: Kind = "independent"
    """One softmax a decision, or an LSTM in which every decision sees the earlier ones."""
    lr: float = 1e-3
    """Adam on the controller."""
    momentum: float = 0.9
    """Of the moving-average baseline."""
    entropy: float = 0.0
    """Weight of the entropy bonus."""
    per_update: int = 1
    """Samples an update."""
    clip: float = 0.0
    """Above 0: PPO with this clip instead of REINFORCE (arXiv 1707.06347)."""
    hidden: int = 64
    """Width of the LSTM."""
    pick: Literal["seen", "mode"] = "seen"
    """Return the best architecture seen, or the policy's most probable one."""

    def __post_init__(self) -> None:
        """Check the settings."""
        check(self, evaluations=1, budget=1, lr=0, momentum=0, per_update=1, clip=0, hidden=1)


def search(
    space: Space,
    domain: Domain | Evaluator,
    config: Config = Config(),
    *,
    seed: int = 0,
    callbacks: Sequence[Callback] = (),
) -> Result:
    """Search with a controller."""
    generator = torch.Generator().manual_seed(seed)
    policy = controller(config.controller, space.choices, generator, space.mask, config.hidden)
    strategy = PolicyGradient(
        space, policy, generator, config.lr, config.momentum, config.entropy, config.per_update, config.clip,
        pick=config.pick,
    )  # fmt: skip
    evaluator = evaluator_of(space, domain, config.budget, seed)
    return loop(strategy, evaluator, config.evaluations, callbacks=callbacks).of(space, domain, config, seed)
