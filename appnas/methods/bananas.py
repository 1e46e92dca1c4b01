"""Evolution guided by predictors, as in BANANAS (White, Neiswanger and Savani, arXiv 1910.11858).

NPENAS (Wei et al., arXiv 2003.12857) is of the same kind.

An ensemble of predictors is fitted to all values so far. Children of the best architectures, made by mutation, are
ranked by what the ensemble says of them, and by how far its members differ; the first few are scored, and so on.

Deviates: any predictor, on the space's own encoding, where BANANAS has networks on an encoding of paths, and NPENAS
graph networks; members that are fitted without randomness are fitted to bootstrap samples of the values.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from appnas.estimate import Evaluator, evaluator_of
from appnas.loop import Callbacks, SearchResult, search_loop
from appnas.predict import GCNRegressor, Predictor, Reference
from appnas.space import Arch, Space, mutate, names
from appnas.strategy import PredictorGuided, Told
from appnas.support import ExhaustedError, Saved, checked, held
from appnas.task import Domain

Acquisition = Literal["ucb", "its", "mean"]
"""Mean plus deviations, a draw from the normal distribution of both, or the mean alone."""


@dataclass(frozen=True)
@checked(
    evaluations=2, start=2, batch=1, parents=1, children=1, further=0, members=1, trees=1, epochs=1, ucb=0, budget=1
)
class Config:
    """Settings."""

    evaluations: int = 150
    """Architectures scored, the paper's number."""
    start: int = 20
    """Random architectures at the start; 10 in the paper."""
    batch: int = 10
    """Architectures scored between two fits, the paper's number."""
    parents: int = 10
    """Best architectures that have children."""
    children: int = 100
    """Children made, of which a batch is taken."""
    further: float = 0.3
    """Share of the children that are mutated again, and of those again, from 0 to below 1."""
    predictor: Literal["forest", "ridge", "gcn"] = "forest"
    """Random forest, ridge regression (both need scikit-learn), or graph convolutions over the network."""
    members: int = 5
    """Predictors in the ensemble, the paper's number."""
    trees: int = 50
    """Of a member that is a forest."""
    epochs: int = 100
    """Of a fit of a member that is a graph network."""
    acquisition: Acquisition = "ucb"
    """What ranks the children: mean plus `ucb` deviations of the ensemble, independent Thompson sampling, the paper's
    choice, or the mean alone, as in NPENAS."""
    ucb: float = 0.5
    """Deviations added, 0.5 in the paper."""
    budget: int = 10
    """Epochs (or environment steps) of every training; unused with a table."""
    distinct: bool = True
    """Propose and score every network once, in spaces that can tell which architectures are the same one
    (`canonical`); without, every architecture."""

    def __post_init__(self) -> None:
        """Check the settings."""
        held(self, "start", "batch", "children")
        if not self.further < 1:
            raise ValueError(f"Config.further is a share below 1, got {self.further!r}")


def acquire(predictions: Tensor, kind: Acquisition, ucb: float, generator: torch.Generator) -> Tensor:
    """What candidates are ranked by, of an ensemble's predictions: more is better.

    Shapes:
        predictions: [members, n]. returns: [n].
    """
    mean, deviation = predictions.mean(0), predictions.std(0, correction=0)
    if kind == "ucb":
        return mean + ucb * deviation
    if kind == "its":
        return mean + deviation * torch.randn(len(mean), generator=generator)
    return mean


def bootstrapped(member: Predictor, archs: Sequence[Arch], values: Sequence[float], rng: random.Random) -> None:
    """Fit to as many values, drawn with replacement; again if all that were drawn are the same."""
    for _ in range(100):
        drawn = rng.choices(range(len(values)), k=len(values))
        if len({values[i] for i in drawn}) > 1:
            break
    member.fit([archs[i] for i in drawn], [values[i] for i in drawn])


class Offspring(Saved):
    """Proposes the children of the best told that an ensemble of predictors likes most.

    Args:
        space: what to search.
        seed: of the children, of the members and of Thompson sampling.
        make: seed -> a member of the ensemble.
        config: settings.
        bootstrap: fit every member to a bootstrap sample: for predictors that a seed does not change.
    """

    saved = ("seed", "rounds", "proposed")

    def __init__(
        self, space: Space, seed: int, make: Callable[[int], Predictor], config: Config, bootstrap: bool = False
    ):
        self.space, self.seed, self.make, self.config, self.bootstrap = space, seed, make, config, bootstrap
        self.name = names(space, config.distinct)
        self.rounds = 0
        self.proposed: set[Arch] = set()
        """Their names: of some the values are not told yet, or say nothing."""

    def propose(self, told: Sequence[Told]) -> list[Arch]:
        """The next batch; fewer, or none, if no new children are found."""
        config, values = self.config, dict(told)
        rng = random.Random(f"{self.seed} {self.rounds}")
        archs = sorted(values, key=values.__getitem__, reverse=True)
        pool = self._children(archs[: config.parents], self.proposed.union(map(self.name, archs)), rng)
        first, self.rounds = self.seed + 1000 * self.rounds, self.rounds + 1
        if not pool:
            return []
        found, goals = [], list(values.values())
        for index in range(config.members):
            member = self.make(first + index)
            if self.bootstrap:
                bootstrapped(member, list(values), goals, rng)
            else:
                member.fit(list(values), goals)
            found.append(member.predict(pool))
        wanted = acquire(torch.stack(found), config.acquisition, config.ucb, torch.Generator().manual_seed(first))
        batch = [pool[i] for i in wanted.argsort(descending=True, stable=True)[: config.batch].tolist()]
        self.proposed.update(map(self.name, batch))
        return batch

    def _children(self, parents: list[Arch], seen: set[Arch], rng: random.Random) -> list[Arch]:
        """Different new ones."""
        found: dict[Arch, Arch] = {}
        for _ in range(10 * self.config.children):
            if len(found) == self.config.children:
                break
            try:
                child = mutate(self.space, rng.choice(parents), rng)
                while rng.random() < self.config.further:
                    child = mutate(self.space, child, rng)
            except ExhaustedError:  # no change of this one obeys the space's rules
                continue
            if (name := self.name(child)) not in seen:
                found.setdefault(name, child)
        return list(found.values())

    def best(self) -> None:
        """Values told are trusted more."""


def member(space: Space, config: Config) -> Callable[[int], Predictor]:
    """Seed -> a predictor of the kind that is set.

    Raises:
        ImportError: it needs scikit-learn, which is missing.
    """
    if config.predictor == "gcn":
        return lambda seed: GCNRegressor(space, seed, epochs=config.epochs, kind_of_target="rank")
    Reference(space, config.predictor)  # that scikit-learn is missing is said before the first training
    return lambda seed: Reference(space, config.predictor, seed, trees=config.trees)  # type: ignore[arg-type]


def search(
    space: Space, domain: Domain | Evaluator, config: Config = Config(), *, seed: int = 0, callbacks: Callbacks = ()
) -> SearchResult:
    """Search.

    Raises:
        ImportError: the predictor needs scikit-learn, which is missing.
    """
    proposer = Offspring(space, seed, member(space, config), config, bootstrap=config.predictor == "ridge")
    strategy = PredictorGuided(space, random.Random(seed), config.start, proposer, distinct=config.distinct)
    evaluator = evaluator_of(space, domain, config.budget, seed, config.distinct)
    return search_loop(strategy, evaluator, config.evaluations, callbacks=callbacks).of(space, domain, config, seed)
