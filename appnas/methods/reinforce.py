"""REINFORCE: a controller rewarded by validation performance (Zoph and Le, ICLR 2017, arXiv 1611.01578).

    theta <- theta + lr (R - b) grad log pi(arch; theta),  b a moving average of R

The defaults are those of NAS-Bench-201's authors (Dong and Yang, arXiv 2001.00326): independent softmaxes, one
update a sample.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch

from appnas.estimate import Evaluator, evaluator_of, rewarded
from appnas.loop import Callbacks, SearchResult, search_loop
from appnas.space import Space
from appnas.strategy import Kind, PolicyGradient, controller
from appnas.support import checked
from appnas.task import Domain

SETTINGS = ("lr", "momentum", "entropy", "clip", "passes", "pick")
"""Of `PolicyGradient`, in the configurations of methods."""


@dataclass(frozen=True)
@checked(evaluations=1, budget=1, lr=0, momentum=0, per_update=1, clip=0, hidden=1)
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


def search(
    space: Space,
    domain: Domain | Evaluator,
    config: Any = Config(),
    *,
    seed: int = 0,
    callbacks: Callbacks = (),
    reward: Callable[[Mapping[str, float]], float] | None = None,
) -> SearchResult:
    """Search with a controller. MnasNet and MONAS are this under a reward of their own.

    Args:
        space: what to search.
        domain: a domain, or an evaluator such as a table.
        config: of this method, or another's with `controller`, `hidden`, `per_update` and settings of `PolicyGradient`.
        seed: of the controller, the samples and the trainings.
        callbacks: look on.
        reward: metrics -> what the controller is rewarded by, `config.cost` among them; None for the value itself. The
            conditions under which latencies were measured are in `info["conditions"]`.

    Raises:
        ValueError: the cost can neither be measured nor is it in the table.
    """
    generator = torch.Generator().manual_seed(seed)
    policy = controller(config.controller, space.choices, generator, space.mask, config.hidden)
    settings = {n: getattr(config, n) for n in SETTINGS if hasattr(config, n)}
    strategy = PolicyGradient(space, policy, generator, batch=config.per_update, **settings)
    if reward is None:
        evaluator = evaluator_of(space, domain, config.budget, seed)
    else:
        evaluator = rewarded(space, domain, config.budget, seed, config.cost, reward)
    found = search_loop(strategy, evaluator, config.evaluations, callbacks=callbacks)
    meter = getattr(getattr(evaluator, "cost", None), "meter", None)
    noted = {} if reward is None else {"conditions": meter.conditions if meter else {}}
    return replace(found, info={**found.info, **noted}).of(space, domain, config, seed)
