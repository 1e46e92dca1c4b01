"""Zero-cost proxies: architectures chosen by what they are worth untrained (Abdelfattah et al., arXiv 2101.08134).

Random search, or regularised evolution, on proxies that take one batch and no training (`appnas.one_shot.proxies`).
With `trained` the best of them are then trained: as a filter (`start` of `candidates` and no more), or as a warm start
of evolution, which goes on from them (section 4.2.1 of the paper).
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

from appnas.estimate import Cached, Evaluator, Scratch, TwoPhaseEvaluator
from appnas.loop import Callbacks, SearchResult, search_loop
from appnas.one_shot import ZeroCost
from appnas.space import Arch, Space, names
from appnas.strategy import Evolution, Random, Sifted, Started, Strategy, first
from appnas.support import checked, within
from appnas.task import Domain


@dataclass(frozen=True)
@checked(candidates=1, trained=0, start=1, budget=1, population=1, sample=1, rows=2, reference=2)
class Config:
    """Settings of a search by proxies."""

    proxies: tuple[str, ...] = ("synflow", "jacov", "naswot")
    """Of synflow, snip, grasp, fisher, jacov, naswot, grad_norm, params, macs, freeflow. An agent's domain has no
    batches and no loss before it plays: there snip, grasp, fisher and grad_norm are refused. The paper's vote is of
    synflow, jacov and snip; with naswot in place of snip it takes no loss."""
    combine: Literal["rank", "vote"] = "rank"
    """How several proxies are one: by the mean rank among `reference` random architectures, or the share of these that
    most proxies say are worse, which is the paper's vote."""
    candidates: int = 1000
    """Architectures scored untrained."""
    strategy: Literal["random", "evolution"] = "random"
    """How they are found."""
    trained: int = 0
    """Trainings from scratch after that; 0 for none: then the best by the proxies is the result."""
    start: int = 10
    """The first trainings are of so many of the best by the proxies; those after them are of evolution's children of
    all that were trained. As many as `trained` for a filter."""
    budget: int = 10
    """Epochs (or environment steps) of every training."""
    population: int = 10
    """Of evolution, which the paper does not fix; as NAS-Bench-201's authors."""
    sample: int = 3
    """Of a tournament."""
    rows: int = 64
    """Examples at most that jacov and naswot compare with one another; batches are the domain's."""
    reference: int = 100
    """Random architectures that several proxies are ranked among; one proxy alone takes none."""
    distinct: bool = True
    """Score every network once, in spaces that can tell which architectures are the same one (`canonical`)."""


def search(
    space: Space, domain: Domain, config: Config = Config(), *, seed: int = 0, callbacks: Callbacks = ()
) -> SearchResult:
    """Score candidates untrained, and train the best if asked.

    Deviates: several proxies are ranked among random architectures, in place of the candidates seen so far, so that a
    score does not depend on the order.

    Raises:
        ValueError: a proxy that there is not.
        TypeError: a table, an agent's domain for a proxy that needs a loss, or choices of the training.
    """
    if getattr(space, "training", None):
        raise TypeError(
            "proxies see a network, not how it is trained: choose its training (tune) by a method that trains every"
            " architecture, such as evolution"
        )
    within(config, "sample", "population")
    c, name = config, names(space, config.distinct)
    cheap: Evaluator = Cached(ZeroCost(space, domain, c.proxies, c.combine, seed, c.rows, c.reference), name)
    rng = random.Random(seed)

    def evolution() -> Evolution:
        return Evolution(space, rng, c.population, c.sample, distinct=c.distinct)

    looks: Strategy = Random(space, rng, c.distinct) if c.strategy == "random" else evolution()

    def goes_on(archs: list[Arch]) -> Strategy:
        return Started(evolution(), archs[: c.trained])

    strategy = Sifted(looks, c.candidates, c.start, goes_on)
    evaluator = TwoPhaseEvaluator(first(c.candidates), cheap, Cached(Scratch(space, domain, c.budget, seed), name))
    steps = c.candidates + c.trained
    return search_loop(strategy, evaluator, steps, callbacks=callbacks).of(space, domain, config, seed)
