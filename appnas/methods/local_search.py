"""Local search (White, Nolen and Savani, "Exploring the Loss Landscape in Neural Architecture Search", 2005.02960).

The simplest strong rival: on tables of small cells it is as good as any search, the paper shows, and the better the
less noise there is in the values.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from appnas.estimate import Evaluator, evaluator_of
from appnas.loop import Callbacks, SearchResult, search_loop
from appnas.space import Arch, Space
from appnas.strategy import LocalSearch
from appnas.support import checked
from appnas.task import Domain


@dataclass(frozen=True)
@checked(evaluations=1, init=1, budget=1)
class Config:
    """Settings of local search."""

    evaluations: int = 300
    """Architectures evaluated; the paper's curves end there."""
    init: int = 10
    """Random architectures of which a climb begins at the best; 1 in the paper's algorithm, 10 in its code."""
    budget: int = 10
    """Epochs (or environment steps) of every training; unused with a table."""
    distinct: bool = True
    """Ask and score every network once, in spaces that can tell which architectures are the same one (`canonical`);
    without, every architecture."""


def search(
    space: Space,
    domain: Domain | Evaluator,
    config: Config = Config(),
    *,
    seed: int = 0,
    callbacks: Callbacks = (),
    start: Sequence[Arch] = (),
) -> SearchResult:
    """Search.

    Args:
        space: what to search.
        domain: a domain, or an evaluator such as a table.
        config: settings.
        seed: of the search and the trainings.
        callbacks: look on.
        start: architectures at the beginning of the first climb, instead of random ones.

    Raises:
        ValueError: an architecture to start with that the space does not have.
    """
    evaluator = evaluator_of(space, domain, config.budget, seed, config.distinct)
    strategy = LocalSearch(space, random.Random(seed), config.init, start, config.distinct)
    return search_loop(strategy, evaluator, config.evaluations, callbacks=callbacks).of(space, domain, config, seed)
