"""Climbing the nearest hill: of a start and its neighbours the best, and on from there (arXiv 0000.00000).

What an exercise adds: a population that is always replaced by a child of its best member.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from appnas.estimate import Evaluator, evaluator_of
from appnas.loop import Callback, SearchResult, search_loop
from appnas.space import Space
from appnas.strategy import Evolution
from appnas.support import check
from appnas.task import Domain


@dataclass(frozen=True)
class Config:
    """How far it climbs."""

    evaluations: int = 50
    """Architectures evaluated."""
    memory: int = 4
    """So many are remembered."""
    budget: int = 10
    """Epochs of every training; unused with a table."""

    def __post_init__(self) -> None:
        """Check the settings."""
        check(self, evaluations=1, memory=1, budget=1)


def search(
    space: Space,
    domain: Domain | Evaluator,
    config: Config = Config(),
    *,
    seed: int = 0,
    callbacks: Sequence[Callback] = (),
) -> SearchResult:
    """Climb."""
    evaluator = evaluator_of(space, domain, config.budget, seed)
    strategy = Evolution(space, random.Random(seed), config.memory, config.memory)
    return search_loop(strategy, evaluator, config.evaluations, callbacks=callbacks).of(space, domain, config, seed)
