"""Model-based search: random architectures first, then what a model proposes after all values told so far."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from appnas.space import Arch, Space, names, random_arch, unseen
from appnas.strategy.archive import Archive
from appnas.strategy.protocol import Draw, Score
from appnas.support import Saved


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


class PredictorGuided(Saved):
    """Asks `start` different random architectures (all, if there are fewer), then batches of proposals.

    A batch is made when the one before was asked to the end, of the values told until then; while these are all the
    same, or fewer than two, other random architectures are asked.

    Args:
        space: what to search.
        rng: source of the random architectures.
        start: number of random architectures.
        proposer: makes the batches.
        new: proposals are to be new, so there are none once all architectures of a small space were asked.
        again: where no others are left, random architectures come again: for a pool that must be full.
        distinct: architectures of one network are one, where the space can tell (`canonical`).
    """

    saved = ("rng", "batch", "asked", "told", "archive", "proposer")

    def __init__(
        self,
        space: Space,
        rng: random.Random,
        start: int,
        proposer: Proposer,
        new: bool = False,
        again: bool = False,
        distinct: bool = False,
    ):
        self.space, self.rng, self.proposer, self.new, self.again = space, rng, proposer, new, again
        self.archive = Archive(name=names(space, distinct))
        self.batch = self.archive.new(space, rng, start)
        if again:
            self.batch += [random_arch(space, rng) for _ in range(start - len(self.batch))]
        self.asked = 0
        self.told: list[Told] = []

    def pool(self) -> list[Arch]:
        """The batch that is asked, a new one if the last was asked to the end; empty if there is nothing to propose.

        Raises:
            ExhaustedError: it was to be new, and all architectures were asked.
        """
        if self.asked == len(self.batch):
            if self.new:
                self.archive.check_left(self.space)
            self.batch, self.asked = [], 0
            if len(set(dict(self.told).values())) > 1:
                self.batch = self.proposer.propose(self.told)
                self.archive.seen.update(map(self.archive.name, self.batch))
        return self.batch

    def ask(self) -> Draw:
        """The next of the batch.

        Raises:
            ExhaustedError: all architectures were asked, and there is no batch or it was to be new.
        """
        pool = self.pool()
        if not pool and self.again:
            return Draw(random_arch(self.space, self.rng))
        if not pool:
            arch = unseen(self.space, self.rng, self.archive.seen, self.archive.name)
            self.archive.seen.add(self.archive.name(arch))
            return Draw(arch)
        self.asked += 1
        return Draw(pool[self.asked - 1])

    def given(self, arch: Arch) -> None:
        """An architecture that somebody else proposes (`appnas.strategy.Started`), in place of a random one."""
        if not self.told and len(self.batch) > self.asked:
            self.batch.pop()

    def tell(self, draw: Draw, score: Score) -> None:
        """Remember. A value that is not finite says nothing and is passed over."""
        value = float(score.value)
        self.archive.update(draw.arch, value)
        if abs(value) < float("inf"):
            self.told.append(Told(draw.arch, value))

    def best(self) -> Arch:
        """The proposer's choice, or the best told."""
        return self.proposer.best() or self.archive.get()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        super().load_state_dict(state)
        self.told = [Told(*told) for told in self.told]
