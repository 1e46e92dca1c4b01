"""Model-based search: random architectures first, then what a model proposes after all values told so far."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from appnas.space import Arch, Space, random_arch
from appnas.strategy import Draw, Incumbent, Score, rng_state, set_rng


class Told(NamedTuple):
    """An architecture and the value told of it."""

    arch: Arch
    value: float


class Proposer(Protocol):
    """Makes a batch of proposals of the values told; a predictor inside is fitted there and need not be kept."""

    def propose(self, told: Sequence[Told]) -> list[Arch]:
        """The next batch, the most promising first. None left: random architectures follow."""

    def best(self) -> Arch | None:
        """The model's own choice, where it is trusted more than any value told; None for the best value."""

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""


def unseen(draw: Callable[[], Arch], seen: set[Arch], tries: int = 100) -> Arch:
    """A draw that was not seen before, and from now on was; after so many tries any draw (the space may be small)."""
    for _ in range(tries):
        arch = draw()
        if arch not in seen:
            break
    seen.add(arch)
    return arch


class Guided:
    """Asks `start` different random architectures, then batches of proposals.

    A batch is made when the one before was asked to the end, of the values told until then; while these are all the
    same, or fewer than two, random architectures are asked.

    Args:
        space: what to search.
        rng: source of the random architectures.
        start: number of random architectures.
        proposer: makes the batches.
    """

    def __init__(self, space: Space, rng: random.Random, start: int, proposer: Proposer):
        self.space, self.rng, self.proposer = space, rng, proposer
        seen: set[Arch] = set()
        self.batch = [unseen(lambda: random_arch(space, rng), seen) for _ in range(start)]
        self.asked = 0
        self.told: list[Told] = []
        self.incumbent = Incumbent()

    def pool(self) -> list[Arch]:
        """The batch that is asked, a new one if the last was asked to the end; empty if there is nothing to propose."""
        if self.asked == len(self.batch):
            self.batch, self.asked = [], 0
            if len({value for _, value in self.told}) > 1:
                self.batch = self.proposer.propose(self.told)
        return self.batch

    def ask(self) -> Draw:
        """The next of the batch."""
        pool = self.pool()
        if not pool:
            return Draw(random_arch(self.space, self.rng))
        self.asked += 1
        return Draw(pool[self.asked - 1])

    def tell(self, draw: Draw, score: Score) -> None:
        """Remember. A value that is not finite says nothing and is passed over."""
        value = float(score.value)
        self.incumbent.update(draw.arch, value)
        if abs(value) < float("inf"):
            self.told.append(Told(draw.arch, value))

    def best(self) -> Arch:
        """The proposer's choice, or the best told."""
        return self.proposer.best() or self.incumbent.get()

    def state_dict(self) -> dict[str, Any]:
        """Generator, batch, everything told, incumbent, and the proposer's own."""
        return {
            "rng": rng_state(self.rng),
            "batch": [list(arch) for arch in self.batch],
            "asked": self.asked,
            "told": [[list(arch), value] for arch, value in self.told],
            "incumbent": self.incumbent.state(),
            "proposer": self.proposer.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        set_rng(self.rng, state["rng"])
        self.batch, self.asked = [tuple(arch) for arch in state["batch"]], state["asked"]
        self.told = [Told(tuple(arch), value) for arch, value in state["told"]]
        self.incumbent.load(state["incumbent"])
        self.proposer.load_state_dict(state["proposer"])
