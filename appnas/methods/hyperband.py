"""Hyperband, ASHA and successive halving: short trainings of many architectures, long ones of the best.

Hyperband: Li, Jamieson, DeSalvo, Rostamizadeh and Talwalkar (JMLR 18, 2018, arXiv 1603.06560). ASHA: Li et al. (MLSys
2020, arXiv 1810.05934). With a strategy that learns inside: BOHB (Falkner, Klein and Hutter, ICML 2018, arXiv
1807.01774), and in the survey of Elsken, Metzen and Hutter (arXiv 1808.05377, section 4) the box "lower fidelities".

A training to a rung is the first part of the whole training, its learning rates included, and goes on from there.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Any, Literal

from appnas.estimate import Evaluator, evaluator_of
from appnas.loop import Callbacks, Done, SearchResult, search_loop
from appnas.methods import bananas
from appnas.space import Space, random_arch
from appnas.strategy import Evolution, LocalSearch, MultiFidelity, PredictorGuided, Random, Scheme, Strategy, from_known
from appnas.support import checked, held
from appnas.task import BUDGET, Domain


@dataclass(frozen=True)
@checked(evaluations=1, budget=1, least=1, keep=0, population=1, sample=1, start=2, batch=1)
class Config:
    """Settings; eta and the scheme's default are those of the ASHA paper (section 4)."""

    evaluations: int = 100
    """What the search may cost, in whole trainings: it ends when `evaluations` x `budget` epochs are spent, so the
    same setting of another method costs the same."""
    budget: int = 27
    """R: epochs (or environment steps) of a whole training, on the highest rung."""
    least: int = 1
    """r: of the shortest one; rungs are `budget` / eta^k, rounded. Of a table they are those of its `budgets` that lie
    between."""
    eta: float = 3.0
    """One of eta goes on to the next rung; the Hyperband paper has 3 or 4, the ASHA paper 4."""
    scheme: Literal["asha", "hyperband", "halving"] = "asha"
    """Everything that is good enough goes on at once; brackets that begin on different rungs; or the widest bracket
    again and again."""
    inner: Literal["random", "evolution", "local_search", "bananas"] = "random"
    """What proposes architectures: drawn at random, as in the papers; or a method of that name, which is told the value
    at the largest budget that an architecture has reached. With `bananas`, a model as in BOHB."""
    keep: int = 32
    """Of ASHA: trainings kept on disk on every rung; what goes on beyond them begins anew, at its cost."""
    population: int = 50
    """Of evolution."""
    sample: int = 10
    """Of evolution."""
    start: int = 20
    """Random architectures before the model, of bananas."""
    batch: int = 10
    """Architectures between two fits of it."""
    known: bool = True
    """Begin with the hand-made networks of the space (`hand_made`), if it has some and `inner` is not random."""
    distinct: bool = True
    """Propose and score every network once, in spaces that can tell which architectures are the same one
    (`canonical`)."""

    def __post_init__(self) -> None:
        """Check the settings."""
        held(self, "population")
        if self.least > self.budget:
            raise ValueError(f"Config.least is at most budget={self.budget}, got {self.least}")
        if not self.eta > 1:
            raise ValueError(f"Config.eta must be above 1: one of eta goes on, got {self.eta!r}")


def ladder(least: int, most: int, eta: float) -> tuple[int, ...]:
    """Budgets from `most` downwards, each `eta` times smaller, rounded; none below `least`.

    R eta^-s, ..., R with s = floor(log_eta(R / r)): Hyperband's algorithm 1.
    """
    count = math.floor(math.log(most / least, eta) + 1e-9)
    return tuple(sorted({max(round(most / eta**k), least) for k in range(count + 1)}))


def rungs(domain: Domain | Evaluator, config: Config) -> tuple[int, ...]:
    """The budgets: a table's own that lie between the least and the largest, or the ladder.

    Raises:
        ValueError: none of the table's lies between, or it has none.
    """
    own: Any = getattr(domain, "budgets", None)
    if own is None:
        return ladder(config.least, config.budget, config.eta)
    if found := tuple(budget for budget in own if config.least <= budget <= config.budget):
        return found
    if not own:
        raise ValueError(
            "hyperband looks at values after part of a training: name the table's columns that hold them,"
            " Table(..., budgets={12: 'valid12', 200: 'valid200'})"
        )
    raise ValueError(
        f"the table has values after budgets of {list(own)}, none is from least={config.least} to"
        f" budget={config.budget}"
    )


def proposer(space: Space, config: Config, seed: int) -> Strategy:
    """The strategy inside."""
    rng = random.Random(seed)
    if config.inner == "random":
        return Random(space, rng, config.distinct)
    inside: Strategy
    if config.inner == "evolution":
        inside = Evolution(space, rng, config.population, config.sample, distinct=config.distinct)
    elif config.inner == "local_search":
        inside = LocalSearch(space, rng, distinct=config.distinct)
    else:
        own = bananas.Config(start=config.start, batch=config.batch, distinct=config.distinct)
        model = bananas.Offspring(space, seed, bananas.member(space, own), own)
        inside = PredictorGuided(space, rng, config.start, model, distinct=config.distinct)
    return from_known(inside, space, config.known)


def search(
    space: Space, domain: Domain | Evaluator, config: Config = Config(), *, seed: int = 0, callbacks: Callbacks = ()
) -> SearchResult:
    """Search; the result is the best at the largest budget that was reached.

    Raises:
        ValueError: a table without a budget in the range, or a space where the length of a training is a choice.
    """
    training = getattr(space, "training", None)
    if training and BUDGET in training(random_arch(space, random.Random(seed))):
        raise ValueError(f"this method says how long each training goes on: leave {BUDGET!r} out of tune")
    budgets, total = rungs(domain, config), config.evaluations * config.budget
    scheme: Scheme = config.scheme
    own, alone = proposer(space, config, seed), getattr(domain, "budgets", None)  # a table's: trainings of their own
    strategy = MultiFidelity(own, budgets, config.eta, scheme, total, config.keep, resumes=not alone)
    evaluator = evaluator_of(space, domain, config.budget, seed, config.distinct)
    steps = math.ceil(total / budgets[0])  # none is cheaper
    return search_loop(strategy, evaluator, steps, callbacks=[*callbacks, Done()]).of(space, domain, config, seed)
