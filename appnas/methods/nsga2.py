"""NSGA-II (Deb, Pratap, Agarwal and Meyarivan, IEEE Trans. Evol. Comput. 6, 2002): a front of several metrics.

The standard beside rewards that weigh value and cost; NSGA-Net (Lu et al., arXiv 1810.03522) brought it to networks.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace

from appnas.cost import metric
from appnas.cost.timing import COSTS
from appnas.estimate import Evaluator, Rewarded, evaluator_of
from appnas.estimate.cost_rewards import Measured
from appnas.loop import Callbacks, SearchResult, search_loop
from appnas.space import Space
from appnas.strategy import NSGA2
from appnas.strategy.nsga2 import Limit, Objective
from appnas.support import checked
from appnas.task import Domain


@dataclass(frozen=True)
@checked(evaluations=1, population=2, crossed=0, rate=0, budget=1)
class Config:
    """Settings; the shares of crossover and mutation are the paper's."""

    evaluations: int = 500
    """Architectures scored, the first population included."""
    objectives: tuple[str, ...] = ("value:max", "macs:min")
    """NAME:max or NAME:min each. The value; measured costs (parameters, macs, peak_bytes, latency_ms, energy_J,
    estimated_J); or any metric of the domain, or column of a table."""
    limits: tuple[str, ...] = ()
    """NAME<=NUMBER or NAME>=NUMBER each: what breaks one comes after all that keep them, and has the value minus
    infinity."""
    population: int = 50
    """Architectures that are parents."""
    crossed: float = 0.9
    """Share of the children with two parents, the paper's number."""
    rate: float = 0.0
    """Share of its decisions that a child changes on average; 0 for the paper's, one over their number."""
    budget: int = 10
    """Epochs (or environment steps) of every training; unused with a table."""
    distinct: bool = True
    """Propose and score every network once, in spaces that can tell which architectures are the same one
    (`canonical`); without, every architecture."""

    def __post_init__(self) -> None:
        """Check the settings."""
        if max(self.crossed, self.rate) > 1:
            raise ValueError(f"crossed and rate are shares of at most 1, got {self.crossed!r} and {self.rate!r}")
        if not self.objectives:
            raise ValueError("Config.objectives is one NAME:max or NAME:min or more, got none")
        self.named()

    def named(self) -> list[str]:
        """The metrics that are asked for.

        Raises:
            ValueError: a text that is no objective, or no limit.
        """
        found = [Objective.of(text).name for text in self.objectives] + [Limit.of(text).name for text in self.limits]
        return list(dict.fromkeys(found))

    def of(self, metrics: Mapping[str, float]) -> float:
        """The value within the limits, minus infinity outside.

        Raises:
            ValueError: a metric that the score does not have.
        """
        known = {name: metric(metrics, name) for name in self.named()}
        inside = all(Limit.of(text).beyond(known) <= 0 for text in self.limits)
        return metrics["value"] if inside else -math.inf


def search(
    space: Space, domain: Domain | Evaluator, config: Config = Config(), *, seed: int = 0, callbacks: Callbacks = ()
) -> SearchResult:
    """Search. The best is the largest value within the limits; `info["front"]` has the steps that no other beats.

    Raises:
        FailuresError: no score has a metric that is asked for.
    """
    costs = [name for name in config.named() if name in COSTS]
    measured = Measured(space, domain, costs) if costs and isinstance(domain, Domain) else None
    evaluator = Rewarded(evaluator_of(space, domain, config.budget, seed, config.distinct), config.of, measured)
    strategy = NSGA2(
        space, random.Random(seed), config.objectives, config.limits, config.population, config.crossed, config.rate,
        config.distinct,
    )  # fmt: skip
    found = search_loop(strategy, evaluator, config.evaluations, callbacks=callbacks)
    steps = {record.arch: record.step for record in found.history}
    noted = {
        "front": [steps[member.arch] for member in strategy.front()],
        "conditions": measured.meter.conditions if measured else {},
    }
    return replace(found, info={**found.info, **noted}).of(space, domain, config, seed)
