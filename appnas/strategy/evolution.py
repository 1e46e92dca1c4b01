"""Evolution: regularised, one child at a time, and by generations."""

from __future__ import annotations

import random
from collections.abc import Callable

from appnas.space import Arch, Space, crossover, decisions, itself, mutate, names, random_arch, spent, unseen
from appnas.strategy.archive import Archive
from appnas.strategy.protocol import Draw, Score
from appnas.support import ExhaustedError, Saved

TRIES = 10
"""Draws of a child until one is taken whose network was proposed before."""


class Generations(Saved):
    """The best ever seen breed the next generation: some by mutation, some by crossover, the rest is random.

    No architecture is proposed twice while `tries` draws find a new one, and none once all of a small space were. Of
    several values of one the largest counts.

    Args:
        space: what to search.
        rng: source of randomness.
        population: architectures of a generation.
        keep: parents, the best of all that were told.
        mutants, crossed: children of either kind in a generation.
        rate: share of its decisions that a mutant changes on average, at least one.
        tries: draws of a child until one is taken that was proposed before.
        distinct: architectures of one network are one, where the space can tell (`canonical`).
    """

    saved = ("rng", "waiting", "archive")

    def __init__(
        self,
        space: Space,
        rng: random.Random,
        population: int = 100,
        keep: int = 30,
        mutants: int = 50,
        crossed: int = 50,
        rate: float = 0.1,
        tries: int = TRIES,
        distinct: bool = False,
    ):
        if mutants + crossed > population or keep < 2:
            raise ValueError(
                "mutants + crossed <= population and keep >= 2 must hold,"
                f" got {mutants} + {crossed} of {population}, keep={keep}"
            )
        self.space, self.rng, self.population = space, rng, population
        self.mutants, self.crossed, self.rate, self.tries = mutants, crossed, rate, tries
        self.waiting: list[Arch] = []
        self.archive = Archive(keep, name=names(space, distinct))

    def ask(self) -> Draw:
        """The next of this generation.

        Raises:
            ExhaustedError: all architectures were proposed.
        """
        if not self.waiting:
            self._breed()
        return Draw(self.waiting.pop(0))

    def _breed(self) -> None:
        self.archive.check_left(self.space)
        parents, seen, name = self.archive.top(), self.archive.seen, self.archive.name
        kinds = ["mutant"] * self.mutants + ["crossed"] * self.crossed if len(parents) > 1 else []
        for kind in kinds + ["random"] * (self.population - len(kinds)):
            for _ in range(self.tries):
                child = self._child(kind, parents)
                if name(child) not in seen:
                    break
            if name(child) in seen and self.waiting and spent(self.space, seen, name):
                return
            seen.add(name(child))
            self.waiting.append(child)

    def _child(self, kind: str, parents: list[Arch]) -> Arch:
        if kind == "random":
            return random_arch(self.space, self.rng)
        if kind == "crossed":
            one, other = self.rng.sample(parents, 2)
            return crossover(self.space, one, other, self.rng)
        child = self.rng.choice(parents)
        changes = sum(self.rng.random() < self.rate for _ in decisions(self.space.choices))
        try:
            for _ in range(max(changes, 1)):
                child = mutate(self.space, child, self.rng)
        except ExhaustedError:  # no change of it alone obeys the space's rules
            return random_arch(self.space, self.rng)
        return child

    def tell(self, draw: Draw, score: Score) -> None:
        """Remember the value."""
        self.archive.update(draw.arch, float(score.value))

    def best(self) -> Arch:
        """The best told."""
        return self.archive.get()


class Evolution(Saved):
    """Regularised evolution: tournament selection, one mutation, the oldest dies (Real et al., arXiv 1802.01548).

    Args:
        space: what to search.
        rng: source of randomness.
        population: P of the paper's algorithm 1.
        sample: S, the size of a tournament, drawn with replacement.
        change: parent -> child; by default one mutation.
        distinct: a network that was proposed before is drawn again, up to `TRIES` times, where the space can tell which
            architectures are the same one (`canonical`); else the paper's rule, which knows no such thing.
    """

    saved = ("rng", "population", "asked", "archive")

    def __init__(
        self,
        space: Space,
        rng: random.Random,
        population: int = 100,
        sample: int = 25,
        change: Callable[[Space, Arch, random.Random], Arch] = mutate,
        distinct: bool = False,
    ):
        if not 1 <= sample <= population:
            raise ValueError(f"1 <= sample <= population must hold, got sample={sample}, population={population}")
        self.space, self.rng, self.size, self.sample, self.change = space, rng, population, sample, change
        self.population: list[tuple[Arch, float]] = []
        self.asked = 0
        self.archive = Archive(name=names(space, distinct))

    def ask(self) -> Draw:
        """A random architecture until the population is full, then a child of a tournament's winner.

        Where no mutation of the winner obeys the space's rules, another random architecture.

        Raises:
            ExhaustedError: there is no other.
        """
        self.asked += 1
        random_one, name = self.asked <= self.size or not self.population, self.archive.name
        arch = self._random() if random_one else self._child()
        if name is not itself:
            for _ in range(TRIES):
                if name(arch) not in self.archive.seen:
                    break
                arch = self._random() if random_one else self._child()
            self.archive.seen.add(name(arch))
        return Draw(arch)

    def given(self, arch: Arch) -> None:
        """An architecture of the first population that somebody else proposes (`appnas.strategy.Started`)."""
        self.asked += 1

    def _random(self) -> Arch:
        return random_arch(self.space, self.rng)

    def _child(self) -> Arch:
        contenders = [self.rng.choice(self.population) for _ in range(self.sample)]
        parent, _ = max(contenders, key=lambda member: member[1])
        try:
            return self.change(self.space, parent, self.rng)
        except ExhaustedError:
            return unseen(self.space, self.rng, {parent})

    def tell(self, draw: Draw, score: Score) -> None:
        """The newcomer joins, the oldest dies."""
        value = float(score.value)
        self.archive.update(draw.arch, value)
        self.population.append((draw.arch, value if value == value else float("-inf")))
        if len(self.population) > self.size:
            self.population.pop(0)

    def best(self) -> Arch:
        """The best ever seen, alive or not."""
        return self.archive.get()
