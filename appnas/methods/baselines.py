"""The baselines that every method must beat: random search and regularised evolution.

Random search: Li and Talwalkar (arXiv 1902.07638) show how strong it is. Regularised evolution: Real, Aggarwal,
Huang and Le (AAAI 2019, arXiv 1802.01548). Both take the frame of the survey by Elsken, Metzen and Hutter (JMLR 20,
2019, arXiv 1808.05377): a space, a strategy, a performance estimation.
"""

from __future__ import annotations

import random as python_random
from dataclasses import dataclass

from appnas.estimate import Evaluator, LastStage, evaluator_of, with_last_stage
from appnas.loop import Callbacks, SearchResult, search_loop
from appnas.space import Space
from appnas.strategy import Evolution, Random, from_known
from appnas.support import checked
from appnas.task import Domain


@dataclass(frozen=True)
@checked(evaluations=1, budget=1)
class RandomConfig(LastStage):
    """Random search."""

    evaluations: int = 100
    """Architectures drawn, with replacement."""
    budget: int = 10
    """Epochs (or environment steps) of every training; unused with a table."""
    distinct: bool = True
    """Draw, score and remember every network once, in spaces that can tell which architectures are the same one
    (`canonical`); of no effect in others. False for draws with replacement there too."""


@dataclass(frozen=True)
@checked(evaluations=1, population=1, sample=1, budget=1)
class EvolutionConfig(LastStage):
    """Regularised evolution; population and sample as on CIFAR-10 in the paper (section 3)."""

    evaluations: int = 1000
    """Architectures evaluated, the first population included."""
    population: int = 100
    """P; NAS-Bench-201's authors use 10."""
    sample: int = 25
    """S; NAS-Bench-201's authors use 3."""
    budget: int = 10
    """Epochs (or environment steps) of every training; unused with a table."""
    distinct: bool = True
    """Draw again what is a network proposed before, and score each once, in spaces that can tell (`canonical`); of no
    effect in others. False for the paper's rule there too."""
    known: bool = True
    """Begin with the hand-made networks of the space (`hand_made`), if it has some, within the first population."""


def random(
    space: Space,
    domain: Domain | Evaluator,
    config: RandomConfig = RandomConfig(),
    *,
    seed: int = 0,
    callbacks: Callbacks = (),
) -> SearchResult:
    """Random search: the best of `evaluations` uniformly drawn architectures."""
    evaluator = evaluator_of(space, domain, config.budget, seed, config.distinct)
    own = Random(space, python_random.Random(seed), config.distinct)
    strategy, evaluator, steps = with_last_stage(own, evaluator, space, domain, config, seed)
    return search_loop(strategy, evaluator, steps, callbacks=callbacks).of(space, domain, config, seed)


def evolution(
    space: Space,
    domain: Domain | Evaluator,
    config: EvolutionConfig = EvolutionConfig(),
    *,
    seed: int = 0,
    callbacks: Callbacks = (),
) -> SearchResult:
    """Regularised evolution.

    Deviates: a mutation changes one decision of any kind with equal probability; the paper picks hidden-state and
    operation mutations half and half, and the identity in 5 % of cases.
    """
    evaluator = evaluator_of(space, domain, config.budget, seed, config.distinct)
    rng = python_random.Random(seed)
    own = Evolution(space, rng, config.population, config.sample, distinct=config.distinct)
    begun = from_known(own, space, config.known)
    strategy, evaluator, steps = with_last_stage(begun, evaluator, space, domain, config, seed)
    return search_loop(strategy, evaluator, steps, callbacks=callbacks).of(space, domain, config, seed)
