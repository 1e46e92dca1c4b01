"""NSGA-II: evolution towards a whole front of several metrics, within limits (Deb et al., 2002)."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from appnas.cost import crowding, fronts, pareto_front
from appnas.space import Arch, Space, all_of, crossover, mutate, names, random_arch
from appnas.strategy.archive import Archive
from appnas.strategy.protocol import Draw, Score
from appnas.support import ExhaustedError, Saved

TRIES = 10
"""Children that are made until one is taken whose network was proposed before: then a random one is."""


class Objective(NamedTuple):
    """A metric with the direction that is better.

    Attributes:
        name: of the metric; "value" is what was validated.
        sign: 1 for more, -1 for less.
    """

    name: str
    sign: int

    @classmethod
    def of(cls, text: str) -> Objective:
        """From NAME:max or NAME:min.

        Raises:
            ValueError: it is neither.
        """
        name, _, direction = text.rpartition(":")
        if not name or direction not in ("max", "min"):
            raise ValueError(f"an objective is NAME:max or NAME:min, as in value:max or macs:min, got {text!r}")
        return cls(name, 1 if direction == "max" else -1)


class Limit(NamedTuple):
    """A bound that a metric has to keep.

    Attributes:
        name: of the metric.
        bound: the last number that is allowed.
        sign: 1 for at least, -1 for at most.
    """

    name: str
    bound: float
    sign: int

    @classmethod
    def of(cls, text: str) -> Limit:
        """From NAME<=NUMBER or NAME>=NUMBER.

        Raises:
            ValueError: it is neither.
        """
        for relation, sign in (("<=", -1), (">=", 1)):
            name, found, bound = text.partition(relation)
            try:
                if found and name.strip() and math.isfinite(float(bound)):
                    return cls(name.strip(), float(bound), sign)
            except ValueError:
                break
        raise ValueError(f"a limit is NAME<=NUMBER or NAME>=NUMBER, as in latency_ms<=20, got {text!r}")

    def beyond(self, metrics: Mapping[str, float]) -> float:
        """How far a score is beyond the bound, in parts of it; 0 within it, NaN without the metric."""
        short = self.sign * (self.bound - metrics.get(self.name, math.nan))
        return short / (abs(self.bound) or 1.0) if not short <= 0 else 0.0


class Member(NamedTuple):
    """What was told of an architecture.

    Attributes:
        arch: the architecture.
        goals: the objectives, all to be maximised; NaN where the score does not tell one.
        beyond: how far it is beyond the limits in sum, 0 within them; infinity for a failure, or an unknown metric.
        value: what was validated.
    """

    arch: Arch
    goals: tuple[float, ...]
    beyond: float
    value: float


def ordered(members: Sequence[Member]) -> list[Member]:
    """By front, and on a front by how much room there is around them (Deb et al., 2002, section III)."""
    goals, room = np.array([member.goals for member in members]), np.zeros(len(members))
    ranks = fronts(goals, [member.beyond for member in members])
    for rank in set(ranks.tolist()):
        on = np.flatnonzero(ranks == rank)
        if np.isfinite(goals[on]).all():
            room[on] = crowding(goals[on])
    return [members[i] for i in np.lexsort((-room, ranks))]


class NSGA2(Saved):
    """Fast elitist multi-objective evolution (Deb, Pratap, Agarwal and Meyarivan, IEEE Trans. Evol. Comput. 6, 2002).

    Parents are winners of tournaments of two, by front, then by crowding distance; a child is their crossover, mutated.
    After as many children as the population holds, the best of both are the next one. What violates the limits comes
    after what keeps them, and of it what violates them less comes first.

    Deviates: decisions are categories, so that crossover is uniform and a mutation takes another option (the paper's
    simulated binary crossover and polynomial mutation are for numbers); no network is proposed twice.

    Args:
        space: what to search.
        rng: source of randomness.
        objectives: NAME:max or NAME:min each, of the metrics of scores; "value" is what was validated.
        limits: NAME<=NUMBER or NAME>=NUMBER each.
        population: architectures that are parents.
        crossed: share of the children with two parents.
        rate: mutations of a child, on average, in parts of its decisions; 0 for one over their number.
        distinct: architectures of one network are one, where the space can tell (`canonical`).

    Raises:
        ValueError: not two parents; no objective, or one twice; a text that is no objective or no limit.
    """

    saved = ("rng", "archive", "population", "children", "told")

    def __init__(
        self,
        space: Space,
        rng: random.Random,
        objectives: Sequence[str],
        limits: Sequence[str] = (),
        population: int = 50,
        crossed: float = 0.9,
        rate: float = 0.0,
        distinct: bool = False,
    ):
        self.objectives, self.limits = [Objective.of(text) for text in objectives], [Limit.of(text) for text in limits]
        known = {objective.name for objective in self.objectives}
        if population < 2 or not known or len(known) < len(self.objectives):
            raise ValueError(
                f"NSGA-II has a population of 2 or more, and objectives that differ, got {population}, {[*objectives]}"
            )
        self.space, self.rng, self.size, self.crossed, self.rate = space, rng, population, crossed, rate
        self.archive = Archive(name=names(space, distinct))
        self.population: list[Member] = []
        """Parents, the best first; none in the first generation, which is random."""
        self.children: list[Member] = []
        self.told: list[Member] = []

    def ask(self) -> Draw:
        """A random architecture in the first generation, then a child.

        Raises:
            ExhaustedError: all architectures were asked.
        """
        for _ in range(TRIES if self.population else 0):
            arch = self._child()
            if (name := self.archive.name(arch)) not in self.archive.seen:
                self.archive.seen.add(name)
                return Draw(arch)
        if new := self.archive.new(self.space, self.rng, 1):
            return Draw(new[0])
        raise ExhaustedError(all_of(len(self.archive.seen)))

    def _child(self) -> Arch:
        one, other = self._winner(), self._winner()
        child = crossover(self.space, one, other, self.rng) if self.rng.random() < self.crossed else one
        rate = self.rate or 1 / len(child)
        changes = sum(self.rng.random() < rate for _ in child)
        try:
            for _ in range(max(changes, int(child in (one, other)))):
                child = mutate(self.space, child, self.rng)
        except ExhaustedError:  # no change of it alone obeys the space's rules
            return random_arch(self.space, self.rng)
        return child

    def _winner(self) -> Arch:
        """Of a tournament of two: the population is in order."""
        return self.population[min(self.rng.randrange(len(self.population)) for _ in range(2))].arch

    def tell(self, draw: Draw, score: Score) -> None:
        """Remember; after a whole generation, select."""
        metrics = {"value": float(score.value), **score.metrics}
        goals = tuple(objective.sign * metrics.get(objective.name, math.nan) for objective in self.objectives)
        beyond = sum(limit.beyond(metrics) for limit in self.limits)
        if score.failure or not all(map(math.isfinite, (beyond, *goals))):
            beyond = math.inf
        self.told.append(Member(draw.arch, goals, beyond, metrics["value"]))
        self.children.append(self.told[-1])
        if len(self.children) >= self.size:
            self.population = ordered(self.population + self.children)[: self.size]
            self.children = []

    def front(self) -> list[Member]:
        """Of all that was told within the limits, what no other beats in every objective; in order of the first."""
        inside = [member for member in self.told if member.beyond <= 0]
        kept = [inside[i] for i in pareto_front([member.goals for member in inside])]
        return sorted(kept, key=lambda member: member.goals, reverse=True)

    def best(self) -> Arch:
        """The largest value within the limits; while nothing is within them, what violates them least.

        Raises:
            ValueError: nothing was told yet.
        """
        if not self.told:
            raise ValueError("no score was told yet: there is no best architecture")
        return max(self.told, key=lambda m: (-m.beyond, m.value if m.value == m.value else -math.inf)).arch

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Go on from a state."""
        super().load_state_dict(state)
        for name in ("population", "children", "told"):
            setattr(self, name, [Member(*member) for member in getattr(self, name)])
