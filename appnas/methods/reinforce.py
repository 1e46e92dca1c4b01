"""REINFORCE: a controller rewarded by validation performance (Zoph and Le, ICLR 2017, arXiv 1611.01578).

    theta <- theta + lr (R - b) grad log pi(arch; theta),  b a moving average of R

The defaults are those of NAS-Bench-201's authors (Dong and Yang, arXiv 2001.00326): independent softmaxes, one
update a sample.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import torch

from appnas.estimate import Evaluator, evaluator_of, rewarded
from appnas.loop import Callbacks, SearchResult, search_loop
from appnas.space import Space
from appnas.strategy import Kind, PolicyGradient, controller
from appnas.support import checked
from appnas.task import Domain

SETTINGS = ("lr", "momentum", "entropy", "clip", "passes", "pick", "scaled")
"""Of `PolicyGradient`."""


@dataclass(frozen=True)
@checked(evaluations=1, budget=1, hidden=1, lr=0, momentum=0, entropy=0, per_update=1, clip=0, passes=1)
class Config:
    """Settings of the controller; MnasNet's and MONAS's are these with other defaults."""

    evaluations: int = 500
    """Architectures sampled."""
    budget: int = 10
    """Epochs (or environment steps) of every training; unused with a table."""
    controller: Kind = "independent"
    """One softmax a decision, or an LSTM in which every decision sees the earlier ones."""
    hidden: int = 64
    """Width of the LSTM."""
    lr: float = 1e-3
    """Adam on the controller."""
    momentum: float = 0.9
    """Of the moving-average baseline."""
    scaled: bool = False
    """Divide what a reward is above the baseline by its moving deviation, so that `entropy` does not depend on the unit
    of rewards; none of the three papers says so."""
    entropy: float = 0.0
    """Weight of the entropy bonus: in the unit of the rewards, or in deviations of them if they are scaled."""
    per_update: int = 1
    """Samples an update."""
    clip: float = 0.0
    """Above 0: PPO with this clip instead of REINFORCE (arXiv 1707.06347)."""
    passes: int = 4
    """Of PPO over the samples of an update."""
    pick: Literal["seen", "mode"] = "seen"
    """Return the best architecture seen, or the policy's most probable one."""


def search(
    space: Space,
    domain: Domain | Evaluator,
    config: Config = Config(),
    *,
    seed: int = 0,
    callbacks: Callbacks = (),
    reward: Callable[[Mapping[str, float]], float] | None = None,
    cost: str = "",
) -> SearchResult:
    """Search with a controller. MnasNet and MONAS are this under a reward of their own.

    Args:
        space: what to search.
        domain: a domain, or an evaluator such as a table.
        config: of this method, or of one that adds to it.
        seed: of the controller, the samples and the trainings.
        callbacks: look on.
        reward: metrics -> what the controller is rewarded by; None for the value itself. The conditions under which
            latencies were measured are in `info["conditions"]`.
        cost: a metric that the reward reads: measured, or a column of a table.

    Raises:
        ValueError: the cost can neither be measured nor is it in the table.
    """
    generator = torch.Generator().manual_seed(seed)
    policy = controller(config.controller, space.choices, generator, space.mask, config.hidden)
    settings = {name: getattr(config, name) for name in SETTINGS}
    strategy = PolicyGradient(space, policy, generator, batch=config.per_update, **settings)
    if reward is None:
        evaluator = evaluator_of(space, domain, config.budget, seed)
    else:
        evaluator = rewarded(space, domain, config.budget, seed, cost, reward)
    found = search_loop(strategy, evaluator, config.evaluations, callbacks=callbacks)
    meter = getattr(getattr(evaluator, "cost", None), "meter", None)
    noted = {} if reward is None else {"conditions": meter.conditions if meter else {}}
    return replace(found, info={**found.info, **noted}).of(space, domain, config, seed)
